"""Writes the outbox: one delivery per event and endpoint, in the transaction of the event.

Subscribed to every event type when the application is assembled. It must never send anything.
"""

from payclear.db.uow import UnitOfWork
from payclear.events.domain import AnnouncedEvent
from payclear.events.registry import all_event_types
from payclear.events.service import subscribe
from payclear.jobs.queue import wake
from payclear.kernel.ids import new_uuid
from payclear.webhooks import queries
from payclear.webhooks.models import DeliveryState
from payclear.webhooks.service import ENDPOINTS_MAX


def register() -> None:
    """Subscribe the outbox to every fact there is."""
    for kind in all_event_types():
        subscribe(kind.name, write_deliveries)


def write_deliveries(uow: UnitOfWork, event: AnnouncedEvent) -> None:
    """Write the deliveries of one event and wake the sender when one of them can be sent."""
    states = queries.insert_deliveries(
        uow,
        ids=[new_uuid() for _ in range(ENDPOINTS_MAX)],
        event_id=event.id,
        event_type=event.type,
        portal_code=event.portal_code,
        now=event.occurred_at,
    )
    if DeliveryState.PENDING in states:
        wake(uow, "webhooks.drain")
