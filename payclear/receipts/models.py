"""Receipts and their gapless numbers. Written only by `receipts`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, amount, currency, one_of, positive_amount, text_pk, utc, uuid_pk
from payclear.receipts.domain import ReceiptState


class Receipt(Base):
    """The proof of one paid order; the number is taken in the issuing transaction, so a series has no gap."""

    __tablename__ = "receipt"
    __table_args__ = (
        UniqueConstraint("series", "number"),
        one_of("state", ReceiptState),
        positive_amount(),
        CheckConstraint("(state = 'issued') = (number IS NOT NULL)", name="issued_has_number"),
        Index("ix_receipt_pending", "created_at", postgresql_where=text("state = 'pending'")),
    )

    id: Mapped[uuid_pk]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("payment_order.id"), unique=True)
    state: Mapped[str]
    series: Mapped[str | None]
    number: Mapped[int | None] = mapped_column(BigInteger)
    verification_code: Mapped[str] = mapped_column(unique=True)
    amount: Mapped[amount]
    currency: Mapped[currency]
    paid_at: Mapped[utc]
    created_at: Mapped[utc]
    issued_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]  # the payment was taken back; the number stays


class ReceiptSeries(Base):
    """The last number given in a series; its row lock makes numbers gapless."""

    __tablename__ = "receipt_series"

    series: Mapped[text_pk]
    last_number: Mapped[int] = mapped_column(BigInteger)
