"""Money that a bank takes at its own counters, machines and e-banking: may a bill be paid, it was paid, it is taken back.

Called by `collection` inside its transaction. The attempt is made here, when the bank speaks: nobody was sent anywhere
before. What a bank says goes through the one door like everybody else's word.
"""

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from uuid import UUID

from payclear.contract.collection import CollectionVerdict
from payclear.contract.evidence import Evidence
from payclear.contract.outcomes import EvidenceSource
from payclear.contract.registry import ProviderLine
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import at_vietnam, vietnam_date
from payclear.kernel.ids import attempt_ref, new_uuid
from payclear.ledger.domain import Entry, capture_key, reversal_key, reversal_legs
from payclear.ledger.service import attempt_booked_as, book, is_booked
from payclear.obligations import service as obligations
from payclear.orders import queries
from payclear.orders.announcements import announce_order
from payclear.orders.checkout import get_attempt
from payclear.orders.domain import (
    AttemptState,
    CaseKind,
    Effect,
    OrderState,
    Verdict,
    has_amount,
    next_query_at,
)
from payclear.orders.evidence import Due, apply_under_lock, due_of, standing_of
from payclear.orders.recording import audit_evidence, open_case, write_evidence
from payclear.orders.records import AttemptView, OrderRow, OrderView
from payclear.orders.service import (
    attempts_of,
    lock_order,
    obligations_of,
    order_lines,
    parts_of,
    release_obligations,
)
from payclear.orders.suspense import ended_order_with_money

_EFFECTS = {
    Effect.CAPTURED: CollectionVerdict.ACCEPTED,
    Effect.SUSPENDED: CollectionVerdict.SUSPENDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What became of a payment at a bank; without an attempt nothing was written."""

    verdict: CollectionVerdict
    order_ref: str
    attempt_ref: str | None = None
    attempt_id: UUID | None = None


class _ReferenceBooked(Exception):
    """The bank's reference was booked by another transaction between our look and our entry."""


def hindrance(
    uow: UnitOfWork,
    order: OrderRow | OrderView,
    attempts: list[AttemptView] | tuple[AttemptView, ...],
    *,
    at: datetime | None = None,
) -> CollectionVerdict | None:
    """Why an order can not be paid at a counter at a moment (now); None when it can."""
    states = {attempt.state for attempt in attempts}
    if order.state == OrderState.PAID or AttemptState.SUCCEEDED in states:
        return CollectionVerdict.ALREADY_PAID
    # Money that waits for a decision must not be paid a second time, whatever became of the order.
    if any(attempt.is_live for attempt in attempts) or AttemptState.SURPLUS in states:
        return CollectionVerdict.BEING_CONFIRMED
    if order.state != OrderState.OPEN or (at or uow.now) >= order.expires_at:
        return CollectionVerdict.NOT_PAYABLE
    return None


def take_collected(
    uow: UnitOfWork,
    *,
    order_id: UUID,
    line: ProviderLine,
    evidence: Evidence,
    money_moved: bool,
    attempts_max: int,
) -> Collected:
    """Take a payment that a bank tells of: make its attempt and apply the evidence, all under the order's lock.

    `evidence` is a confirmation with the bank's `provider_ref` and no `attempt_ref`. Unless `money_moved`, the bank waits
    for our word: what hinders the payment is answered and nothing is written. Money that has moved is taken in any case:
    ACCEPTED when it pays the order, else SUSPENDED. REFERENCE_REUSED: the bank's reference stands in the books already.
    """
    order = lock_order(uow, order_id)
    attempts = attempts_of(uow, order_id)
    # Money that moved in time pays an order that is still open, however late the bank's message is.
    hindered = hindrance(uow, order, attempts, at=evidence.paid_at if money_moved else None)
    if money_moved and hindered is CollectionVerdict.NOT_PAYABLE and _ended_with_its_quote(order):
        hindered = None  # yesterday's quote: the policy for late quotes decides
    due = due_of(uow, order, evidence) if hindered is None else Due()
    if due.arrival.is_refused:
        hindered = CollectionVerdict.NOT_PAYABLE
    if hindered is None and not money_moved:
        owed = obligations_of(uow, order_id)
        if ended_order_with_money(uow, owed, since=order.created_at) is not None:
            hindered = CollectionVerdict.BEING_CONFIRMED
    refusal = _refusal(order, line, evidence, hindered, money_moved=money_moved)
    if refusal is None and is_booked(uow, capture_key(line.code, evidence.provider_ref or "")):
        refusal = CollectionVerdict.REFERENCE_REUSED
    if refusal is not None:
        return Collected(verdict=refusal, order_ref=order.order_ref)
    try:
        with uow.savepoint():
            return _take(uow, order, attempts, line, evidence, hindered is not None, attempts_max, due=due)
    except _ReferenceBooked:
        return Collected(verdict=CollectionVerdict.REFERENCE_REUSED, order_ref=order.order_ref)


def _ended_with_its_quote(order: OrderRow) -> bool:
    """Whether an open order is past its time only because its quote held until midnight."""
    end = at_vietnam(order.quoted_on + timedelta(days=1), time.min)
    return order.state == OrderState.OPEN and order.expires_at == end


def _refusal(
    order: OrderRow,
    line: ProviderLine,
    evidence: Evidence,
    hindered: CollectionVerdict | None,
    *,
    money_moved: bool,
) -> CollectionVerdict | None:
    if not evidence.provider_ref or not has_amount(evidence):
        return CollectionVerdict.MALFORMED
    if money_moved:
        return None
    if hindered is not None:
        return hindered
    assert evidence.amount is not None
    if (evidence.amount.amount, evidence.amount.currency) != (order.amount, order.currency):
        return CollectionVerdict.AMOUNT_MISMATCH
    if evidence.merchant_account not in (None, line.provider.merchant_account(line.account)):
        return CollectionVerdict.BILL_MISMATCH
    return None


def _take(
    uow: UnitOfWork,
    order: OrderRow,
    attempts: list[AttemptView],
    line: ProviderLine,
    evidence: Evidence,
    is_hindered: bool,
    attempts_max: int,
    *,
    due: Due,
) -> Collected:
    assert evidence.amount is not None
    # An order of nothing was paid at a counter all the same: the attempt is for what came, and it comes to suspense.
    asked = order.amount or evidence.amount.amount
    attempt = _make_attempt(uow, order, len(attempts) + 1, line, amount=asked, is_hindered=is_hindered)
    standing = standing_of(order, attempt, attempts, uow.now, attempts_max, is_hindered=is_hindered)
    named = replace(evidence, attempt_ref=attempt.attempt_ref)
    applied = apply_under_lock(uow, order, attempt, named, standing, due=due)
    if applied.case is CaseKind.REFERENCE_REUSED:
        raise _ReferenceBooked
    return Collected(
        verdict=_EFFECTS[applied.effect],
        order_ref=order.order_ref,
        attempt_ref=attempt.attempt_ref,
        attempt_id=attempt.id,
    )


def _make_attempt(
    uow: UnitOfWork, order: OrderRow, number: int, line: ProviderLine, *, amount: int, is_hindered: bool
) -> AttemptView:
    """The attempt of a payment at a counter, `created` as its history has it; see INSERT_ATTEMPT for the hindered one."""
    attempt_id = new_uuid()
    values = {
        "id": attempt_id,
        "order_id": order.id,
        "number": number,
        "attempt_ref": attempt_ref(order.order_ref, number),
        "provider_account": line.code,
        "state": AttemptState.SURPLUS if is_hindered else AttemptState.CREATED,
        "amount": amount,
        "currency": order.currency,
        "merchant_account": line.provider.merchant_account(line.account),
        "ask_at": next_query_at(asked=0, now=uow.now),
        "at": uow.now,
        "expires_at": max(order.expires_at, uow.now),
        # What the adapter is for, until evidence of money says it better.
        "channel": line.provider.manifest.channel,
        "instrument": line.provider.manifest.instrument,
    }
    uow.run(queries.INSERT_ATTEMPT, values)
    return replace(get_attempt(uow, attempt_id), state=AttemptState.CREATED)


def reverse_collected(
    uow: UnitOfWork,
    *,
    attempt_id: UUID,
    evidence: Evidence,
    until: datetime | None,
    money_moved: bool = False,
) -> CollectionVerdict:
    """Take a payment back for the bank that took it: the order is reversed, its obligations may be paid again.

    `evidence.provider_ref` is the bank's reference of the reversal; `until` is the end of the time in which the bank may
    ask (None: no limit of time). ACCEPTED; ALREADY_KNOWN for the same reversal again; TOO_LATE once the payment is
    settled, being refunded, reversed under another reference, in suspense, or `until` is over; REFERENCE_REUSED,
    AMOUNT_MISMATCH, NOT_FOUND (a payment of another bank). Of money that went back all the same (`money_moved`), also
    of a part, a case is opened and the answer is TOO_LATE.
    """
    order = lock_order(uow, get_attempt(uow, attempt_id).order_id)
    attempt = get_attempt(uow, attempt_id)
    if evidence.provider_account != attempt.provider_account:
        return CollectionVerdict.NOT_FOUND
    is_part = evidence.amount is not None and evidence.amount != attempt.money
    if is_part and not money_moved:
        return CollectionVerdict.AMOUNT_MISMATCH
    named = replace(evidence, attempt_ref=attempt.attempt_ref)
    key = reversal_key(attempt.provider_account, evidence.provider_ref or attempt.attempt_ref)
    if attempt.state == AttemptState.REVERSED and attempt_booked_as(uow, key) == attempt.id:
        return CollectionVerdict.ALREADY_KNOWN
    if is_part or not _may_be_taken_back(uow, attempt, until):
        if money_moved:
            _note_taken_back(uow, order, attempt, named)
        return CollectionVerdict.TOO_LATE
    if not _book_reversal(uow, order, attempt, key):
        return CollectionVerdict.REFERENCE_REUSED
    verdict = Verdict(effect=Effect.REVERSED, attempt_event="reversed", order_event="reversed")
    write_evidence(uow, order, attempt, named, verdict)
    parts = parts_of(uow, order.id)
    obligations.take_back(uow, parts, order_id=order.id, by=attempt.provider_account)
    release_obligations(uow, order.id)
    announce_order(
        uow,
        order,
        "reversed",
        status=OrderState.REVERSED,
        sequence=order.event_sequence + 1,
        provider_account=attempt.provider_account,
        reversed_at=uow.now,
    )
    audit_evidence(uow, order, attempt, named, verdict)
    return CollectionVerdict.ACCEPTED


def _may_be_taken_back(uow: UnitOfWork, attempt: AttemptView, until: datetime | None) -> bool:
    rank, is_refunded = uow.one(queries.LOCK_FOR_REVERSAL, (attempt.id,))
    is_settled = rank >= EvidenceSource.STATEMENT.rank
    is_over = until is not None and uow.now >= until
    return attempt.state == AttemptState.SUCCEEDED and not (is_settled or is_over or is_refunded)


def _book_reversal(uow: UnitOfWork, order: OrderRow, attempt: AttemptView, key: str) -> bool:
    lines = order_lines(uow, order.id)
    entry = Entry(
        template="payment_reversed",
        natural_key=key,
        provider_account=attempt.provider_account,
        business_on=vietnam_date(uow.now),
        legs=reversal_legs(attempt.money, ((line.amount, line.beneficiary_account) for line in lines)),
        order_id=order.id,
        attempt_id=attempt.id,
    )
    return book(uow, entry) is not None


def _note_taken_back(uow: UnitOfWork, order: OrderRow, attempt: AttemptView, evidence: Evidence) -> None:
    """The bank gave the money back although we may not: the books stay, a person decides."""
    verdict = Verdict(effect=Effect.OVERRULED, case=CaseKind.REVERSED_AFTER_CAPTURE)
    evidence_id = write_evidence(uow, order, attempt, evidence, verdict)
    open_case(uow, attempt, evidence, evidence_id, CaseKind.REVERSED_AFTER_CAPTURE)
    audit_evidence(uow, order, attempt, evidence, verdict)
