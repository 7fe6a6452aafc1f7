"""Every statement of identity: portals, keys, staff, sessions. Called by its `service` and `sessions`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from payclear.db.uow import UnitOfWork

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class PortalRow:
    """A portal as it is registered."""

    code: str
    name_vi: str
    name_en: str
    state: str
    return_url_prefixes: list[str]
    kind: str = "other"
    agency_code: str | None = None
    version: int = 1
    allowed_networks: list[str] = field(default_factory=list)
    requests_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An API key with its portal's state and return addresses."""

    id: str
    portal_code: str
    portal_state: str
    return_url_prefixes: list[str]
    allowed_networks: list[str]
    requests_per_minute: int | None
    secret_hash: bytes = field(repr=False)
    scopes: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class StaffRow:
    """A member of staff with the hash of the password."""

    id: UUID
    login: str
    display_name: str
    password_hash: str = field(repr=False)
    roles: list[str]
    state: str


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session with the member of staff it belongs to."""

    staff_id: UUID
    login: str
    display_name: str
    roles: list[str]
    staff_state: str
    csrf_token: str = field(repr=False)
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None


_PORTAL = """
SELECT code, name_vi, name_en, state, return_url_prefixes, kind, agency_code, version, allowed_networks,
       requests_per_minute
FROM portal WHERE code = %s
"""
_INSERT_PORTAL = """
INSERT INTO portal (code, name_vi, name_en, state, return_url_prefixes, created_at, kind, agency_code, version,
                    allowed_networks, requests_per_minute)
VALUES (%(code)s, %(name_vi)s, %(name_en)s, %(state)s, %(prefixes)s, %(now)s, %(kind)s, %(agency_code)s, %(version)s,
        %(networks)s, %(rate)s)
ON CONFLICT (code) DO NOTHING
"""
_KEY = """
SELECT k.id, k.portal_code, p.state AS portal_state, p.return_url_prefixes, p.allowed_networks,
       p.requests_per_minute, k.secret_hash, k.scopes, k.expires_at, k.revoked_at
FROM portal_api_key k JOIN portal p ON p.code = k.portal_code
WHERE k.id = %s
"""
# The row lock on the portal makes two grants at once take turns, so that the count below holds.
_LOCK_PORTAL = "SELECT code FROM portal WHERE code = %s FOR UPDATE"
_LIVE_KEYS = """
SELECT count(*) FROM portal_api_key
WHERE portal_code = %(portal_code)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %(now)s)
"""
_INSERT_KEY = """
INSERT INTO portal_api_key (id, portal_code, secret_hash, scopes, created_at, expires_at)
VALUES (%(id)s, %(portal_code)s, %(secret_hash)s, %(scopes)s, %(now)s, %(expires_at)s)
ON CONFLICT (id) DO NOTHING
"""
_REVOKE_KEY = "UPDATE portal_api_key SET revoked_at = %(now)s WHERE id = %(id)s AND revoked_at IS NULL"

_STAFF = "SELECT id, login, display_name, password_hash, roles, state FROM staff WHERE login = %s"
_INSERT_STAFF = """
INSERT INTO staff (id, login, display_name, password_hash, roles, state, created_at)
VALUES (%(id)s, %(login)s, %(display_name)s, %(password_hash)s, %(roles)s, 'active', %(now)s)
ON CONFLICT (login) DO NOTHING
"""
_RENEW_HASH = "UPDATE staff SET password_hash = %(password_hash)s WHERE id = %(id)s"
_DISABLE_STAFF = "UPDATE staff SET state = 'disabled' WHERE id = %s AND state = 'active'"

_INSERT_SESSION = """
INSERT INTO staff_session (token_hash, staff_id, csrf_token, created_at, last_seen_at, expires_at)
VALUES (%(token_hash)s, %(staff_id)s, %(csrf_token)s, %(now)s, %(now)s, %(expires_at)s)
"""
_SESSION = """
SELECT s.staff_id, f.login, f.display_name, f.roles, f.state AS staff_state, s.csrf_token,
       s.created_at, s.last_seen_at, s.expires_at, s.ended_at
FROM staff_session s JOIN staff f ON f.id = s.staff_id
WHERE s.token_hash = %s
"""
_TOUCH_SESSION = (
    "UPDATE staff_session SET last_seen_at = %(now)s WHERE token_hash = %(token_hash)s AND ended_at IS NULL"
)
_END_SESSION = (
    "UPDATE staff_session SET ended_at = %(now)s WHERE token_hash = %(token_hash)s AND ended_at IS NULL"
)
_END_SESSIONS = (
    "UPDATE staff_session SET ended_at = %(now)s WHERE staff_id = %(staff_id)s AND ended_at IS NULL"
)
# Sessions over for a day explain nothing any more; the audit trail keeps who logged in when.
_FORGET_SESSIONS = "DELETE FROM staff_session WHERE staff_id = %(staff_id)s AND expires_at < %(before)s"


def find_portal(uow: UnitOfWork, code: str) -> PortalRow | None:
    """A portal by its code."""
    return _first(uow.rows(PortalRow, _PORTAL, (code,)))


def insert_portal(uow: UnitOfWork, portal: PortalRow) -> bool:
    """Store a portal; False when the code is taken."""
    values = {
        "code": portal.code,
        "name_vi": portal.name_vi,
        "name_en": portal.name_en,
        "state": portal.state,
        "prefixes": portal.return_url_prefixes,
        "now": uow.now,
        "kind": portal.kind,
        "agency_code": portal.agency_code,
        "version": portal.version,
        "networks": portal.allowed_networks,
        "rate": portal.requests_per_minute,
    }
    return uow.run(_INSERT_PORTAL, values).rowcount == 1


def find_key(uow: UnitOfWork, key_id: str) -> KeyRow | None:
    """An API key by its public id, with its portal's state."""
    return _first(uow.rows(KeyRow, _KEY, (key_id,)))


def lock_portal(uow: UnitOfWork, code: str) -> bool:
    """Lock a portal's row; False when there is no such portal."""
    return uow.run(_LOCK_PORTAL, (code,)).fetchone() is not None


def count_live_keys(uow: UnitOfWork, portal_code: str) -> int:
    """How many keys of a portal open the API now."""
    row = uow.run(_LIVE_KEYS, {"portal_code": portal_code, "now": uow.now}).fetchone()
    return int(row[0]) if row else 0


def insert_key(
    uow: UnitOfWork,
    *,
    key_id: str,
    portal_code: str,
    secret_hash: bytes,
    scopes: list[str],
    expires_at: datetime | None,
) -> bool:
    """Store a key's digest; False when the id is taken."""
    values = {
        "id": key_id,
        "portal_code": portal_code,
        "secret_hash": secret_hash,
        "scopes": scopes,
        "now": uow.now,
        "expires_at": expires_at,
    }
    return uow.run(_INSERT_KEY, values).rowcount == 1


def revoke_key(uow: UnitOfWork, key_id: str) -> bool:
    """End a key now; False when it was not live."""
    return uow.run(_REVOKE_KEY, {"id": key_id, "now": uow.now}).rowcount == 1


def find_staff(uow: UnitOfWork, login: str) -> StaffRow | None:
    """A member of staff by login."""
    return _first(uow.rows(StaffRow, _STAFF, (login,)))


def insert_staff(uow: UnitOfWork, staff: StaffRow) -> bool:
    """Store an active member of staff; False when the login is taken."""
    values = {
        "id": staff.id,
        "login": staff.login,
        "display_name": staff.display_name,
        "password_hash": staff.password_hash,
        "roles": staff.roles,
        "now": uow.now,
    }
    return uow.run(_INSERT_STAFF, values).rowcount == 1


def renew_password_hash(uow: UnitOfWork, staff_id: UUID, password_hash: str) -> None:
    """Store the same password under a newer hash."""
    uow.run(_RENEW_HASH, {"id": staff_id, "password_hash": password_hash})


def disable_staff(uow: UnitOfWork, staff_id: UUID) -> bool:
    """Disable an account; False when it was not active."""
    return uow.run(_DISABLE_STAFF, (staff_id,)).rowcount == 1


def insert_session(
    uow: UnitOfWork, *, token_hash: bytes, staff_id: UUID, csrf_token: str, expires_at: datetime
) -> None:
    """Store a session by the digest of its token."""
    values = {
        "token_hash": token_hash,
        "staff_id": staff_id,
        "csrf_token": csrf_token,
        "now": uow.now,
        "expires_at": expires_at,
    }
    uow.run(_INSERT_SESSION, values)


def find_session(uow: UnitOfWork, token_hash: bytes) -> SessionRow | None:
    """A session by the digest of its token, whatever its state."""
    return _first(uow.rows(SessionRow, _SESSION, (token_hash,)))


def touch_session(uow: UnitOfWork, token_hash: bytes) -> None:
    """Note that a session was used now."""
    uow.run(_TOUCH_SESSION, {"token_hash": token_hash, "now": uow.now})


def end_session(uow: UnitOfWork, token_hash: bytes) -> bool:
    """End a session; False when it was over."""
    return uow.run(_END_SESSION, {"token_hash": token_hash, "now": uow.now}).rowcount == 1


def end_sessions(uow: UnitOfWork, staff_id: UUID) -> int:
    """End every session of a member of staff; how many there were."""
    return uow.run(_END_SESSIONS, {"staff_id": staff_id, "now": uow.now}).rowcount


def forget_sessions(uow: UnitOfWork, staff_id: UUID, *, before: datetime) -> None:
    """Delete a member's sessions that were over before an instant."""
    uow.run(_FORGET_SESSIONS, {"staff_id": staff_id, "before": before})


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None
