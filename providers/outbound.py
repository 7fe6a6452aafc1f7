"""The outbound guard: which addresses an adapter may open a connection to.

Called by `providers.transport` for every URL and again for every address a name resolves to, at connection
time, so that a name that changes its address between the two can not slip through.
"""

import re
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from payclear.security.addresses import PORTS, is_public

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
    """Check the form of a URL: https to the usual ports, no credentials, no odd characters; raises OutboundRefused.

    `allow_insecure_host` is `host` or `host:port`, from the account's option of that name: plain http, other
    ports and private addresses are accepted for exactly that host.
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
    if port == 0 or not (named or port in PORTS):
        raise OutboundRefused("the port is none of those we connect to")
    return Target(parts.scheme, host, port, parts.path, named)


def _bare_host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host


def resolve(host: str, port: int, *, insecure_allowed: bool) -> list[tuple[int, tuple[str, int]]]:
    """Resolve a host to (family, address) pairs, all of them allowed; raises OutboundRefused or
    socket.gaierror.
    """
    found: list[tuple[int, tuple[str, int]]] = []
    for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        ip = str(address[0])
        if not insecure_allowed and not is_public(ip):
            raise OutboundRefused("the name leads to an address that is not public")
        found.append((int(family), (ip, port)))
    return found
