"""Rules of who may do what: staff roles, portals' activation, scopes and addresses, the life of a session. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from payclear.kernel.errors import InvalidInput
from payclear.kernel.states import StateTable, register

PASSWORD_CHARACTERS_MIN: Final = 15  # without a second factor (NIST SP 800-63B-4)
SESSION_IDLE: Final = timedelta(minutes=15)
SESSION_ABSOLUTE: Final = timedelta(hours=8)
SESSION_TOUCH: Final = timedelta(seconds=30)
LIVE_KEYS_MAX: Final = 2
RETURN_URL_CHARACTERS_MAX: Final = 1000

_LOGIN = re.compile(r"[a-z][a-z0-9._-]{1,39}")
_PORTAL_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PLAIN_URL = re.compile(r"https?://[!-~]+")
# What some server behind the address may take for a way out of its path.
_WAY_OUT = re.compile(r"(^|/)(\.|%2e){1,2}(;|%3b|/|$)|%2f|%5c|%00", re.IGNORECASE)
_LOOPBACK_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]", "::1")


class StaffRole(StrEnum):
    """What a member of staff may do; an officer may do all that a viewer may. Who changes the catalogue is a viewer besides."""

    VIEWER = "viewer"
    OFFICER = "officer"
    CATALOGUE_MAKER = "catalogue_maker"
    CATALOGUE_CHECKER = "catalogue_checker"


class Scope(StrEnum):
    """What an API key may be used for."""

    OBLIGATIONS_READ = "obligations:read"
    OBLIGATIONS_WRITE = "obligations:write"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    LOOKUPS_READ = "lookups:read"
    CLEARANCE_READ = "clearance:read"


class PortalKind(StrEnum):
    """Whose portal it is."""

    NATIONAL = "national"
    MINISTRY = "ministry"
    PROVINCE = "province"
    CORPORATION = "corporation"
    OTHER = "other"


class PortalState(StrEnum):
    """Activation of a portal (DOMAIN F20): to be registered is not yet to be allowed to collect.

    `testing` writes outside production only. `suspended` and `retired` read what is under way and write nothing.
    """

    REGISTERED = "registered"
    TESTING = "testing"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    RETIRED = "retired"


_P = PortalState
PORTAL_STATES: Final = register(
    StateTable(
        name="portal",
        initial=_P.REGISTERED,
        transitions={
            (_P.REGISTERED, "testing_began"): _P.TESTING,
            (_P.REGISTERED, "retired"): _P.RETIRED,
            (_P.TESTING, "activated"): _P.ACTIVE,
            (_P.TESTING, "retired"): _P.RETIRED,
            (_P.ACTIVE, "suspended"): _P.SUSPENDED,
            (_P.ACTIVE, "retired"): _P.RETIRED,
            (_P.SUSPENDED, "resumed"): _P.ACTIVE,
            (_P.SUSPENDED, "retired"): _P.RETIRED,
        },
        terminal=frozenset({_P.RETIRED}),
    )
)


class InvalidLogin(InvalidInput):
    """A login name that is not 2 to 40 small letters, digits, dots, dashes."""

    code = "invalid_login"


class WeakPassword(InvalidInput):
    """A password that is too short, or that repeats the login."""

    code = "weak_password"


class InvalidPortal(InvalidInput):
    """A portal whose code or return addresses can not be registered."""

    code = "invalid_portal"


class InvalidNetwork(InvalidInput):
    """A network that is not written as 203.0.113.0/24 or 2001:db8::/32, or has bits beyond its length."""

    code = "invalid_network"


def allows(roles: Iterable[str], needed: StaffRole) -> bool:
    """Whether these roles are enough for what needs `needed`."""
    held = set(roles)
    if needed is StaffRole.VIEWER:
        return bool(held & {StaffRole.VIEWER, StaffRole.OFFICER})
    return needed in held


def normal_login(text: str) -> str:
    """A login as it is stored: small letters, no spaces around; anything else finds nobody."""
    return text.strip().lower()[:40]


def is_login(text: str) -> bool:
    """Whether somebody may have this login."""
    return _LOGIN.fullmatch(text) is not None


def require_login(login: str) -> None:
    """Raises InvalidLogin for a name that could not be typed again."""
    if not is_login(login):
        raise InvalidLogin("2 to 40 small letters, digits, dots, dashes, a letter first", field="login")


def require_strong_password(password: str, *, login: str) -> None:
    """Length is strength: at least 15 characters, no rule about kinds of characters. Raises WeakPassword."""
    if len(password) < PASSWORD_CHARACTERS_MIN:
        raise WeakPassword("too short", field="password", minimum=PASSWORD_CHARACTERS_MIN)
    if login in password.lower() and len(password) < PASSWORD_CHARACTERS_MIN + len(login):
        raise WeakPassword("it repeats the login", field="password")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTimes:
    """When a session began, was last used, and ends at the latest."""

    last_seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        """Whether it still opens the console: not ended, used within 15 minutes, younger than 8 hours."""
        return self.ended_at is None and now < self.expires_at and now - self.last_seen_at < SESSION_IDLE


def require_portal(code: str, return_url_prefixes: Iterable[str]) -> None:
    """Raises InvalidPortal for a code or a return address that can not be registered."""
    if not _PORTAL_CODE.fullmatch(code) or len(code) > 40:
        raise InvalidPortal("a portal's code is small letters, digits and single dashes", field="code")
    for prefix in return_url_prefixes:
        parts = _split(prefix)
        if parts is None or parts.query or not parts.path:
            raise InvalidPortal(
                "a return address prefix is https://host/ or more, without a query",
                field="return_url_prefixes",
            )


def is_return_url_allowed(url: str, prefixes: Iterable[str]) -> bool:
    """Whether a citizen may be sent to `url`: same scheme, host and port as a prefix, below its path.

    Refused whatever the prefix: other schemes, http except on loopback, user names, backslashes, control
    characters, spaces, non-ASCII, fragments, dot segments also when encoded or with parameters, encoded slashes.
    """
    parts = _split(url)
    return parts is not None and any(_lies_below(parts, _split(prefix)) for prefix in prefixes)


def read_networks(texts: Iterable[str]) -> list[str]:
    """Networks as they are stored, each once and in order; a single address is a network of one. Raises InvalidNetwork."""
    found = set()
    for text in texts:
        try:
            found.add(ip_network(text.strip()))
        except ValueError:
            raise InvalidNetwork("not a network", field="network") from None
    return [str(each) for each in sorted(found, key=lambda each: (each.version, int(each.network_address)))]


def is_address_allowed(address: str, networks: Iterable[str]) -> bool:
    """Whether a call may come from an address: no list allows any, a list only what lies in it."""
    listed = [ip_network(each) for each in networks]
    if not listed:
        return True
    try:
        caller = ip_address(address)
    except ValueError:
        return False
    return any(_plain(caller) in each for each in listed)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address that came through an IPv6 socket is an IPv4 address."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _split(url: str) -> SplitResult | None:
    if len(url) > RETURN_URL_CHARACTERS_MAX or not _PLAIN_URL.fullmatch(url) or set(url) & set('\\"<>^`{|}#'):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or "@" in parts.netloc or port == 0 or parts.netloc.endswith((":", ".")):
        return None
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK_HOSTS:
        return None
    return None if _WAY_OUT.search(parts.path) else parts


def _lies_below(parts: SplitResult, prefix: SplitResult | None) -> bool:
    if prefix is None or (parts.scheme, parts.hostname, _port(parts)) != (
        prefix.scheme,
        prefix.hostname,
        _port(prefix),
    ):
        return False
    if prefix.path.endswith("/"):
        return parts.path.startswith(prefix.path)
    return parts.path == prefix.path or parts.path.startswith(prefix.path + "/")


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)
