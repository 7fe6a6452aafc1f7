"""The one door: whatever says something about an attempt becomes Evidence and comes through `apply_evidence`.

It locks the order, judges by the rules of `domain`, and writes everything that follows in the caller's transaction.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from payclear.contract.evidence import Evidence
from payclear.contract.outcomes import CallbackVerdict, EvidenceSource, Outcome
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.ledger.domain import Entry, capture_key, capture_legs, suspense_legs
from payclear.ledger.service import book
from payclear.obligations import service as obligations
from payclear.obligations.records import Arrival, PaidPart
from payclear.orders import queries
from payclear.orders.announcements import announce_order
from payclear.orders.domain import (
    LAPSE_GRACE,
    TOOK_MONEY,
    AttemptState,
    CaseKind,
    Effect,
    OrderState,
    Standing,
    Verdict,
    already_booked,
    has_amount,
    judge,
)
from payclear.orders.naming import lock_named
from payclear.orders.parts import parts_in
from payclear.orders.recording import NO_WATCH, audit_evidence, open_case, write_evidence, write_unmatched
from payclear.orders.records import AttemptView, LineView, OrderRow
from payclear.orders.service import order_lines, release_obligations, release_some


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What one piece of evidence did."""

    effect: Effect
    verdict: CallbackVerdict
    evidence_id: UUID
    order_id: UUID | None = None
    order_ref: str | None = None
    attempt_id: UUID | None = None
    case: CaseKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The lines that an order collects, by obligation too, and whether the obligations can take the money that came."""

    lines: tuple[LineView, ...] = ()
    parts: tuple[PaidPart, ...] = ()
    arrival: Arrival = field(default_factory=Arrival)


_NOT_JUDGED = Due()


def apply_evidence(
    uow: UnitOfWork,
    evidence: Evidence,
    *,
    asked_at: datetime | None = None,
    attempts_max: int = 5,
    watch: timedelta = NO_WATCH,
) -> Applied:
    """Apply one statement about an attempt, under the order's lock.

    `asked_at` is when a status query was sent: an answer about the time before the attempt lapsed proves nothing about
    after it. `watch` is how long after its time an attempt that lapsed unpaid is asked about.
    """
    named = lock_named(uow, evidence)
    if named is None:
        return keep_unmatched(uow, evidence)
    order, attempts, attempt = named.order, named.attempts, named.attempt
    evidence = replace(evidence, attempt_ref=attempt.attempt_ref)
    due = due_of(uow, order, evidence)
    standing = standing_of(
        order, attempt, attempts, asked_at or uow.now, attempts_max, is_hindered=due.arrival.is_refused
    )
    if attempt.state in TOOK_MONEY and standing.booked_ref is None:
        # Booked on the word of a source that names no transaction: the first one named since is the booked one.
        standing = replace(standing, booked_ref=_named_since(uow, attempt))
    return apply_under_lock(uow, order, attempt, evidence, standing, watch=watch, due=due)


def due_of(uow: UnitOfWork, order: OrderRow, evidence: Evidence) -> Due:
    """Judge money for an open order by the bank's day; of anything else there is nothing to judge.

    A fine may have grown since its quote, or its decision may have changed while the citizen paid.
    """
    if (
        order.state != OrderState.OPEN
        or evidence.outcome is not Outcome.CONFIRMED
        or not has_amount(evidence)
    ):
        return Due()
    lines = order_lines(uow, order.id)
    parts = parts_in(lines)
    paid_on = vietnam_date(evidence.paid_at or uow.now)
    arrival = obligations.judge_arrival(uow, parts, quoted_on=order.quoted_on, paid_on=paid_on)
    return Due(lines=lines, parts=parts, arrival=arrival)


def _named_since(uow: UnitOfWork, attempt: AttemptView) -> str | None:
    row = uow.run(queries.NAMED_SINCE, (attempt.id,)).fetchone()
    return row[0] if row else None


def apply_under_lock(
    uow: UnitOfWork,
    order: OrderRow,
    attempt: AttemptView,
    evidence: Evidence,
    standing: Standing,
    *,
    watch: timedelta = NO_WATCH,
    due: Due = _NOT_JUDGED,
) -> Applied:
    """Judge and write evidence about an attempt whose order the caller has locked; only doors of this feature call it."""
    verdict = judge(standing, evidence)
    if (verdict.books_capture or verdict.books_suspense) and not _book(
        uow, order, attempt, evidence, verdict, due
    ):
        verdict = already_booked(standing)
    evidence_id = write_evidence(uow, order, attempt, evidence, verdict, watch=watch)
    if verdict.books_capture:
        _capture(uow, order, attempt, evidence, due)
    if verdict.case is not None:
        open_case(uow, attempt, evidence, evidence_id, verdict.case)
    if verdict.order_event == "failed":
        release_obligations(uow, order.id)
        announce_order(uow, order, "failed", status=OrderState.FAILED, sequence=order.event_sequence + 1)
    if verdict.attempt_event or verdict.case:
        audit_evidence(uow, order, attempt, evidence, verdict)
    return Applied(
        effect=verdict.effect,
        verdict=_answer(verdict, order),
        evidence_id=evidence_id,
        order_id=order.id,
        order_ref=order.order_ref,
        attempt_id=attempt.id,
        case=verdict.case,
    )


def note_hint(uow: UnitOfWork, evidence: Evidence) -> Applied:
    """Keep evidence of a weak profile that proves nothing by itself, and have the provider asked at once."""
    named = lock_named(uow, evidence)
    if named is None:
        return keep_unmatched(uow, evidence)
    order, attempt = named.order, named.attempt
    evidence = replace(evidence, attempt_ref=attempt.attempt_ref)
    # Word of money about an attempt that was given up is asked about too; without an answer, a bounded number of times.
    asks_again = attempt.state not in TOOK_MONEY and (
        attempt.is_live or evidence.outcome is not Outcome.REJECTED
    )
    verdict = Verdict(effect=Effect.NOTED, asks_again=asks_again)
    evidence_id = write_evidence(uow, order, attempt, evidence, verdict, rank=-1)
    return Applied(
        effect=Effect.NOTED,
        verdict=CallbackVerdict.ACCEPTED,
        evidence_id=evidence_id,
        order_id=order.id,
        order_ref=order.order_ref,
        attempt_id=attempt.id,
    )


def standing_of(
    order: OrderRow,
    attempt: AttemptView,
    attempts: list[AttemptView],
    asked_at: datetime,
    attempts_max: int,
    *,
    is_hindered: bool = False,
) -> Standing:
    """How an attempt and its order stand under the lock."""
    others = [other for other in attempts if other.id != attempt.id]
    return Standing(
        attempt_state=AttemptState(attempt.state),
        order_state=OrderState(order.state),
        order_has_capture=any(other.state == AttemptState.SUCCEEDED for other in others),
        other_live_attempt=any(other.is_live for other in others),
        evidence_rank=attempt.evidence_rank,
        amount=attempt.money,
        merchant_account=attempt.merchant_account,
        booked_ref=attempt.provider_ref if attempt.state in TOOK_MONEY else None,
        attempt_lapsed=asked_at >= attempt.expires_at + LAPSE_GRACE,
        is_last_try=attempt.number >= attempts_max,
        is_hindered=is_hindered,
    )


def _book(
    uow: UnitOfWork, order: OrderRow, attempt: AttemptView, evidence: Evidence, verdict: Verdict, due: Due
) -> bool:
    """Book the money; False when the provider's transaction stands in the books already, and nothing is written."""
    assert evidence.amount is not None
    if verdict.books_capture:
        template = "payment_captured"
        legs = capture_legs(attempt.money, ((line.amount, line.beneficiary_account) for line in due.lines))
    else:
        template = "payment_suspended"
        legs = suspense_legs(evidence.amount)
    entry = Entry(
        template=template,
        natural_key=capture_key(
            attempt.provider_account, evidence.provider_ref or attempt.provider_ref or attempt.attempt_ref
        ),
        provider_account=attempt.provider_account,
        business_on=vietnam_date(evidence.paid_at or uow.now),
        legs=legs,
        order_id=order.id,
        attempt_id=attempt.id,
    )
    return book(uow, entry) is not None


def _capture(uow: UnitOfWork, order: OrderRow, attempt: AttemptView, evidence: Evidence, due: Due) -> None:
    still_owed = obligations.take_payment(
        uow,
        due.parts,
        order_id=order.id,
        paid_on=vietnam_date(evidence.paid_at or uow.now),
        arrival=due.arrival,
        by=attempt.provider_account,
    )
    release_some(uow, order.id, still_owed)
    announce_order(
        uow,
        order,
        "paid",
        status=OrderState.PAID,
        sequence=order.event_sequence + 1,
        provider_account=attempt.provider_account,
        paid_at=evidence.paid_at or uow.now,
    )


def keep_unmatched(uow: UnitOfWork, evidence: Evidence) -> Applied:
    """Keep evidence that is about no attempt of ours, whatever it names; money that is nobody's opens a case."""
    evidence_id = write_unmatched(uow, evidence)
    is_money = evidence.outcome is Outcome.CONFIRMED and has_amount(evidence)
    if is_money and evidence.source is not EvidenceSource.STATEMENT:
        # A statement's unknown line becomes a discrepancy of the night; from anybody else only this case tells.
        open_case(uow, None, evidence, evidence_id, CaseKind.UNKNOWN_ATTEMPT)
    return Applied(
        effect=Effect.UNMATCHED,
        verdict=CallbackVerdict.ORDER_NOT_FOUND,
        evidence_id=evidence_id,
    )


def _answer(verdict: Verdict, order: OrderRow) -> CallbackVerdict:
    if verdict.case in (CaseKind.AMOUNT_MISMATCH, CaseKind.CURRENCY_MISMATCH):
        return CallbackVerdict.AMOUNT_MISMATCH
    if verdict.effect in (Effect.REPEATED, Effect.OVERRULED) and order.state == OrderState.PAID:
        return CallbackVerdict.ALREADY_KNOWN
    return CallbackVerdict.ACCEPTED
