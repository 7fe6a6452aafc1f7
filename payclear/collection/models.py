"""Bills handed out to banks, what they paid and took back, their messages as they came. Written only by `collection`."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from payclear.collection.domain import PaymentState
from payclear.db.base import Base, amount, blob, currency, json_object, one_of, positive_amount, utc, uuid_pk


class CollectionBill(Base):
    """A bill that an inquiry handed out. `bill_id` is a payment code: that of its order, also of one made later.

    It has no order until it is paid, unless its obligations stood in one when the bank asked.
    """

    __tablename__ = "collection_bill"
    __table_args__ = (
        positive_amount(),
        CheckConstraint("obligation_id IS NOT NULL OR order_id IS NOT NULL", name="of_something"),
        Index(
            "uq_collection_bill_unspent",
            "provider_account",
            "obligation_id",
            "quoted_on",
            "amount",
            unique=True,
            postgresql_where=text("order_id IS NULL"),
        ),
        Index(None, "order_id"),
    )

    provider_account: Mapped[str] = mapped_column(primary_key=True)
    bill_id: Mapped[str] = mapped_column(primary_key=True)
    obligation_id: Mapped[UUID | None] = mapped_column(ForeignKey("obligation.id"))
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("payment_order.id"))
    amount: Mapped[amount]
    currency: Mapped[currency]
    document_no: Mapped[str]  # as the bank first asked
    quoted_on: Mapped[date] = mapped_column(Date)
    valid_until: Mapped[utc]
    created_at: Mapped[utc]


class CollectionMessage(Base):
    """A message that paid or took back, raw; append-only. The same message again is kept once, by its digest.

    Query and body may name people: both are sealed under the key of `sealed_on`, a day.
    """

    __tablename__ = "collection_message"
    __table_args__ = (
        UniqueConstraint("provider_account", "digest"),
        CheckConstraint("sealed_on IS NOT NULL", name="is_sealed"),
    )

    id: Mapped[uuid_pk]
    provider_account: Mapped[str]
    digest: Mapped[str]
    method: Mapped[str]
    path: Mapped[str]
    query_string: Mapped[blob]
    headers: Mapped[json_object]
    body: Mapped[blob]
    received_at: Mapped[utc]
    sealed_on: Mapped[date | None] = mapped_column(
        Date
    )  # None only for what came before messages were sealed


class CollectionPayment(Base):
    """One payment that a bank took, under the bank's own reference. `suspended` ones may have neither order nor attempt."""

    __tablename__ = "collection_payment"
    __table_args__ = (
        UniqueConstraint("provider_account", "bank_ref"),
        UniqueConstraint("provider_account", "reversal_ref"),
        one_of("state", PaymentState),
        positive_amount(),
        CheckConstraint("state = 'suspended' OR attempt_id IS NOT NULL", name="accepted_has_attempt"),
        CheckConstraint(
            "(state = 'reversed') = (reversed_at IS NOT NULL) AND (state = 'reversed') = (reversal_ref IS NOT NULL)",
            name="reversed_is_named",
        ),
        Index(None, "attempt_id"),
    )

    id: Mapped[uuid_pk]
    provider_account: Mapped[str]
    bank_ref: Mapped[str]
    bill_id: Mapped[str]
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("payment_order.id"))
    attempt_id: Mapped[UUID | None] = mapped_column(ForeignKey("payment_attempt.id"))
    amount: Mapped[amount]
    currency: Mapped[currency]
    channel: Mapped[str]
    instrument: Mapped[str]
    state: Mapped[str]
    fingerprint: Mapped[str]
    message_id: Mapped[UUID] = mapped_column(ForeignKey("collection_message.id"))
    accepted_at: Mapped[utc]
    reversible_until: Mapped[utc]
    reversed_at: Mapped[datetime | None]
    reversal_ref: Mapped[str | None]


class CollectionEarlyReversal(Base):
    """A reversal that came before its payment, or in the place of one that never reached us; its payment is not taken."""

    __tablename__ = "collection_early_reversal"

    provider_account: Mapped[str] = mapped_column(primary_key=True)
    original_ref: Mapped[str] = mapped_column(primary_key=True)
    bank_ref: Mapped[str]
    money_moved: Mapped[bool]
    message_id: Mapped[UUID] = mapped_column(ForeignKey("collection_message.id"))
    said_at: Mapped[utc]


class CollectionRejection(Base):
    """How many messages were refused unread, per account, reason and hour: all that a forged message may change."""

    __tablename__ = "collection_rejection"

    provider_account: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
