"""The inbox: every authentic callback as it arrived, what became of it, and counters of the refused. Written by `callbacks`."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, blob, json_object, one_of, utc, uuid_pk


class InboundCallback(Base):
    """One authentic callback, raw; append-only. `dedupe_key` is the provider's event identity or a digest.

    Query and body may name people: both are sealed under the key of `sealed_on`, a day.
    """

    __tablename__ = "inbound_callback"
    __table_args__ = (
        UniqueConstraint("provider_account", "dedupe_key"),
        CheckConstraint("sealed_on IS NOT NULL", name="is_sealed"),
    )

    id: Mapped[uuid_pk]
    provider_account: Mapped[str]
    dedupe_key: Mapped[str]
    method: Mapped[str]
    path: Mapped[str]
    query_string: Mapped[blob]
    headers: Mapped[json_object]
    body: Mapped[blob]
    key_id: Mapped[str]
    received_at: Mapped[utc]
    sealed_on: Mapped[date | None] = mapped_column(
        Date
    )  # None only for what came before messages were sealed


class CallbackStatus(StrEnum):
    """What became of a stored callback."""

    PROCESSED = "processed"
    PENDING = "pending"
    QUARANTINED = "quarantined"


class CallbackProcessing(Base):
    """What became of a callback; `pending` rows are retried, after eight failures they are quarantined."""

    __tablename__ = "callback_processing"
    __table_args__ = (
        one_of("status", CallbackStatus),
        CheckConstraint("next_try_at IS NOT NULL OR status <> 'pending'", name="pending_is_retried"),
        Index(None, "evidence_id"),
        Index("ix_callback_processing_due", "next_try_at", postgresql_where=text("status = 'pending'")),
        Index(
            "ix_callback_processing_unsettled", "callback_id", postgresql_where=text("status <> 'processed'")
        ),
    )

    callback_id: Mapped[UUID] = mapped_column(ForeignKey("inbound_callback.id"), primary_key=True)
    status: Mapped[str]
    verdict: Mapped[str | None]
    evidence_id: Mapped[UUID | None]
    tries: Mapped[int]
    next_try_at: Mapped[datetime | None]
    error: Mapped[str | None]
    updated_at: Mapped[utc]


class CallbackRejection(Base):
    """How many callbacks were refused, per account, reason and hour: all that a forged message may change."""

    __tablename__ = "callback_rejection"

    provider_account: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
