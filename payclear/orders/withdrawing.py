"""Withdraws orders whose obligation changed: a decision was corrected, cancelled, sheltered or paid elsewhere.

Called by `obligations` through its claims, inside the transaction of the change. Money that is under way is never refused
here: an order with a live attempt only takes no further try, and the one door judges what arrives.
"""

from uuid import UUID

from payclear.audit.service import record
from payclear.db.uow import UnitOfWork
from payclear.obligations import claims
from payclear.obligations.domain import ObligationState
from payclear.orders import queries
from payclear.orders.domain import HOLDS_MONEY, OrderState
from payclear.orders.records import OrderRow
from payclear.orders.service import attempts_of, close_unpaid, lock_order, release_some
from payclear.orders.suspense import ended_order_with_money


class OrderClaims:
    """The claims that orders hold."""

    def hold(self, uow: UnitOfWork, obligation_id: UUID) -> None:
        """Lock the order that collects an obligation."""
        for row in uow.rows(OrderRow, queries.LIVE_ORDER_OF_OBLIGATION, (obligation_id,)):
            lock_order(uow, row.id)

    def claims(self, uow: UnitOfWork, obligation_id: UUID) -> set[UUID]:
        """The order that collects an obligation."""
        return {row.id for row in uow.rows(OrderRow, queries.LIVE_ORDER_OF_OBLIGATION, (obligation_id,))}

    def holds_money(self, uow: UnitOfWork, obligation_id: UUID) -> bool:
        """Whether an order that ended holds money for the obligation in suspense."""
        return ended_order_with_money(uow, [obligation_id]) is not None

    def give_up(self, uow: UnitOfWork, obligation_id: UUID, state: ObligationState) -> None:
        """Withdraw the open order, or let go of what a paid one does not pay whole any more."""
        for found in uow.rows(OrderRow, queries.LIVE_ORDER_OF_OBLIGATION, (obligation_id,)):
            order = lock_order(uow, found.id)
            if order.state == OrderState.PAID:
                if state is not ObligationState.PAID:
                    release_some(uow, order.id, [obligation_id])
            elif order.state == OrderState.OPEN:
                self._withdraw(uow, order)

    def _withdraw(self, uow: UnitOfWork, order: OrderRow) -> None:
        attempts = attempts_of(uow, order.id)
        if any(attempt.is_live or attempt.state in HOLDS_MONEY for attempt in attempts):
            uow.run(queries.END_PROMISE, (uow.now, order.id))
            action = "payment_order.overtaken"
        else:
            close_unpaid(uow, order, "cancelled")
            action = "payment_order.withdrawn"
        record(
            uow,
            actor_type="system",
            actor="obligations",
            action=action,
            object_type="payment_order",
            object_id=order.order_ref,
        )


claims.register_holder(OrderClaims())
