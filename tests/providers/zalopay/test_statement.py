import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.messages import StatementFile
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from providers.zalopay import provider, statement
from tests.providers.books import workbook
from tests.providers.factories import NOW, REFERENCE
from tests.providers.zalopay.account import zalopay_account

HEADER = [
    "NGAY_GIAO_DICH",
    "MA_GD_MERCHANT",
    "MA_GD_ZALOPAY",
    "MA_KH",
    "TEN_KH",
    "TEN_APP",
    "KENH_THANH_TOAN",
    "HINH_THUC_THANH_TOAN",
    "TRANG_THAI_GIAO_DICH",
    "MO_TA",
    "MA_NGAN_HANG",
    "BANK_TRACE_NO",
    "SO_TIEN_GIAO_DICH",
    "NGAY_XULY_HOANTRA",
    "SO_TIEN_HOANTRA",
]


def row(**changes):
    fields = {
        "NGAY_GIAO_DICH": "21/11/2026 10:31:12",
        "MA_GD_MERCHANT": f"261121_{REFERENCE}",
        "MA_GD_ZALOPAY": "261121000000123",
        "MA_KH": "000001",
        "TEN_KH": "NGUYEN VAN A",
        "TRANG_THAI_GIAO_DICH": "Thành công",
        "SO_TIEN_GIAO_DICH": "150.000",
    }
    return [(fields | changes).get(name, "") for name in HEADER]


def trailer(count, total):
    return [
        {"NGAY_GIAO_DICH": "TỔNG CỘNG", "MA_KH": count, "SO_TIEN_GIAO_DICH": total}.get(n, "") for n in HEADER
    ]


def parse(*rows, header=HEADER):
    return statement.parse(workbook([header, *rows], sheets=1))


def problems(parsed):
    return [(problem.line_no, problem.code) for problem in parsed.problems]


REFUND = {"TRANG_THAI_GIAO_DICH": "Hoàn tiền", "SO_TIEN_HOANTRA": 50_000, "MA_GD_ZALOPAY": "777"}


def test_parse_good_workbook_gives_our_references_and_control_figures():
    parsed = parse(row(), row(**REFUND), trailer(2, 300_000))
    payment, refund = parsed.entries
    assert (payment.attempt_ref, payment.provider_ref) == (REFERENCE, "261121000000123")
    assert (payment.kind, payment.outcome, payment.amount) == ("payment", Outcome.CONFIRMED, Money(150_000))
    assert (refund.kind, refund.amount, refund.provider_ref) == ("refund", Money(50_000), "777")
    assert payment.occurred_at.isoformat() == "2026-11-21T03:31:12+00:00"
    assert (parsed.problems, parsed.control_count, parsed.control_sum) == ((), 2, Money(300_000))


def test_parse_refund_without_its_own_column_has_the_amount_of_the_row():
    assert parse(row(TRANG_THAI_GIAO_DICH="Hoàn tiền")).entries[0].amount == Money(150_000)


@pytest.mark.parametrize("nothing", ["", 0, "0"])
def test_parse_payment_that_gave_nothing_back_is_a_payment(nothing):
    assert parse(row(SO_TIEN_HOANTRA=nothing)).entries[0].kind == "payment"


def test_parse_reference_of_another_form_is_kept_as_written():
    assert parse(row(MA_GD_MERCHANT="SOMETHING ELSE")).entries[0].attempt_ref == "SOMETHING ELSE"


def test_parse_personal_data_is_not_kept():
    assert not {"NGUYEN VAN A", "000001"} & set(parse(row()).entries[0].raw.values())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"MA_GD_MERCHANT": ""}, "missing_reference"),
        ({"MA_GD_ZALOPAY": ""}, "missing_transaction"),
        ({"TRANG_THAI_GIAO_DICH": "Trạng thái 42"}, "unknown_status"),
        ({"SO_TIEN_GIAO_DICH": "1.25O.000"}, "bad_amount"),
        ({"SO_TIEN_GIAO_DICH": -1}, "bad_amount"),
        ({"SO_TIEN_HOANTRA": 50_000}, "payment_and_refund_in_one_row"),
        ({**REFUND, "SO_TIEN_HOANTRA": "x"}, "bad_amount"),
        ({**REFUND, "SO_TIEN_HOANTRA": 0}, "bad_amount"),
        ({**REFUND, "SO_TIEN_HOANTRA": -50_000}, "bad_amount"),
    ],
)
def test_parse_bad_row_is_a_problem_with_its_line_and_the_others_are_read(changes, code):
    parsed = parse(row(), row(**changes), row())
    assert problems(parsed) == [(3, code)]
    assert [entry.line_no for entry in parsed.entries] == [2, 4]


@pytest.mark.parametrize(
    "missing", ["MA_GD_MERCHANT", "MA_GD_ZALOPAY", "TRANG_THAI_GIAO_DICH", "SO_TIEN_GIAO_DICH"]
)
def test_parse_without_a_needed_column_is_a_problem_of_the_file(missing):
    header = ["X" if name == missing else name for name in HEADER]
    assert problems(parse(row(), header=header)) == [(0, "missing_header")]


@given(st.binary(max_size=1_000))
def test_parse_statement_any_bytes_are_one_problem(content):
    file = StatementFile(name="x", content=content, media_type="x", business_on=NOW.date())
    assert problems(provider.parse_statement(zalopay_account(), file)) == [(0, "not_a_workbook")]
