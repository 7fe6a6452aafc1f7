"""Writes what evidence did: its row, the attempt and the order that follow it, cases, the trail. Called by the doors.

Whoever calls holds the order's lock and has judged; nothing is decided here but when an attempt is asked about again.
"""

from datetime import datetime, timedelta
from uuid import UUID

from payclear.audit.service import record
from payclear.contract.evidence import Evidence
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.db.uow import UnitOfWork
from payclear.kernel.ids import new_uuid
from payclear.orders import queries
from payclear.orders.domain import (
    ATTEMPT_STATES,
    LIVE_STATES,
    ORDER_STATES,
    TOOK_MONEY,
    AttemptState,
    CaseKind,
    Effect,
    Verdict,
    next_watch_at,
)
from payclear.orders.records import AttemptView, OrderRow

QUERIES_AFTER_END_MAX = 24
NO_WATCH = timedelta(0)

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


def write_evidence(
    uow: UnitOfWork,
    order: OrderRow,
    attempt: AttemptView,
    evidence: Evidence,
    verdict: Verdict,
    *,
    rank: int | None = None,
    watch: timedelta = NO_WATCH,
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


def write_unmatched(uow: UnitOfWork, evidence: Evidence) -> UUID:
    """Write evidence that is about no attempt of ours; its id."""
    values = _evidence_values(uow, evidence)
    uow.run(queries.KEEP_UNMATCHED, values)
    return values["evidence_id"]


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
