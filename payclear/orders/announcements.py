"""Turns what happened to an order into the fact that portals hear of. No personal data goes into a fact."""

from datetime import datetime
from typing import Any

from payclear.db.uow import UnitOfWork
from payclear.events.service import Fact, announce
from payclear.orders.domain import OrderState
from payclear.orders.records import OrderRow


def announce_order(
    uow: UnitOfWork,
    row: OrderRow,
    event: str,
    *,
    status: OrderState,
    sequence: int = 1,
    provider_account: str | None = None,
    paid_at: datetime | None = None,
    reversed_at: datetime | None = None,
) -> None:
    """Announce `payment_order.<event>` inside the transaction of the change; `sequence` counts without gaps per order."""
    data: dict[str, Any] = {
        "order_ref": row.order_ref,
        "portal_ref": row.portal_ref,
        "payment_code": row.payment_code,
        "status": status.value,
        "amount": row.amount,
        "currency": row.currency,
    }
    if paid_at is not None:
        data["paid_at"] = paid_at.isoformat().replace("+00:00", "Z")
        data["provider"] = provider_account
    if reversed_at is not None:
        data["reversed_at"] = reversed_at.isoformat().replace("+00:00", "Z")
        data["provider"] = provider_account
    announce(
        uow,
        Fact(
            type=f"payment_order.{event}",
            aggregate_id=row.id,
            sequence=sequence,
            portal_code=row.portal_code,
            data=data,
        ),
    )
