"""Refunds at the provider and their history. Written only by `refunds`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, amount, currency, one_of, positive_amount, utc, uuid_pk
from payclear.refunds.domain import RefundState


class Refund(Base):
    """Money of one attempt on its way back. `refund_ref` is what the provider knows it by, for ever; a trigger guards that
    all refunds of an attempt that are not rejected stay within what it captured.
    """

    __tablename__ = "refund"
    __table_args__ = (
        one_of("state", RefundState),
        positive_amount(),
        CheckConstraint("refund_ref ~ '^[A-Za-z0-9]{1,32}$'", name="refund_ref_plain"),
        CheckConstraint("state <> 'requested' OR next_query_at IS NOT NULL", name="requested_is_due"),
        CheckConstraint(
            "(state IN ('done', 'rejected')) = (decided_at IS NOT NULL)", name="decided_has_time"
        ),
        Index(None, "attempt_id"),
        Index("ix_refund_due", "next_query_at", postgresql_where=text("next_query_at IS NOT NULL")),
        Index(None, "provider_account", "provider_ref"),
    )

    id: Mapped[uuid_pk]
    refund_ref: Mapped[str] = mapped_column(unique=True)
    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("payment_attempt.id"))
    order_id: Mapped[UUID] = mapped_column(ForeignKey("payment_order.id"))
    provider_account: Mapped[str]
    amount: Mapped[amount]
    currency: Mapped[currency]
    state: Mapped[str]
    version: Mapped[int]
    reason: Mapped[str]
    requested_by: Mapped[str]
    evidence_rank: Mapped[int]
    asked_at: Mapped[datetime | None]  # of the first call; every repetition carries it too
    provider_ref: Mapped[str | None]
    queries: Mapped[int]
    next_query_at: Mapped[datetime | None]  # when to send it (requested) or to ask about it
    requested_at: Mapped[utc]
    decided_at: Mapped[datetime | None]
    detail_code: Mapped[str | None]


class RefundTransition(Base):
    """History of a refund; append-only. `version` counts up by one; `source` is who said it, none for ourselves."""

    __tablename__ = "refund_transition"

    refund_id: Mapped[UUID] = mapped_column(ForeignKey("refund.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    from_state: Mapped[str | None]
    event: Mapped[str]
    to_state: Mapped[str]
    source: Mapped[str | None]
    provider_ref: Mapped[str | None]
    detail_code: Mapped[str | None]
    recorded_at: Mapped[utc]
