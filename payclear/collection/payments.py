"""Takes what a bank collected, takes it back, and says what became of it. Money that has moved is never turned away.

Called by `collection.service`, one transaction for each call; it is committed only when the answer says that something
was taken.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from payclear.collection import queries
from payclear.collection.bills import leads_to, leads_to_order, payment_code_in
from payclear.collection.domain import PaymentState, fingerprint_of, reversible_until
from payclear.collection.records import BillRow, PaymentRow, Reply
from payclear.contract.channels import Channel, Instrument
from payclear.contract.collection import CollectionAnswer, CollectionCall, CollectionVerdict
from payclear.contract.evidence import Evidence
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.contract.registry import ProviderLine
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.ids import new_uuid
from payclear.kernel.settings_schema import OrderSettings
from payclear.ledger.domain import Entry, capture_key, suspense_legs
from payclear.ledger.service import book
from payclear.obligations import service as obligations
from payclear.obligations.domain import ObligationState
from payclear.obligations.insurance.records import MonthsInAnotherNotice
from payclear.obligations.rules.insurance import InvalidContribution
from payclear.orders.collecting import Collected, hindrance, reverse_collected, take_collected
from payclear.orders.errors import ObligationHoldsMoney, ObligationInOrder, ObligationNotPayable
from payclear.orders.evidence import keep_unmatched
from payclear.orders.records import OrderView
from payclear.orders.service import (
    CreateOrder,
    create_order,
    find_by_payment_code,
    get_by_id,
    live_order_of,
)

_STATUSES = {
    PaymentState.ACCEPTED: CollectionVerdict.ACCEPTED,
    PaymentState.SUSPENDED: CollectionVerdict.SUSPENDED,
    PaymentState.REVERSED: CollectionVerdict.REVERSED,
}
_STATES = {
    CollectionVerdict.ACCEPTED: PaymentState.ACCEPTED,
    CollectionVerdict.SUSPENDED: PaymentState.SUSPENDED,
}


def pay(
    uow: UnitOfWork, line: ProviderLine, call: CollectionCall, *, message_id: UUID, settings: OrderSettings
) -> Reply:
    """Take a payment: its order is made now unless it stands already. The same payment again is ALREADY_KNOWN."""
    _lock(uow, line, call.bank_ref)
    known = _payment(uow, queries.PAYMENT, line, call.bank_ref)
    if known is not None:
        return Reply(answer=_known(uow, known, call))
    if _payment(uow, queries.PAYMENT_REVERSED_BY, line, call.bank_ref) is not None:
        return _reply(CollectionVerdict.REFERENCE_REUSED, call)
    if _was_taken_back_before(uow, line, call):
        return _reply(CollectionVerdict.REVERSED, call)
    bills = uow.rows(BillRow, queries.BILL, (line.code, call.bill_id))
    refusal = _refusal(uow, line, bills[0], call) if bills else CollectionVerdict.BILL_MISMATCH
    if refusal is not None and not call.money_moved:
        return _reply(refusal, call)
    order = None
    if bills and refusal is not CollectionVerdict.BILL_MISMATCH:
        order = _order_of_bill(uow, line, bills[0], call, settings)
    elif not bills:
        order = _order_of_transfer(uow, line, call)
    if isinstance(order, Reply):
        return order
    if order is None:
        return _suspend_unknown(uow, line, call, message_id)
    collected = take_collected(
        uow,
        order_id=order.id,
        line=line,
        evidence=_evidence(line, call, Outcome.CONFIRMED),
        money_moved=call.money_moved,
        attempts_max=settings.attempts_max,
    )
    if collected.verdict in _STATES:
        if collected.verdict is CollectionVerdict.ACCEPTED or order.payment_code == call.bill_id:
            uow.run(queries.SPEND_BILL, (order.id, line.code, call.bill_id))
        _record(uow, line, call, message_id, collected, order.id)
    answer = CollectionAnswer(verdict=collected.verdict, call=call, order_ref=order.order_ref)
    return Reply(answer=answer, in_doubt=order.live_attempt.id if order.live_attempt else None)


def reverse(uow: UnitOfWork, line: ProviderLine, call: CollectionCall, *, message_id: UUID) -> Reply:
    """Take a payment back for the bank, until the end of the business day on which it was taken.

    NOT_FOUND is final: the payment, should its message still be under way, is not taken any more.
    """
    _lock(uow, line, *sorted({call.original_ref, call.bank_ref}))
    payment = _payment(uow, queries.PAYMENT, line, call.original_ref)
    if payment is None:
        early = (line.code, call.original_ref, call.bank_ref, call.money_moved, message_id, uow.now)
        uow.run(queries.KEEP_EARLY_REVERSAL, early)
        return _reply(CollectionVerdict.NOT_FOUND, call)
    reversed_before = _payment(uow, queries.PAYMENT_REVERSED_BY, line, call.bank_ref)
    if reversed_before is not None:
        is_same = reversed_before.id == payment.id
        verdict = CollectionVerdict.ALREADY_KNOWN if is_same else CollectionVerdict.REFERENCE_REUSED
        return Reply(answer=_answer(uow, verdict, call, payment))
    if _payment(uow, queries.PAYMENT, line, call.bank_ref) is not None:
        return _reply(CollectionVerdict.REFERENCE_REUSED, call)
    verdict = _taken_back(uow, line, call, payment)
    return Reply(answer=_answer(uow, verdict, call, payment))


def status(uow: UnitOfWork, line: ProviderLine, call: CollectionCall) -> Reply:
    """Say what became of a payment, by the bank's reference of it or of its reversal."""
    payment = _payment(uow, queries.PAYMENT, line, call.bank_ref) or _payment(
        uow, queries.PAYMENT_REVERSED_BY, line, call.bank_ref
    )
    if payment is None:
        return _reply(CollectionVerdict.NOT_FOUND, call)
    return Reply(answer=_answer(uow, _STATUSES[PaymentState(payment.state)], call, payment))


def _refusal(
    uow: UnitOfWork, line: ProviderLine, bill: BillRow, call: CollectionCall
) -> CollectionVerdict | None:
    if call.document_no and not leads_to(uow, line, call.document_no, bill):
        return CollectionVerdict.BILL_MISMATCH
    if call.amount != bill.money:
        return CollectionVerdict.AMOUNT_MISMATCH
    if uow.now >= bill.valid_until and bill.order_id is None:
        return CollectionVerdict.NOT_PAYABLE
    return None


def _was_taken_back_before(uow: UnitOfWork, line: ProviderLine, call: CollectionCall) -> bool:
    """Whether the bank gave this money back before we heard of it, or was told that there was nothing to take back.

    Money that it holds after all, and can not give back, is taken: that reversal was refused, so it was none.
    """
    early = uow.run(queries.EARLY_REVERSAL, (line.code, call.bank_ref)).fetchone()
    return early is not None and (early[0] or not call.money_moved)


def _order_of_transfer(uow: UnitOfWork, line: ProviderLine, call: CollectionCall) -> OrderView | None:
    """The order that a transfer names by a payment code that no inquiry of this bank handed out."""
    for text in (call.bill_id, call.document_no):
        code = payment_code_in(text)
        order = find_by_payment_code(uow, code) if code is not None else None
        if order is not None:
            is_named = not call.document_no or leads_to_order(uow, line, call.document_no, order)
            return order if is_named else None
    return None


def _order_of_bill(
    uow: UnitOfWork, line: ProviderLine, bill: BillRow, call: CollectionCall, settings: OrderSettings
) -> OrderView | Reply | None:
    """The order that this payment goes to, made now when there is none; None: no order can be made any more."""
    if bill.order_id is not None:
        return get_by_id(uow, bill.order_id)
    assert bill.obligation_id is not None, "a bill is of an order or of an obligation"
    order = live_order_of(uow, bill.obligation_id)
    if order is None:
        try:
            # What the failed try had locked is free again: an order's lock comes before those of its obligations.
            with uow.savepoint():
                return _make_order(
                    uow, line, bill, bill.obligation_id, settings, money_moved=call.money_moved
                )
        except ObligationHoldsMoney:
            return _reply(CollectionVerdict.BEING_CONFIRMED, call)
        except (InvalidContribution, MonthsInAnotherNotice):  # its months can not be paid for any more
            return None if call.money_moved else _reply(CollectionVerdict.NOT_PAYABLE, call)
        except (ObligationInOrder, ObligationNotPayable):
            order = live_order_of(uow, bill.obligation_id)
        if order is None:
            return _closed(uow, bill.obligation_id, call)
    if call.money_moved or [document.obligation_id for document in order.documents] == [bill.obligation_id]:
        return order
    # Meanwhile the obligation stands in an order with others: the bank must ask for that order's bill.
    verdict = hindrance(uow, order, order.attempts) or CollectionVerdict.NOT_PAYABLE
    return _reply(verdict, call, in_doubt=order.live_attempt.id if order.live_attempt else None)


def _make_order(
    uow: UnitOfWork,
    line: ProviderLine,
    bill: BillRow,
    obligation_id: UUID,
    settings: OrderSettings,
    *,
    money_moved: bool,
) -> OrderView:
    (owed,) = obligations.find_many(uow, [obligation_id])
    command = CreateOrder(
        portal_code=owed.portal_code,
        portal_ref=f"counter-{bill.bill_id}",
        obligation_ids=(obligation_id,),
        return_url="",
        locale="vi",
        expires_in=timedelta(minutes=settings.default_expiry_minutes),
        actor=line.code,
        actor_type="provider",
        payment_code=bill.bill_id,
        despite_held_money=money_moved,
    )
    return create_order(uow, command)


def _closed(uow: UnitOfWork, obligation_id: UUID, call: CollectionCall) -> Reply | None:
    """Nothing is owed any more: money that has moved finds no order, any other is refused."""
    (owed,) = obligations.find_many(uow, [obligation_id])
    if owed.state is ObligationState.OPEN:
        raise LookupError("an obligation that was in an order a moment ago is in none")
    return None if call.money_moved else _reply(CollectionVerdict.NOT_PAYABLE, call)


def _suspend_unknown(uow: UnitOfWork, line: ProviderLine, call: CollectionCall, message_id: UUID) -> Reply:
    """Money of a bill that we do not know, or not under this number: evidence, a case, and suspense."""
    assert call.amount is not None, "an adapter reads no payment without an amount"
    evidence = _evidence(line, call, Outcome.CONFIRMED)
    entry = Entry(
        template="payment_suspended",
        natural_key=capture_key(line.code, call.bank_ref),
        provider_account=line.code,
        business_on=vietnam_date(evidence.paid_at or uow.now),
        legs=suspense_legs(call.amount),
    )
    if book(uow, entry) is None:
        return _reply(CollectionVerdict.REFERENCE_REUSED, call)
    keep_unmatched(uow, evidence)
    _record(uow, line, call, message_id, Collected(verdict=CollectionVerdict.SUSPENDED, order_ref=""), None)
    return _reply(CollectionVerdict.SUSPENDED, call)


def _taken_back(
    uow: UnitOfWork, line: ProviderLine, call: CollectionCall, payment: PaymentRow
) -> CollectionVerdict:
    if payment.state == PaymentState.REVERSED:
        return CollectionVerdict.REVERSED
    if call.amount is not None and call.amount != payment.money and not call.money_moved:
        return CollectionVerdict.AMOUNT_MISMATCH
    evidence = _evidence(line, call, Outcome.REJECTED, bill_id=payment.bill_id)
    if payment.attempt_id is None:
        # It never found an order; its case is open, and a person decides with this word beside it.
        if call.money_moved:
            keep_unmatched(uow, evidence)
        verdict = CollectionVerdict.TOO_LATE
    else:
        # Money in suspense is not its attempt's amount perhaps; what the bank took was compared above.
        is_suspended = payment.state == PaymentState.SUSPENDED
        verdict = reverse_collected(
            uow,
            attempt_id=payment.attempt_id,
            evidence=replace(evidence, amount=None) if is_suspended else evidence,
            until=payment.reversible_until,
            money_moved=call.money_moved,
        )
    if verdict is CollectionVerdict.ACCEPTED:
        uow.run(queries.RECORD_REVERSAL, (uow.now, call.bank_ref, payment.id))
    if verdict is CollectionVerdict.TOO_LATE and call.money_moved:
        return CollectionVerdict.SUSPENDED
    return verdict


def _known(uow: UnitOfWork, payment: PaymentRow, call: CollectionCall) -> CollectionAnswer:
    if payment.fingerprint != fingerprint_of(call):
        return CollectionAnswer(verdict=CollectionVerdict.REFERENCE_REUSED, call=call)
    verdict = _STATUSES[PaymentState(payment.state)]
    if verdict is CollectionVerdict.ACCEPTED:
        verdict = CollectionVerdict.ALREADY_KNOWN
    return _answer(uow, verdict, call, payment)


def _record(
    uow: UnitOfWork,
    line: ProviderLine,
    call: CollectionCall,
    message_id: UUID,
    collected: Collected,
    order_id: UUID | None,
) -> None:
    assert call.amount is not None, "an adapter reads no payment without an amount"
    values = {
        "id": new_uuid(),
        "provider_account": line.code,
        "bank_ref": call.bank_ref,
        "bill_id": call.bill_id,
        "order_id": order_id,
        "attempt_id": collected.attempt_id,
        "amount": call.amount.amount,
        "currency": call.amount.currency,
        "channel": call.channel or Channel.COUNTER_BRANCH,
        "instrument": call.instrument or Instrument.UNSTATED,
        "state": _STATES[collected.verdict],
        "fingerprint": fingerprint_of(call),
        "message_id": message_id,
        "at": uow.now,
        "reversible_until": reversible_until(call.paid_at or uow.now, cut_off=line.cut_off),
    }
    uow.run(queries.RECORD_PAYMENT, values)


def _evidence(line: ProviderLine, call: CollectionCall, outcome: Outcome, *, bill_id: str = "") -> Evidence:
    return Evidence(
        source=EvidenceSource.CALLBACK,
        outcome=outcome,
        provider_account=line.code,
        attempt_ref=bill_id or call.bill_id,
        provider_ref=call.bank_ref,
        amount=call.amount,
        merchant_account=call.merchant_account,
        paid_at=call.paid_at,
        paid_at_raw=call.paid_at_raw,
        channel=call.channel or Channel.COUNTER_BRANCH,
        instrument=call.instrument or Instrument.UNSTATED,
    )


def _lock(uow: UnitOfWork, line: ProviderLine, *references: str) -> None:
    for reference in references:
        uow.run(queries.LOCK_REFERENCE, (f"collection:{line.code}:{reference}",))


def _payment(uow: UnitOfWork, sql: str, line: ProviderLine, bank_ref: str) -> PaymentRow | None:
    rows: Sequence[PaymentRow] = uow.rows(PaymentRow, sql, (line.code, bank_ref))
    return rows[0] if rows else None


def _answer(
    uow: UnitOfWork, verdict: CollectionVerdict, call: CollectionCall, payment: PaymentRow
) -> CollectionAnswer:
    order_ref = get_by_id(uow, payment.order_id).order_ref if payment.order_id else ""
    return CollectionAnswer(
        verdict=verdict, call=call, order_ref=order_ref, at=payment.reversed_at or payment.accepted_at
    )


def _reply(verdict: CollectionVerdict, call: CollectionCall, *, in_doubt: UUID | None = None) -> Reply:
    return Reply(answer=CollectionAnswer(verdict=verdict, call=call), in_doubt=in_doubt)
