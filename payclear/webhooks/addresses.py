"""Which URLs a webhook may go to. Pure; called by `webhooks.outbound` and at registration."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from payclear.security.addresses import PORTS

URL_LENGTH_MAX = 2000
# A grammar narrower than any parser's: no user, no backslash, no space, no control, no fragment, ASCII only.
_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?"
    r"(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?"
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads: its scheme, its host in lower case without brackets, its port."""

    scheme: str
    host: str
    port: int
    is_trusted: bool  # named in webhooks.allow_hosts: plain HTTP and private addresses are fine


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
