"""Refunds and reversals over whole nights: the statement decides what nobody answered, and the books tie to the đồng."""

from datetime import timedelta

import pytest

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.clock import FixedClock
from payclear.orders.collecting import reverse_collected, take_collected
from payclear.orders.records import AttemptView
from payclear.refunds.domain import RefundState
from reconciliation.runs import Verdict
from tests.database import TestServer
from tests.reconciliation.nights import NightScene
from tests.scenes import VNPAY


def test_refund_done_and_listed_is_matched_and_settled(nights: NightScene) -> None:
    attempt = nights.paid(150_000)
    nights.refund(attempt, 40_000, Outcome.CONFIRMED, provider_ref="RF1")
    nights.line(attempt)
    nights.line(attempt, kind="refund", provider_ref="RF1", amount=40_000)
    nights.write()
    night = nights.night()
    assert (nights.codes(), night.run.verdict) == ([], Verdict.RECONCILED)
    assert (night.run.matched_count, night.run.matched_sum) == (2, 190_000)
    assert nights.balances() == {"provider_settlement": 110_000, "beneficiary_payable": 110_000}
    assert nights.offenders() == []
    assert not nights.night().changed
    assert nights.report().theirs.adds_up
    assert len(nights.report().settlements) == 2


def test_refund_without_an_answer_is_decided_by_its_line(nights: NightScene) -> None:
    attempt = nights.paid(150_000)
    refund = nights.refund(attempt)
    assert (refund.state, refund.next_query_at) == (RefundState.IN_DOUBT, None)
    nights.line(attempt)
    nights.line(attempt, kind="refund", provider_ref="RF1")
    nights.write()
    night = nights.night()
    decided = nights.refund_now(refund.id)
    assert (decided.state, decided.provider_ref) == (RefundState.DONE, "RF1")
    assert night.adopted.refunds == 1
    assert nights.codes() == []
    assert nights.balances() == {}
    assert nights.offenders() == []
    assert not nights.night().changed


def test_refund_that_the_statement_calls_refused_is_rejected(nights: NightScene) -> None:
    attempt = nights.paid(150_000)
    refund = nights.refund(attempt)
    nights.line(attempt)
    nights.line(attempt, kind="refund", provider_ref="RF1", outcome="rejected")
    nights.write()
    night = nights.night()
    assert nights.refund_now(refund.id).state == RefundState.REJECTED
    assert (nights.codes(), night.run.excluded_count) == ([], 1)
    assert nights.balances() == {"provider_settlement": 150_000, "beneficiary_payable": 150_000}
    assert nights.offenders() == []


def test_refused_refund_that_went_back_after_all_is_booked_by_the_statement(nights: NightScene) -> None:
    attempt = nights.paid(150_000)
    refund = nights.refund(attempt, outcome=Outcome.REJECTED)
    nights.line(attempt)
    nights.line(attempt, kind="refund", provider_ref="RF1")
    nights.write()
    nights.night()
    assert nights.refund_now(refund.id).state == RefundState.DONE
    assert (nights.codes(), nights.balances(), nights.offenders()) == ([], {}, [])


@pytest.mark.parametrize("amount", [39_999, 40_001])
def test_refund_line_of_another_amount_is_an_orphan_and_decides_nothing(
    nights: NightScene, amount: int
) -> None:
    attempt = nights.paid(150_000)
    refund = nights.refund(attempt, 40_000)
    nights.line(attempt)
    nights.line(attempt, kind="refund", provider_ref=refund.refund_ref, amount=amount)
    nights.write()
    nights.night()
    assert nights.refund_now(refund.id).state == RefundState.IN_DOUBT
    assert nights.codes() == [("B13", "open")]
    assert nights.offenders() == []


def test_refund_line_twice_is_one_refund_and_one_duplicate(nights: NightScene) -> None:
    attempt = nights.paid(150_000)
    nights.refund(attempt, outcome=Outcome.CONFIRMED, provider_ref="RF1")
    nights.line(attempt)
    for _ in range(2):
        nights.line(attempt, kind="refund", provider_ref="RF1")
    nights.write()
    nights.night()
    assert nights.codes() == [("B09", "open")]
    assert nights.balances() == {}
    assert nights.offenders() == []
    assert not nights.night().changed


def test_refund_line_listed_again_the_next_day_decides_no_other_refund(
    nights: NightScene, clock: FixedClock
) -> None:
    attempt = nights.paid(150_000)
    nights.refund(attempt, 40_000, Outcome.CONFIRMED)
    nights.line(attempt)
    listed = nights.line(attempt, kind="refund", provider_ref="RF1", amount=40_000)
    nights.write()
    nights.night()
    second = nights.refund(attempt, 40_000)
    clock.advance(timedelta(days=1))
    nights.line(**listed | {"line_no": 2})
    nights.write(nights.today + timedelta(days=1))
    nights.night(nights.today + timedelta(days=1))
    assert nights.refund_now(second.id).state == RefundState.IN_DOUBT
    assert nights.codes(nights.today + timedelta(days=1)) == [("B09", "open")]
    assert nights.offenders() == []


@pytest.mark.parametrize(
    ("outcome", "told"),
    [(Outcome.CONFIRMED, {}), (Outcome.CONFIRMED, {"provider_ref": "own"}), (Outcome.UNKNOWN, {})],
)
def test_refunds_listed_under_the_payments_own_transaction_are_each_matched(
    nights: NightScene, clock: FixedClock, outcome: Outcome, told: dict[str, str]
) -> None:
    attempt = nights.paid(150_000)
    for day in range(2):
        on = nights.today + timedelta(days=day)
        nights.refund(attempt, 40_000, outcome, **told and {"provider_ref": attempt.provider_ref})
        if not day:
            nights.line(attempt)
        nights.line(attempt, kind="refund", amount=40_000)
        nights.write(on)
        nights.night(on)
        assert nights.codes(on) == []
        clock.advance(timedelta(days=1))
    assert nights.balances() == {"provider_settlement": 70_000, "beneficiary_payable": 70_000}
    assert nights.offenders() == []


def test_refund_of_money_in_suspense_leaves_it_and_ties(nights: NightScene) -> None:
    attempt = nights.unpaid(150_000)
    evidence = nights.scene.evidence(attempt, amount=150_001, source=EvidenceSource.STATUS_QUERY)
    nights.scene.apply(evidence)
    nights.refund(attempt, 150_001, Outcome.CONFIRMED, provider_ref="RF1")
    nights.line(attempt, amount=150_001)
    nights.line(attempt, kind="refund", provider_ref="RF1", amount=150_001)
    nights.write()
    nights.night()
    assert (nights.codes(), nights.balances(), nights.offenders()) == ([], {}, [])


def test_refund_that_no_statement_lists_waits_for_grace_then_stands_and_is_closed_by_its_line(
    nights: NightScene, clock: FixedClock
) -> None:
    attempt = nights.paid(150_000)
    nights.refund(attempt, outcome=Outcome.CONFIRMED, provider_ref="RF1")
    nights.line(attempt)
    nights.write()
    nights.night()
    assert nights.codes() == [("B14", "pending")]
    assert nights.offenders() == []
    clock.advance(timedelta(days=4))
    later = nights.today + timedelta(days=4)
    nights.write(later)
    nights.night(later)
    assert nights.codes(later) == [("B14", "open")]
    clock.advance(timedelta(days=1))
    last = later + timedelta(days=1)
    nights.line(attempt, kind="refund", provider_ref="RF1")
    nights.write(last)
    night = nights.night(last)
    assert nights.codes(last) == [("B14", "matched")]
    assert night.run.verdict == Verdict.WARNINGS
    assert (nights.balances(), nights.offenders()) == ({}, [])


def test_orphan_refund_line_is_explained_when_its_refund_appears(
    nights: NightScene, clock: FixedClock
) -> None:
    attempt = nights.paid(150_000)
    nights.line(attempt)
    nights.line(attempt, kind="refund", provider_ref="RF1", amount=40_000)
    nights.write()
    nights.night()
    assert nights.codes() == [("B13", "open")]
    nights.refund(attempt, 40_000, Outcome.CONFIRMED, provider_ref="RF1")
    clock.advance(timedelta(hours=1))
    nights.night()
    assert nights.codes() == [("B13", "matched")]
    assert nights.balances() == {"provider_settlement": 110_000, "beneficiary_payable": 110_000}
    assert nights.offenders() == []


def _collected(nights: NightScene, bank_ref: str = "BANK1") -> AttemptView:
    """A payment that a bank took at its counter."""
    order = nights.scene.order(amount=150_000)
    line = nights.runtime.providers.get(VNPAY)
    with nights.runtime.database.begin() as uow:
        taken = take_collected(
            uow,
            order_id=order.id,
            line=line,
            evidence=_word(nights, bank_ref),
            money_moved=False,
            attempts_max=5,
        )
        uow.commit()
    assert taken.attempt_id is not None
    return nights.attempt_of(order)


def _word(nights: NightScene, bank_ref: str):
    some = nights.scene.attempt(nights.scene.order(amount=150_000))
    evidence = nights.scene.evidence(some, provider_ref=bank_ref, source=EvidenceSource.STATUS_QUERY)
    nights.scene.apply(nights.scene.evidence(some, Outcome.REJECTED, source=EvidenceSource.STATUS_QUERY))
    return evidence


def _reversed(nights: NightScene) -> AttemptView:
    attempt = _collected(nights)
    with nights.runtime.database.begin() as uow:
        verdict = reverse_collected(uow, attempt_id=attempt.id, evidence=_word(nights, "BACK1"), until=None)
        uow.commit()
    assert verdict == "accepted"
    return attempt


def _code(nights: NightScene, attempt: AttemptView) -> str:
    return nights.order_of(attempt).payment_code


def test_payment_of_a_counter_is_matched_by_its_code_and_the_banks_reference(nights: NightScene) -> None:
    attempt = _collected(nights)
    nights.line(attempt, attempt_ref=_code(nights, attempt), provider_ref="BANK1")
    nights.write()
    assert nights.night().run.verdict == Verdict.RECONCILED
    assert nights.offenders() == []


def test_payment_taken_back_and_listed_both_ways_is_explained(nights: NightScene) -> None:
    attempt = _reversed(nights)
    nights.line(attempt, attempt_ref=_code(nights, attempt), provider_ref="BANK1")
    nights.line(attempt, attempt_ref=_code(nights, attempt), provider_ref="BACK1", kind="refund")
    nights.write()
    night = nights.night()
    assert (nights.codes(), night.run.excluded_count) == ([], 2)
    assert [each.rule for each in nights.report().exclusions] == ["taken_back"] * 2
    assert (nights.balances(), nights.offenders()) == ({}, [])
    assert not nights.night().changed


def test_payment_taken_back_and_listed_nowhere_is_explained(nights: NightScene) -> None:
    _reversed(nights)
    nights.write()
    assert nights.night().run.verdict == Verdict.RECONCILED
    assert nights.offenders() == []


def test_payment_taken_back_and_listed_as_paid_is_a_discrepancy_until_its_reversal_is_listed(
    nights: NightScene, clock: FixedClock
) -> None:
    attempt = _reversed(nights)
    nights.line(attempt, attempt_ref=_code(nights, attempt), provider_ref="BANK1")
    nights.write()
    nights.night()
    assert nights.codes() == [("B01", "open")]
    assert (nights.balances(), nights.offenders()) == ({}, [])
    clock.advance(timedelta(days=1))
    later = nights.today + timedelta(days=1)
    nights.line(attempt, attempt_ref=_code(nights, attempt), provider_ref="BACK1", kind="refund")
    nights.write(later)
    nights.night(later)
    assert nights.codes(later) == [("B01", "agreed")]
    assert nights.offenders() == []


@pytest.mark.parametrize(
    ("violation", "broken"),
    [
        ("DELETE FROM reconciliation_settlement WHERE kind = 'refund'", {"INV-22", "INV-23"}),
        ("DELETE FROM reconciliation_match WHERE refund_id IS NOT NULL", {"INV-22", "INV-23"}),
        ("UPDATE reconciliation_match SET amount = amount - 1 WHERE refund_id IS NOT NULL", {"INV-22"}),
        ("UPDATE payment_attempt SET state = 'reversed'", {"INV-05", "INV-08", "INV-18c", "INV-23b"}),
    ],
)
def test_invariant_turns_red_for_a_planted_violation(
    nights: NightScene, postgres: TestServer, violation: str, broken: set[str]
) -> None:
    attempt = nights.paid(150_000)
    nights.refund(attempt, 40_000, Outcome.CONFIRMED, provider_ref="RF1")
    nights.line(attempt)
    nights.line(attempt, kind="refund", provider_ref="RF1", amount=40_000)
    nights.write()
    nights.night()
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(violation)
    assert {line.partition(":")[0] for line in nights.offenders()} == broken
