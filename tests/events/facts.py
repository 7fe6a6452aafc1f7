"""Facts of orders that exist nowhere else."""

from uuid import UUID

from payclear.events.domain import Fact
from payclear.kernel.ids import new_uuid


def order_fact(
    what: str, *, portal_code: str = "demoportal", aggregate_id: UUID | None = None, sequence: int = 1
) -> Fact:
    """A fact `payment_order.<what>` with every field it must carry."""
    data: dict[str, str | int | bool | None] = {
        "order_ref": "PC0123456789A",
        "portal_ref": "Mẫu-0001",
        "payment_code": "123456789012345",
        "status": "open" if what == "created" else what,
        "amount": 150_000,
        "currency": "VND",
    }
    if what == "paid":
        data |= {"paid_at": "2026-11-21T03:29:59Z", "provider": "vnpay-demo"}
    return Fact(
        type=f"payment_order.{what}",
        aggregate_id=aggregate_id or new_uuid(),
        sequence=sequence,
        portal_code=portal_code,
        data=data,
    )
