import socket

import pytest

from providers.outbound import OutboundRefused, check_url, is_public_address, resolve


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "ftp://provider.example.vn/",
        "file:///etc/passwd",
        "http://provider.example.vn/",
        "https://user@provider.example.vn/",
        "https://provider.example.vn\\@127.0.0.1/",
        "https://provider.example.vn /",
        "https://provider.example.vn/\r\nX: y",
        "https://①②⑦.⓪.⓪.①/",
        "https://provider.example.vn:0/",
        "https://provider.example.vn:99999/",
        "https://[::1",
        "https://-provider.example.vn/",
    ],
)
def test_check_url_odd_forms_are_refused(url):
    with pytest.raises(OutboundRefused):
        check_url(url)


def test_check_url_insecure_host_is_allowed_for_that_host_only():
    assert check_url("http://127.0.0.1:8100/x", allow_insecure_host="127.0.0.1").insecure_allowed
    assert check_url("http://127.0.0.1:8100/x", allow_insecure_host="127.0.0.1:8100").port == 8100
    for allowed in ("127.0.0.2", "127.0.0.1:8101", "27.0.0.1"):
        with pytest.raises(OutboundRefused):
            check_url("http://127.0.0.1:8100/x", allow_insecure_host=allowed)
    assert not check_url("https://provider.example.vn/", allow_insecure_host="127.0.0.1").insecure_allowed


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.8",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "2001:db8::1",
        "nonsense",
    ],
)
def test_is_public_address_inner_addresses_are_not(address):
    assert not is_public_address(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "203.113.131.1", "2606:4700::1111"])
def test_is_public_address_outer_addresses_are(address):
    assert is_public_address(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f.1", "2130706433", "127.1", "localhost"])
def test_resolve_names_of_loopback_are_refused(host):
    with pytest.raises(OutboundRefused):
        resolve(host, 443, insecure_allowed=False)


def test_resolve_one_inner_address_among_many_refuses_all(monkeypatch):
    found = [(socket.AF_INET, 1, 6, "", (ip, 443)) for ip in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
    with pytest.raises(OutboundRefused):
        resolve("provider.example.vn", 443, insecure_allowed=False)
