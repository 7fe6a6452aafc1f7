from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.messages import StatementFile
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from providers.onepay import provider
from tests.providers.books import workbook
from tests.providers.onepay.account import onepay_account

HEADER = [
    "BANK_ID",
    "MERCHANT_ID",
    "TRAN_DATE",
    "TRANSACTION_ID",
    "MERCHANT_TRANS_REF",
    "ORDER_REF",
    "AMOUNT",
    "TRANSACTION_STATE",
]
GOOD = {
    "BANK_ID": "970436",
    "MERCHANT_ID": "DEMOONEPAY",
    "TRAN_DATE": "21/11/2026 10:31:12",
    "TRANSACTION_ID": 1625746,
    "MERCHANT_TRANS_REF": "PC0123456789A01",
    "AMOUNT": "1,250,000",
    "TRANSACTION_STATE": "Approved",
}


def parse(*rows, content=None):
    made = content or workbook([HEADER, *rows], sheets=1)
    file = StatementFile(name="x", content=made, media_type="x", business_on=date(2026, 11, 21))
    return provider.parse_statement(onepay_account(), file)


def row(**changes):
    return [(GOOD | changes).get(name, "") for name in HEADER]


def test_parse_good_workbook_gives_entries_merchant_and_control_figures():
    trailer = ["TOTAL", 2, *[""] * 4, 1_400_000, ""]
    parsed = parse(row(), row(TRANSACTION_ID=1625747.0, AMOUNT=150_000), trailer)
    first, second = parsed.entries
    assert (first.attempt_ref, first.provider_ref) == ("PC0123456789A01", "1625746")
    assert (first.amount, second.amount) == (Money(1_250_000), Money(150_000))
    assert first.occurred_at == datetime(2026, 11, 21, 3, 31, 12, tzinfo=UTC)
    assert parsed.merchant_account == "DEMOONEPAY"
    assert (parsed.problems, parsed.control_count, parsed.control_sum) == ((), 2, Money(1_400_000))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"MERCHANT_TRANS_REF": ""}, "missing_reference"),
        ({"TRANSACTION_ID": ""}, "missing_transaction"),
        ({"TRANSACTION_STATE": "State 42"}, "unknown_status"),
        ({"AMOUNT": "1.25O.000"}, "bad_amount"),
        ({"AMOUNT": -1}, "bad_amount"),
        ({"AMOUNT": 0.5}, "bad_amount"),
        ({"MERCHANT_ID": "OTHER"}, "other_merchant"),
    ],
)
def test_parse_bad_row_is_a_problem_with_its_line_and_the_others_are_read(changes, code):
    parsed = parse(row(), row(**changes), row())
    assert [(problem.line_no, problem.code) for problem in parsed.problems] == [(3, code)]
    assert [entry.line_no for entry in parsed.entries] == [2, 4]


@pytest.mark.parametrize(
    ("text", "kind", "outcome"),
    [
        ("APPROVED", "payment", Outcome.CONFIRMED),
        ("Thành công", "payment", Outcome.CONFIRMED),
        ("Failed", "payment", Outcome.REJECTED),
        ("Pending", "payment", Outcome.PENDING),
        ("Refunded", "refund", Outcome.CONFIRMED),
    ],
)
def test_parse_states(text, kind, outcome):
    entry = parse(row(TRANSACTION_STATE=text)).entries[0]
    assert (entry.kind, entry.outcome) == (kind, outcome)


@given(st.binary(max_size=1_000))
def test_parse_any_bytes_are_one_problem(content):
    parsed = parse(content=content or b"x")
    assert [(problem.line_no, problem.code) for problem in parsed.problems] == [(0, "not_a_workbook")]
