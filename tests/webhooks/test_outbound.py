"""The door outward: connects only where it looked, keeps its deadlines, follows nobody."""

import gzip
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from payclear.kernel.clock import SystemClock
from payclear.kernel.phase import transaction_phase
from payclear.webhooks.domain import Answer
from payclear.webhooks.outbound import Outbound
from tests.webhooks.certificates import Authority
from tests.webhooks.receivers import free_port, raw_server, receiver

PUBLIC = "93.184.216.34"
HEADERS = {"Content-Type": "application/json", "webhook-id": "evt_1"}
BODY = b'{"a":1}'


def outbound(**changes) -> Outbound:
    limits = {
        "clock": SystemClock(),
        "connect_timeout_s": 1,
        "total_timeout_s": 1.0,
        "allow_hosts": ("127.0.0.1", "localhost"),
    }
    return Outbound(**{**limits, **changes})


class Net:
    """A name service and a network: every public address leads to one port on loopback."""

    def __init__(self, answers: list[list[str]], port: int = 0) -> None:
        self.answers = answers
        self.port = port
        self.looked_up: list[str] = []
        self.connected: list[tuple[str, int]] = []

    def resolve(self, host: str, port: int) -> list[str]:
        self.looked_up.append(host)
        return self.answers[min(len(self.looked_up), len(self.answers)) - 1]

    def connect(self, address: tuple[str, int], timeout_s: float) -> socket.socket:
        self.connected.append(address)
        return socket.create_connection(("127.0.0.1", self.port), timeout_s)

    def post(self, url: str = "https://portal.example/hooks", **changes) -> Answer:
        return outbound(resolve=self.resolve, connect=self.connect, **changes).post(url, HEADERS, BODY)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["64:ff9b::7f00:1"],
        [PUBLIC, "10.0.0.1"],
        ["fe80::1%lo"],
        [],
    ],
)
def test_post_name_with_a_private_address_opens_no_socket(addresses: list[str]) -> None:
    net = Net([addresses])
    assert net.post().error == "address_refused"
    assert net.connected == []


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.2", "[::1]", "[::ffff:127.0.0.1]", "0"]
)
def test_post_loopback_in_disguise_is_refused_by_the_real_resolver(host: str) -> None:
    with receiver() as portal:
        answer = outbound().post(f"https://{host}:8443/hooks", HEADERS, BODY)
    assert answer.status is None
    assert answer.error in ("address_refused", "name_unknown")
    assert portal.received == []


def test_post_name_that_changes_its_answer_is_connected_where_it_was_checked() -> None:
    """Rebinding: one look-up, and the connection goes to the address of that look-up."""
    net = Net([[PUBLIC], ["127.0.0.1"]], port=free_port())
    assert net.post().error == "unreachable"
    assert net.looked_up == ["portal.example"]
    assert net.connected == [(PUBLIC, 443)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_post_redirection_is_told_and_not_followed(status: int) -> None:
    with receiver() as elsewhere, receiver() as portal:
        portal.answer = lambda _: (status, {"Location": elsewhere.url})
        answer = outbound().post(portal.url, HEADERS, BODY)
    assert answer.status == status
    assert elsewhere.received == []


def test_post_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as portal, receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert outbound().post(portal.url, HEADERS, BODY).status == 204
    assert proxy.received == []


def test_post_inside_a_transaction_is_a_mistake() -> None:
    with transaction_phase(), pytest.raises(RuntimeError, match="transaction"):
        outbound().post("https://portal.example/", HEADERS, BODY)


def test_post_unreachable_and_unknown_are_told() -> None:
    assert outbound().post(f"http://127.0.0.1:{free_port()}/", HEADERS, BODY).error == "unreachable"
    fail = Net([[PUBLIC]])

    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    fail.resolve = unknown  # type: ignore[method-assign]
    assert fail.post().error == "name_unknown"


def _say(text: bytes) -> Callable[[socket.socket], None]:
    def speak(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(text)

    return speak


def _drip(text: bytes, *, then_hang: bool = False) -> Callable[[socket.socket], None]:
    def speak(connection: socket.socket) -> None:
        connection.settimeout(10)
        connection.recv(65536)
        gone = threading.Event()
        for each in text:
            connection.sendall(bytes([each]))
            gone.wait(0.05)
        while then_hang and connection.recv(65536):
            pass

    return speak


@pytest.mark.parametrize(
    "speak",
    [
        _drip(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 10_000),
        _drip(b"", then_hang=True),
        _drip(b"HTTP/1.1 200 OK\r\n", then_hang=True),
    ],
    ids=["drips_headers", "says_nothing", "stops_in_the_headers"],
)
def test_post_slow_portal_is_cut_at_the_deadline(speak) -> None:
    with raw_server(speak) as port:
        started = time.monotonic()
        answer = outbound(total_timeout_s=0.5).post(f"http://127.0.0.1:{port}/", HEADERS, BODY)
        assert time.monotonic() - started < 3
    assert (answer.status, answer.error) == (None, "timeout")
    assert 400 <= answer.duration_ms < 3000


def test_post_portal_that_drips_its_tls_handshake_is_cut_at_the_deadline() -> None:
    with raw_server(_drip(b"\x16\x03\x03\x20\x00" + b"\x02" * 8192)) as port:
        started = time.monotonic()
        answer = outbound(total_timeout_s=0.5).post(f"https://127.0.0.1:{port}/", HEADERS, BODY)
        assert time.monotonic() - started < 3
    assert (answer.status, answer.error) == (None, "timeout")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x00" * 100,
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 300,
    ],
)
def test_post_broken_answer_is_no_delivery(text: bytes) -> None:
    with raw_server(_say(text)) as port:
        answer = outbound().post(f"http://127.0.0.1:{port}/", HEADERS, BODY)
    assert (answer.status, answer.error) == (None, "broken_answer")


def test_post_endless_answer_is_read_a_little_and_left() -> None:
    sent = []

    def speak(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"1000\r\n" + b"a" * 0x1000 + b"\r\n")
            sent.append(0x1000)

    with raw_server(speak) as port:
        answer = outbound(total_timeout_s=5.0).post(f"http://127.0.0.1:{port}/", HEADERS, BODY)
    assert answer.status == 200
    assert answer.duration_ms < 2000


def test_post_packed_answer_is_never_unpacked() -> None:
    bomb = gzip.compress(b"\x00" * 50_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with raw_server(_say(head + bomb)) as port:
        assert outbound(total_timeout_s=5.0).post(f"http://127.0.0.1:{port}/", HEADERS, BODY).status == 200


def test_post_status_counts_even_when_the_connection_breaks_after_it() -> None:
    with raw_server(_say(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nab")) as port:
        assert outbound().post(f"http://127.0.0.1:{port}/", HEADERS, BODY).status == 200


def test_post_sends_exactly_the_bytes_and_headers_it_was_given() -> None:
    with receiver() as portal:
        portal.answer = lambda _: (503, {"Retry-After": "120"})
        answer = outbound().post(portal.url, HEADERS, '{"ơ":1}'.encode())
    got = portal.received[0]
    assert (answer.status, answer.retry_after) == (503, "120")
    assert got.body == '{"ơ":1}'.encode()
    assert got.headers["host"] == f"127.0.0.1:{portal.port}"
    assert got.headers["webhook-id"] == "evt_1"
    assert got.headers["accept-encoding"] == "identity"
    assert "cookie" not in got.headers


def test_post_https_checks_the_certificate_against_the_name(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    right, wrong = authority.certify("portal.example"), authority.certify("other.example")
    for tls, ca_file, outcome in (
        (right, authority.ca_file, (204, None)),
        (wrong, authority.ca_file, (None, "tls")),
        (right, None, (None, "tls")),
    ):
        with receiver(tls=tls) as portal:
            net = Net([[PUBLIC]], port=portal.port)
            answer = net.post(ca_file=str(ca_file) if ca_file else None)
            assert (answer.status, answer.error) == outcome
            assert net.connected == [(PUBLIC, 443)]
            assert bool(portal.received) is (answer.status == 204)
            assert not portal.received or portal.received[0].headers["host"] == "portal.example"


def test_post_leaves_no_open_descriptor() -> None:
    with receiver() as portal:
        outbound().post(portal.url, HEADERS, BODY)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            outbound().post(portal.url, HEADERS, BODY)
            outbound().post("https://[::1]:8443/", HEADERS, BODY)
        after = len(os.listdir("/proc/self/fd"))
    assert after <= before + 2
