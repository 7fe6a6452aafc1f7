"""The three steps of an attempt: record the intent, (the caller talks to the provider), record what it answered."""

from datetime import timedelta
from uuid import UUID

from psycopg.errors import UniqueViolation

from payclear.contract.errors import NotSent, ProviderError, ProviderRefused
from payclear.contract.messages import Bill, CheckoutRequest, CheckoutResult
from payclear.contract.outcomes import Outcome
from payclear.contract.registry import ProviderLine
from payclear.db.uow import UnitOfWork
from payclear.kernel.ids import attempt_ref, new_uuid
from payclear.kernel.settings_schema import OrderSettings
from payclear.orders import queries
from payclear.orders.domain import ATTEMPT_STATES, HOLDS_MONEY, AttemptState, OrderState, next_query_at
from payclear.orders.errors import AmountOutOfBounds, AttemptInProgress, OrderNotPayable, TooManyAttempts
from payclear.orders.memo import memo_of
from payclear.orders.records import AttemptView, OrderView
from payclear.orders.service import attempts_of, close_unpaid, lock_order, obligations_of
from payclear.orders.suspense import ended_order_with_money

LAST_CALL = timedelta(minutes=1)


def open_attempt(
    uow: UnitOfWork, *, order_id: UUID, line: ProviderLine, settings: OrderSettings
) -> AttemptView:
    """Record the intent to pay at a provider, with the reference it will know; commit before the provider is called.

    Raises OrderNotPayable, AttemptInProgress, TooManyAttempts or AmountOutOfBounds.
    """
    order = lock_order(uow, order_id)
    if order.state != OrderState.OPEN or order.expires_at - LAST_CALL <= uow.now:
        raise OrderNotPayable(
            "the order is closed or past its time", order_ref=order.order_ref, state=order.state
        )
    attempts = attempts_of(uow, order_id)
    # Money that waits for a decision must not be paid a second time either.
    if any(attempt.is_live or attempt.state in HOLDS_MONEY for attempt in attempts):
        raise AttemptInProgress("a payment is being confirmed", order_ref=order.order_ref)
    owed = obligations_of(uow, order_id)
    if ended_order_with_money(uow, owed, since=order.created_at) is not None:
        raise AttemptInProgress("money for the same came late", order_ref=order.order_ref)
    if len(attempts) >= settings.attempts_max:
        raise TooManyAttempts("no further try", order_ref=order.order_ref)
    manifest = line.provider.manifest
    if not manifest.amount_min <= order.amount <= manifest.amount_max:
        raise AmountOutOfBounds("the provider does not take this amount", provider_account=line.code)
    attempt_id = new_uuid()
    values = {
        "id": attempt_id,
        "order_id": order_id,
        "number": len(attempts) + 1,
        "attempt_ref": attempt_ref(order.order_ref, len(attempts) + 1),
        "provider_account": line.code,
        "state": AttemptState.CREATED,
        "amount": order.amount,
        "currency": order.currency,
        "merchant_account": line.provider.merchant_account(line.account),
        # What the adapter is for, until evidence of money says it better.
        "channel": manifest.channel,
        "instrument": manifest.instrument,
        "ask_at": next_query_at(asked=0, now=uow.now),
        "at": uow.now,
        "expires_at": min(uow.now + timedelta(minutes=settings.attempt_minutes), order.expires_at),
    }
    try:
        uow.run(queries.INSERT_ATTEMPT, values)
    except UniqueViolation as error:
        raise AttemptInProgress("a payment is being confirmed", order_ref=order.order_ref) from error
    return get_attempt(uow, attempt_id)


def get_attempt(uow: UnitOfWork, attempt_id: UUID) -> AttemptView:
    """Return one attempt."""
    return uow.rows(AttemptView, queries.ATTEMPT, (attempt_id,))[0]


def checkout_request(
    attempt: AttemptView,
    order: OrderView,
    *,
    payer_ip: str,
    locale: str,
    return_url: str,
    callback_url: str,
    bill: Bill | None = None,
) -> CheckoutRequest:
    """What the provider is asked for. The memo carries nothing personal (see `memo_of`); only a bill names a payer."""
    return CheckoutRequest(
        attempt_ref=attempt.attempt_ref,
        order_ref=order.order_ref,
        amount=attempt.money,
        memo=memo_of(order),
        created_at=attempt.created_at,
        expires_at=attempt.expires_at,
        payer_ip=payer_ip,
        locale=locale,
        return_url=return_url,
        callback_url=callback_url,
        bill=bill,
    )


def record_checkout(
    uow: UnitOfWork, attempt_id: UUID, answer: CheckoutResult | ProviderError, *, attempts_max: int = 5
) -> AttemptView:
    """Record what a provider answered to the create call; an unreadable answer makes the attempt in doubt, never failed.

    If evidence came first (a fast callback), the attempt has moved on and stays where it is.
    """
    attempt = get_attempt(uow, attempt_id)
    order = lock_order(uow, attempt.order_id)
    attempt = get_attempt(uow, attempt_id)
    event = _event_of(answer)
    if ("sent", "doubted", "not_sent", "rejected").count(event) and attempt.state != AttemptState.CREATED:
        return attempt
    target = ATTEMPT_STATES.next(attempt.state, event).to
    is_over = ATTEMPT_STATES.is_terminal(target)
    result = answer if isinstance(answer, CheckoutResult) else None
    uow.run(
        queries.MOVE_ATTEMPT,
        {
            "id": attempt_id,
            "from": attempt.state,
            "event": event,
            "to": target,
            "redirect_url": result.redirect_url if result else None,
            "qr_text": result.qr_text if result else None,
            "provider_ref": result.provider_ref if result else None,
            "ask_at": None if is_over else next_query_at(asked=attempt.queries, now=uow.now),
            "at": uow.now,
        },
    )
    if is_over and attempt.number >= attempts_max and order.state == OrderState.OPEN:
        close_unpaid(uow, order, "failed")
    return get_attempt(uow, attempt_id)


def _event_of(answer: CheckoutResult | ProviderError) -> str:
    if isinstance(answer, NotSent):
        return "not_sent"
    if isinstance(answer, ProviderRefused):
        return "rejected"
    if isinstance(answer, ProviderError):
        return "doubted"
    if answer.outcome is Outcome.REJECTED:
        return "rejected"
    if answer.outcome is Outcome.NOT_SENT:
        return "not_sent"
    # A confirmation in the answer to a create call is not evidence of money: the query that follows is.
    return (
        "sent" if answer.outcome is Outcome.PENDING and (answer.redirect_url or answer.qr_text) else "doubted"
    )
