"""Asks for refunds and takes every word about them; books money that went back. Callers hold the transaction.

`sending` talks to providers, the reconciliation brings what statements say; both come through `apply_refund_evidence`.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from psycopg.errors import CheckViolation

from payclear.audit.service import record
from payclear.contract.manifest import Capability, Manifest
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.contract.registry import ProviderRegistry
from payclear.db.uow import UnitOfWork
from payclear.jobs.queue import wake
from payclear.kernel.clock import vietnam_date
from payclear.kernel.ids import new_uuid
from payclear.kernel.money import Money
from payclear.ledger.domain import Entry, refund_key, refund_legs, suspense_refund_legs
from payclear.ledger.service import book
from payclear.obligations import service as obligations
from payclear.obligations.domain import LineType
from payclear.obligations.giving_back import end_refunded
from payclear.obligations.records import RefundedPart
from payclear.orders.checkout import get_attempt
from payclear.orders.domain import HOLDS_MONEY, AttemptState, next_query_at
from payclear.orders.parts import parts_in
from payclear.orders.records import AttemptView, OrderRow
from payclear.orders.service import lock_order, note_refund, order_lines, parts_of, release_some
from payclear.refunds import queries
from payclear.refunds.announcements import announce_refund
from payclear.refunds.domain import (
    DECIDED,
    REASON_LENGTH_MAX,
    REFUND_STATES,
    RefundEffect,
    RefundState,
    RefundVerdict,
    borne_by,
    judge_refund,
    may_be_asked,
    new_refund_ref,
    shares_of,
)
from payclear.refunds.errors import (
    AttemptNotFound,
    NothingToRefund,
    RefundAmountInvalid,
    RefundExceedsCapture,
    RefundNotFound,
    RefundReasonMissing,
    RefundUnsupported,
)
from payclear.refunds.records import RefundApplied, RefundView

_GUARD = "refund_within_capture"


def request_refund(
    uow: UnitOfWork,
    *,
    providers: ProviderRegistry,
    attempt_ref: str,
    amount: Money,
    reason: str,
    requested_by: str,
) -> RefundView:
    """Ask to give money of an attempt back; a job sends it. `reason` goes to the provider: nothing personal may be in it.

    Raises AttemptNotFound, NothingToRefund, RefundAmountInvalid, RefundReasonMissing, RefundExceedsCapture,
    RefundUnsupported, UnknownProviderAccount.
    """
    found = uow.run(queries.ATTEMPT_OF_REF, (attempt_ref,)).fetchone()
    if found is None:
        raise AttemptNotFound("no such attempt", attempt_ref=attempt_ref[:40])
    attempt_id, order_id = found
    order = lock_order(uow, order_id)
    attempt = get_attempt(uow, attempt_id)
    if attempt.state not in HOLDS_MONEY:
        raise NothingToRefund("the attempt holds no money", attempt_ref=attempt_ref, state=attempt.state)
    captured, asked, refunds = uow.one(queries.STANDING, {"attempt": attempt_id})
    if attempt.state == AttemptState.SUCCEEDED:
        asked += uow.one(queries.GIVEN_BY_AGENCY, (order_id,))[0]
    _check(amount, reason, attempt, captured=captured, asked=asked)
    _require_ability(providers, attempt, is_part=amount.amount != captured)
    refund_id = new_uuid()
    values = {
        "id": refund_id,
        "refund_ref": new_refund_ref(attempt_ref, refunds + 1),
        "attempt_id": attempt_id,
        "order_id": order_id,
        "provider_account": attempt.provider_account,
        "amount": amount.amount,
        "currency": amount.currency,
        "reason": reason.strip(),
        "requested_by": requested_by,
        "at": uow.now,
    }
    try:
        uow.run(queries.INSERT, values)
    except CheckViolation as error:
        if error.diag.constraint_name != _GUARD:
            raise
        raise RefundExceedsCapture("refused by the database's guard", attempt_ref=attempt_ref) from error
    note_refund(uow, attempt_id)
    wake(uow, "refunds.send_due")
    made = get_refund(uow, refund_id)
    _audit(uow, order, made, "requested", actor_type="staff", actor=requested_by)
    return made


def _check(amount: Money, reason: str, attempt: AttemptView, *, captured: int, asked: int) -> None:
    if not amount.is_positive or amount.currency != attempt.currency:
        raise RefundAmountInvalid("not an amount to give back", field="amount")
    if not 1 <= len(reason.strip()) <= REASON_LENGTH_MAX:
        raise RefundReasonMissing("say why", field="reason")
    if asked + amount.amount > captured:
        raise RefundExceedsCapture(
            "more than the attempt brought", attempt_ref=attempt.attempt_ref, captured=captured, asked=asked
        )


def _require_ability(providers: ProviderRegistry, attempt: AttemptView, *, is_part: bool) -> None:
    can = providers.get(attempt.provider_account).provider.manifest.capabilities
    needed = {Capability.REFUND, Capability.PARTIAL_REFUND} if is_part else {Capability.REFUND}
    if not needed <= can:
        raise RefundUnsupported(
            "the provider has no such refund", provider_account=attempt.provider_account, is_part=is_part
        )


def get_refund(uow: UnitOfWork, refund_id: UUID) -> RefundView:
    """Return one refund; raises RefundNotFound."""
    return _one(uow, queries.BY_ID, refund_id)


def find_refund(uow: UnitOfWork, refund_ref: str) -> RefundView | None:
    """The refund of our reference, or None."""
    rows = uow.rows(RefundView, queries.BY_REF, (refund_ref,))
    return rows[0] if rows else None


def newest_refunds(uow: UnitOfWork, *, limit: int = 50) -> list[RefundView]:
    """The newest refunds first."""
    return uow.rows(RefundView, queries.NEWEST, (limit,))


def lock_refund(uow: UnitOfWork, refund_id: UUID) -> tuple[OrderRow, RefundView]:
    """Lock a refund by its order's lock, until the transaction ends; raises RefundNotFound."""
    order = lock_order(uow, get_refund(uow, refund_id).order_id)
    return order, get_refund(uow, refund_id)


def begin_call(uow: UnitOfWork, refund_id: UUID, *, back_at: datetime) -> RefundView | None:
    """Record that the provider is about to be called; None when the refund is not to be sent (any more).

    From this commit on the refund may have been made: it is in doubt, and is looked at again at `back_at`.
    """
    _order, refund = lock_refund(uow, refund_id)
    if refund.standing is not RefundState.REQUESTED:
        return None
    _move(uow, refund, "called", next_at=back_at, counts=1, asked_at=uow.now)
    return get_refund(uow, refund_id)


def begin_query(uow: UnitOfWork, refund_id: UUID, manifest: Manifest) -> RefundView | None:
    """Count a question about a refund and set when to ask next, should no answer come; None when nothing is to be asked.

    Where the provider can not be asked, nobody is asked any more and the statement decides, or a person.
    """
    _order, refund = lock_refund(uow, refund_id)
    if refund.standing not in (RefundState.SENT, RefundState.IN_DOUBT):
        return None
    if not may_be_asked(manifest, is_numbered=refund.provider_ref is not None):
        uow.run(queries.RESCHEDULE, (None, None, refund_id))
        return None
    uow.run(queries.COUNT_QUERY, (next_query_at(asked=refund.queries, now=uow.now), refund_id))
    return refund


def put_off(uow: UnitOfWork, refund_id: UUID, *, until: datetime) -> None:
    """Send, or ask about, an undecided refund later: its provider can not be called now."""
    _order, refund = lock_refund(uow, refund_id)
    if refund.state not in DECIDED:
        uow.run(queries.RESCHEDULE, (until, None, refund_id))


def captured_by(uow: UnitOfWork, attempt: AttemptView) -> Money:
    """What the books hold of an attempt's money."""
    captured, _asked, _count = uow.one(queries.STANDING, {"attempt": attempt.id})
    return Money(captured, attempt.currency)


def apply_refund_evidence(
    uow: UnitOfWork,
    *,
    outcome: Outcome,
    source: EvidenceSource,
    refund_id: UUID | None = None,
    refund_ref: str = "",
    provider_ref: str | None = None,
    amount: Money | None = None,
    detail_code: str | None = None,
    occurred_at: datetime | None = None,
    may_ask: bool = True,
) -> RefundApplied:
    """Apply one statement about a refund: the one door for refunds.

    `amount` is what the source says went back, where it says so; another amount than ours changes nothing (CONTESTED).
    `may_ask`: the provider can be asked what became of it. Raises RefundNotFound.
    """
    if refund_id is None:
        refund_id = _one(uow, queries.BY_REF, refund_ref).id
    order, refund = lock_refund(uow, refund_id)
    verdict = judge_refund(refund.standing, outcome, source=source, known_rank=refund.evidence_rank)
    if amount is not None and amount != refund.money:
        verdict = RefundVerdict(RefundEffect.CONTESTED)
    if verdict.event == "done" and not _may_be_done(uow, refund):
        verdict = RefundVerdict(RefundEffect.CONTESTED)
    if verdict.event is None:
        _keep_undecided(uow, order, refund, verdict, provider_ref, outcome, source, may_ask)
        return RefundApplied(effect=verdict.effect, refund=get_refund(uow, refund_id))
    to = REFUND_STATES.next(refund.state, verdict.event).to
    _move(
        uow,
        refund,
        verdict.event,
        next_at=_next_at(uow, refund, RefundState(to), may_ask=may_ask),
        rank=source.rank if to in DECIDED else -1,
        source=source,
        provider_ref=provider_ref,
        detail_code=detail_code,
    )
    moved = get_refund(uow, refund_id)
    if to == RefundState.DONE:
        _book(uow, order, moved, occurred_at or uow.now)
    elif to == RefundState.REJECTED:
        obligations.return_proposals(uow, parts_of(uow, order.id))
    if to in DECIDED:
        announce_refund(uow, order, moved)
    _audit(uow, order, moved, verdict.event, actor_type="provider", actor=moved.provider_account)
    return RefundApplied(effect=verdict.effect, refund=moved)


def _may_be_done(uow: UnitOfWork, refund: RefundView) -> bool:
    """A rejected refund gave its amount free: when others took it, its late success needs a person."""
    if refund.standing is not RefundState.REJECTED:
        return True
    captured, asked, _count = uow.one(queries.STANDING, {"attempt": refund.attempt_id})
    return bool(asked + refund.amount <= captured)


def _keep_undecided(
    uow: UnitOfWork,
    order: OrderRow,
    refund: RefundView,
    verdict: RefundVerdict,
    provider_ref: str | None,
    outcome: Outcome,
    source: EvidenceSource,
    may_ask: bool,
) -> None:
    if refund.state not in DECIDED:
        next_at = _next_at(uow, refund, refund.standing, may_ask=may_ask)
        uow.run(queries.RESCHEDULE, (next_at, provider_ref, refund.id))
    if verdict.effect is RefundEffect.CONTESTED:
        facts = {"outcome": outcome.value, "source": source.value}
        actor = refund.provider_account
        _audit(uow, order, refund, "contested", actor_type="provider", actor=actor, facts=facts)


def _next_at(uow: UnitOfWork, refund: RefundView, to: RefundState, *, may_ask: bool) -> datetime | None:
    if to in DECIDED or (to is not RefundState.REQUESTED and not may_ask):
        return None
    return next_query_at(asked=max(refund.queries - 1, 0), now=uow.now)


def _move(
    uow: UnitOfWork,
    refund: RefundView,
    event: str,
    *,
    next_at: datetime | None,
    counts: int = 0,
    asked_at: datetime | None = None,
    rank: int = -1,
    source: EvidenceSource | None = None,
    provider_ref: str | None = None,
    detail_code: str | None = None,
) -> None:
    to = REFUND_STATES.next(refund.state, event).to
    uow.run(
        queries.MOVE,
        {
            "id": refund.id,
            "from": refund.state,
            "event": event,
            "to": to,
            "next_at": next_at,
            "counts": counts,
            "asked_at": asked_at,
            "rank": rank,
            "source": source,
            "provider_ref": provider_ref,
            "detail_code": detail_code,
            "decided_at": uow.now if to in DECIDED else None,
            "at": uow.now,
        },
    )


def _book(uow: UnitOfWork, order: OrderRow, refund: RefundView, at: datetime) -> None:
    """Book money that went back: from what we owe the beneficiaries, or out of suspense for money no order took."""
    attempt = get_attempt(uow, refund.attempt_id)
    if attempt.state == AttemptState.SUCCEEDED:
        given = _tell_obligations(uow, order, refund, attempt)
        remainders = uow.run(queries.REMAINDERS, (order.id, attempt.id)).fetchall()
        legs = refund_legs(refund.money, _borne(uow, order, refund, given, remainders))
    else:
        legs = suspense_refund_legs(refund.money)
    entry = Entry(
        template="refund_paid",
        natural_key=refund_key(refund.provider_account, refund.refund_ref),
        provider_account=refund.provider_account,
        business_on=vietnam_date(at),
        legs=legs,
        order_id=order.id,
        attempt_id=attempt.id,
    )
    booked = book(uow, entry)
    assert booked is not None, "a refund becomes done once"


def _borne(
    uow: UnitOfWork,
    order: OrderRow,
    refund: RefundView,
    given: Sequence[RefundedPart],
    remainders: Sequence[tuple[str, int]],
) -> tuple[tuple[Money, str], ...]:
    """Who bears a refund: what a fine gave back comes from its own accounts, and what is no fine's from the others."""
    if not given:
        return shares_of(refund.money, remainders)
    lines = order_lines(uow, order.id)
    fines = {part.obligation_id for part in parts_in(lines) if part.is_fine}
    claims = []
    for part in given:
        own = [line for line in lines if line.obligation_id == part.obligation_id and line.amount.is_positive]
        for amount, is_late in ((part.principal, False), (part.surcharge, True)):
            accounts = [
                (line.beneficiary_account, line.amount.amount)
                for line in own
                if (line.type == LineType.LATE_SURCHARGE) is is_late
            ]
            if amount.is_positive and accounts:
                claims.append((amount, accounts))
    rest = refund.money.amount - sum(part.principal.amount + part.surcharge.amount for part in given)
    others = [
        (line.beneficiary_account, line.amount.amount)
        for line in lines
        if line.obligation_id not in fines and line.amount.is_positive
    ]
    if rest and others:
        claims.append((Money(rest, refund.currency), others))
    return borne_by(refund.money, claims, remainders)


def _tell_obligations(
    uow: UnitOfWork, order: OrderRow, refund: RefundView, attempt: AttemptView
) -> list[RefundedPart]:
    """A fine whose money went back is owed again, unless it was paid too much; all else is refunded by the last of it."""
    (given,) = uow.one(queries.GIVEN, (attempt.id, refund.id))
    given_before = Money(given, refund.currency)
    parts, by = parts_of(uow, order.id), refund.provider_account
    given_back = obligations.record_refund(
        uow, parts, order_id=order.id, amount=refund.money, given_before=given_before, by=by
    )
    release_some(uow, order.id, [part.obligation_id for part in given_back if not part.is_paid])
    end_refunded(uow, parts, order_id=order.id, given=given_before + refund.money, by=by)
    return given_back


def _audit(
    uow: UnitOfWork,
    order: OrderRow,
    refund: RefundView,
    event: str,
    *,
    actor_type: str,
    actor: str,
    facts: dict[str, str] | None = None,
) -> None:
    record(
        uow,
        actor_type=actor_type,
        actor=actor,
        action=f"refund.{event}",
        object_type="payment_order",
        object_id=order.order_ref,
        facts={"refund_ref": refund.refund_ref, "amount": refund.amount, "state": refund.state}
        | (facts or {}),
    )


def _one(uow: UnitOfWork, sql: str, key: UUID | str) -> RefundView:
    rows = uow.rows(RefundView, sql, (key,))
    if not rows:
        raise RefundNotFound("no such refund")
    return rows[0]
