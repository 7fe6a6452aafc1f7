import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payclear.contract.outcomes import Outcome
from providers.payoo import statement
from tests.providers.books import workbook

HEADER = ["THOI_DIEM_THANH_TOAN", "MA_DON_HANG", "MA_KH", "SO_TIEN", "KY_THANH_TOAN", "HO_TEN", "DIA_CHI"]
ROW = ["21/11/2026 10:31:12", "PC0123456789H01", "KH01", "150.000", "", "NGUYEN VAN A", "Ha Noi"]


def parsed(*rows, header=HEADER):
    return statement.parse(workbook([header, *rows], sheets=1))


def test_parse_good_row_is_a_payment_without_the_payer():
    (entry,) = parsed(ROW).entries
    assert (entry.kind, entry.outcome, entry.amount.amount) == ("payment", Outcome.CONFIRMED, 150_000)
    assert (entry.attempt_ref, entry.provider_ref) == ("PC0123456789H01", "")
    assert entry.occurred_at.isoformat() == "2026-11-21T03:31:12+00:00"
    assert set(entry.raw) == {"THOI_DIEM_THANH_TOAN", "MA_DON_HANG", "SO_TIEN"}


@pytest.mark.parametrize(
    ("position", "value", "code"),
    [
        (1, "", "missing_reference"),
        (3, "150.0O0", "bad_amount"),
        (3, "-150000", "bad_amount"),
        (3, 1.5, "bad_amount"),
    ],
)
def test_parse_planted_error_becomes_a_problem_with_its_row(position, value, code):
    row = list(ROW)
    row[position] = value
    got = parsed(ROW, row)
    assert len(got.entries) == 1
    assert [(problem.line_no, problem.code) for problem in got.problems] == [(3, code)]


def test_parse_trailer_and_moved_columns():
    got = parsed(list(reversed(ROW)), ["TỔNG CỘNG", 1, "", 150_000], header=list(reversed(HEADER)))
    assert len(got.entries) == 1
    got = parsed(ROW, ["TỔNG CỘNG", "", 1, 150_000])
    assert (got.control_count, got.control_sum.amount) == (1, 150_000)


def test_parse_without_its_header_is_one_problem():
    assert [problem.code for problem in parsed(ROW, header=["X"]).problems] == ["missing_header"]


@settings(max_examples=40)
@given(st.binary(max_size=200))
def test_parse_any_bytes_raise_nothing(content):
    assert statement.parse(content).problems[0].line_no == 0
