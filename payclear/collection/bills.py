"""Finds what a citizen's number asks and hands out bills. An inquiry makes no order and blocks nobody.

Called by `collection.service` inside its transaction.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from payclear.collection import queries
from payclear.collection.domain import MOST_TELLING, bill_holds_until, masked_name
from payclear.collection.records import BillRow, Reply
from payclear.contract.collection import CollectedBill, CollectionAnswer, CollectionCall, CollectionVerdict
from payclear.contract.registry import ProviderLine
from payclear.db.uow import UnitOfWork
from payclear.i18n.memos import strip_accents
from payclear.i18n.texts import translate
from payclear.kernel.clock import vietnam_date
from payclear.kernel.money import Money
from payclear.kernel.payment_code import is_payment_code, new_payment_code
from payclear.obligations import service as obligations
from payclear.obligations.domain import PAYABLE_STATES, ObligationState
from payclear.obligations.obligors import obligor_names
from payclear.obligations.records import ObligationView
from payclear.obligations.rules.insurance import InvalidContribution
from payclear.orders.collecting import hindrance
from payclear.orders.domain import OrderState
from payclear.orders.records import OrderView
from payclear.orders.service import find_by_payment_code, live_order_of, obligations_of
from payclear.orders.suspense import ended_order_with_money, money_came_since
from payclear.security.sealed import Sealer

_SEPARATORS = re.compile(r"[\s.\-]")
DESCRIPTION_MAX = 200


@dataclass(frozen=True, slots=True)
class _Found:
    """What one order or obligation came to: a bill, or why there is none."""

    bill: CollectedBill | None = None
    verdict: CollectionVerdict = CollectionVerdict.BILL_FOUND
    order: OrderView | None = None


def inquire(uow: UnitOfWork, line: ProviderLine, call: CollectionCall, *, sealer: Sealer) -> Reply:
    """Answer an inquiry by payment code, dossier code or decision number with every bill that can be paid now."""
    found = _by_payment_code(uow, line, call, sealer)
    if found is None:
        owed = obligations.find_by_number(uow, call.document_no)
        found = _of_obligations(uow, line, owed, call, sealer)
    bills = tuple(each.bill for each in found if each.bill is not None)
    if bills:
        order_ref = found[0].order.order_ref if len(found) == 1 and found[0].order else ""
        answer = CollectionAnswer(
            verdict=CollectionVerdict.BILL_FOUND, call=call, bills=bills, order_ref=order_ref
        )
        return Reply(answer=answer)
    verdicts = [each.verdict for each in found]
    verdict = next((each for each in MOST_TELLING if each in verdicts), CollectionVerdict.NOT_FOUND)
    return Reply(answer=CollectionAnswer(verdict=verdict, call=call), in_doubt=_in_doubt(found))


def leads_to(uow: UnitOfWork, line: ProviderLine, document_no: str, bill: BillRow) -> bool:
    """Whether a number is one under which this bill is handed out: of its order, or of a document in it."""
    asked_for = {bill.obligation_id} if bill.order_id is None else set(obligations_of(uow, bill.order_id))
    return _names_one_of(uow, line, document_no, asked_for)


def leads_to_order(uow: UnitOfWork, line: ProviderLine, document_no: str, order: OrderView) -> bool:
    """Whether a number is one under which this order is found."""
    return _names_one_of(uow, line, document_no, {document.obligation_id for document in order.documents})


def _names_one_of(
    uow: UnitOfWork, line: ProviderLine, document_no: str, asked_for: set[UUID | None] | set[UUID]
) -> bool:
    code = payment_code_in(document_no)
    order = find_by_payment_code(uow, code) if code is not None else None
    if order is not None:
        return bool(asked_for & {document.obligation_id for document in order.documents})
    owed = _handed_out(uow, line, code) if code is not None else []
    return bool(asked_for & {each.id for each in owed or obligations.find_by_number(uow, document_no)})


def payment_code_in(text: str) -> str | None:
    """The payment code that a text is, written with spaces, dots or dashes perhaps; None for anything else."""
    digits = _SEPARATORS.sub("", text)
    return digits if is_payment_code(digits) else None


def _by_payment_code(
    uow: UnitOfWork, line: ProviderLine, call: CollectionCall, sealer: Sealer
) -> list[_Found] | None:
    code = payment_code_in(call.document_no)
    if code is None:
        return None
    order = find_by_payment_code(uow, code)
    if order is not None and order.state is OrderState.REVERSED:
        # The teller had taken the wrong bill: what this code stood for is owed again.
        owed = obligations.find_many(uow, [document.obligation_id for document in order.documents])
        return _of_obligations(uow, line, owed, call, sealer)
    if order is not None:
        return [_of_order(uow, line, order, call, sealer)]
    owed = _handed_out(uow, line, code)
    return _of_obligations(uow, line, owed, call, sealer) if owed else None


def _handed_out(uow: UnitOfWork, line: ProviderLine, code: str) -> list[ObligationView]:
    """What a bill of this bank stands for that has no order yet: its code is on the citizen's slip."""
    bills = uow.rows(BillRow, queries.BILL, (line.code, code))
    return obligations.find_many(
        uow, [bill.obligation_id for bill in bills if bill.obligation_id is not None]
    )


def _of_obligations(
    uow: UnitOfWork, line: ProviderLine, owed: Sequence[ObligationView], call: CollectionCall, sealer: Sealer
) -> list[_Found]:
    found: dict[UUID, _Found] = {}
    for obligation in owed:
        order = live_order_of(uow, obligation.id)
        if order is None:
            found[obligation.id] = _of_obligation(uow, line, obligation, call, sealer)
        elif order.id not in found:
            found[order.id] = _of_order(uow, line, order, call, sealer)
    return list(found.values())


def _of_order(
    uow: UnitOfWork, line: ProviderLine, order: OrderView, call: CollectionCall, sealer: Sealer
) -> _Found:
    verdict = hindrance(uow, order, order.attempts)
    if verdict is None and money_came_since(uow, order):
        verdict = CollectionVerdict.BEING_CONFIRMED
    if verdict is None and not _takes(line, order.amount):
        verdict = CollectionVerdict.NOT_PAYABLE
    if verdict is not None:
        return _Found(verdict=verdict, order=order)
    row = BillRow(
        provider_account=line.code,
        bill_id=order.payment_code,
        obligation_id=None,
        order_id=order.id,
        amount=order.amount.amount,
        currency=order.amount.currency,
        quoted_on=order.quoted_on,
        valid_until=order.expires_at,
    )
    _keep(uow, row, call)
    documents = order.documents
    names = obligor_names(uow, [documents[0].obligation_id], sealer=sealer)
    if len(documents) == 1:
        document_no = documents[0].document_no
        description = _described(documents[0].kind, document_no)
    else:
        document_no = order.payment_code
        description = translate(
            "collection.bill.several", "vi", order_ref=order.order_ref, count=len(documents)
        )
    payer_name = names[documents[0].obligation_id]
    return _Found(bill=_shown(row, document_no, payer_name, description), order=order)


def _of_obligation(
    uow: UnitOfWork, line: ProviderLine, obligation: ObligationView, call: CollectionCall, sealer: Sealer
) -> _Found:
    if obligation.state not in PAYABLE_STATES:
        is_paid = obligation.state is ObligationState.PAID
        return _Found(verdict=CollectionVerdict.ALREADY_PAID if is_paid else CollectionVerdict.NOT_PAYABLE)
    if ended_order_with_money(uow, [obligation.id]) is not None:
        return _Found(verdict=CollectionVerdict.BEING_CONFIRMED)
    today = vietnam_date(uow.now)
    try:
        quote = obligations.quote(uow, obligation, for_date=today)
    except InvalidContribution:  # its months were paid for meanwhile
        return _Found(verdict=CollectionVerdict.NOT_PAYABLE)
    if not _takes(line, quote.total):
        return _Found(verdict=CollectionVerdict.NOT_PAYABLE)
    row = BillRow(
        provider_account=line.code,
        bill_id=new_payment_code(),
        obligation_id=obligation.id,
        order_id=None,
        amount=quote.total.amount,
        currency=quote.total.currency,
        quoted_on=today,
        valid_until=bill_holds_until(uow.now, last_day=quote.last_day),
    )
    row = _keep(uow, row, call)
    names = obligor_names(uow, [obligation.id], sealer=sealer)
    description = _described(obligation.kind, obligation.document_no)
    return _Found(bill=_shown(row, obligation.document_no, names[obligation.id], description))


def _keep(uow: UnitOfWork, row: BillRow, call: CollectionCall) -> BillRow:
    """Hand out this bill, or the one that was handed out for the same thing before."""
    values = {
        "provider_account": row.provider_account,
        "bill_id": row.bill_id,
        "obligation_id": row.obligation_id,
        "order_id": row.order_id,
        "amount": row.amount,
        "currency": row.currency,
        "document_no": call.document_no,
        "quoted_on": row.quoted_on,
        "valid_until": row.valid_until,
        "at": uow.now,
    }
    kept = uow.rows(BillRow, queries.KEEP_BILL, values)
    if kept:
        return kept[0]
    if row.order_id is not None:
        return uow.rows(BillRow, queries.BILL, (row.provider_account, row.bill_id))[0]
    same = (row.provider_account, row.obligation_id, row.quoted_on, row.amount)
    return uow.rows(BillRow, queries.UNSPENT_BILL, same)[0]


def _takes(line: ProviderLine, amount: Money) -> bool:
    manifest = line.provider.manifest
    return manifest.amount_min <= amount.amount <= manifest.amount_max


def _described(kind: str, document_no: str) -> str:
    return translate(f"collection.bill.{kind}", "vi", document_no=document_no)[:DESCRIPTION_MAX]


def _shown(row: BillRow, document_no: str, payer_name: str, description: str) -> CollectedBill:
    return CollectedBill(
        bill_id=row.bill_id,
        document_no=document_no,
        payer_name=masked_name(strip_accents(payer_name)),
        description=description,
        amount=row.money,
        valid_until=row.valid_until,
    )


def _in_doubt(found: Sequence[_Found]) -> UUID | None:
    """The attempt elsewhere that keeps an order from being paid, if it is one that a provider can be asked about."""
    orders = [each.order for each in found if each.verdict is CollectionVerdict.BEING_CONFIRMED]
    return next((o.live_attempt.id for o in orders if o is not None and o.live_attempt is not None), None)
