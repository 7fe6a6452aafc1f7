"""The one door: whatever says something about an attempt becomes Evidence and comes through `apply_evidence`.

It locks the order, judges by the rules of `domain`, and writes everything that follows in the caller's transaction.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from payclear.audit.service import record
from payclear.contract.evidence import Evidence
from payclear.contract.outcomes import CallbackVerdict, EvidenceSource, Outcome
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.ids import new_uuid
from payclear.ledger.domain import Entry, capture_key, capture_legs, suspense_legs
from payclear.ledger.service import book
from payclear.obligations import service as obligations
from payclear.orders import queries
from payclear.orders.announcements import announce_order
from payclear.orders.domain import (
    ATTEMPT_STATES,
    LAPSE_GRACE,
    LIVE_STATES,
    ORDER_STATES,
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
    next_watch_at,
)
from payclear.orders.naming import lock_named
from payclear.orders.records import AttemptView, OrderRow
from payclear.orders.service import obligations_of, order_lines, release_obligations

QUERIES_AFTER_END_MAX = 24
_NO_WATCH = timedelta(0)

_PROPOSALS = {
    CaseKind.AMOUNT_MISMATCH: "refund",
    CaseKind.CURRENCY_MISMATCH: "refund",
    CaseKind.MERCHANT_MISMATCH: "ask_provider",
    CaseKind.LATE_SUCCESS: "refund",
    CaseKind.DOUBLE_SUCCESS: "refund",
    CaseKind.REVERSED_AFTER_CAPTURE: "ask_provider",
    CaseKind.CONTESTED: "ask_provider",
    CaseKind.REFERENCE_REUSED: "ask_provider",
    CaseKind.UNKNOWN_ATTEMPT: "ask_provider",
}


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


def apply_evidence(
    uow: UnitOfWork,
    evidence: Evidence,
    *,
    asked_at: datetime | None = None,
    attempts_max: int = 5,
    watch: timedelta = _NO_WATCH,
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
    standing = standing_of(order, attempt, attempts, asked_at or uow.now, attempts_max)
    if attempt.state in TOOK_MONEY and standing.booked_ref is None:
        # Booked on the word of a source that names no transaction: the first one named since is the booked one.
        standing = replace(standing, booked_ref=_named_since(uow, attempt))
    return apply_under_lock(uow, order, attempt, evidence, standing, watch=watch)


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
    watch: timedelta = _NO_WATCH,
) -> Applied:
    """Judge and write evidence about an attempt whose order the caller has locked; only doors of this feature call it."""
    verdict = judge(standing, evidence)
    if (verdict.books_capture or verdict.books_suspense) and not _book(
        uow, order, attempt, evidence, verdict
    ):
        verdict = already_booked(standing)
    evidence_id = write_evidence(uow, order, attempt, evidence, verdict, watch=watch)
    if verdict.books_capture:
        _capture(uow, order, attempt, evidence)
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


def write_evidence(
    uow: UnitOfWork,
    order: OrderRow,
    attempt: AttemptView,
    evidence: Evidence,
    verdict: Verdict,
    *,
    rank: int | None = None,
    watch: timedelta = _NO_WATCH,
) -> UUID:
    """Write evidence with what the verdict makes of the attempt and the order; its id."""
    attempt_to = order_to = None
    if verdict.attempt_event:
        attempt_to = ATTEMPT_STATES.next(attempt.state, verdict.attempt_event).to
    if verdict.order_event:
        order_to = ORDER_STATES.next(order.state, verdict.order_event).to
    if rank is None:
        rank = evidence.source.rank if evidence.outcome.is_final else -1
    watched_until = _watched_until(attempt, attempt_to, evidence, watch)
    takes_money = attempt_to is not None and (verdict.books_capture or verdict.books_suspense)
    values = _evidence_values(uow, evidence) | {
        "attempt_id": attempt.id,
        "order_id": order.id,
        "effect": verdict.effect,
        "rank": rank,
        "is_live": (attempt_to or attempt.state) in LIVE_STATES,
        "keeps_schedule": _keeps_schedule(uow, attempt, evidence, verdict, watched_until),
        "takes_money": takes_money,
        "decides": attempt_to is not None and ATTEMPT_STATES.is_terminal(attempt_to),
        "ask_at": uow.now if verdict.asks_again else _watch_at(uow, evidence, verdict, watched_until),
        "money_at": (evidence.paid_at or uow.now) if takes_money else None,
        "channel": evidence.channel,
        "instrument": evidence.instrument,
        "attempt_from": attempt.state,
        "attempt_event": verdict.attempt_event,
        "attempt_to": attempt_to,
        "order_from": order.state,
        "order_event": verdict.order_event,
        "order_to": order_to,
    }
    uow.run(queries.APPLY, values)
    return values["evidence_id"]


def _watched_until(
    attempt: AttemptView, attempt_to: str | None, evidence: Evidence, watch: timedelta
) -> datetime | None:
    # Nobody will tell us when money comes to an attempt that lapsed at such a provider: we go on asking. Its state stays.
    is_lapsed = (attempt_to or attempt.state) == AttemptState.EXPIRED
    is_answer = evidence.source is EvidenceSource.STATUS_QUERY
    return attempt.expires_at + watch if watch and is_lapsed and is_answer else None


def _watch_at(
    uow: UnitOfWork, evidence: Evidence, verdict: Verdict, watched_until: datetime | None
) -> datetime | None:
    denies = evidence.outcome is Outcome.NOT_SENT and verdict.effect in (Effect.LAPSED, Effect.REPEATED)
    return next_watch_at(now=uow.now, until=watched_until) if watched_until and denies else None


def _keeps_schedule(
    uow: UnitOfWork,
    attempt: AttemptView,
    evidence: Evidence,
    verdict: Verdict,
    watched_until: datetime | None,
) -> bool:
    """Whether an attempt that has ended is still asked about when it was to be."""
    if attempt.state in TOOK_MONEY or verdict.attempt_event is not None:
        return False
    if evidence.source.rank < EvidenceSource.STATUS_QUERY.rank:
        return True  # a weaker word does not answer the question that is still to be put
    if verdict.effect is Effect.DOUBTED and watched_until and uow.now < watched_until:
        return True
    # An attempt that was given up is asked about again only because something spoke of money, or because it is watched.
    # Silence then is no answer, but neither is it asked about for ever: the statement decides.
    is_silence = evidence.source is EvidenceSource.STATUS_QUERY and evidence.outcome is Outcome.UNKNOWN
    return is_silence and attempt.queries < QUERIES_AFTER_END_MAX


def _book(
    uow: UnitOfWork, order: OrderRow, attempt: AttemptView, evidence: Evidence, verdict: Verdict
) -> bool:
    """Book the money; False when the provider's transaction stands in the books already, and nothing is written."""
    assert evidence.amount is not None
    if verdict.books_capture:
        template = "payment_captured"
        lines = order_lines(uow, order.id)
        legs = capture_legs(attempt.money, ((line.amount, line.beneficiary_account) for line in lines))
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


def _capture(uow: UnitOfWork, order: OrderRow, attempt: AttemptView, evidence: Evidence) -> None:
    obligations.mark_paid(uow, obligations_of(uow, order.id), order_id=order.id)
    announce_order(
        uow,
        order,
        "paid",
        status=OrderState.PAID,
        sequence=order.event_sequence + 1,
        provider_account=attempt.provider_account,
        paid_at=evidence.paid_at or uow.now,
    )


def open_case(
    uow: UnitOfWork, attempt: AttemptView | None, evidence: Evidence, evidence_id: UUID, kind: CaseKind
) -> None:
    """Open a case with its proposal; the same case again is the same."""
    money = evidence.amount
    values = (
        new_uuid(),
        kind,
        evidence.provider_account,
        evidence.attempt_ref,
        evidence.provider_ref or "",
        attempt.order_id if attempt else None,
        attempt.id if attempt else None,
        evidence_id,
        money.amount if money else None,
        money.currency if money else None,
        _PROPOSALS[kind],
        uow.now,
    )
    uow.run(queries.OPEN_CASE, values)


def keep_unmatched(uow: UnitOfWork, evidence: Evidence) -> Applied:
    """Keep evidence that is about no attempt of ours, whatever it names; money that is nobody's opens a case."""
    values = _evidence_values(uow, evidence)
    uow.run(queries.KEEP_UNMATCHED, values)
    is_money = evidence.outcome is Outcome.CONFIRMED and has_amount(evidence)
    if is_money and evidence.source is not EvidenceSource.STATEMENT:
        # A statement's unknown line becomes a discrepancy of the night; from anybody else only this case tells.
        open_case(uow, None, evidence, values["evidence_id"], CaseKind.UNKNOWN_ATTEMPT)
    return Applied(
        effect=Effect.UNMATCHED,
        verdict=CallbackVerdict.ORDER_NOT_FOUND,
        evidence_id=values["evidence_id"],
    )


def _evidence_values(uow: UnitOfWork, evidence: Evidence) -> dict:
    return {
        "evidence_id": new_uuid(),
        "provider_account": evidence.provider_account,
        "attempt_ref": evidence.attempt_ref,
        "source": evidence.source,
        "outcome": evidence.outcome,
        "provider_ref": evidence.provider_ref,
        "evidence_amount": evidence.amount.amount if evidence.amount else None,
        "evidence_currency": evidence.amount.currency if evidence.amount else None,
        "merchant_account": evidence.merchant_account,
        "paid_at": evidence.paid_at,
        "paid_at_raw": evidence.paid_at_raw,
        "detail_code": evidence.detail_code,
        "at": uow.now,
    }


def audit_evidence(
    uow: UnitOfWork, order: OrderRow, attempt: AttemptView, evidence: Evidence, verdict: Verdict
) -> None:
    """Say in the trail what a source's word did."""
    record(
        uow,
        actor_type="provider" if evidence.source is not EvidenceSource.OPERATOR else "staff",
        actor=attempt.provider_account,
        action=f"payment_attempt.{verdict.attempt_event or 'contested'}",
        object_type="payment_order",
        object_id=order.order_ref,
        facts={
            "attempt_ref": attempt.attempt_ref,
            "source": evidence.source,
            "effect": verdict.effect,
            "amount": evidence.amount.amount if evidence.amount else None,
        },
    )


def _answer(verdict: Verdict, order: OrderRow) -> CallbackVerdict:
    if verdict.case in (CaseKind.AMOUNT_MISMATCH, CaseKind.CURRENCY_MISMATCH):
        return CallbackVerdict.AMOUNT_MISMATCH
    if verdict.effect in (Effect.REPEATED, Effect.OVERRULED) and order.state == OrderState.PAID:
        return CallbackVerdict.ALREADY_KNOWN
    return CallbackVerdict.ACCEPTED
