"""Changes of the catalogue by maker and checker, with their rows and their history. Written only by `catalogue`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from payclear.catalogue.domain import ChangeState, RowAction
from payclear.db.base import Base, one_of, utc, uuid_pk


class CatalogueChange(Base):
    """One proposed change: whose, why, from which file, and who decided. A trigger keeps everything else as it was."""

    __tablename__ = "catalogue_change"
    __table_args__ = (
        one_of("state", ChangeState),
        CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name="digest_is_hex"),
        CheckConstraint("checked_by <> made_by", name="two_people"),
        CheckConstraint("(checked_by IS NULL) = (checked_at IS NULL)", name="checked_whole"),
        CheckConstraint(
            "(state IN ('approved', 'rejected')) = (checked_by IS NOT NULL)", name="decided_by_checker"
        ),
        Index(None, "made_at", "id"),
    )

    id: Mapped[uuid_pk]
    state: Mapped[str]
    version: Mapped[int]
    file_name: Mapped[str]
    digest: Mapped[str]
    reason: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[utc]
    checked_by: Mapped[str | None]
    checked_at: Mapped[datetime | None]
    check_reason: Mapped[str | None]


class CatalogueChangeRow(Base):
    """One row that a change adds, ends or changes, as it was and as it shall be; append-only."""

    __tablename__ = "catalogue_change_row"
    __table_args__ = (one_of("action", RowAction), Index(None, "table_name", "row_id"))

    change_id: Mapped[UUID] = mapped_column(ForeignKey("catalogue_change.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    table_name: Mapped[str]
    row_id: Mapped[str]
    action: Mapped[str]
    file_name: Mapped[str]
    line: Mapped[int]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    after: Mapped[dict[str, Any]] = mapped_column(JSONB)


class CatalogueChangeTransition(Base):
    """History of a change; append-only. `version` counts up by one."""

    __tablename__ = "catalogue_change_transition"

    change_id: Mapped[UUID] = mapped_column(ForeignKey("catalogue_change.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    from_state: Mapped[str | None]
    event: Mapped[str]
    to_state: Mapped[str]
    actor: Mapped[str]
    recorded_at: Mapped[utc]
