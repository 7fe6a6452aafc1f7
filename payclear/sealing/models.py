"""One key a day for raw messages. Written only by `sealing` and, for rotation and erasure, by `privacy`."""

from datetime import date
from uuid import UUID

from sqlalchemy import CheckConstraint, Date
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, utc


class DayKey(Base):
    """The data key of a day's raw messages; without `wrapped_key` that day's messages can never be read again."""

    __tablename__ = "day_key"
    __table_args__ = (
        CheckConstraint("(erased_at IS NULL) = (wrapped_key IS NOT NULL)", name="erased_is_unreadable"),
    )

    day_on: Mapped[date] = mapped_column(Date, primary_key=True)
    data_key_id: Mapped[UUID]
    kek_id: Mapped[str]
    wrapped_key: Mapped[bytes | None]
    created_at: Mapped[utc]
    erased_at: Mapped[utc | None]
