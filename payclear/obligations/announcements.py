"""Turns a change of what is owed into the fact that portals hear of: no person, no offence, only which and what."""

from payclear.db.uow import UnitOfWork
from payclear.events.service import Fact, announce
from payclear.kernel.ids import public_id
from payclear.kernel.money import Money
from payclear.obligations import queries
from payclear.obligations.records import ObligationView

PREFIX = "obl"


def announce_change(
    uow: UnitOfWork, obligation: ObligationView, change: str, *, amount: Money | None = None
) -> None:
    """Announce `obligation.changed` inside the transaction, under the obligation's lock; it counts without gaps."""
    (sequence,) = uow.one(queries.NEXT_SEQUENCE, (obligation.id,))
    data: dict[str, str | int | bool | None] = {
        "obligation": public_id(PREFIX, obligation.id),
        "kind": obligation.kind.value,
        "status": obligation.state.value,
        "change": change,
    }
    if amount is not None:
        data |= {"amount": amount.amount, "currency": amount.currency}
    announce(
        uow,
        Fact(
            type="obligation.changed",
            aggregate_id=obligation.id,
            sequence=sequence,
            portal_code=obligation.portal_code,
            data=data,
        ),
    )
