"""The load generator: prebuilt requests over keep-alive connections, one in flight each, in a process of its own.

Run as `python -m bench.load`; prints one JSON object. Bounded in time and in count, loopback only.
"""

import argparse
import json
import pickle
import selectors
import socket
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

RECEIVE: Final = 65_536
SILENCE_S: Final = 20.0
_BODY_LENGTH: Final = b"content-length:"


@dataclass(frozen=True, slots=True)
class LoadRun:
    """What the clients saw between the end of the warm-up and the last answer."""

    accepted: int
    refused: int
    warm_up: int
    seconds: float
    per_second: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    cpu_us: float  # processor time of the clients, a request
    first_refusal: str


@dataclass(slots=True)
class _Client:
    connection: socket.socket
    received: bytearray = field(default_factory=bytearray)
    sent_at: float = 0.0
    is_counted: bool = False


class _Generator:
    def __init__(self, requests: list[bytes], *, warm_up: int, seconds: float, expected: bytes) -> None:
        self._requests = iter(requests)
        self._warm_up = warm_up
        self._seconds = seconds
        self._expected = expected
        self._selector = selectors.DefaultSelector()
        self._sent = self._waiting = self._warmed = self._refused = 0
        self._began: float | None = None
        self._ended = 0.0
        self._latencies: list[float] = []
        self._first_refusal = ""

    def run(self, port: int, clients: int) -> LoadRun:
        """Send until the time or the requests are over, and wait for the answers that are due."""
        cpu_before = time.process_time()
        for _ in range(clients):
            connection = socket.create_connection(("127.0.0.1", port), timeout=SILENCE_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = _Client(connection)
            self._selector.register(connection, selectors.EVENT_READ, client)
            self._send(client)
        while self._waiting:
            ready = self._selector.select(SILENCE_S)
            if not ready:
                raise TimeoutError(f"no answer within {SILENCE_S} s")
            for key, _ in ready:
                if self._receive(key.data):
                    self._send(key.data)
        for key in list(self._selector.get_map().values()):
            key.data.connection.close()
        self._selector.close()
        return self._result(time.process_time() - cpu_before)

    def _send(self, client: _Client) -> None:
        now = time.perf_counter()
        if self._sent == self._warm_up:
            self._began = now
        if self._began is not None and now - self._began >= self._seconds:
            return
        request = next(self._requests, None)
        if request is None:
            return
        client.received.clear()
        client.is_counted = self._began is not None
        self._sent += 1
        self._waiting += 1
        client.sent_at = time.perf_counter()
        client.connection.sendall(request)

    def _receive(self, client: _Client) -> bool:
        part = client.connection.recv(RECEIVE)
        if not part:
            raise ConnectionError("the server closed a connection")
        client.received += part
        if not _is_complete(client.received):
            return False
        now = time.perf_counter()
        self._waiting -= 1
        if not client.is_counted:
            self._warmed += 1
        elif self._expected in client.received:
            self._latencies.append(now - client.sent_at)
            self._ended = now
        if self._expected not in client.received:
            self._refused += 1
            self._first_refusal = self._first_refusal or bytes(client.received[:600]).decode(
                "utf-8", "replace"
            )
        return True

    def _result(self, cpu_seconds: float) -> LoadRun:
        times = sorted(self._latencies) or [0.0]
        seconds = max(self._ended - (self._began or 0.0), 1e-9)
        return LoadRun(
            accepted=len(self._latencies),
            refused=self._refused,
            warm_up=self._warmed,
            seconds=seconds,
            per_second=len(self._latencies) / seconds,
            p50_ms=times[len(times) // 2] * 1000,
            p99_ms=times[int(len(times) * 0.99)] * 1000,
            worst_ms=times[-1] * 1000,
            cpu_us=cpu_seconds / max(self._sent, 1) * 1e6,
            first_refusal=self._first_refusal,
        )


def _is_complete(received: bytearray) -> bool:
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = received[:end].lower()
    start = head.find(_BODY_LENGTH)
    if start < 0:
        raise ValueError("an answer without Content-Length")
    stop = head.find(b"\r\n", start)
    length = int(head[start + len(_BODY_LENGTH) : stop if stop >= 0 else None])
    return len(received) >= end + 4 + length


def main() -> None:
    """Send the requests of a file and say what came back."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--warm-up", type=int, required=True)
    parser.add_argument("--expected", required=True)
    parser.add_argument("--file", type=Path, required=True)
    asked = parser.parse_args()
    requests = pickle.loads(asked.file.read_bytes())
    generator = _Generator(
        requests, warm_up=asked.warm_up, seconds=asked.seconds, expected=asked.expected.encode()
    )
    json.dump(asdict(generator.run(asked.port, asked.clients)), sys.stdout)


if __name__ == "__main__":
    main()
