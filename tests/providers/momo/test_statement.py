import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.messages import StatementFile
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from providers.momo import provider, statement
from tests.providers.books import workbook
from tests.providers.factories import NOW, REFERENCE
from tests.providers.momo.account import momo_account

HEADER = ["SO_HD", "NGAY_GIAO_DICH", "TEN_KH", "SO_TIEN", "SDT", "TRANG_THAI", "TID"]


def row(**changes):
    fields = {
        "SO_HD": REFERENCE,
        "NGAY_GIAO_DICH": "21/11/2026 10:31:12",
        "TEN_KH": "NGUYEN VAN A",
        "SO_TIEN": "150.000",
        "SDT": "0900000000",
        "TRANG_THAI": "Thành công",
        "TID": "4088878653",
    }
    return [(fields | changes)[name] for name in HEADER]


def parse(*rows, header=HEADER):
    return statement.parse(workbook([header, *rows], sheets=1))


def problems(parsed):
    return [(problem.line_no, problem.code) for problem in parsed.problems]


def test_parse_good_workbook_gives_entries_and_control_figures():
    parsed = parse(row(), row(TID=4_088_878_654, TRANG_THAI="Hoàn tiền"), ["TỔNG CỘNG", 2, "", 300_000])
    payment, refund = parsed.entries
    assert (payment.kind, payment.outcome, payment.amount) == ("payment", Outcome.CONFIRMED, Money(150_000))
    assert (refund.kind, refund.provider_ref, refund.line_no) == ("refund", "4088878654", 3)
    assert payment.occurred_at.isoformat() == "2026-11-21T03:31:12+00:00"
    assert (parsed.problems, parsed.control_count, parsed.control_sum) == ((), 2, Money(300_000))


def test_parse_personal_data_is_not_kept():
    assert not {"NGUYEN VAN A", "0900000000"} & set(parse(row()).entries[0].raw.values())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"SO_HD": ""}, "missing_reference"),
        ({"TID": ""}, "missing_transaction"),
        ({"TRANG_THAI": "Trạng thái 42"}, "unknown_status"),
        ({"SO_TIEN": "1.25O.000"}, "bad_amount"),
        ({"SO_TIEN": -1}, "bad_amount"),
        ({"SO_TIEN": ""}, "bad_amount"),
    ],
)
def test_parse_bad_row_is_a_problem_with_its_line_and_the_others_are_read(changes, code):
    parsed = parse(row(), row(**changes), row())
    assert problems(parsed) == [(3, code)]
    assert [entry.line_no for entry in parsed.entries] == [2, 4]


@pytest.mark.parametrize("missing", ["SO_HD", "TID", "TRANG_THAI", "SO_TIEN"])
def test_parse_without_a_needed_column_is_a_problem_of_the_file(missing):
    header = ["X" if name == missing else name for name in HEADER]
    assert problems(parse(row(), header=header)) == [(0, "missing_header")]


def test_parse_columns_may_move():
    assert parse(list(reversed(row())), header=list(reversed(HEADER))).entries[0].amount == Money(150_000)


@given(st.binary(max_size=1_000))
def test_parse_statement_any_bytes_are_one_problem(content):
    file = StatementFile(name="x", content=content, media_type="x", business_on=NOW.date())
    assert problems(provider.parse_statement(momo_account(), file)) == [(0, "not_a_workbook")]
