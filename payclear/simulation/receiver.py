"""The portal's address for webhooks: checks each signature, remembers what it was told, fails as planned.

A deaf portal answers the first delivery of some events with an error; the same event must come again under its id.
"""

import json
import threading
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from payclear.kernel.clock import Clock
from payclear.kernel.secret import Secret
from payclear.security.standard_webhooks import WebhookSignatureInvalid, verify

BODY_BYTES_MAX = 65_536


class Receiver:
    """What a portal was told: every event id with its body, and how often it came."""

    def __init__(self, secret: Secret, clock: Clock, *, deaf_percent: float) -> None:
        self._secret = secret
        self._clock = clock
        self._deaf_below = int(deaf_percent * 100)
        self._lock = threading.Lock()
        self.events: dict[str, bytes] = {}
        self.deliveries: Counter[str] = Counter()
        self.deaf: set[str] = set()
        self.forged = 0
        self.changed: list[str] = []

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Take one delivery; the HTTP status of the answer."""
        try:
            told = verify(headers, body, [self._secret], self._clock.now())
        except WebhookSignatureInvalid:
            self.forged += 1
            return 401
        with self._lock:
            self.deliveries[told.id] += 1
            known = self.events.setdefault(told.id, body)
            if known != body:
                self.changed.append(told.id)
            is_first = self.deliveries[told.id] == 1
            if is_first and zlib.crc32(told.id.encode()) % 10_000 < self._deaf_below:
                self.deaf.add(told.id)
                return 503
        return 204

    def facts(self) -> list[dict[str, object]]:
        """Every event that came, once, as the portal read it."""
        return [{"event_id": id_, **json.loads(body)} for id_, body in self.events.items()]


@contextmanager
def listening(receiver: Receiver, port: int) -> Iterator[None]:
    """Serve the portal's address on a port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = min(int(self.headers.get("content-length", "0")), BODY_BYTES_MAX)
            body = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(receiver.take(headers, body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="portal")
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
