import socket

import pytest

from providers.outbound import OutboundRefused, check_url, resolve
from tests.security.address_table import PRIVATE, PUBLIC


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
        "https://provider.example.vn:22/",
        "https://provider.example.vn:8080/",
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


def resolving_to(monkeypatch, *addresses):
    found = [(socket.AF_INET, 1, 6, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)


@pytest.mark.parametrize("address", PRIVATE)
def test_resolve_inner_address_is_refused(monkeypatch, address):
    resolving_to(monkeypatch, address)
    with pytest.raises(OutboundRefused):
        resolve("provider.example.vn", 443, insecure_allowed=False)


@pytest.mark.parametrize("address", PUBLIC)
def test_resolve_outer_address_is_taken(monkeypatch, address):
    resolving_to(monkeypatch, address)
    assert resolve("provider.example.vn", 443, insecure_allowed=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f.1", "2130706433", "127.1", "localhost"])
def test_resolve_names_of_loopback_are_refused(host):
    with pytest.raises(OutboundRefused):
        resolve(host, 443, insecure_allowed=False)


def test_resolve_one_inner_address_among_many_refuses_all(monkeypatch):
    resolving_to(monkeypatch, "8.8.8.8", "10.0.0.1")
    with pytest.raises(OutboundRefused):
        resolve("provider.example.vn", 443, insecure_allowed=False)
