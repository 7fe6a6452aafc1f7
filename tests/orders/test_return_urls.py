"""Redirect tricks: a citizen is sent back below a registered address, and nowhere else."""

import pytest

from payclear.identity.domain import is_return_url_allowed
from tests.portal_api import PortalApi

PREFIXES = ("https://portal.example/return", "https://other.example:8443/")

TRICKS = [
    "http://portal.example/return",  # another scheme
    "HTTP://portal.example/return",
    "ftp://portal.example/return",
    "javascript:alert(1)",
    "javascript://portal.example/return%0aalert(1)",
    "data:text/html,x",
    "//portal.example/return",
    "/return",
    "return",
    "portal.example/return",
    "https:portal.example/return",
    "https:/portal.example/return",
    "https:///portal.example/return",
    "https://portal.example:444/return",  # another port
    "https://portal.example:0/return",
    "https://portal.example:/return",
    "https://portal.example:65536/return",
    "https://portal.example:x/return",
    "https://other.example/",
    "https://other.example:8443",
    "https://portal.example.evil.example/return",  # another host
    "https://evilportal.example/return",
    "https://portal.example./return",
    "https://portal.example@evil.example/return",
    "https://portal.example:x@evil.example/return",
    "https://evil.example@portal.example/return",
    "https://evil.example#@portal.example/return",
    "https://evil.example?@portal.example/return",
    "https://evil.example\\@portal.example/return",
    "https://evil.example\\.portal.example/return",
    "https://portal.example\\evil.example/return",
    "https://portal.example\\/return",
    "https://\\portal.example/return",
    "https://portal.example%2eevil.example/return",
    "https://p\u00f3rtal.example/return",
    "https://portal\u3002example/return",
    "https://portal.example\u2024evil.example/return",
    "https://\u24df\u24de\u24e1tal.example/return",
    "https://[::1]/return",
    "https://[portal.example]/return",
    "https://portal.example]/return",
    "https://[portal.example/return",
    "https://portal.example/returned",  # beside the path
    "https://portal.example/return.evil",
    "https://portal.example/RETURN",
    "https://portal.example/",
    "https://portal.example",
    "https://portal.example//return",
    "https://portal.example/return/../admin",  # out of the path
    "https://portal.example/return/..",
    "https://portal.example/return/.",
    "https://portal.example/return/%2e%2e/admin",
    "https://portal.example/return/.%2E/admin",
    "https://portal.example/return/..\\admin",
    "https://portal.example/return\\..\\admin",
    "https://portal.example/return/..;/admin",  # ways out that some servers know
    "https://portal.example/return/..;a=b/admin",
    "https://portal.example/return/%2E%2e;/admin",
    "https://portal.example/return/..%3B/admin",
    "https://portal.example/return/..%2fadmin",
    "https://portal.example/return/..%2Fadmin",
    "https://portal.example/return%2F..%2Fadmin",
    "https://portal.example/return/..%5cadmin",
    "https://portal.example/return/..%5Cadmin",
    "https://portal.example/return/%00",
    "https://portal.example/return#paid",
    "https://portal.example/return#",
    "https://portal.example/return\r\nSet-Cookie: a=b",
    "https://portal.example/return\n",
    "\thttps://portal.example/return",
    " https://portal.example/return",
    "https://portal.example/return ",
    "https://portal.example/re turn",
    "https://portal.example/return\x00",
    'https://portal.example/return"onload=x',
    "https://portal.example/return<script>",
    "https://portal.example/return`",
    "https://portal.example/return|x",
    "https://portal.example/return{x}",
    "https://portal.example/return/" + "x" * 1000,
    "",
]


@pytest.mark.parametrize("url", TRICKS)
def test_return_url_trick_is_refused(url: str) -> None:
    assert not is_return_url_allowed(url, PREFIXES)


@pytest.mark.parametrize(
    "url",
    [
        "https://portal.example/return",
        "https://portal.example:443/return",
        "https://PORTAL.example/return",
        "https://portal.example/return/0007",
        "https://portal.example/return?ho-so=0007&x=1",
        "https://portal.example/return/a%20b",
        "https://other.example:8443/",
        "https://other.example:8443/any/where",
    ],
)
def test_return_url_below_a_registered_address_is_allowed(url: str) -> None:
    assert is_return_url_allowed(url, PREFIXES)


def test_return_url_without_any_registered_address_is_refused() -> None:
    assert not is_return_url_allowed("https://portal.example/return", ())


def test_tricks_never_make_an_order(portal: PortalApi) -> None:
    """Over the API; white space around the address is cut before it is judged, and stored so."""
    for url in TRICKS:
        body = portal.order_body(return_url=url, obligations=["obl_01m80ban0repp8vxyphr9gwfa3"])
        answer = portal.post("/payment-orders", body)
        allowed = url.strip() == "https://portal.example/return"
        assert (answer.status_code == 404) == allowed, (url, answer.text)
        assert answer.status_code in (400, 404, 422)
