"""Peers on loopback: a raw socket server that plays a script, and a receiver of callbacks."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Script = Callable[[socket.socket, threading.Event], None]


@dataclass
class RawPeer:
    """A server whose every connection is given to a script; `stopping` ends scripts that hang."""

    port: int
    stopping: threading.Event
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"


@contextmanager
def raw_peer(script: Script) -> Iterator[RawPeer]:
    """Listen on a free port and run the script for every connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    peer = RawPeer(listener.getsockname()[1], threading.Event())
    threads: list[threading.Thread] = []

    def handle(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            script(connection, peer.stopping)

    def accept() -> None:
        while not peer.stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            peer.connections += 1
            thread = threading.Thread(target=handle, args=(connection,))
            threads.append(thread)
            thread.start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield peer
    finally:
        peer.stopping.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join(5)
        for thread in threads:
            thread.join(5)


def read_request(connection: socket.socket) -> bytes:
    """Read one request with its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65_536)
        if not part:
            return data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


def answer(body: bytes, *, status: str = "200 OK", extra: bytes = b"") -> bytes:
    """A whole HTTP answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n".encode()
    return head + extra + b"\r\n" + body


@dataclass
class Receiver:
    """A merchant's callback endpoint that records what arrives and answers what it is told."""

    url: str
    status: int = 200
    body: bytes = b'{"RspCode":"00","Message":"Confirm Success"}'
    first_bodies: list[bytes] = field(default_factory=list)
    calls: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int, timeout_s: float = 10.0) -> list[tuple[str, str, dict[str, str], bytes]]:
        """Wait until so many calls have come."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.calls) >= count, timeout_s), self.calls
            return list(self.calls)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run a receiver on a free port."""
    made: Receiver

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with made.changed:
                made.calls.append((self.command, self.path, headers, body))
                answer_body = made.first_bodies.pop(0) if made.first_bodies else made.body
                made.changed.notify_all()
            self.send_response(made.status)
            self.send_header("content-length", str(len(answer_body)))
            self.end_headers()
            self.wfile.write(answer_body)

        do_GET = do_POST = _take

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Receiver(f"http://127.0.0.1:{server.server_port}/callbacks")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
