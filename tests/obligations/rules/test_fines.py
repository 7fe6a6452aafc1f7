"""Fines by the day: deadlines by service, quotes until midnight, and the money of late quotes."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.money import Money
from payclear.obligations.domain import InvalidDecision, ServedMethod
from payclear.obligations.rules.dated import RuleNotInForce
from payclear.obligations.rules.fines import (
    LateQuoteChoice,
    LateQuotePolicy,
    QuotedOutcome,
    Service,
    due_on,
    judge_quoted_payment,
    quote_fine,
)
from tests.obligations.rules.rulebook import LAW, SURCHARGE, TERMS, fined, paid

ISSUED = date(2026, 2, 26)
MILLION = fined(1_000_000, on=ISSUED, due_on=date(2026, 3, 12))


@pytest.mark.parametrize(
    "changed",
    [
        {"days_after_service": {ServedMethod.HANDED: 10}},
        {"days_after_service": {method: 0 for method in ServedMethod}},
        {"first_late_day_without_proof": 1},
    ],
)
def test_term_rule_with_a_hole_is_refused(changed):
    with pytest.raises(ValueError, match="term"):
        replace(TERMS[0], **changed)


@pytest.mark.parametrize(
    "service",
    [
        Service(decided_on=ISSUED, method=ServedMethod.HANDED, served_on=ISSUED - timedelta(days=1)),
        Service(decided_on=ISSUED, method=ServedMethod.HANDED, served_on=ISSUED, written_term_days=0),
        Service(decided_on=ISSUED, method=ServedMethod.HANDED, served_on=None, written_term_days=-3),
    ],
)
def test_service_that_can_not_be_is_refused(service):
    with pytest.raises(InvalidDecision):
        due_on(service, TERMS)


def test_decision_of_a_day_without_a_term_is_refused():
    with pytest.raises(RuleNotInForce):
        due_on(Service(decided_on=date(2012, 1, 1), method=ServedMethod.HANDED, served_on=None), TERMS)


@pytest.mark.parametrize(
    ("method", "served_on", "written", "expected"),
    [
        (ServedMethod.HANDED, date(2026, 3, 2), None, date(2026, 3, 12)),
        (ServedMethod.HANDED, ISSUED, None, date(2026, 3, 8)),
        (ServedMethod.REGISTERED_POST, date(2026, 3, 5), None, date(2026, 3, 15)),
        (ServedMethod.ELECTRONIC, date(2026, 2, 27), None, date(2026, 3, 9)),
        # No proof: surcharge from the 12th day after the issue, 10/3; the 11th is the last without.
        (ServedMethod.REGISTERED_POST, None, None, date(2026, 3, 9)),
        (ServedMethod.HANDED, None, None, date(2026, 3, 9)),
        # A longer term that is written counts, a shorter one does not.
        (ServedMethod.HANDED, date(2026, 3, 2), 30, date(2026, 4, 1)),
        (ServedMethod.HANDED, date(2026, 3, 2), 5, date(2026, 3, 12)),
        (ServedMethod.REGISTERED_POST, None, 30, date(2026, 3, 29)),
    ],
)
def test_deadline_follows_method_and_proof_of_service(method, served_on, written, expected):
    service = Service(decided_on=ISSUED, method=method, served_on=served_on, written_term_days=written)
    assert due_on(service, TERMS) == expected


def test_without_proof_the_first_late_day_is_the_twelfth_after_the_issue():
    service = Service(decided_on=ISSUED, method=ServedMethod.REGISTERED_POST, served_on=None)
    event = fined(1_000_000, on=ISSUED, due_on=due_on(service, TERMS))
    twelfth = ISSUED + timedelta(days=12)
    assert quote_fine((event,), for_date=twelfth, rules=SURCHARGE).late_days == 0
    quote = quote_fine((event,), for_date=twelfth + timedelta(days=1), rules=SURCHARGE)
    assert [(step.from_on, step.to_on) for step in quote.steps] == [(twelfth, twelfth)]


def test_quote_of_the_worked_example():
    """Decision of 26/2, handed 2/3, due 12/3, paid 30/3: 17 days, 8,500 ₫."""
    service = Service(decided_on=ISSUED, method=ServedMethod.HANDED, served_on=date(2026, 3, 2))
    event = fined(1_000_000, on=ISSUED, due_on=due_on(service, TERMS))
    quote = quote_fine((event,), for_date=date(2026, 3, 30), rules=SURCHARGE)
    assert (quote.due_on, quote.late_days) == (date(2026, 3, 12), 17)
    assert (quote.surcharge, quote.total) == (Money(8_500), Money(1_008_500))
    assert (quote.rule_ids, quote.legal_basis) == (("LATE-2013",), ("Luật XLVPHC, Điều 78",))


def test_quote_holds_until_midnight_in_viet_nam():
    quote = quote_fine((MILLION,), for_date=date(2026, 3, 30), rules=SURCHARGE)
    assert quote.valid_until == datetime(2026, 3, 30, 17, tzinfo=UTC)


def test_quote_in_time_names_the_rate_that_threatens():
    quote = quote_fine((MILLION,), for_date=date(2026, 3, 12), rules=SURCHARGE)
    assert (quote.total, quote.steps, quote.rule_ids) == (Money(1_000_000), (), ("LATE-2013",))


def test_quote_as_of_an_instant_leaves_out_what_was_learned_later():
    event = replace(paid(1_000_000, date(2026, 3, 20)), recorded_at=datetime(2026, 4, 2, tzinfo=UTC))
    history = (MILLION, event)
    now = quote_fine(history, for_date=date(2026, 3, 30), rules=SURCHARGE)
    then = quote_fine(
        history, for_date=date(2026, 3, 30), rules=SURCHARGE, as_of=datetime(2026, 3, 30, 3, tzinfo=UTC)
    )
    assert (then.total, now.total) == (Money(1_008_500), Money(3_500))


# Late quotes. Quoted for 30/3: 1,008,500; due on 31/3: 1,009,000.

ACCEPT = LateQuotePolicy(
    id="LATE-Q",
    valid_from=date(2026, 1, 1),
    legal_basis=LAW,
    choice=LateQuoteChoice.ACCEPT_SHORTFALL,
    up_to=Money(500),
    beyond=LateQuoteChoice.SUSPENSE,
)
COLLECT = replace(ACCEPT, choice=LateQuoteChoice.COLLECT_DIFFERENCE, up_to=None, beyond=None)
SUSPENSE = replace(COLLECT, choice=LateQuoteChoice.SUSPENSE)


def judge(policy, *, quoted=1_008_500, paid=1_008_500, due=1_009_000, paid_on=date(2026, 3, 31)):
    return judge_quoted_payment(
        quoted=Money(quoted),
        quoted_for=date(2026, 3, 30),
        paid=Money(paid),
        paid_on=paid_on,
        due=Money(due),
        policies=(policy,),
    )


def shown(result) -> tuple[str, int, int, int, int]:
    amounts = (result.applied, result.suspended, result.waived, result.still_due)
    return (result.outcome.value, *(each.amount for each in amounts))


@pytest.mark.parametrize(
    "changed",
    [
        {"up_to": None},
        {"beyond": None},
        {"beyond": LateQuoteChoice.ACCEPT_SHORTFALL},
        {"choice": LateQuoteChoice.SUSPENSE},
    ],
)
def test_policy_that_says_half_is_refused(changed):
    with pytest.raises(ValueError, match="policy"):
        replace(ACCEPT, **changed)


def test_late_quote_without_a_policy_is_an_error_of_the_catalogue():
    with pytest.raises(RuleNotInForce):
        judge(replace(ACCEPT, valid_to=date(2026, 3, 30)))


@pytest.mark.parametrize("policy", [ACCEPT, COLLECT, SUSPENSE])
@pytest.mark.parametrize("wrong", [1_008_499, 1_008_501, 1])
def test_another_amount_than_the_quoted_one_goes_to_suspense(policy, wrong):
    for paid_on in (date(2026, 3, 30), date(2026, 3, 31)):
        result = judge(policy, paid=wrong, paid_on=paid_on)
        assert shown(result) == ("suspended", 0, wrong, 0, 1_009_000)


@pytest.mark.parametrize(
    ("policy", "due", "expected"),
    [
        (ACCEPT, 1_009_000, ("shortfall_waived", 1_008_500, 0, 500, 0)),
        (ACCEPT, 1_009_001, ("suspended", 0, 1_008_500, 0, 1_009_001)),
        (
            replace(ACCEPT, beyond=LateQuoteChoice.COLLECT_DIFFERENCE),
            1_009_001,
            ("part_paid", 1_008_500, 0, 0, 501),
        ),
        (COLLECT, 1_009_000, ("part_paid", 1_008_500, 0, 0, 500)),
        (SUSPENSE, 1_009_000, ("suspended", 0, 1_008_500, 0, 1_009_000)),
        (SUSPENSE, 1_008_500, ("settled", 1_008_500, 0, 0, 0)),
        (SUSPENSE, 900_000, ("settled", 900_000, 108_500, 0, 0)),
        (SUSPENSE, 0, ("settled", 0, 1_008_500, 0, 0)),
    ],
)
def test_money_on_yesterdays_quote_follows_the_policy(policy, due, expected):
    assert shown(judge(policy, due=due)) == expected


@pytest.mark.parametrize("policy", [ACCEPT, COLLECT, SUSPENSE])
def test_money_before_midnight_needs_no_policy(policy):
    result = judge(policy, due=1_008_500, paid_on=date(2026, 3, 30))
    assert shown(result) == ("settled", 1_008_500, 0, 0, 0)
    assert result.policy_id is None


def test_correction_on_the_day_of_the_quote_stays_due_beside_it():
    result = judge(SUSPENSE, due=1_108_500, paid_on=date(2026, 3, 30))
    assert shown(result) == ("part_paid", 1_008_500, 0, 0, 100_000)


@given(
    st.sampled_from([ACCEPT, COLLECT, SUSPENSE]),
    st.integers(1, 10**9),
    st.integers(1, 10**9),
    st.integers(0, 10**9),
    st.integers(-3, 3),
)
def test_no_dong_of_a_quoted_payment_disappears(policy, quoted, given_money, due, days):
    result = judge(
        policy, quoted=quoted, paid=given_money, due=due, paid_on=date(2026, 3, 30) + timedelta(days=days)
    )
    assert (result.applied + result.suspended).amount == given_money
    assert (result.applied + result.waived + result.still_due).amount == due
    assert result.waived.amount <= 500
    assert (result.outcome is QuotedOutcome.SHORTFALL_WAIVED) == result.waived.is_positive
