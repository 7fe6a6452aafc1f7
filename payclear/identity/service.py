"""Portals and their API keys, and who a request comes from. Called by the API's guard and by demo data.

Only a key's SHA-256 is stored; a revoked key stops working within a second on every process.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from weakref import WeakKeyDictionary

from payclear.audit.service import record
from payclear.db.uow import UnitOfWork
from payclear.identity import queries
from payclear.identity.domain import LIVE_KEYS_MAX, Scope, is_return_url_allowed, require_portal
from payclear.identity.models import PortalState
from payclear.identity.queries import KeyRow, PortalRow
from payclear.kernel.clock import Clock
from payclear.kernel.errors import Conflict, ErrorCategory, InvalidInput, NotFound, PayclearError
from payclear.security.hmacs import equal
from payclear.security.passwords import hash_api_key, new_api_key, parse_api_key

CACHE_TTL_S: Final = 1.0
CACHE_KEYS_MAX: Final = 2048
ALL_SCOPES: Final = tuple(scope.value for scope in Scope)
_COLLECTING: Final = frozenset({PortalState.TESTING, PortalState.ACTIVE})
_BARRED: Final = frozenset({PortalState.SUSPENDED, PortalState.RETIRED})


class Unauthenticated(PayclearError):
    """No key, or none that holds. The answer is the same for all reasons."""

    code = "unauthenticated"
    category = ErrorCategory.UNAUTHENTICATED


class PortalBarred(PayclearError):
    """The key holds, but its portal is suspended or retired."""

    code = "portal_barred"
    category = ErrorCategory.FORBIDDEN


class ScopeMissing(PayclearError):
    """The key holds, but not for this."""

    code = "scope_missing"
    category = ErrorCategory.FORBIDDEN


class PortalNotFound(NotFound):
    """No portal has this code."""

    code = "portal_not_found"


class PortalExists(Conflict):
    """A portal of this code is registered already."""

    code = "portal_exists"


class TooManyKeys(Conflict):
    """A portal has two live keys at most: one in use, one to change to."""

    code = "too_many_api_keys"


class KeyTaken(Conflict):
    """Another key has this id."""

    code = "api_key_taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who a request comes from."""

    portal_code: str
    key_id: str
    scopes: frozenset[str]
    state: PortalState
    return_url_prefixes: tuple[str, ...]

    @property
    def may_collect(self) -> bool:
        """Whether the portal may create payment orders: registered alone is not enough."""
        return self.state in _COLLECTING

    def require(self, scope: str) -> None:
        """Raises ScopeMissing when the key was not given for this (a `Scope`)."""
        if scope not in self.scopes:
            raise ScopeMissing("the key lacks a scope", scope=str(scope))


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """A new key; `full_text` is shown once and never stored."""

    key_id: str
    full_text: str = field(repr=False)


class _KnownKeys:
    """Keys that held within the last second: a busy portal costs no query per request.

    Seconds are those of one clock, so keys are known per clock: one in a process, a new one in each test.
    """

    def __init__(self) -> None:
        self._by_clock: WeakKeyDictionary[Clock, dict[bytes, tuple[float, KeyRow]]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def get(self, uow: UnitOfWork, digest: bytes) -> KeyRow | None:
        known = self._by_clock.get(uow.clock, {}).get(digest)
        if known is None or not 0 <= uow.clock.monotonic() - known[0] < CACHE_TTL_S:
            return None
        return known[1]

    def put(self, uow: UnitOfWork, digest: bytes, row: KeyRow) -> None:
        with self._lock:
            rows = self._by_clock.setdefault(uow.clock, {})
            if len(rows) >= CACHE_KEYS_MAX:
                rows.clear()
            rows[digest] = (uow.clock.monotonic(), row)

    def forget(self, uow: UnitOfWork) -> None:
        with self._lock:
            self._by_clock.pop(uow.clock, None)


_known_keys = _KnownKeys()


def authenticate_portal(uow: UnitOfWork, header: str | None) -> Principal:
    """Who sends `Authorization: Bearer pk_…`; raises Unauthenticated or PortalBarred.

    A key that held is trusted for one second without asking the database again.
    """
    text = _bearer(header)
    key_id = parse_api_key(text)
    if key_id is None:
        raise Unauthenticated("no API key of the expected form")
    digest = hash_api_key(text)
    row = _known_keys.get(uow, digest)
    if row is None:
        row = queries.find_key(uow, key_id)
        # A key that does not exist is compared as well, so that time does not tell which ids exist.
        if not equal(row.secret_hash if row else bytes(32), digest) or row is None:
            raise Unauthenticated("the key is unknown")
        _known_keys.put(uow, digest, row)
    return _principal(row, uow.now)


def _bearer(header: str | None) -> str:
    scheme, _, text = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise Unauthenticated("the request carries no key")
    return text.strip()


def _principal(row: KeyRow, now: datetime) -> Principal:
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        raise Unauthenticated("the key is over")
    state = PortalState(row.portal_state)
    if state in _BARRED:
        raise PortalBarred("the portal may not call", state=state.value)
    return Principal(
        portal_code=row.portal_code,
        key_id=row.id,
        scopes=frozenset(row.scopes),
        state=state,
        return_url_prefixes=tuple(row.return_url_prefixes),
    )


def get_portal(uow: UnitOfWork, code: str) -> PortalRow:
    """A registered portal; raises PortalNotFound."""
    portal = queries.find_portal(uow, code)
    if portal is None:
        raise PortalNotFound("no such portal", portal_code=code[:40])
    return portal


def create_portal(
    uow: UnitOfWork,
    *,
    code: str,
    name_vi: str,
    name_en: str,
    return_url_prefixes: Iterable[str],
    state: PortalState = PortalState.ACTIVE,
    actor: str = "system",
) -> PortalRow:
    """Register a portal with its return addresses; raises PortalExists, InvalidPortal."""
    prefixes = list(return_url_prefixes)
    require_portal(code, prefixes)
    portal = PortalRow(
        code=code, name_vi=name_vi, name_en=name_en, state=state.value, return_url_prefixes=prefixes
    )
    if not queries.insert_portal(uow, portal):
        raise PortalExists("the portal is registered already", portal_code=code)
    _audit(uow, actor=actor, action="portal.created", code=code, facts={"state": state.value})
    return portal


def change_portal_state(uow: UnitOfWork, code: str, state: PortalState, *, actor: str) -> None:
    """Activate, suspend or retire a portal; its keys follow within a second. Raises PortalNotFound."""
    if not queries.set_portal_state(uow, code, state.value):
        raise PortalNotFound("no such portal", portal_code=code[:40])
    _known_keys.forget(uow)
    _audit(uow, actor=actor, action="portal.state_changed", code=code, facts={"state": state.value})


def issue_api_key(
    uow: UnitOfWork,
    portal_code: str,
    full_text: str | None = None,
    *,
    scopes: Iterable[str] = ALL_SCOPES,
    expires_at: datetime | None = None,
    actor: str = "system",
) -> IssuedKey:
    """Give a portal a key, new or (for demonstrations) of a given text; the same text again changes nothing.

    Raises PortalNotFound, TooManyKeys beyond two live keys, KeyTaken, InvalidInput for another form.
    """
    key_id, text = (parse_api_key(full_text), full_text) if full_text is not None else new_api_key()
    if key_id is None or text is None:
        raise InvalidInput("not an API key", field="api_key")
    if not queries.lock_portal(uow, portal_code):
        raise PortalNotFound("no such portal", portal_code=portal_code[:40])
    digest = hash_api_key(text)
    known = queries.find_key(uow, key_id)
    if known is not None:
        if known.portal_code != portal_code or not equal(known.secret_hash, digest):
            raise KeyTaken("another key has this id", key_id=key_id)
        return IssuedKey(key_id=key_id, full_text=text)
    if queries.count_live_keys(uow, portal_code) >= LIVE_KEYS_MAX:
        raise TooManyKeys("revoke a key first", portal_code=portal_code, maximum=LIVE_KEYS_MAX)
    queries.insert_key(
        uow,
        key_id=key_id,
        portal_code=portal_code,
        secret_hash=digest,
        scopes=list(scopes),
        expires_at=expires_at,
    )
    _audit(uow, actor=actor, action="portal.key_issued", code=portal_code, facts={"key_id": key_id})
    return IssuedKey(key_id=key_id, full_text=text)


def revoke_api_key(uow: UnitOfWork, key_id: str, *, actor: str) -> None:
    """End a key: at once here, within a second on other processes. Raises NotFound when it was not live."""
    row = queries.find_key(uow, key_id)
    if row is None or not queries.revoke_key(uow, key_id):
        raise NotFound("no live key of this id", key_id=key_id[:40])
    _known_keys.forget(uow)
    _audit(uow, actor=actor, action="portal.key_revoked", code=row.portal_code, facts={"key_id": key_id})


def is_return_url_registered(uow: UnitOfWork, portal_code: str, url: str) -> bool:
    """Whether citizens of this portal's orders may be sent to `url`; raises PortalNotFound."""
    return is_return_url_allowed(url, get_portal(uow, portal_code).return_url_prefixes)


def _audit(uow: UnitOfWork, *, actor: str, action: str, code: str, facts: dict[str, str]) -> None:
    record(
        uow,
        actor_type="system" if actor == "system" else "staff",
        actor=actor,
        action=action,
        object_type="portal",
        object_id=code,
        facts=facts,
    )
