"""Facts of orders and refunds that exist nowhere else."""

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
    if what == "reversed":
        data |= {"reversed_at": "2026-11-21T04:29:59Z", "provider": "vietinbank-demo"}
    return Fact(
        type=f"payment_order.{what}",
        aggregate_id=aggregate_id or new_uuid(),
        sequence=sequence,
        portal_code=portal_code,
        data=data,
    )


def refund_fact(what: str, *, aggregate_id: UUID | None = None, sequence: int = 1) -> Fact:
    """A fact `refund.<what>` about a paid order."""
    paid = order_fact("paid", aggregate_id=aggregate_id, sequence=sequence)
    given = {name: value for name, value in paid.data.items() if name != "paid_at"}
    data = given | {"refund_ref": "PC0123456789A01R01", "attempt_ref": "PC0123456789A01"}
    return Fact(
        type=f"refund.{what}",
        aggregate_id=paid.aggregate_id,
        sequence=sequence,
        portal_code=paid.portal_code,
        data=data,
    )


def obligation_fact() -> Fact:
    """A fact about what is owed."""
    data = {"obligation": "obl_01m5cvr9k8e7m8q3w5x7y9z1a3", "kind": "traffic_fine", "status": "paid"}
    return Fact(
        type="obligation.changed",
        aggregate_id=new_uuid(),
        sequence=1,
        portal_code="demoportal",
        data=data | {"change": "reduced"},
    )


def fact_of(name: str) -> Fact:
    """A fact of any registered type."""
    what = name.split(".")[1]
    if name.startswith("obligation."):
        return obligation_fact()
    return refund_fact(what) if name.startswith("refund.") else order_fact(what)
