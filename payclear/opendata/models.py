"""Counted look-ups and published figures. Written only by `opendata`; no row speaks of a person."""

from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, blob, one_of, utc
from payclear.opendata.counters import LookupChannel


class LookupCount(Base):
    """Look-ups of one minute, by what they were of; `shard` keeps threads from waiting for each other."""

    __tablename__ = "lookup_count"
    __table_args__ = (one_of("channel", LookupChannel), CheckConstraint("lookups > 0", name="counted"))

    minute: Mapped[utc] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    answer: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    agency_code: Mapped[str] = mapped_column(primary_key=True)
    shard: Mapped[int] = mapped_column(primary_key=True)
    lookups: Mapped[int] = mapped_column(BigInteger)


class ObligationLookup(Base):
    """When an obligation was looked up for the first time; append-only."""

    __tablename__ = "obligation_lookup"

    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    first_at: Mapped[utc]


class OpenDataSnapshot(Base):
    """The figures of a day as they were published, to the byte; append-only."""

    __tablename__ = "open_data_snapshot"
    __table_args__ = (
        CheckConstraint("as_of = date_trunc('minute', as_of)", name="as_of_whole_minute"),
        CheckConstraint("body_hash = sha256(body)", name="hash"),
    )

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    as_of: Mapped[utc] = mapped_column(primary_key=True)
    made_at: Mapped[utc]
    body: Mapped[blob]
    body_hash: Mapped[blob]
