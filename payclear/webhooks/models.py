"""Outbound webhooks: endpoints, the outbox, and each attempt's log. Written only by `webhooks`."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, blob, one_of, text_list, utc, uuid_pk, xid8


class EndpointState(StrEnum):
    """A disabled endpoint keeps its deliveries parked."""

    ACTIVE = "active"
    DISABLED = "disabled"


class WebhookEndpoint(Base):
    """Where a portal wants its events; secrets are sealed, the previous one signs too until its overlap ends.

    `failures` counts failed tries since the last success: a failing endpoint gets one try at a time.
    """

    __tablename__ = "webhook_endpoint"
    __table_args__ = (one_of("state", EndpointState), Index(None, "portal_code"))

    id: Mapped[uuid_pk]
    portal_code: Mapped[str] = mapped_column(ForeignKey("portal.code"))
    url: Mapped[str]
    state: Mapped[str]
    event_types: Mapped[text_list]
    data_key_id: Mapped[UUID]
    kek_id: Mapped[str]
    wrapped_key: Mapped[blob]
    secret_sealed: Mapped[blob]
    previous_secret_sealed: Mapped[bytes | None]
    previous_until: Mapped[datetime | None]
    private_key_sealed: Mapped[blob]
    public_key: Mapped[str]
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[utc]


class DeliveryState(StrEnum):
    """Where one event's delivery to one endpoint stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    PARKED = "parked"


class WebhookDelivery(Base):
    """The outbox: one row per event and endpoint, written in the transaction of the event."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("event_id", "endpoint_id"),
        one_of("state", DeliveryState),
        CheckConstraint("next_attempt_at IS NOT NULL OR state <> 'pending'", name="pending_is_due"),
        Index(
            "ix_webhook_delivery_due",
            "endpoint_id",
            "next_attempt_at",
            postgresql_where=text("state = 'pending'"),
        ),
    )

    id: Mapped[uuid_pk]
    event_id: Mapped[UUID] = mapped_column(ForeignKey("event.id"))
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoint.id"))
    state: Mapped[str]
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime | None]
    created_at: Mapped[utc]
    finished_at: Mapped[datetime | None]
    xid: Mapped[xid8]


class WebhookAttempt(Base):
    """One try of a delivery; append-only. `body_hash` proves that every try sent the same bytes."""

    __tablename__ = "webhook_attempt"

    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_delivery.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    sent_at: Mapped[utc]
    duration_ms: Mapped[int]
    status: Mapped[int | None]
    error: Mapped[str | None]
    body_hash: Mapped[blob]
