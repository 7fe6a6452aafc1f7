"""Runs, matches and their settlement. Written only by `reconciliation.service` and what it calls."""

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
)
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, amount, currency, one_of, positive_amount, utc, uuid_pk
from reconciliation.matching.domain import SettlementKind, Stage
from reconciliation.runs import Hold, Step, Verdict


class ReconciliationRun(Base):
    """One provider account, one business day, one statement. Counts and sums are those at `as_of`."""

    __tablename__ = "reconciliation_run"
    __table_args__ = (
        UniqueConstraint(
            "provider_account", "business_on", "statement_id", postgresql_nulls_not_distinct=True
        ),
        one_of("step", Step),
        one_of("verdict", Verdict),
        one_of("hold", Hold),
        CheckConstraint("step <> 'done' OR as_of IS NOT NULL", name="done_has_as_of"),
    )

    id: Mapped[uuid_pk]
    provider_account: Mapped[str]
    business_on: Mapped[date] = mapped_column(Date)
    statement_id: Mapped[UUID | None] = mapped_column(ForeignKey("statement.id"))
    step: Mapped[str]
    verdict: Mapped[str]
    hold: Mapped[str | None]
    absence: Mapped[str | None]  # why there is no file: the code of the error that said so
    is_complete: Mapped[bool]
    passes: Mapped[int]
    rules: Mapped[str]
    control_count: Mapped[int | None]
    control_sum: Mapped[int | None] = mapped_column(BigInteger)
    lines_count: Mapped[int]
    lines_sum: Mapped[int] = mapped_column(BigInteger)
    problems_count: Mapped[int]
    matched_count: Mapped[int]
    matched_sum: Mapped[int] = mapped_column(BigInteger)
    differing_count: Mapped[int]
    differing_sum: Mapped[int] = mapped_column(BigInteger)
    excluded_count: Mapped[int]
    excluded_sum: Mapped[int] = mapped_column(BigInteger)
    ours_count: Mapped[int]
    ours_sum: Mapped[int] = mapped_column(BigInteger)
    ours_matched_count: Mapped[int]
    ours_matched_sum: Mapped[int] = mapped_column(BigInteger)
    ours_explained_count: Mapped[int]
    ours_explained_sum: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[utc]
    seen_at: Mapped[datetime | None]  # when the provider last delivered this very file
    as_of: Mapped[datetime | None]


class ReconciliationMatch(Base):
    """A line that ties with an attempt, or with a refund; each is consumed once. Append-only."""

    __tablename__ = "reconciliation_match"
    __table_args__ = (
        ForeignKeyConstraint(
            ["statement_id", "line_no"], ["statement_line.statement_id", "statement_line.line_no"]
        ),
        UniqueConstraint("attempt_id"),
        UniqueConstraint("refund_id"),
        CheckConstraint("num_nonnulls(attempt_id, refund_id) = 1", name="one_side"),
        one_of("stage", Stage),
        positive_amount(),
        Index(None, "run_id", "pass_no"),
    )

    statement_id: Mapped[UUID] = mapped_column(primary_key=True)
    line_no: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[UUID | None] = mapped_column(ForeignKey("payment_attempt.id"))
    refund_id: Mapped[UUID | None] = mapped_column(ForeignKey("refund.id"))
    run_id: Mapped[UUID] = mapped_column(ForeignKey("reconciliation_run.id"))
    pass_no: Mapped[int]
    amount: Mapped[amount]
    currency: Mapped[currency]
    stage: Mapped[str]
    is_other_day: Mapped[bool]  # B11: their day and ours differ
    matched_at: Mapped[utc]


class ReconciliationSettlement(Base):
    """The journal entry that settled the payments, or the refunds, that one pass matched. Append-only."""

    __tablename__ = "reconciliation_settlement"
    __table_args__ = (positive_amount(), one_of("kind", SettlementKind))

    run_id: Mapped[UUID] = mapped_column(ForeignKey("reconciliation_run.id"), primary_key=True)
    pass_no: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    entry_id: Mapped[UUID] = mapped_column(ForeignKey("journal_entry.id"))
    matches: Mapped[int]
    amount: Mapped[amount]
    currency: Mapped[currency]
    booked_at: Mapped[utc]
