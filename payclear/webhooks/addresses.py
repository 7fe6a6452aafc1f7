"""Which addresses and URLs a webhook may go to. Pure; called by `webhooks.outbound` and at registration.

The tables are our own: what a library calls global changes between Python versions and lets NAT64,
6to4 and multicast through.
"""

import ipaddress
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

URL_LENGTH_MAX = 2000
PORTS = frozenset({443, 8443})
# A grammar narrower than any parser's: no user, no backslash, no space, no control, no fragment, ASCII only.
_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?"
    r"(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?"
)

_DENIED_V4 = tuple(
    ipaddress.IPv4Network(each)
    for each in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relay
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# Of IPv6 only global unicast is ever allowed; NAT64, mapped, local and multicast lie outside of it.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_DENIED_V6 = tuple(
    ipaddress.IPv6Network(each)
    for each in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 hides an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads: its scheme, its host in lower case without brackets, its port."""

    scheme: str
    host: str
    port: int
    is_trusted: bool  # named in webhooks.allow_hosts: plain HTTP and private addresses are fine


def is_public(address: str) -> bool:
    """Whether a webhook may be sent to a numeric address; a zone or anything unreadable is no."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in network for network in _DENIED_V4)
    if parsed.scope_id is not None or parsed not in _GLOBAL_V6:
        return False
    return not any(parsed in network for network in _DENIED_V6)


def are_public(addresses: Sequence[str]) -> bool:
    """Whether a name may be connected to: it has addresses and each of them is public."""
    return bool(addresses) and all(is_public(address) for address in addresses)


def target_of(url: str, allow_hosts: Collection[str]) -> Target | None:
    """Where a URL leads, or None when webhooks do not go there.

    Only https to the usual ports, written without user, fragment or unusual characters; a host in
    `allow_hosts` may also use http and any port.
    """
    match = _URL.fullmatch(url) if len(url) <= URL_LENGTH_MAX else None
    if match is None:
        return None
    scheme, host = match["scheme"], match["host"].lower().strip("[]")
    port = int(match["port"] or (443 if scheme == "https" else 80))
    is_trusted = host in allow_hosts
    if port > 65_535 or ".." in host or not (is_trusted or (scheme == "https" and port in PORTS)):
        return None
    return Target(scheme, host, port, is_trusted)
