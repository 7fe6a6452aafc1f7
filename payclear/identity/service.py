"""Portals and their API keys, and who a request comes from. Called by the API's guard and by demo data.

Only a key's SHA-256 is stored; a revoked key stops working within a second on every process.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from weakref import WeakKeyDictionary

from payclear.audit.service import record
from payclear.db.uow import UnitOfWork
from payclear.http.auth import PortalNotCollecting
from payclear.identity import activation, queries
from payclear.identity.activation import PortalNotFound
from payclear.identity.domain import (
    LIVE_KEYS_MAX,
    PortalKind,
    PortalState,
    Scope,
    is_address_allowed,
    read_networks,
    require_portal,
)
from payclear.identity.queries import KeyRow, PortalRow
from payclear.kernel.clock import Clock
from payclear.kernel.errors import Conflict, ErrorCategory, InvalidInput, NotFound, PayclearError
from payclear.security.hmacs import equal
from payclear.security.passwords import hash_api_key, new_api_key, parse_api_key

CACHE_TTL_S: Final = 1.0
CACHE_KEYS_MAX: Final = 2048
ALL_SCOPES: Final = tuple(scope.value for scope in Scope)
_BARRED: Final = frozenset({PortalState.SUSPENDED, PortalState.RETIRED})


class Unauthenticated(PayclearError):
    """No key, or none that holds. The answer is the same for all reasons."""

    code = "unauthenticated"
    category = ErrorCategory.UNAUTHENTICATED


class PortalBarred(PayclearError):
    """The portal is suspended or retired: it reads what is under way, and writes nothing."""

    code = "portal_barred"
    category = ErrorCategory.FORBIDDEN


class AddressRefused(PayclearError):
    """The key holds, but the call comes from a network that is not on its portal's list."""

    code = "portal_address_refused"
    category = ErrorCategory.FORBIDDEN


class ScopeMissing(PayclearError):
    """The key holds, but not for this."""

    code = "scope_missing"
    category = ErrorCategory.FORBIDDEN


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
    admits_testing: bool = True
    allowed_networks: tuple[str, ...] = ()
    requests_per_minute: int | None = None

    @property
    def may_collect(self) -> bool:
        """Whether the portal may write: when it is active, and outside production also while it is being tested."""
        return self.state is PortalState.ACTIVE or (self.state is PortalState.TESTING and self.admits_testing)

    def require_collecting(self) -> None:
        """Raises PortalBarred when it is suspended or retired, PortalNotCollecting when it is not active yet."""
        if self.state in _BARRED:
            raise PortalBarred("the portal may read, not write", state=self.state.value)
        if not self.may_collect:
            raise PortalNotCollecting("the portal may read, not write", state=self.state.value)

    def require_address(self, address: str) -> None:
        """Raises AddressRefused for a call from outside the portal's networks."""
        if not is_address_allowed(address, self.allowed_networks):
            raise AddressRefused("the call comes from a network that is not listed")

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


def authenticate_portal(uow: UnitOfWork, header: str | None, *, admits_testing: bool = True) -> Principal:
    """Who sends `Authorization: Bearer pk_…`; raises Unauthenticated. What it may do is the Principal's to say.

    A key that held is trusted for one second without asking the database again. `admits_testing`: portals in testing
    may write; not in production.
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
    return _principal(row, uow.now, admits_testing=admits_testing)


def _bearer(header: str | None) -> str:
    scheme, _, text = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise Unauthenticated("the request carries no key")
    return text.strip()


def _principal(row: KeyRow, now: datetime, *, admits_testing: bool) -> Principal:
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        raise Unauthenticated("the key is over")
    return Principal(
        portal_code=row.portal_code,
        key_id=row.id,
        scopes=frozenset(row.scopes),
        state=PortalState(row.portal_state),
        return_url_prefixes=tuple(row.return_url_prefixes),
        admits_testing=admits_testing,
        allowed_networks=tuple(row.allowed_networks),
        requests_per_minute=row.requests_per_minute,
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
    kind: PortalKind = PortalKind.OTHER,
    agency_code: str | None = None,
    networks: Iterable[str] = (),
    requests_per_minute: int | None = None,
    reason: str = "Đăng ký cổng",
    actor: str = "system",
) -> PortalRow:
    """Register a portal with its return addresses; raises PortalExists, InvalidPortal, InvalidNetwork.

    Only demonstrations and tests begin in another `state` than registered: that way has no second person.
    """
    prefixes = list(return_url_prefixes)
    require_portal(code, prefixes)
    portal = PortalRow(
        code=code,
        name_vi=name_vi,
        name_en=name_en,
        state=state.value,
        return_url_prefixes=prefixes,
        kind=kind.value,
        agency_code=agency_code,
        allowed_networks=read_networks(networks),
        requests_per_minute=requests_per_minute,
    )
    if not queries.insert_portal(uow, portal):
        raise PortalExists("the portal is registered already", portal_code=code)
    version = activation.begin(uow, code, state, maker=actor, reason=reason)
    _audit(uow, actor=actor, action="portal.created", code=code, facts={"state": state.value})
    return replace(portal, version=version)


def approve_step(uow: UnitOfWork, code: str, *, checker: str) -> PortalState:
    """Approve what was proposed for a portal; its keys follow within a second. Raises what `activation.approve` raises."""
    state = activation.approve(uow, code, checker=checker)
    _known_keys.forget(uow)
    return state


def change_access(
    uow: UnitOfWork, code: str, *, networks: Iterable[str], requests_per_minute: int | None, actor: str
) -> list[str]:
    """Say from which networks and how often a portal may call; holds within a second everywhere."""
    stored = activation.set_access(
        uow, code, networks=networks, requests_per_minute=requests_per_minute, actor=actor
    )
    _known_keys.forget(uow)
    return stored


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

    Raises PortalNotFound, TooManyKeys beyond two live keys, KeyTaken, InvalidInput for another form or scope.
    """
    wanted = sorted(set(scopes))
    if not wanted or not set(wanted) <= set(ALL_SCOPES):
        raise InvalidInput("name one scope at least, and only those there are", field="scopes")
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
        scopes=wanted,
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
