"""Where webhooks do not go: private places in every disguise."""

import pytest

from payclear.webhooks.addresses import are_public, is_public, target_of

PRIVATE = [
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7",
    "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::",
    "2002:808:808::1", "2620:4f:8000::1", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1",
    "fe80::1%eth0", "2606:4700::1%eth0", "fec0::1", "ff02::1", "4000::1",
    "", "localhost", "127.1", "0x7f.1", "2130706433", "1.2.3", "1.2.3.4.5", "１２７.0.0.1", "8.8.8.08",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_is_public_private_reserved_and_unreadable_addresses_are_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "113.160.0.1", "203.162.0.1", "2606:4700::1111", "2405:4800::1"]
)
def test_is_public_ordinary_addresses_are(address: str) -> None:
    assert is_public(address)


def test_are_public_one_private_address_among_public_ones_spoils_the_name() -> None:
    assert not are_public(["8.8.8.8", "10.0.0.1"])
    assert not are_public([])
    assert are_public(["8.8.8.8", "2606:4700::1111"])


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
