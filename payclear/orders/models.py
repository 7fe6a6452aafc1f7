"""Payment orders, attempts, their histories, evidence and suspense cases. Written only by `orders`."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.db.base import (
    Base,
    amount,
    amount_from_zero,
    currency,
    one_of,
    positive_amount,
    utc,
    uuid_pk,
)
from payclear.orders.domain import AttemptState, CaseKind, Effect, OrderState

LIVE = "state IN ('created', 'sent', 'in_doubt')"
LIVE_OR_PAID = "state IN ('created', 'sent', 'in_doubt', 'succeeded')"


class PaymentOrder(Base):
    """Our promise to collect one amount for one or more obligations until it expires."""

    __tablename__ = "payment_order"
    __table_args__ = (
        UniqueConstraint("portal_code", "portal_ref"),
        one_of("state", OrderState),
        amount_from_zero(),
        CheckConstraint("(amount = 0) = (state = 'exempted')", name="nothing_is_exempted"),
        Index("ix_payment_order_expiring", "expires_at", postgresql_where=text("state = 'open'")),
    )

    id: Mapped[uuid_pk]
    order_ref: Mapped[str] = mapped_column(unique=True)
    payment_code: Mapped[str] = mapped_column(unique=True)
    pay_token: Mapped[str] = mapped_column(unique=True)
    portal_code: Mapped[str] = mapped_column(ForeignKey("portal.code"))
    portal_ref: Mapped[str]
    state: Mapped[str]
    version: Mapped[int]
    event_sequence: Mapped[int]
    amount: Mapped[amount]
    currency: Mapped[currency]
    quoted_on: Mapped[date] = mapped_column(Date)
    expires_at: Mapped[utc]
    return_url: Mapped[str]
    locale: Mapped[str]
    created_at: Mapped[utc]
    closed_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]


class PaymentOrderObligation(Base):
    """Which obligations an order collects; an obligation is in one live-or-paid order at most."""

    __tablename__ = "payment_order_obligation"
    __table_args__ = (
        Index(
            "uq_payment_order_obligation_live", "obligation_id", unique=True, postgresql_where=text("is_live")
        ),
        Index("ix_payment_order_obligation_ended", "obligation_id", postgresql_where=text("NOT is_live")),
        amount_from_zero(),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("payment_order.id"), primary_key=True)
    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    amount: Mapped[amount]
    is_live: Mapped[bool]
    instalment_no: Mapped[int | None]  # of a fine's plan; NULL: all that is due


class PaymentOrderLine(Base):
    """The lines of the quote that the order froze; append-only."""

    __tablename__ = "payment_order_line"
    __table_args__ = (amount_from_zero(),)

    order_id: Mapped[UUID] = mapped_column(ForeignKey("payment_order.id"), primary_key=True)
    line_no: Mapped[int] = mapped_column(primary_key=True)
    obligation_id: Mapped[UUID]
    type: Mapped[str]
    name_vi: Mapped[str]
    amount: Mapped[amount]
    currency: Mapped[currency]
    beneficiary_account: Mapped[str]
    chapter: Mapped[str]
    sub_item: Mapped[str]


class PaymentAttempt(Base):
    """One try at one provider. `attempt_ref` is what the provider knows it by, committed before the first byte is sent."""

    __tablename__ = "payment_attempt"
    __table_args__ = (
        UniqueConstraint("order_id", "number"),
        one_of("state", AttemptState),
        positive_amount(),
        CheckConstraint(f"next_query_at IS NOT NULL OR NOT ({LIVE})", name="live_is_queried"),
        Index(
            "uq_payment_attempt_live_or_paid", "order_id", unique=True, postgresql_where=text(LIVE_OR_PAID)
        ),
        Index(
            "ix_payment_attempt_due",
            "provider_account",
            "next_query_at",
            postgresql_where=text("next_query_at IS NOT NULL"),
        ),
        Index(
            "ix_payment_attempt_paid_at",
            "provider_account",
            "paid_at",
            postgresql_where=text("paid_at IS NOT NULL"),
        ),
    )

    id: Mapped[uuid_pk]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("payment_order.id"))
    number: Mapped[int]
    attempt_ref: Mapped[str] = mapped_column(unique=True)
    provider_account: Mapped[str]
    state: Mapped[str]
    version: Mapped[int]
    amount: Mapped[amount]
    currency: Mapped[currency]
    merchant_account: Mapped[str]
    provider_ref: Mapped[str | None]
    redirect_url: Mapped[str | None]
    qr_text: Mapped[str | None]
    evidence_rank: Mapped[int]
    queries: Mapped[int]
    next_query_at: Mapped[datetime | None]
    created_at: Mapped[utc]
    expires_at: Mapped[utc]
    decided_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    channel: Mapped[str | None]
    instrument: Mapped[str | None]
    asked_at: Mapped[datetime | None]  # when the provider was last asked what became of it
    refund_asked_at: Mapped[datetime | None]  # set by the first refund: from then on no bank may take it back


class TransitionObject(StrEnum):
    """Whose transition a history row is."""

    ORDER = "order"
    ATTEMPT = "attempt"


class OrderTransition(Base):
    """History of an order and of its attempts; append-only. `version` counts up by one per object."""

    __tablename__ = "order_transition"
    __table_args__ = (one_of("object", TransitionObject), Index(None, "order_id"))

    object_id: Mapped[uuid_pk]
    version: Mapped[int] = mapped_column(primary_key=True)
    object: Mapped[str]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("payment_order.id"))
    from_state: Mapped[str | None]
    event: Mapped[str]
    to_state: Mapped[str]
    evidence_id: Mapped[UUID | None]
    recorded_at: Mapped[utc]


class PaymentEvidence(Base):
    """Every piece of evidence and what it did; append-only."""

    __tablename__ = "payment_evidence"
    __table_args__ = (
        one_of("source", EvidenceSource),
        one_of("outcome", Outcome),
        one_of("effect", Effect),
        Index(None, "attempt_id"),
    )

    id: Mapped[uuid_pk]
    attempt_id: Mapped[UUID | None] = mapped_column(ForeignKey("payment_attempt.id"))
    provider_account: Mapped[str]
    attempt_ref: Mapped[str]
    source: Mapped[str]
    outcome: Mapped[str]
    effect: Mapped[str]
    provider_ref: Mapped[str | None]
    amount: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None]
    merchant_account: Mapped[str | None]
    paid_at: Mapped[datetime | None]
    paid_at_raw: Mapped[str | None]
    detail_code: Mapped[str | None]
    recorded_at: Mapped[utc]


class CaseState(StrEnum):
    """A suspense case is open until a person with a second person resolves it."""

    OPEN = "open"
    RESOLVED = "resolved"


class SuspenseCase(Base):
    """Money that the order can not take, or evidence that contradicts the books; opened with its proposal."""

    __tablename__ = "suspense_case"
    __table_args__ = (
        UniqueConstraint("provider_account", "attempt_ref", "kind", "provider_ref"),
        one_of("kind", CaseKind),
        one_of("state", CaseState),
        Index(None, "order_id"),
    )

    id: Mapped[uuid_pk]
    kind: Mapped[str]
    state: Mapped[str]
    provider_account: Mapped[str]
    attempt_ref: Mapped[str]
    provider_ref: Mapped[str]  # empty when the provider named none
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("payment_order.id"))
    attempt_id: Mapped[UUID | None]
    evidence_id: Mapped[UUID]
    amount: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None]
    proposal: Mapped[str]
    opened_at: Mapped[utc]
    resolved_at: Mapped[datetime | None]
