"""Meters of tries, links that open one document, and orders that were made through them.

Written only by `lookup`. No table here holds a person, a document number, an address or a second factor.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, one_of, utc, uuid_pk
from payclear.lookup.domain import LinkPurpose


class LookupMeter(Base):
    """How much a visitor or a number has used up: until when it is not at rest again. `key` is a blind index."""

    __tablename__ = "lookup_meter"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    rests_at: Mapped[utc]


class LookupLink(Base):
    """A link that opens one obligation for a while. Only the digest of its token is kept."""

    __tablename__ = "lookup_link"
    __table_args__ = (
        one_of("purpose", LinkPurpose),
        CheckConstraint("expires_at > created_at", name="expires_after_creation"),
        CheckConstraint("octet_length(token_digest) = 32", name="digest_is_sha256"),
        Index(None, "obligation_id"),
    )

    id: Mapped[uuid_pk]
    token_digest: Mapped[bytes] = mapped_column(unique=True)
    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"))
    purpose: Mapped[str]
    created_at: Mapped[utc]
    expires_at: Mapped[utc]
    revoked_at: Mapped[datetime | None]


class LookupOrder(Base):
    """An order that was made through a link; append-only."""

    __tablename__ = "lookup_order"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("payment_order.id"), primary_key=True)
    link_id: Mapped[UUID] = mapped_column(ForeignKey("lookup_link.id"))
