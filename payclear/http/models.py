"""Idempotency keys of portals with the stored answer. Written only by `http.idempotency`."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, blob, text_pk, utc


class IdempotencyKey(Base):
    """The answer to one keyed POST, byte for byte."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index(None, "created_at"),)

    portal_code: Mapped[text_pk]
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[blob]
    status: Mapped[int]
    content_type: Mapped[str]
    location: Mapped[str | None]
    body: Mapped[blob]
    created_at: Mapped[utc]
