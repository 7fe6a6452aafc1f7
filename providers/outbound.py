"""The outbound guard: which addresses an adapter may open a connection to.

Called by `providers.transport` for every URL and again for every address a name resolves to, at connection
time, so that a name that changes its address between the two can not slip through.
"""

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

# `is_global` calls some of these public, depending on the Python release.
_NEVER_PUBLIC = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "224.0.0.0/3",
        "::/96",
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2002::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]")
_URL_CHARACTERS = re.compile(r"[\x21-\x5b\x5d-\x7e]+")  # printable ASCII without space and backslash


class OutboundRefused(ValueError):
    """The guard does not let a request out; the text says why and never holds a query string."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL the guard let through.

    `insecure_allowed` is True for a host the configuration names as its own.
    """

    scheme: str
    host: str
    port: int
    path: str
    insecure_allowed: bool


def check_url(url: str, *, allow_insecure_host: str = "") -> Target:
    """Check the form of a URL: https, no credentials, no odd characters; raises OutboundRefused.

    `allow_insecure_host` is `host` or `host:port`, from the account's option of that name: plain http and
    private addresses are accepted for exactly that host.
    """
    if not _URL_CHARACTERS.fullmatch(url):
        raise OutboundRefused("the URL holds characters that do not belong there")
    try:
        parts = urlsplit(url)
        port = parts.port if parts.port is not None else {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError as error:
        raise OutboundRefused("the URL can not be read") from error
    if "@" in parts.netloc or not parts.hostname or not _HOST.fullmatch(_bare_host(parts)):
        raise OutboundRefused("the URL names no plain host")
    host = parts.hostname
    named = bool(allow_insecure_host) and allow_insecure_host.lower() in (host, f"{host}:{port}")
    if parts.scheme != "https" and not (named and parts.scheme == "http"):
        raise OutboundRefused("only https leaves this house")
    if port == 0:
        raise OutboundRefused("port 0 is no port")
    return Target(parts.scheme, host, port, parts.path, named)


def _bare_host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host


def is_public_address(address: str) -> bool:
    """Whether an IP address belongs to the public Internet; mapped, translated and tunnelled forms do not."""
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if any(parsed.version == network.version and parsed in network for network in _NEVER_PUBLIC):
        return False
    return parsed.is_global and not parsed.is_multicast


def resolve(host: str, port: int, *, insecure_allowed: bool) -> list[tuple[int, tuple[str, int]]]:
    """Resolve a host to (family, address) pairs, all of them allowed; raises OutboundRefused or
    socket.gaierror.
    """
    found: list[tuple[int, tuple[str, int]]] = []
    for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        ip = str(address[0])
        if not insecure_allowed and not is_public_address(ip):
            raise OutboundRefused("the name leads to an address that is not public")
        found.append((int(family), (ip, port)))
    return found
