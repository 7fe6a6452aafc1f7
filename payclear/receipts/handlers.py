"""Opens a receipt in the transaction that made an order paid, cancels it in that of a reversal. Subscribed at assembly."""

from datetime import datetime

from payclear.db.uow import UnitOfWork
from payclear.events.domain import AnnouncedEvent
from payclear.events.service import subscribe
from payclear.kernel.money import Money
from payclear.receipts.service import cancel_receipt, open_receipt


def register() -> None:
    """Subscribe to paid and reversed orders."""
    subscribe("payment_order.paid", write_receipt)
    subscribe("payment_order.reversed", strike_receipt)


def write_receipt(uow: UnitOfWork, event: AnnouncedEvent) -> None:
    """Open the receipt of the order that was paid."""
    amount, currency, paid_at = (event.data[name] for name in ("amount", "currency", "paid_at"))
    assert isinstance(amount, int), "the registry demands a whole number"
    open_receipt(
        uow,
        order_id=event.aggregate_id,
        amount=Money(amount, str(currency)),
        paid_at=datetime.fromisoformat(str(paid_at)),
    )


def strike_receipt(uow: UnitOfWork, event: AnnouncedEvent) -> None:
    """Cancel the receipt of the order whose payment was taken back."""
    cancel_receipt(uow, event.aggregate_id)
