"""The rules of evidence over the whole product of states, sources and outcomes."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.evidence import Evidence
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.money import Money
from payclear.orders.domain import (
    ATTEMPT_STATES,
    LIVE_STATES,
    ORDER_STATES,
    TOOK_MONEY,
    AttemptState,
    Effect,
    OrderState,
    PublicStatus,
    Standing,
    judge,
    next_query_at,
    public_status,
)

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def standing(**changes) -> Standing:
    values = {
        "attempt_state": AttemptState.SENT,
        "order_state": OrderState.OPEN,
        "order_has_capture": False,
        "other_live_attempt": False,
        "evidence_rank": -1,
        "amount": Money(1000),
        "merchant_account": "M",
        "booked_ref": None,
        "attempt_lapsed": False,
        "is_last_try": False,
    }
    return Standing(**(values | changes))


def evidence(source: EvidenceSource, outcome: Outcome, amount: int | None = 1000) -> Evidence:
    return Evidence(
        source=source,
        outcome=outcome,
        provider_account="p",
        attempt_ref="a",
        amount=None if amount is None else Money(amount),
        merchant_account="M",
    )


SITUATIONS = list(
    product(AttemptState, OrderState, EvidenceSource, Outcome, (False, True), (False, True), (-1, 1, 2, 3))
)


def test_every_situation_has_an_answer_that_the_state_tables_allow() -> None:
    for attempt, order, source, outcome, lapsed, capture, rank in SITUATIONS:
        if attempt is AttemptState.SUCCEEDED and (order is not OrderState.PAID or capture):
            continue  # can not be: a success is the order's payment, and there is one
        if capture and order is not OrderState.PAID:
            continue
        situation = standing(
            attempt_state=attempt,
            order_state=order,
            attempt_lapsed=lapsed,
            order_has_capture=capture,
            evidence_rank=rank,
            is_last_try=True,
        )
        verdict = judge(situation, evidence(source, outcome))
        if verdict.attempt_event:
            assert not ATTEMPT_STATES.next(attempt, verdict.attempt_event).ignored
        if verdict.order_event:
            assert not ORDER_STATES.next(order, verdict.order_event).ignored
        assert verdict.books_capture == (verdict.effect is Effect.CAPTURED)
        assert verdict.books_suspense == (verdict.effect is Effect.SUSPENDED)
        assert not verdict.books_suspense or verdict.case is not None


def test_money_is_never_lost_when_the_strongest_source_confirms() -> None:
    for attempt, order, lapsed, capture in product(AttemptState, OrderState, (False, True), (False, True)):
        if attempt in TOOK_MONEY:
            continue
        situation = standing(
            attempt_state=attempt,
            order_state=order,
            attempt_lapsed=lapsed,
            order_has_capture=capture,
            evidence_rank=3,
        )
        verdict = judge(situation, evidence(EvidenceSource.STATEMENT, Outcome.CONFIRMED))
        assert verdict.books_capture or verdict.books_suspense


def test_weaker_source_never_overrides_a_stronger_one() -> None:
    for attempt, outcome in product(LIVE_STATES, Outcome):
        situation = standing(attempt_state=attempt, evidence_rank=EvidenceSource.STATUS_QUERY.rank)
        verdict = judge(situation, evidence(EvidenceSource.CALLBACK, outcome))
        assert verdict.effect is Effect.OVERRULED


@pytest.mark.parametrize("outcome", [Outcome.PENDING, Outcome.UNKNOWN])
def test_silence_never_becomes_failure(outcome: Outcome) -> None:
    for attempt, lapsed, source in product(LIVE_STATES, (False, True), EvidenceSource):
        verdict = judge(standing(attempt_state=attempt, attempt_lapsed=lapsed), evidence(source, outcome))
        assert verdict.attempt_event in (None, "doubted")
        assert verdict.order_event is None


def test_confirmation_without_an_amount_makes_us_ask() -> None:
    verdict = judge(standing(), evidence(EvidenceSource.CALLBACK, Outcome.CONFIRMED, amount=None))
    assert (verdict.effect, verdict.asks_again) == (Effect.DOUBTED, True)


@given(st.integers(1, 10**15).filter(lambda amount: amount != 1000))
def test_any_other_amount_goes_to_suspense(amount: int) -> None:
    verdict = judge(standing(), evidence(EvidenceSource.CALLBACK, Outcome.CONFIRMED, amount))
    assert verdict.effect is Effect.SUSPENDED


def test_public_status_is_total() -> None:
    for state, live in product(OrderState, (False, True)):
        assert public_status(state, has_live_attempt=live) in PublicStatus


def test_queries_follow_the_schedule_and_then_come_hourly() -> None:
    waits = [next_query_at(asked=asked, now=NOW) - NOW for asked in range(7)]
    assert waits == [
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=10),
        *[timedelta(hours=1)] * 4,
    ]
