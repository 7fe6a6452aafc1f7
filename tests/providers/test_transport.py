import logging
import socket
import threading
from contextlib import closing

import pytest

from payclear.contract.errors import NotSent, OutcomeUnknown
from payclear.kernel.phase import transaction_phase
from payclear.kernel.secret import Secret
from providers import outbound
from providers.transport import Transport
from tests.providers.peers import answer, raw_peer, read_request

HERE = "127.0.0.1"


@pytest.fixture
def transport():
    made = Transport(connect_timeout_s=0.5, read_timeout_s=0.5, total_deadline_s=1.0, body_limit=10_000)
    yield made
    made.close()


def closed_port() -> int:
    with closing(socket.create_server((HERE, 0))) as listener:
        return listener.getsockname()[1]


def test_transport_connection_refused_is_not_sent(transport):
    with pytest.raises(NotSent):
        transport.send("POST", f"http://{HERE}:{closed_port()}/", body=b"{}", allow_insecure_host=HERE)


def test_transport_connection_refused_is_tried_exactly_once_more(transport, monkeypatch):
    looked_up = []
    port = closed_port()

    def resolve(host, _port, *, insecure_allowed):
        looked_up.append(host)
        return [(int(socket.AF_INET), (HERE, port))]

    monkeypatch.setattr("providers.transport.resolve", resolve)
    with pytest.raises(NotSent):
        transport.send("GET", f"http://{HERE}:{port}/", allow_insecure_host=HERE)
    assert len(looked_up) == 2


def test_transport_second_try_succeeds_when_the_peer_came_back(transport, monkeypatch):
    with raw_peer(
        lambda connection, _: (read_request(connection), connection.sendall(answer(b"ok")))
    ) as peer:
        ports = iter([closed_port(), peer.port])
        monkeypatch.setattr(
            "providers.transport.resolve",
            lambda host, port, *, insecure_allowed: [(int(socket.AF_INET), (HERE, next(ports)))],
        )
        assert transport.send("GET", peer.url, allow_insecure_host=HERE).body == b"ok"


def test_transport_unknown_name_is_not_sent(transport, monkeypatch):
    def fails(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(outbound.socket, "getaddrinfo", fails)
    with pytest.raises(NotSent) as caught:
        transport.send("GET", "https://provider.example.vn/")
    assert caught.value.facts["reason"] == "gaierror"


def test_transport_peer_that_reads_and_hangs_is_unknown(transport):
    def hang(connection, stopping):
        read_request(connection)
        stopping.wait(10)

    with raw_peer(hang) as peer, pytest.raises(OutcomeUnknown):
        transport.send("POST", peer.url, body=b"{}", allow_insecure_host=HERE)


def test_transport_unknown_outcome_is_never_tried_again(transport):
    def cut(connection, _):
        read_request(connection)

    with raw_peer(cut) as peer:
        with pytest.raises(OutcomeUnknown):
            transport.send("POST", peer.url, body=b"{}", allow_insecure_host=HERE)
        assert peer.connections == 1


@pytest.mark.parametrize(
    "beginning", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"], ids=["head", "body"]
)
def test_transport_peer_that_drips_is_cut_by_the_total_deadline(beginning):
    transport = Transport(connect_timeout_s=1, read_timeout_s=1, total_deadline_s=0.4)

    def drip(connection, stopping):
        read_request(connection)
        connection.sendall(beginning)
        while not stopping.wait(0.02):
            connection.sendall(b"H")

    done = threading.Event()
    with raw_peer(drip) as peer:
        watchdog = threading.Timer(5, done.set)
        watchdog.start()
        with pytest.raises(OutcomeUnknown):
            transport.send("GET", peer.url, allow_insecure_host=HERE)
        assert not done.is_set()
        watchdog.cancel()
    transport.close()


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + b"x" * 20_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"4000\r\n"
        + b"x" * 0x4000
        + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
    ],
    ids=["nothing", "cut-body", "cut-chunk", "noise", "oversize", "oversize-chunked", "packed"],
)
def test_transport_answer_that_is_not_whole_is_unknown(transport, bytes_sent):
    def script(connection, _):
        read_request(connection)
        connection.sendall(bytes_sent)

    with raw_peer(script) as peer, pytest.raises(OutcomeUnknown):
        transport.send("POST", peer.url, body=b"{}", allow_insecure_host=HERE)


def test_transport_reset_after_reading_is_unknown(transport):
    def reset(connection, _):
        read_request(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    with raw_peer(reset) as peer, pytest.raises(OutcomeUnknown):
        transport.send("POST", peer.url, body=b"{}", allow_insecure_host=HERE)


def test_transport_tls_that_fails_is_not_sent(transport, monkeypatch):
    def plain(connection, _):
        connection.recv(1_000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with raw_peer(plain) as peer:
        monkeypatch.setattr(outbound, "is_public", lambda address: True)
        monkeypatch.setattr(outbound, "PORTS", {peer.port})
        with pytest.raises(NotSent):
            transport.send("POST", f"https://{HERE}:{peer.port}/", body=b"secret")
        assert peer.connections == 1


def test_transport_server_error_is_an_answer(transport):
    def script(connection, _):
        read_request(connection)
        connection.sendall(answer(b"oops", status="503 Service Unavailable"))

    with raw_peer(script) as peer:
        assert transport.send("GET", peer.url, allow_insecure_host=HERE).status == 503


def test_transport_redirect_is_not_followed(transport):
    def script(connection, _):
        read_request(connection)
        connection.sendall(answer(b"", status="302 Found", extra=b"Location: http://127.0.0.1:1/\r\n"))

    with raw_peer(script) as peer:
        assert transport.send("GET", peer.url, allow_insecure_host=HERE).status == 302


def test_transport_proxy_of_the_environment_is_not_used(transport, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://{HERE}:{closed_port()}")
    monkeypatch.setenv("http_proxy", f"http://{HERE}:{closed_port()}")
    with raw_peer(
        lambda connection, _: (read_request(connection), connection.sendall(answer(b"ok")))
    ) as peer:
        assert transport.send("GET", peer.url, allow_insecure_host=HERE).body == b"ok"


def test_transport_connection_is_kept_between_calls_and_cookies_are_not(transport):
    seen = []

    def script(connection, _):
        while request := read_request(connection):
            seen.append(request)
            connection.sendall(answer(b"ok", extra=b"Set-Cookie: a=b\r\n"))

    with raw_peer(script) as peer:
        for _ in range(3):
            transport.send("POST", peer.url, body=b"{}", allow_insecure_host=HERE)
        assert peer.connections == 1
        transport.close()
    assert len(seen) == 3
    assert not any(b"cookie" in request.lower() for request in seen)


def test_transport_open_transaction_is_a_programmer_mistake(transport):
    with transaction_phase(), pytest.raises(RuntimeError):
        transport.send("GET", "https://provider.example.vn/")


@pytest.mark.parametrize(
    "url", ["http://provider.example.vn/", f"https://{HERE}/", "https://u:p@example.vn/"]
)
def test_transport_refused_by_the_guard_is_not_sent(transport, url):
    with pytest.raises(NotSent) as caught:
        transport.send("GET", url)
    assert caught.value.facts["reason"] == "outbound_guard"


def test_transport_private_address_behind_a_name_opens_no_socket(transport, monkeypatch):
    with raw_peer(lambda connection, _: None) as peer:
        monkeypatch.setattr(
            outbound.socket, "getaddrinfo", lambda *a, **k: [(socket.AF_INET, 1, 6, "", (HERE, peer.port))]
        )
        with pytest.raises(NotSent) as caught:
            transport.send("GET", f"https://innocent.example.vn:{peer.port}/")
        assert caught.value.facts["reason"] == "outbound_guard"
        assert peer.connections == 0


def test_transport_transcript_holds_no_secret(transport, caplog):
    caplog.set_level(logging.DEBUG, "providers.transport")
    secret = Secret("very-secret-key-0001")
    sent = b'{"vnp_SecureHash": "abcdef0123", "customer_name": "Nguyen Van A", "key": "very-secret-key-0001"}'

    def script(connection, _):
        read_request(connection)
        connection.sendall(
            answer(b'{"signature": "fedcba9876", "card": "9704198526191432198", "code": "00"}')
        )

    with raw_peer(script) as peer:
        transport.send(
            "POST", peer.url + "?token=tttttt", body=sent, allow_insecure_host=HERE, secrets=[secret]
        )
    logged = caplog.text
    for hidden in (
        "abcdef0123",
        "Nguyen",
        "very-secret-key-0001",
        "fedcba9876",
        "9704198526191432198",
        "tttttt",
    ):
        assert hidden not in logged
    assert '"code": "00"' in logged
