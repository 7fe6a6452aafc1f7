"""Whose word is taken for where a visitor comes from."""

from dataclasses import replace

import pytest
from flask import request

from payclear.app import create_app
from payclear.runtime import Runtime

FORWARDED = {
    "X-Forwarded-For": "198.51.100.7, 203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
}


def seen(runtime: Runtime, trusted_proxies: int) -> tuple[str | None, str, str]:
    """Address, scheme and host of a visitor as the application sees them."""
    web = replace(runtime.settings.web, trusted_proxies=trusted_proxies)
    app = create_app(replace(runtime, settings=replace(runtime.settings, web=web)))
    found: list[tuple[str | None, str, str]] = []
    app.before_request(lambda: found.append((request.remote_addr, request.scheme, request.host)))
    app.test_client().get("/docs", headers=FORWARDED)
    return found[0]


@pytest.mark.parametrize(
    ("trusted_proxies", "address", "scheme"),
    [(0, "127.0.0.1", "http"), (1, "203.0.113.9", "https"), (2, "198.51.100.7", "http")],
)
def test_forwarded_address_is_believed_as_far_as_there_are_proxies_of_ours(
    runtime: Runtime, trusted_proxies: int, address: str, scheme: str
) -> None:
    assert seen(runtime, trusted_proxies) == (address, scheme, "localhost")
