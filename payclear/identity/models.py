"""Portals with their API keys, and staff with their sessions. Written only by `identity`."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, blob, one_of, text_list, text_pk, utc, uuid_pk


class PortalState(StrEnum):
    """Activation of a portal (DOMAIN F20): registered is not yet allowed to collect."""

    REGISTERED = "registered"
    TESTING = "testing"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    RETIRED = "retired"


class Portal(Base):
    """An API client that creates orders. `return_url_prefixes` is the exact allow-list of return addresses."""

    __tablename__ = "portal"
    __table_args__ = (one_of("state", PortalState),)

    code: Mapped[text_pk]
    name_vi: Mapped[str]
    name_en: Mapped[str]
    state: Mapped[str]
    return_url_prefixes: Mapped[text_list]
    created_at: Mapped[utc]


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
