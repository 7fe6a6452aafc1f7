"""States of refunds over the full product, and shares that never exceed what is left."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.ids import attempt_ref, new_order_ref
from payclear.kernel.money import Money
from payclear.refunds.domain import (
    DECIDED,
    REFUND_STATES,
    RefundEffect,
    RefundState,
    judge_refund,
    new_refund_ref,
    shares_of,
)

SOURCES = (EvidenceSource.STATUS_QUERY, EvidenceSource.STATEMENT)


@pytest.mark.parametrize(("state", "outcome", "source"), list(product(RefundState, Outcome, SOURCES)))
def test_every_word_about_a_refund_in_every_state_has_an_answer(
    state: RefundState, outcome: Outcome, source: EvidenceSource
) -> None:
    known = EvidenceSource.STATUS_QUERY.rank if state in DECIDED else -1
    verdict = judge_refund(state, outcome, source=source, known_rank=known)
    to = REFUND_STATES.next(state, verdict.event).to if verdict.event else state
    if outcome in (Outcome.UNKNOWN, Outcome.PENDING):
        assert to not in DECIDED or to == state
    if state is RefundState.DONE:
        assert to == RefundState.DONE
    if outcome is Outcome.CONFIRMED and state not in DECIDED:
        assert (to, verdict.effect) == (RefundState.DONE, RefundEffect.DONE)


def test_refused_refund_is_done_only_by_a_stronger_word() -> None:
    query, statement = EvidenceSource.STATUS_QUERY, EvidenceSource.STATEMENT
    refused, done = RefundState.REJECTED, Outcome.CONFIRMED
    assert judge_refund(refused, done, source=statement, known_rank=query.rank).event == "done"
    for known in (query, statement):
        assert judge_refund(refused, done, source=query, known_rank=known.rank).event is None


def test_done_refund_that_is_denied_needs_a_person() -> None:
    for source in SOURCES:
        verdict = judge_refund(RefundState.DONE, Outcome.REJECTED, source=source, known_rank=2)
        assert verdict.effect is RefundEffect.CONTESTED


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=20).filter(any), st.data())
def test_shares_sum_to_the_refund_and_none_exceeds_what_is_left(
    lefts: list[int], data: st.DataObject
) -> None:
    amount = data.draw(st.integers(1, sum(lefts)))
    shares = shares_of(Money(amount), [(f"TK-{number}", left) for number, left in enumerate(lefts)])
    assert sum(share.amount for share, _account in shares) == amount
    for share, account in shares:
        assert 0 < share.amount <= lefts[int(account.removeprefix("TK-"))]


def test_reference_of_a_refund_fits_every_provider() -> None:
    for number in (1, 99, 100):
        made = new_refund_ref(attempt_ref(new_order_ref(), 99), number)
        assert made.isalnum()
        assert made.isascii()
        assert len(made) <= 20
