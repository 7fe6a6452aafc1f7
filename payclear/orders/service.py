"""Creates, reads, cancels and expires payment orders. Callers hold the transaction; nothing here talks to a provider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from uuid import UUID

from psycopg.errors import UniqueViolation

from payclear.audit.service import record
from payclear.contract.outcomes import EvidenceSource
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import at_vietnam, vietnam_date
from payclear.kernel.ids import new_order_ref, new_token, new_uuid
from payclear.kernel.money import Money, sum_money
from payclear.kernel.payment_code import new_payment_code
from payclear.obligations import service as obligations
from payclear.obligations.domain import PAYABLE_STATES, ObligationState, Quote
from payclear.obligations.insurance.covers import keep_quotes
from payclear.obligations.records import ObligationView, PaidPart
from payclear.orders import queries
from payclear.orders.announcements import announce_order
from payclear.orders.domain import ORDER_STATES, OrderState
from payclear.orders.errors import (
    AttemptInProgress,
    DuplicatePortalRef,
    MixedCurrencies,
    ObligationInOrder,
    ObligationNotPayable,
    OrderNotFound,
)
from payclear.orders.parts import parts_in
from payclear.orders.records import AttemptView, DocumentView, LineView, OrderRow, OrderView
from payclear.orders.suspense import require_no_money

_GUARDS = {
    "uq_payment_order_portal_code_portal_ref": DuplicatePortalRef,
    "uq_payment_order_obligation_live": ObligationInOrder,
    "uq_payment_order_payment_code": ObligationInOrder,  # the bill of this code has its order
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOrder:
    """The command that a portal's request becomes."""

    portal_code: str
    portal_ref: str
    obligation_ids: tuple[UUID, ...]
    return_url: str
    locale: str
    expires_in: timedelta
    actor: str
    actor_type: str = "portal"
    payment_code: str | None = None  # a bill's code that stands on paper already; None: a fresh one
    instalments: Mapping[UUID, int] = field(
        default_factory=dict
    )  # of a fine's plan; others are collected whole
    despite_held_money: bool = False  # whoever asks knows that money for one of them waits in suspense


def create_order(uow: UnitOfWork, command: CreateOrder) -> OrderView:
    """Quote the obligations for today, lock them, and promise to collect their sum.

    Where all of them are exempted nothing is to be paid: the order is exempted from the start. Another order ends when
    `expires_in` is over, and at midnight in Viet Nam when a quote depends on the day.
    Raises ObligationNotFound, ObligationNotPayable, ObligationHoldsMoney, ObligationInOrder, DuplicatePortalRef,
    MixedCurrencies, InstalmentNotPayable.
    """
    owed = obligations.lock_for_order(uow, command.obligation_ids, portal_code=command.portal_code)
    _require_payable(owed)
    is_held = require_no_money(uow, command.obligation_ids, despite=command.despite_held_money)
    today = vietnam_date(uow.now)
    quotes = [_quoted(uow, obligation, command, today) for obligation in owed]
    currency = quotes[0].total.currency
    if any(quote.total.currency != currency for quote in quotes):
        raise MixedCurrencies("obligations in different currencies", field="obligations")
    total = sum_money((quote.total for quote in quotes), currency)
    is_exempted = not total.is_positive
    row = OrderRow(
        id=new_uuid(),
        order_ref=new_order_ref(),
        payment_code=command.payment_code or new_payment_code(),
        pay_token=new_token(),
        portal_code=command.portal_code,
        portal_ref=command.portal_ref,
        state=OrderState.EXEMPTED if is_exempted else OrderState.OPEN,
        version=2 if is_exempted else 1,
        event_sequence=1,
        amount=total.amount,
        currency=currency,
        quoted_on=today,
        expires_at=_end_of_promise(uow.now, command.expires_in, quotes),
        return_url=command.return_url,
        locale=command.locale,
        created_at=uow.now,
        closed_at=uow.now if is_exempted else None,
        paid_at=None,
    )
    _insert(uow, row, owed, quotes, command.instalments)
    keep_quotes(uow, row.id, owed, quotes)
    if is_exempted:
        uow.run(queries.EXEMPT, {"id": row.id, "at": uow.now})
    event = "exempted" if is_exempted else "created"
    announce_order(uow, row, event, status=OrderState(row.state))
    record(
        uow,
        actor_type=command.actor_type,
        actor=command.actor,
        action=f"payment_order.{event}",
        object_type="payment_order",
        object_id=row.order_ref,
        facts={"portal_ref": row.portal_ref, "amount": row.amount, "currency": row.currency}
        | ({"despite_held_money": True} if is_held else {}),
    )
    lines = tuple(
        LineView(
            o.id,
            line.type,
            line.name_vi,
            line.amount,
            line.beneficiary_account,
            line.chapter,
            line.sub_item,
            command.instalments.get(o.id),
        )
        for o, quote in zip(owed, quotes, strict=True)
        for line in quote.lines
    )
    return _view(row, lines=lines, documents=_documents(owed), attempts=())


def get_order(uow: UnitOfWork, *, portal_code: str, order_ref: str) -> OrderView:
    """Return an order of a portal; a foreign one is not found."""
    return _complete(uow, _one(uow, queries.BY_REF, (order_ref, portal_code)))


def get_by_portal_ref(uow: UnitOfWork, *, portal_code: str, portal_ref: str) -> OrderView:
    """Return the order that a portal made under its own reference."""
    return _complete(uow, _one(uow, queries.BY_PORTAL_REF, (portal_code, portal_ref)))


def get_by_token(uow: UnitOfWork, token: str) -> OrderView:
    """Return the order that a payment page's token opens; raises OrderNotFound."""
    return _complete(uow, _one(uow, queries.BY_TOKEN, (token,)))


def find_by_payment_code(uow: UnitOfWork, payment_code: str) -> OrderView | None:
    """The order that a payment code names, of whatever portal; None when there is none."""
    rows = uow.rows(OrderRow, queries.BY_PAYMENT_CODE, (payment_code,))
    return _complete(uow, rows[0]) if rows else None


def live_order_of(uow: UnitOfWork, obligation_id: UUID) -> OrderView | None:
    """The one order, open or paid, that collects an obligation; None when it is free."""
    rows = uow.rows(OrderRow, queries.LIVE_ORDER_OF_OBLIGATION, (obligation_id,))
    return _complete(uow, rows[0]) if rows else None


def get_by_id(uow: UnitOfWork, order_id: UUID, *, named_on: date | None = None) -> OrderView:
    """Return an order by its id, for features above; its agencies have the name of a day, or today's."""
    return _complete(uow, _one(uow, queries.BY_ID, (order_id,)), named_on=named_on)


def note_refund(uow: UnitOfWork, attempt_id: UUID) -> None:
    """Remember that a refund of an attempt was asked for: no bank may take its payment back from now on."""
    uow.run(queries.NOTE_REFUND, (uow.now, attempt_id))


def note_settled(uow: UnitOfWork, attempt_ids: Sequence[UUID]) -> int:
    """Remember that a statement settles payments: no bank may take them back from now on. How many still stand.

    Those that were taken back a moment ago are missing; until the commit nobody can take one back.
    """
    values = {"ids": list(attempt_ids), "rank": EvidenceSource.STATEMENT.rank}
    return uow.run(queries.NOTE_SETTLED, values).rowcount


def count_event(uow: UnitOfWork, order_id: UUID) -> int:
    """The next number in a locked order's row of facts, for a fact that does not move the order."""
    (sequence,) = uow.one(queries.COUNT_EVENT, (order_id,))
    return int(sequence)


def lock_order(uow: UnitOfWork, order_id: UUID) -> OrderRow:
    """Lock an order, and with it its attempts, until the transaction ends."""
    return _one(uow, queries.LOCK, (order_id,))


def attempts_of(uow: UnitOfWork, order_id: UUID) -> list[AttemptView]:
    """The attempts of an order, oldest first."""
    return uow.rows(AttemptView, queries.ATTEMPTS, (order_id,))


def get_attempt_by_ref(uow: UnitOfWork, attempt_ref: str) -> AttemptView:
    """Return the attempt that a provider knows by this reference; raises LookupError."""
    rows = uow.rows(AttemptView, queries.ATTEMPT_BY_REF, (attempt_ref,))
    if not rows:
        raise LookupError("no such attempt")
    return rows[0]


def cancel_order(uow: UnitOfWork, *, portal_code: str, order_ref: str, actor: str) -> OrderView:
    """Withdraw an order that nobody is paying; raises AttemptInProgress while an outcome is not known.

    A second cancellation changes nothing; a paid or expired order raises IllegalTransition.
    """
    row = lock_order(uow, _one(uow, queries.BY_REF, (order_ref, portal_code)).id)
    transition = ORDER_STATES.next(row.state, "cancelled")
    if not transition.ignored:
        live = next((attempt for attempt in attempts_of(uow, row.id) if attempt.is_live), None)
        if live is not None:
            raise AttemptInProgress(
                "a payment is being confirmed", order_ref=order_ref, attempt_ref=live.attempt_ref
            )
        close_unpaid(uow, row, "cancelled")
        record(
            uow,
            actor_type="portal",
            actor=actor,
            action="payment_order.cancelled",
            object_type="payment_order",
            object_id=order_ref,
        )
    return get_order(uow, portal_code=portal_code, order_ref=order_ref)


def expire_order(uow: UnitOfWork, order_id: UUID) -> bool:
    """Expire an open order whose time is over and whose attempts are all decided; False when there is nothing to do."""
    row = lock_order(uow, order_id)
    if row.state != OrderState.OPEN or row.expires_at > uow.now:
        return False
    if any(attempt.is_live for attempt in attempts_of(uow, order_id)):
        return False
    close_unpaid(uow, row, "expired")
    return True


def close_unpaid(uow: UnitOfWork, row: OrderRow, event: str) -> None:
    """Move a locked open order to an end without money, free its obligations and announce it."""
    target = ORDER_STATES.next(row.state, event).to
    values = {"id": row.id, "from": row.state, "event": event, "to": target, "at": uow.now}
    uow.run(queries.MOVE_ORDER, values)
    release_obligations(uow, row.id)
    announce_order(uow, row, event, status=OrderState(target), sequence=row.event_sequence + 1)


def release_obligations(uow: UnitOfWork, order_id: UUID) -> None:
    """Let other orders collect what this one will not."""
    uow.run(queries.RELEASE_OBLIGATIONS, (order_id,))


def release_some(uow: UnitOfWork, order_id: UUID, obligation_ids: Sequence[UUID]) -> None:
    """Let other orders collect what an order paid in part only."""
    if obligation_ids:
        uow.run(queries.RELEASE_SOME, (order_id, list(obligation_ids)))


def parts_of(uow: UnitOfWork, order_id: UUID) -> tuple[PaidPart, ...]:
    """What an order collects of each obligation, in id order."""
    return parts_in(order_lines(uow, order_id))


def _require_payable(owed: Sequence[ObligationView]) -> None:
    for obligation in owed:
        if obligation.state not in PAYABLE_STATES | {ObligationState.EXEMPTED}:
            raise ObligationNotPayable("not open", document_no=obligation.document_no, state=obligation.state)


def _end_of_promise(now: datetime, expires_in: timedelta, quotes: Sequence[Quote]) -> datetime:
    last_days = [quote.last_day for quote in quotes if quote.last_day is not None]
    return min([now + expires_in, *(at_vietnam(day + timedelta(days=1), time.min) for day in last_days)])


def _quoted(uow: UnitOfWork, obligation: ObligationView, command: CreateOrder, today: date) -> Quote:
    number = command.instalments.get(obligation.id)
    if number is not None:
        return obligations.quote_instalment(uow, obligation, number, for_date=today)
    return obligations.quote(uow, obligation, for_date=today)


def _insert(
    uow: UnitOfWork,
    row: OrderRow,
    owed: Sequence[ObligationView],
    quotes: Sequence[Quote],
    instalments: Mapping[UUID, int],
) -> None:
    lines = [(o.id, line) for o, quote in zip(owed, quotes, strict=True) for line in quote.lines]
    values = {
        "id": row.id,
        "order_ref": row.order_ref,
        "payment_code": row.payment_code,
        "pay_token": row.pay_token,
        "portal_code": row.portal_code,
        "portal_ref": row.portal_ref,
        "amount": row.amount,
        "currency": row.currency,
        "state": row.state,
        "version": row.version,
        "closed_at": row.closed_at,
        "quoted_on": row.quoted_on,
        "expires_at": row.expires_at,
        "return_url": row.return_url,
        "locale": row.locale,
        "at": row.created_at,
        "obligation_ids": [obligation.id for obligation in owed],
        "obligation_amounts": [quote.total.amount for quote in quotes],
        "obligation_instalments": [instalments.get(obligation.id) for obligation in owed],
        "line_obligations": [obligation_id for obligation_id, _ in lines],
        "line_types": [line.type for _, line in lines],
        "line_names": [line.name_vi for _, line in lines],
        "line_amounts": [line.amount.amount for _, line in lines],
        "line_accounts": [line.beneficiary_account for _, line in lines],
        "line_chapters": [line.chapter for _, line in lines],
        "line_sub_items": [line.sub_item for _, line in lines],
    }
    try:
        uow.run(queries.CREATE, values)
    except UniqueViolation as error:
        refused = _GUARDS.get(error.diag.constraint_name or "")
        if refused is None:
            raise
        raise refused("refused by the database's guard", portal_ref=row.portal_ref) from error


def _one(uow: UnitOfWork, sql: str, parameters: tuple[object, ...]) -> OrderRow:
    rows = uow.rows(OrderRow, sql, parameters)
    if not rows:
        raise OrderNotFound("no such payment order")
    return rows[0]


def obligations_of(uow: UnitOfWork, order_id: UUID) -> list[UUID]:
    """The obligations an order collects, in id order."""
    return [row[0] for row in uow.run(queries.OBLIGATION_IDS, (order_id,))]


def order_lines(uow: UnitOfWork, order_id: UUID) -> tuple[LineView, ...]:
    """The lines of an order's quote, in order."""
    return tuple(
        LineView(obligation_id, type_, name, Money(amount, currency), *rest)
        for obligation_id, type_, name, amount, currency, *rest in uow.run(queries.LINES, (order_id,))
    )


def _complete(uow: UnitOfWork, row: OrderRow, *, named_on: date | None = None) -> OrderView:
    lines = order_lines(uow, row.id)
    owed = obligations.find_many(uow, [line.obligation_id for line in lines], named_on=named_on)
    attempts = tuple(attempts_of(uow, row.id))
    return _view(row, lines=lines, documents=_documents(owed), attempts=attempts)


def _documents(owed: Sequence[ObligationView]) -> tuple[DocumentView, ...]:
    return tuple(
        DocumentView(
            obligation_id=obligation.id,
            kind=obligation.kind,
            document_no=obligation.document_no,
            document_on=obligation.document_on,
            agency_code=obligation.agency_code,
            agency_name_vi=obligation.agency_name_vi,
            agency_name_en=obligation.agency_name_en,
        )
        for obligation in owed
    )


def _view(
    row: OrderRow,
    *,
    lines: tuple[LineView, ...],
    documents: tuple[DocumentView, ...],
    attempts: tuple[AttemptView, ...],
) -> OrderView:
    return OrderView(
        id=row.id,
        order_ref=row.order_ref,
        payment_code=row.payment_code,
        pay_token=row.pay_token,
        portal_code=row.portal_code,
        portal_ref=row.portal_ref,
        state=OrderState(row.state),
        amount=Money(row.amount, row.currency),
        quoted_on=row.quoted_on,
        expires_at=row.expires_at,
        return_url=row.return_url,
        locale=row.locale,
        created_at=row.created_at,
        paid_at=row.paid_at,
        lines=lines,
        documents=documents,
        attempts=attempts,
    )
