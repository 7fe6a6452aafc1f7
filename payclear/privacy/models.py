"""Who read what about whom, who was forgotten, and what retention erased; append-only. Written only by `privacy`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, text_list, utc, uuid_pk


class PersonalDataRead(Base):
    """Somebody read a subject in full, for a purpose; never what was read. `purpose_id` is the rule's row in the catalogue."""

    __tablename__ = "personal_data_read"
    __table_args__ = (Index(None, "obligor_id"),)

    id: Mapped[uuid_pk]
    obligor_id: Mapped[UUID] = mapped_column(ForeignKey("obligor.id"))
    purpose: Mapped[str]
    purpose_id: Mapped[str]
    fields: Mapped[text_list]
    reader: Mapped[str]
    read_at: Mapped[utc]
    audit_entry_id: Mapped[UUID] = mapped_column(ForeignKey("audit_entry.id"), unique=True)


class ForgettingRequest(Base):
    """Somebody asks to forget subjects on a ground; another confirms it, or it lapses. Names rows, never people.

    `is_again`: these were forgotten before, and a restored backup brought them back.
    """

    __tablename__ = "forgetting_request"
    __table_args__ = (
        CheckConstraint("maker <> checker", name="checked_by_another"),
        CheckConstraint("(checker IS NULL) = (checked_at IS NULL)", name="checked_whole"),
        CheckConstraint("cardinality(obligor_ids) > 0", name="names_somebody"),
    )

    id: Mapped[uuid_pk]
    obligor_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    ground: Mapped[str]
    ground_id: Mapped[str]
    is_again: Mapped[bool]
    maker: Mapped[str]
    made_at: Mapped[utc]
    checker: Mapped[str | None]
    checked_at: Mapped[datetime | None]


class SubjectForgetting(Base):
    """A subject was forgotten on a legal ground; the books about it stay. Only the nightly retention needs no request."""

    __tablename__ = "subject_forgetting"
    __table_args__ = (
        CheckConstraint(
            "(request_id IS NULL) = (forgotten_by = 'retention')", name="requested_or_past_its_time"
        ),
    )

    obligor_id: Mapped[UUID] = mapped_column(ForeignKey("obligor.id"), primary_key=True)
    ground: Mapped[str]
    ground_id: Mapped[str]
    forgotten_by: Mapped[str]
    forgotten_at: Mapped[utc]
    audit_entry_id: Mapped[UUID] = mapped_column(ForeignKey("audit_entry.id"))
    request_id: Mapped[UUID | None] = mapped_column(ForeignKey("forgetting_request.id"))


class RetentionAct(Base):
    """What one night erased by one rule: `until_at` is the instant before which a record was past its time."""

    __tablename__ = "retention_act"
    __table_args__ = (CheckConstraint("rows_erased >= 0", name="rows_counted"),)

    id: Mapped[uuid_pk]
    rule_id: Mapped[str]
    record: Mapped[str]
    until_at: Mapped[utc]
    rows_erased: Mapped[int] = mapped_column(BigInteger)
    done_at: Mapped[utc]
