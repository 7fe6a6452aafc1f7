"""Statements as they came, their lines and what could not be read; append-only. Written only by `intake`."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from payclear.contract.outcomes import Outcome
from payclear.db.base import AMOUNT_LIMIT, Base, amount, currency, one_of, utc, uuid_pk


class Statement(Base):
    """One file of one provider account and business day. The bytes are sealed: they name people.

    The same bytes for the same day are one statement; other bytes are a new version.
    """

    __tablename__ = "statement"
    __table_args__ = (
        UniqueConstraint("provider_account", "business_on", "sha256"),
        UniqueConstraint("provider_account", "business_on", "version"),
        Index(None, "provider_account", "sha256"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_is_hex"),
    )

    id: Mapped[uuid_pk]
    provider_account: Mapped[str]
    business_on: Mapped[date] = mapped_column(Date)
    version: Mapped[int]
    sha256: Mapped[str]
    size_bytes: Mapped[int]
    name: Mapped[str]
    media_type: Mapped[str]
    content_sealed: Mapped[bytes]
    data_key_id: Mapped[UUID]
    kek_id: Mapped[str]
    wrapped_key: Mapped[bytes]
    fetched_at: Mapped[utc]


class StatementLine(Base):
    """One line in neutral form. What became of it is another row: a match, a discrepancy or an exclusion."""

    __tablename__ = "statement_line"
    __table_args__ = (
        one_of("outcome", Outcome),
        CheckConstraint("kind IN ('payment', 'refund')", name="kind_known"),
        CheckConstraint(f"amount >= 0 AND amount <= {AMOUNT_LIMIT}", name="amount_in_range"),
        Index(None, "provider_account", "provider_ref"),
    )

    statement_id: Mapped[UUID] = mapped_column(ForeignKey("statement.id"), primary_key=True)
    line_no: Mapped[int] = mapped_column(primary_key=True)
    provider_account: Mapped[str]
    attempt_ref: Mapped[str]
    provider_ref: Mapped[str]
    amount: Mapped[amount]
    currency: Mapped[currency]
    outcome: Mapped[str]
    kind: Mapped[str]
    occurred_at: Mapped[datetime | None]
    occurred_at_raw: Mapped[str]


class StatementProblem(Base):
    """A row, or with line 0 the file, that could not be read or does not add up."""

    __tablename__ = "statement_problem"

    statement_id: Mapped[UUID] = mapped_column(ForeignKey("statement.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    line_no: Mapped[int]
    code: Mapped[str]
    detail: Mapped[str]


class StatementLineExclusion(Base):
    """A line that is left out by a rule, with the rule's name."""

    __tablename__ = "statement_line_exclusion"
    __table_args__ = (
        ForeignKeyConstraint(
            ["statement_id", "line_no"], ["statement_line.statement_id", "statement_line.line_no"]
        ),
        CheckConstraint("rule IN ('repeated_in_version', 'no_money_moved', 'taken_back')", name="rule_known"),
    )

    statement_id: Mapped[UUID] = mapped_column(primary_key=True)
    line_no: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("reconciliation_run.id"))
    rule: Mapped[str]
    excluded_at: Mapped[utc]
