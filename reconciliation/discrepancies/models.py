"""Discrepancies and their append-only history. Written only by `reconciliation.discrepancies`."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, currency, one_of, utc, uuid_pk
from reconciliation.discrepancies.domain import Code, DiscrepancyState, Owner, Resolution

LIVE = "state IN ('pending', 'open')"


class Discrepancy(Base):
    """One item that does not tie. `identity` leaves out the class, so that age and history stay."""

    __tablename__ = "discrepancy"
    __table_args__ = (
        UniqueConstraint("identity"),
        UniqueConstraint("statement_id", "line_no"),
        ForeignKeyConstraint(
            ["statement_id", "line_no"], ["statement_line.statement_id", "statement_line.line_no"]
        ),
        one_of("code", Code),
        one_of("state", DiscrepancyState),
        one_of("owner", Owner),
        one_of("resolution", Resolution),
        CheckConstraint("(state = 'resolved') = (resolution IS NOT NULL)", name="resolved_says_how"),
        CheckConstraint("(statement_id IS NULL) = (line_no IS NULL)", name="line_is_whole"),
        Index("ix_discrepancy_live", "provider_account", postgresql_where=text(LIVE)),
        Index(None, "attempt_id"),
    )

    id: Mapped[uuid_pk]
    identity: Mapped[str]
    version: Mapped[int]  # the number of its last event
    leg: Mapped[str]
    provider_account: Mapped[str]
    key: Mapped[str]
    code: Mapped[str]
    state: Mapped[str]
    owner: Mapped[str]
    first_on: Mapped[date] = mapped_column(Date)
    last_on: Mapped[date] = mapped_column(Date)
    age_business_days: Mapped[int]
    attempt_id: Mapped[UUID | None] = mapped_column(ForeignKey("payment_attempt.id"))
    attempt_ref: Mapped[str]
    provider_ref: Mapped[str]
    statement_id: Mapped[UUID | None]
    line_no: Mapped[int | None]
    ours: Mapped[int | None] = mapped_column(BigInteger)
    theirs: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[currency]
    has_case: Mapped[bool]  # the door put the money into suspense: a case of `orders` stands behind it
    entry_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("journal_entry.id")
    )  # booking of an unknown receipt
    resolution: Mapped[str | None]
    opened_at: Mapped[utc]
    resolved_at: Mapped[datetime | None]


class DiscrepancyEvent(Base):
    """What a run found or changed about a discrepancy; append-only, a snapshot each."""

    __tablename__ = "discrepancy_event"
    __table_args__ = (
        CheckConstraint(
            "event IN ('found', 'persists', 'changed', 'resolved', 'reopened')", name="event_known"
        ),
        Index(None, "run_id"),
    )

    discrepancy_id: Mapped[UUID] = mapped_column(ForeignKey("discrepancy.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("reconciliation_run.id"))
    event: Mapped[str]
    code: Mapped[str]
    state: Mapped[str]
    resolution: Mapped[str | None]
    last_on: Mapped[date] = mapped_column(Date)
    age_business_days: Mapped[int]
    ours: Mapped[int | None] = mapped_column(BigInteger)
    theirs: Mapped[int | None] = mapped_column(BigInteger)
    statement_id: Mapped[UUID | None]
    line_no: Mapped[int | None]
    recorded_at: Mapped[utc]
