"""Our observations of providers: each call for some days, the figures of each hour for good. Written only by `gateway`."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, one_of, text_pk, utc, uuid_pk
from payclear.gateway.domain import CallResult, Operation


class ProviderCall(Base):
    """One call of ours, or one that was not made; deleted after a week. It names no payment."""

    __tablename__ = "provider_call"
    __table_args__ = (
        one_of("operation", Operation),
        one_of("result", CallResult),
        CheckConstraint("took_ms >= 0", name="took_ms_positive"),
        Index("ix_provider_call_at", "at"),
    )

    id: Mapped[uuid_pk]
    provider_account: Mapped[str]
    operation: Mapped[str]
    result: Mapped[str]
    took_ms: Mapped[int]
    opened: Mapped[bool]
    at: Mapped[utc]


class ProviderHour(Base):
    """What the calls of one hour came to. `histogram` counts those that were made by `domain.BOUNDS_MS`."""

    __tablename__ = "provider_hour"
    __table_args__ = (one_of("operation", Operation),)

    provider_account: Mapped[text_pk]
    operation: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    ok: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
    not_sent: Mapped[int] = mapped_column(BigInteger)
    unknown: Mapped[int] = mapped_column(BigInteger)
    busy: Mapped[int] = mapped_column(BigInteger)
    open: Mapped[int] = mapped_column(BigInteger)
    openings: Mapped[int] = mapped_column(BigInteger)
    histogram: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    counted_at: Mapped[utc]


class ProviderPaymentHour(Base):
    """How we learned of the payments of one hour: before any callback, and without one until now."""

    __tablename__ = "provider_payment_hour"
    __table_args__ = (
        CheckConstraint("without_callback <= before_callback AND before_callback <= payments", name="parts"),
    )

    provider_account: Mapped[text_pk]
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    payments: Mapped[int] = mapped_column(BigInteger)
    before_callback: Mapped[int] = mapped_column(BigInteger)
    without_callback: Mapped[int] = mapped_column(BigInteger)
    counted_at: Mapped[utc]
