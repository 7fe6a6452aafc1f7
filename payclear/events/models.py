"""Facts that were announced, their body as the bytes receivers see; append-only. Written by `events`."""

from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped

from payclear.db.base import Base, blob, utc, uuid_pk, xid8


class Event(Base):
    """One fact. `sequence` counts 1..n per `aggregate_id`; `xid` is the transaction that announced it."""

    __tablename__ = "event"
    __table_args__ = (UniqueConstraint("aggregate_id", "sequence"),)

    id: Mapped[uuid_pk]
    type: Mapped[str]
    aggregate_id: Mapped[UUID]
    sequence: Mapped[int]
    portal_code: Mapped[str]
    body: Mapped[blob]
    occurred_at: Mapped[utc]
    xid: Mapped[xid8]
