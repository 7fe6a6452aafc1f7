"""Portals with their API keys, and staff with their sessions. Written only by `identity`."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, blob, one_of, text_list, text_pk, utc, uuid_pk
from payclear.identity.domain import PortalKind, PortalState

__all__ = [
    "Portal",
    "PortalActivation",
    "PortalApiKey",
    "PortalProposal",
    "PortalState",
    "Staff",
    "StaffSession",
]


class Portal(Base):
    """An API client that creates orders. `return_url_prefixes` is the exact allow-list of return addresses.

    `allowed_networks`: the only networks its calls come from; empty for any. `requests_per_minute`: None for no limit.
    """

    __tablename__ = "portal"
    __table_args__ = (
        one_of("state", PortalState),
        one_of("kind", PortalKind),
        CheckConstraint("requests_per_minute BETWEEN 1 AND 1000000", name="rate"),
    )

    code: Mapped[text_pk]
    name_vi: Mapped[str]
    name_en: Mapped[str]
    state: Mapped[str]
    return_url_prefixes: Mapped[text_list]
    created_at: Mapped[utc]
    kind: Mapped[str]
    agency_code: Mapped[str | None] = mapped_column(ForeignKey("agency.code"))
    version: Mapped[int]
    allowed_networks: Mapped[text_list]
    requests_per_minute: Mapped[int | None]


class PortalActivation(Base):
    """One step of a portal's activation, why and by which two people; append-only."""

    __tablename__ = "portal_activation"
    __table_args__ = (
        one_of("to_state", PortalState),
        CheckConstraint(
            "maker = 'system' OR version = 1 OR (checker IS NOT NULL AND checker <> maker)", name="two_people"
        ),
        CheckConstraint("reason <> ''", name="has_reason"),
    )

    portal_code: Mapped[str] = mapped_column(ForeignKey("portal.code"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    from_state: Mapped[str | None]
    event: Mapped[str]
    to_state: Mapped[str]
    reason: Mapped[str]
    maker: Mapped[str]
    checker: Mapped[str | None]
    recorded_at: Mapped[utc]


class PortalProposal(Base):
    """A step that one member of staff proposed and another has to approve; one open proposal a portal at most."""

    __tablename__ = "portal_proposal"
    __table_args__ = (
        CheckConstraint("checker <> maker OR NOT is_approved", name="two_people"),
        CheckConstraint(
            "(decided_at IS NULL) = (checker IS NULL) AND (decided_at IS NULL) = (is_approved IS NULL)",
            name="decided_whole",
        ),
        Index(
            "uq_portal_proposal_open",
            "portal_code",
            unique=True,
            postgresql_where=text("decided_at IS NULL"),
        ),
    )

    id: Mapped[uuid_pk]
    portal_code: Mapped[str] = mapped_column(ForeignKey("portal.code"))
    event: Mapped[str]
    reason: Mapped[str]
    maker: Mapped[str]
    proposed_at: Mapped[utc]
    checker: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    is_approved: Mapped[bool | None]


class PortalApiKey(Base):
    """One API key of a portal; only its SHA-256 is kept."""

    __tablename__ = "portal_api_key"
    __table_args__ = (Index(None, "portal_code"),)

    id: Mapped[text_pk]
    portal_code: Mapped[str] = mapped_column(ForeignKey("portal.code"))
    secret_hash: Mapped[blob]
    scopes: Mapped[text_list]
    created_at: Mapped[utc]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class StaffState(StrEnum):
    """A staff account is active or disabled; disabling ends its sessions."""

    ACTIVE = "active"
    DISABLED = "disabled"


class Staff(Base):
    """A member of the treasury staff."""

    __tablename__ = "staff"
    __table_args__ = (one_of("state", StaffState),)

    id: Mapped[uuid_pk]
    login: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    password_hash: Mapped[str]
    roles: Mapped[text_list]
    state: Mapped[str]
    created_at: Mapped[utc]


class StaffSession(Base):
    """A server-side session; the cookie holds a random token, the row its SHA-256."""

    __tablename__ = "staff_session"
    __table_args__ = (Index(None, "staff_id"),)

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    csrf_token: Mapped[str]
    created_at: Mapped[utc]
    last_seen_at: Mapped[utc]
    expires_at: Mapped[utc]
    ended_at: Mapped[datetime | None]
