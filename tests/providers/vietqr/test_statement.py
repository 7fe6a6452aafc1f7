from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payclear.contract.outcomes import Outcome
from providers.vietqr import statement
from tests.providers.books import workbook
from tests.providers.notices import CODE, REF

HEADER = ["Ngày giao dịch", "Số tham chiếu", "Số tiền ghi nợ", "Số tiền ghi có", "Số dư", "Mô tả"]
ROW = ["21/11/2026 10:31:12", "FT26325092704", "", "150,000", "1,150,000", f"MBVCB.1.{REF} {CODE}.CT tu 0011"]


def parsed(*rows, header=HEADER, skip=4):
    return statement.parse(workbook([header, *rows], sheets=1, skip_rows=skip))


def changed(**cells):
    row = list(ROW)
    for position, value in cells.items():
        row[int(position[1:])] = value
    return row


def test_parse_credit_with_our_reference_is_a_payment():
    got = parsed(ROW, ["Số dư cuối kỳ", "1,150,000", "", "", "", ""])
    (entry,) = got.entries
    assert (entry.kind, entry.outcome, entry.amount.amount) == ("payment", Outcome.CONFIRMED, 150_000)
    assert (entry.attempt_ref, entry.provider_ref, entry.line_no) == (REF, "FT26325092704", 6)
    assert entry.occurred_at.isoformat() == "2026-11-21T03:31:12+00:00"
    assert got.problems == ()
    assert "NGUYEN" not in str(entry.raw)


def test_parse_other_banks_titles_and_cells_are_read():
    header = ["STT", "TRANSACTION DATE", "Description", "Debit", "Credit", "Reference No"]
    row = [1, datetime(2026, 11, 21, 10, 31, 12), f"{CODE}", "- 0", 150_000, "X1"]
    (entry,) = parsed(row, header=header, skip=0).entries
    assert (entry.attempt_ref, entry.amount.amount) == (CODE, 150_000)
    assert entry.occurred_at.isoformat() == "2026-11-21T03:31:12+00:00"


def test_parse_credit_without_a_reference_is_still_money():
    (entry,) = parsed(changed(_5="chuyen tien")).entries
    assert (entry.attempt_ref, entry.kind) == ("", "payment")


def test_parse_debit_is_a_refund_only_when_it_names_an_attempt():
    back = changed(_2="150.000", _3="", _5=f"Hoan tien {REF}")
    sweep = changed(_2="9.000.000", _3="0", _5="chuyen KBNN")
    got = parsed(back, sweep)
    assert [(entry.kind, entry.amount.amount) for entry in got.entries] == [("refund", 150_000)]
    assert got.problems == ()


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (changed(_3="150.0O0"), "bad_amount"),
        (changed(_3=1.5), "bad_amount"),
        (changed(_3="-150,000"), "bad_amount"),
        (changed(_3=""), "bad_amount"),
        (changed(_1=""), "missing_transaction"),
    ],
)
def test_parse_planted_error_becomes_a_problem_with_its_row(row, code):
    got = parsed(ROW, row)
    assert len(got.entries) == 1
    assert [(problem.line_no, problem.code) for problem in got.problems] == [(7, code)]


def test_parse_without_its_header_is_one_problem():
    assert [problem.code for problem in parsed(ROW, header=["X"]).problems] == ["missing_header"]


@settings(max_examples=40)
@given(st.binary(max_size=200))
def test_parse_any_bytes_raise_nothing(content):
    assert statement.parse(content).problems[0].line_no == 0
