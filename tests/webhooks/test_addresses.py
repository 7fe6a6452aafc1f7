"""Where webhooks do not go, by the form of their URL."""

import pytest

from payclear.webhooks.addresses import target_of

REFUSED_URLS = [
    "", "https://", "https:///hooks", "//portal.example/hooks", "portal.example/hooks", "ftp://portal.example/",
    "file:///etc/passwd", "gopher://portal.example/", "javascript:alert(1)", "HTTPS://portal.example/",
    "http://portal.example/hooks", "https://portal.example:22/", "https://portal.example:8080/",
    "https://portal.example:0/", "https://portal.example:99999/", "https://portal.example:443x/",
    "https://user@portal.example/", "https://user:pass@portal.example/", "https://portal.example@127.0.0.1/",
    "https://portal.example\\@127.0.0.1/", "https://portal.example#@127.0.0.1/", "https://127.0.0.1\\.portal.example/",
    "https://portal.example/#part", "https://portal.example /", " https://portal.example/", "https://portal.example/\n",
    "https://portal.example/\r\nX: y", "https://portal.example\t/", "https://pörtal.example/", "https://①②⑦.⓪.⓪.①/",
    "https://portal。example/", "https://portal.example./", "https://.portal.example/", "https://portal..example/",
    "https://-portal.example/", "https://portal_example/", "https://[::1", "https://[::1]extra/",
    "https://[fe80::1%25eth0]/", "https://portal.example/%00\x00", "https://portal.example/\u202e",
    "https:portal.example/",
    "https:/portal.example/", "https://portal.example?x=\"><script>", "https://" + "a" * 300 + "/",
    "https://portal.example/" + "a" * 2000,
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_target_of_anything_but_plain_https_is_refused(url: str) -> None:
    assert target_of(url, ()) is None


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://portal.example", "portal.example", 443),
        ("https://Portal.Example/hooks?x=1&y=%20", "portal.example", 443),
        ("https://portal.example:8443/hooks", "portal.example", 8443),
        ("https://xn--cng-dch-vin-ynb.vn/", "xn--cng-dch-vin-ynb.vn", 443),
        ("https://[2606:4700::1111]/", "2606:4700::1111", 443),
    ],
)
def test_target_of_plain_https_is_accepted(url: str, host: str, port: int) -> None:
    target = target_of(url, ())
    assert target is not None
    assert (target.host, target.port, target.is_trusted) == (host, port, False)


def test_target_of_host_named_in_the_settings_may_use_http_and_any_port() -> None:
    target = target_of("http://127.0.0.1:8200/payclear/webhooks", ("127.0.0.1",))
    assert target is not None
    assert (target.scheme, target.port, target.is_trusted) == ("http", 8200, True)
    assert target_of("http://127.0.0.2:8200/", ("127.0.0.1",)) is None
    assert target_of("http://127.0.0.1.portal.example/", ("127.0.0.1",)) is None
