"""SQL of announced facts. Called by `events.service` only."""

from payclear.db.uow import UnitOfWork
from payclear.events.domain import AnnouncedEvent

# Hot path: one prepared statement per fact. `xid` fills itself with the announcing transaction (INV-10).
INSERT_EVENT = """
INSERT INTO event (id, type, aggregate_id, sequence, portal_code, body, occurred_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""


def insert_event(uow: UnitOfWork, event: AnnouncedEvent) -> None:
    """Write one fact; a second one of the same aggregate and sequence violates a unique constraint."""
    uow.run(
        INSERT_EVENT,
        (
            event.id,
            event.type,
            event.aggregate_id,
            event.sequence,
            event.portal_code,
            event.body,
            event.occurred_at,
        ),
    )
