"""Money that came for what is owed after its order had ended: it waits in suspense for a person. Only looks.

Called by whoever would ask for the same again: `orders` itself, the payment page, `collection` and `lookup`.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.orders import queries
from payclear.orders.errors import ObligationHoldsMoney
from payclear.orders.records import OrderView


def ended_order_with_money(
    uow: UnitOfWork, obligation_ids: Sequence[UUID], *, since: datetime | None = None
) -> UUID | None:
    """The newest order that ended, collected one of these and holds money in suspense; None when there is none.

    `since`: only money that came after this moment counts.
    """
    row = uow.run(queries.HOLDING_MONEY, {"ids": list(obligation_ids), "since": since}).fetchone()
    return row[0] if row else None


def money_came_since(uow: UnitOfWork, order: OrderView) -> bool:
    """Whether money came late for another order of the same since this one was made: it must not be paid again."""
    ids = [document.obligation_id for document in order.documents]
    return ended_order_with_money(uow, ids, since=order.created_at) is not None


def require_no_money(uow: UnitOfWork, obligation_ids: Sequence[UUID], *, despite: bool) -> bool:
    """Whether money for one of these lies in suspense; raises ObligationHoldsMoney then, unless somebody insists."""
    is_held = ended_order_with_money(uow, obligation_ids) is not None
    if is_held and not despite:
        raise ObligationHoldsMoney("money that came for it waits for a decision", field="obligations")
    return is_held
