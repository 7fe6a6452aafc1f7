"""Turns the end of a refund into the fact that portals hear of, in its order's own row of facts."""

from payclear.db.uow import UnitOfWork
from payclear.events.service import Fact, announce
from payclear.orders.domain import OrderState, public_status
from payclear.orders.records import OrderRow
from payclear.orders.service import attempts_of, count_event
from payclear.refunds.domain import RefundState
from payclear.refunds.records import RefundView

_EVENTS = {RefundState.DONE: "refund.succeeded", RefundState.REJECTED: "refund.rejected"}


def announce_refund(uow: UnitOfWork, order: OrderRow, refund: RefundView) -> None:
    """Announce that a refund came to its end, inside the transaction; `status` stays the order's."""
    is_live = any(attempt.is_live for attempt in attempts_of(uow, order.id))
    announce(
        uow,
        Fact(
            type=_EVENTS[refund.standing],
            aggregate_id=order.id,
            sequence=count_event(uow, order.id),
            portal_code=order.portal_code,
            data={
                "order_ref": order.order_ref,
                "portal_ref": order.portal_ref,
                "payment_code": order.payment_code,
                "status": public_status(OrderState(order.state), has_live_attempt=is_live).value,
                "amount": refund.amount,
                "currency": refund.currency,
                "refund_ref": refund.refund_ref,
                "attempt_ref": refund.attempt_ref,
                "provider": refund.provider_account,
            },
        ),
    )
