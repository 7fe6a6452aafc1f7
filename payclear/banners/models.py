"""The banners of citizens' pages. Written only by `banners`."""

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, utc, uuid_pk


class PublicBanner(Base):
    """A text in two languages for a time; it is never changed, only taken down."""

    __tablename__ = "public_banner"
    __table_args__ = (
        CheckConstraint("text_vi <> '' AND text_en <> ''", name="says_something"),
        CheckConstraint("begins_at < ends_at", name="in_order"),
        CheckConstraint("(taken_down_by IS NULL) = (taken_down_at IS NULL)", name="taken_down_whole"),
    )

    id: Mapped[uuid_pk]
    text_vi: Mapped[str]
    text_en: Mapped[str]
    begins_at: Mapped[utc]
    ends_at: Mapped[utc] = mapped_column(index=True)
    made_by: Mapped[str]
    made_at: Mapped[utc]
    taken_down_by: Mapped[str | None]
    taken_down_at: Mapped[utc | None]
