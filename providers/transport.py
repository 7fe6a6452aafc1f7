"""The one HTTP client of all adapters: deadlines, a total deadline, one retry when nothing left, outbound
guard, transcript.

Adapters call `Transport.send`; nothing else may open a connection to a provider. It never follows a redirect,
never reads a proxy from the environment, never unpacks an answer, and never calls a request failed when it
may have arrived.
"""

import io
import logging
import socket
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from payclear.contract.errors import NotSent, OutcomeUnknown
from payclear.kernel.clock import Clock, SystemClock
from payclear.kernel.phase import require_no_transaction
from payclear.kernel.secret import Secret
from providers.outbound import OutboundRefused, Target, check_url, resolve
from providers.transcript import scrub

logger = logging.getLogger(__name__)

_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider answered: the whole body, within the limit; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class _Exchange:
    """One request under way in this thread: what its connection must know, and what it found out."""

    target: Target
    deadline: float
    clock: Clock
    read_timeout_s: float
    bytes_left: bool = False
    retry_is_safe: bool = False

    def remaining_s(self, at_most: float) -> float:
        left = self.deadline - self.clock.monotonic()
        if left <= 0:
            raise TimeoutError("the total deadline has passed")
        return min(left, at_most)


_current = threading.local()


def _exchange() -> _Exchange:
    exchange: _Exchange = _current.exchange
    return exchange


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket, and gives each read only what the total deadline leaves."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        exchange = _exchange()
        self._sock.settimeout(exchange.remaining_s(exchange.read_timeout_s))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _DeadlineSocket:
    """A socket whose reader obeys the total deadline; everything else is the socket's own."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def makefile(self, mode: str, *_: object, **__: object) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._sock))


class _GuardedConnection(HTTPConnection):
    """Connects only to addresses the guard allows, and remembers whether a byte of the request left."""

    def _new_conn(self) -> socket.socket:
        exchange = _exchange()
        target = exchange.target
        exchange.retry_is_safe = True
        try:
            addresses = resolve(target.host, target.port, insecure_allowed=target.insecure_allowed)
        except OutboundRefused:
            exchange.retry_is_safe = False
            raise
        last: OSError = OSError("the name has no address")
        for family, address in addresses:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(exchange.remaining_s(float(self.timeout or exchange.read_timeout_s)))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect(address)
            except OSError as error:
                sock.close()
                last = error
                exchange.retry_is_safe = isinstance(error, ConnectionRefusedError)
            else:
                exchange.retry_is_safe = False
                return sock
        raise last

    def connect(self) -> None:
        super().connect()
        self.sock: Any = _DeadlineSocket(self.sock)

    def send(self, data: Any) -> None:
        if self.sock is None and self.auto_open:
            self.connect()
        exchange = _exchange()
        self.sock.settimeout(exchange.remaining_s(exchange.read_timeout_s))
        exchange.bytes_left = True
        super().send(data)


class _GuardedTlsConnection(_GuardedConnection, HTTPSConnection):
    """The same over TLS; the certificate is checked against the host's name, not the address."""


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls = _GuardedConnection


class _GuardedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTlsConnection


class _GuardedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _GuardedPool, "https": _GuardedTlsPool}


@dataclass(slots=True)
class Transport:
    """Sends one request at a time per thread, over connections that thread keeps open.

    `connect_timeout_s` bounds reaching the provider, `read_timeout_s` each silence, `total_deadline_s` the
    whole exchange but the name look-up, `body_limit` the answer in bytes, `ca_file` names other roots than
    certifi's.
    """

    connect_timeout_s: float = 3.0
    read_timeout_s: float = 8.0
    total_deadline_s: float = 12.0
    body_limit: int = 1 << 20
    ca_file: str = ""
    clock: Clock = field(default_factory=SystemClock)
    _sessions: threading.local = field(default_factory=threading.local, repr=False)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        allow_insecure_host: str = "",
        secrets: Iterable[Secret] = (),
    ) -> Answer:
        """Send one request and return the provider's answer, whatever its status.

        Raises NotSent when no byte of the request left this machine, OutcomeUnknown when one may have and the
        whole answer was not read. A refused connection or an unknown name is tried once more, nothing else
        is.
        """
        require_no_transaction("a call to a provider")
        try:
            target = check_url(url, allow_insecure_host=allow_insecure_host)
        except OutboundRefused as error:
            raise NotSent(str(error), reason="outbound_guard") from error
        hidden = tuple(secrets)
        started = self.clock.monotonic()
        exchange = _Exchange(target, started + self.total_deadline_s, self.clock, self.read_timeout_s)
        try:
            answer = self._try(exchange, method, url, dict(headers or {}), body)
        except _Failed as failed:
            answer = self._try_again(failed, exchange, method, url, dict(headers or {}), body)
        self._log(exchange, method, answer.status, "", self.clock.monotonic() - started)
        self._transcript(method, url, body, answer, hidden)
        return answer

    def close(self) -> None:
        """Close the connections of the calling thread."""
        session = getattr(self._sessions, "session", None)
        if session is not None:
            session.close()
            del self._sessions.session

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._sessions, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            session.headers.clear()
            adapter = _GuardedAdapter(pool_connections=8, pool_maxsize=1, max_retries=Retry(0, read=False))
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._sessions.session = session
        return session

    def _try(
        self, exchange: _Exchange, method: str, url: str, headers: dict[str, str], body: bytes
    ) -> Answer:
        _current.exchange = exchange
        headers |= {"Accept-Encoding": "identity", "User-Agent": "payclear"}
        response: requests.Response | None = None
        try:
            response = self._session().request(
                method,
                url,
                headers=headers,
                data=body or None,
                timeout=(self.connect_timeout_s, self.read_timeout_s),
                allow_redirects=False,
                stream=True,
                verify=self.ca_file or True,
            )
            return self._read(response)
        except (RequestException, HTTPError, OSError, ValueError) as error:
            raise _Failed(_reason(error)) from error
        finally:
            if response is not None:
                response.close()

    def _try_again(
        self,
        failed: "_Failed",
        exchange: _Exchange,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes,
    ) -> Answer:
        if exchange.bytes_left or not exchange.retry_is_safe:
            raise self._error(failed, exchange) from failed
        try:
            return self._try(exchange, method, url, headers, body)
        except _Failed as again:
            raise self._error(again, exchange) from again

    def _read(self, response: requests.Response) -> Answer:
        if response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
            raise ValueError("the answer is packed although we asked for plain")
        parts: list[bytes] = []
        size = 0
        for part in response.raw.stream(_CHUNK, decode_content=False):
            size += len(part)
            if size > self.body_limit:
                raise ValueError("the answer is larger than the limit")
            parts.append(part)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, b"".join(parts))

    def _error(self, failed: "_Failed", exchange: _Exchange) -> NotSent | OutcomeUnknown:
        kind = OutcomeUnknown if exchange.bytes_left else NotSent
        self._log(exchange, "", 0, f"{kind.code} {failed.reason}", 0.0)
        return kind(f"{exchange.target.host}: {failed.reason}", reason=failed.reason)

    def _log(self, exchange: _Exchange, method: str, status: int, trouble: str, took_s: float) -> None:
        target = exchange.target
        facts = {
            "provider_host": target.host,
            "path": target.path,
            "status": status,
            "took_ms": int(took_s * 1000),
        }
        if trouble:
            logger.warning("providers.call_failed %s%s %s", target.host, target.path, trouble, extra=facts)
        else:
            logger.info("providers.called %s %s%s %s", method, target.host, target.path, status, extra=facts)

    def _transcript(
        self, method: str, url: str, body: bytes, answer: Answer, secrets: tuple[Secret, ...]
    ) -> None:
        if logger.isEnabledFor(logging.DEBUG):
            sent = scrub(f"{method} {url}\n\n{_text(body)}", secrets)
            got = scrub(f"{answer.status}\n\n{_text(answer.body)}", secrets)
            logger.debug("providers.transcript sent %s got %s", sent, got)


class _Failed(Exception):
    """One try did not bring an answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _text(body: bytes) -> str:
    """Show a body only in a form whose fields `scrub` can read."""
    with suppress(UnicodeDecodeError):
        if body[:1] in (b"{", b"["):
            return body.decode("utf-8")
    return f"({len(body)} bytes)"


def _reason(error: BaseException) -> str:
    """Name the first cause in the chain; class names only, so that no URL or body slips into a log."""
    seen: list[str] = []
    step: BaseException | None = error
    while step is not None and len(seen) < 8:
        if isinstance(step, OutboundRefused):
            return "outbound_guard"
        seen.append(type(step).__name__)
        inner = [arg for arg in step.args if isinstance(arg, BaseException)]
        step = inner[0] if inner else (getattr(step, "reason", None) or step.__cause__ or step.__context__)
        if not isinstance(step, BaseException) or isinstance(step, _Failed):
            step = None
    return seen[-1] if seen else "unknown"
