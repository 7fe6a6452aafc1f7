from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.messages import StatementFile
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from providers.viettel import provider
from tests.providers.books import workbook
from tests.providers.viettel.account import viettel_account

HEADER = [
    "MA_GIAO_DICH",
    "MA_GIAO_DICH_NCCDV",
    "MA_THANH_TOAN",
    "SO_TIEN",
    "NGAY_GIAO_DICH",
    "THONG_TIN_GD",
    "TRANG_THAI",
]
GOOD = {
    "MA_GIAO_DICH": "14226112",
    "MA_GIAO_DICH_NCCDV": "PC0123456789A01",
    "SO_TIEN": "1.250.000",
    "NGAY_GIAO_DICH": "21/11/2026 10:31:12",
    "TRANG_THAI": "Thành công",
}


def parse(*rows, content=None):
    made = content or workbook([HEADER, *rows], sheets=1)
    file = StatementFile(name="x", content=made, media_type="x", business_on=date(2026, 11, 21))
    return provider.parse_statement(viettel_account(), file)


def row(**changes):
    return [(GOOD | changes).get(name, "") for name in HEADER]


def test_parse_good_workbook_gives_entries_and_control_figures():
    parsed = parse(row(), row(TRANG_THAI="Hoàn tiền"), ["TỔNG CỘNG", 2, "", 2_500_000])
    first, second = parsed.entries
    assert (first.attempt_ref, first.provider_ref) == ("PC0123456789A01", "14226112")
    assert (first.amount, first.outcome) == (Money(1_250_000), Outcome.CONFIRMED)
    assert (second.kind, second.outcome) == ("refund", Outcome.CONFIRMED)
    assert first.occurred_at == datetime(2026, 11, 21, 3, 31, 12, tzinfo=UTC)
    assert (parsed.problems, parsed.control_count, parsed.control_sum) == ((), 2, Money(2_500_000))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"MA_GIAO_DICH_NCCDV": ""}, "missing_reference"),
        ({"MA_GIAO_DICH": ""}, "missing_transaction"),
        ({"TRANG_THAI": "Trạng thái 42"}, "unknown_status"),
        ({"SO_TIEN": "1.25O.000"}, "bad_amount"),
    ],
)
def test_parse_bad_row_is_a_problem_with_its_line_and_the_others_are_read(changes, code):
    parsed = parse(row(), row(**changes), row())
    assert [(problem.line_no, problem.code) for problem in parsed.problems] == [(3, code)]
    assert [entry.line_no for entry in parsed.entries] == [2, 4]


@given(st.binary(max_size=1_000))
def test_parse_any_bytes_are_one_problem(content):
    parsed = parse(content=content or b"x")
    assert [(problem.line_no, problem.code) for problem in parsed.problems] == [(0, "not_a_workbook")]
