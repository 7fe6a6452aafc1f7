"""Batches of uploaded decisions: the sealed file, its chunks, the result of every row, and what is complete up to when.

Written only by `obligations.batches`.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Integer

from payclear.db.base import Base, blob, one_of, text_list, utc, uuid_pk
from payclear.obligations.batches.domain import BatchFormat, BatchState, RowResult


class DecisionBatch(Base):
    """One uploaded file and how far it was taken. `rows` is known once the file was read."""

    __tablename__ = "decision_batch"
    __table_args__ = (
        # The same bytes with the same statements are the same batch.
        Index(
            "uq_decision_batch_bytes",
            *("portal_code", "sha256", "agency_code", "complete_to", "key_kinds"),
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        one_of("format", BatchFormat),
        one_of("state", BatchState),
        CheckConstraint("complete_to IS NULL OR agency_code IS NOT NULL", name="complete_for_an_agency"),
        CheckConstraint("key_kinds <@ ARRAY['id_no', 'licence_no', 'plate']", name="key_kinds_known"),
        CheckConstraint("(state = 'unreadable') = (problem IS NOT NULL)", name="unreadable_says_why"),
        CheckConstraint("(state = 'finished') = (finished_at IS NOT NULL)", name="finished_has_time"),
        CheckConstraint(
            "(state IN ('taking', 'finished')) = (rows IS NOT NULL)", name="taken_knows_its_rows"
        ),
        Index(
            "ix_decision_batch_unfinished",
            "received_at",
            postgresql_where=text("state IN ('received', 'taking')"),
        ),
    )

    id: Mapped[uuid_pk]
    portal_code: Mapped[str] = mapped_column(ForeignKey("portal.code"))
    format: Mapped[str]
    sha256: Mapped[str]
    size_bytes: Mapped[int]
    agency_code: Mapped[str | None] = mapped_column(ForeignKey("agency.code"))
    complete_to: Mapped[date | None] = mapped_column(Date)
    key_kinds: Mapped[text_list]
    state: Mapped[str]
    rows: Mapped[int | None]
    problem: Mapped[str | None]
    problem_line: Mapped[int | None]
    problem_column: Mapped[str | None]
    received_by: Mapped[str]
    received_at: Mapped[utc]
    read_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class DecisionFile(Base):
    """The bytes of a batch, sealed under a key of their own; deleted when their time is over."""

    __tablename__ = "decision_file"

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("decision_batch.id"), primary_key=True)
    data_key_id: Mapped[UUID]
    kek_id: Mapped[str]
    wrapped_key: Mapped[blob]
    content_sealed: Mapped[blob]


class DecisionChunk(Base):
    """Rows of a batch that are taken in one transaction. A wave begins when the one before it has ended."""

    __tablename__ = "decision_chunk"
    __table_args__ = (
        Index("ix_decision_chunk_waiting", "batch_id", "no", postgresql_where=text("done_at IS NULL")),
    )

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("decision_batch.id"), primary_key=True)
    no: Mapped[int] = mapped_column(primary_key=True)
    wave: Mapped[int]
    row_nos: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    done_at: Mapped[datetime | None]


class DecisionRowResult(Base):
    """What became of one row; append-only. Its number is the one a person sees in the file."""

    __tablename__ = "decision_row"
    __table_args__ = (
        one_of("result", RowResult),
        CheckConstraint("(result = 'refused') = (code IS NOT NULL)", name="refused_says_why"),
        CheckConstraint("(result = 'refused') = (obligation_id IS NULL)", name="taken_has_obligation"),
        ForeignKeyConstraint(
            ["batch_id", "chunk_no"],
            ["decision_chunk.batch_id", "decision_chunk.no"],
            name="fk_decision_row_batch_id_chunk_no",
        ),
        Index(
            "uq_decision_row_registered",
            "obligation_id",
            unique=True,
            postgresql_where=text("result = 'registered'"),
        ),
    )

    batch_id: Mapped[uuid_pk]
    row_no: Mapped[int] = mapped_column(primary_key=True)
    chunk_no: Mapped[int]
    decision_no: Mapped[str]
    result: Mapped[str]
    column_name: Mapped[str | None]
    code: Mapped[str | None]
    obligation_id: Mapped[UUID | None] = mapped_column(ForeignKey("obligation.id"))


class DecisionCoverage(Base):
    """An authority's uploads are complete up to a day, for look-ups by these keys; append-only.

    For a key the latest `complete_to` of all rows that name it counts.
    """

    __tablename__ = "decision_coverage"
    __table_args__ = (
        CheckConstraint("key_kinds <@ ARRAY['id_no', 'licence_no', 'plate']", name="key_kinds_known"),
        Index(None, "agency_code", "complete_to"),
    )

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("decision_batch.id"), primary_key=True)
    agency_code: Mapped[str] = mapped_column(ForeignKey("agency.code"))
    key_kinds: Mapped[text_list]
    complete_to: Mapped[date] = mapped_column(Date)
    recorded_at: Mapped[utc]
