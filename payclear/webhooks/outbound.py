"""The only door through which a webhook leaves: checks the address it connects to, and keeps every deadline.

Called by the sender with no transaction open. It must never follow a redirection, use a proxy from the
environment, unpack an answer, or connect to an address it has not checked itself.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError
from urllib3.exceptions import SSLError as PoolSSLError

from payclear.kernel.clock import Clock
from payclear.kernel.phase import require_no_transaction
from payclear.security.addresses import are_public
from payclear.webhooks.addresses import Target, target_of
from payclear.webhooks.domain import Answer

ANSWER_BYTES_MAX = 16 * 1024
ADDRESSES_TRIED_MAX = 3

Resolve = Callable[[str, int], list[str]]
Connect = Callable[[tuple[str, int], float], socket.socket]


def resolve(host: str, port: int) -> list[str]:
    """The numeric addresses of a host, in the system's order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def connect(address: tuple[str, int], timeout_s: float) -> socket.socket:
    """Open a TCP connection to a numeric address."""
    return socket.create_connection(address, timeout_s)


class AddressRefused(OSError):
    """The host has an address that webhooks do not go to, or none at all."""


class _Try:
    """One try: opens its socket to a checked address, and cuts it when the whole time is over."""

    def __init__(self, outbound: "Outbound", target: Target) -> None:
        self._outbound = outbound
        self._target = target
        self._handle: socket.socket | None = None
        self._lock = threading.Lock()
        self.is_over = False

    def open_socket(self) -> socket.socket:
        """Resolve once, check every address, connect to the first that answers: nothing to rebind."""
        addresses = self._outbound.resolve(self._target.host, self._target.port)
        if not addresses or not (self._target.is_trusted or are_public(addresses)):
            raise AddressRefused
        last: OSError = AddressRefused()
        for address in addresses[:ADDRESSES_TRIED_MAX]:
            try:
                opened = self._outbound.connect(
                    (address, self._target.port), self._outbound.connect_timeout_s
                )
            except OSError as error:
                last = error
                continue
            # A second handle on the same connection: it still cuts it while TLS owns the first.
            with self._lock:
                self._handle = opened.dup()
            if self.is_over:
                self._cut()
            return opened
        raise last

    @contextlib.contextmanager
    def deadline(self, after_s: float) -> Iterator[None]:
        """Cut the connection after a time, whatever the peer does with single bytes."""
        timer = threading.Timer(after_s, self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                if self._handle is not None:
                    self._handle.close()
                    self._handle = None

    def _end(self) -> None:
        self.is_over = True
        self._cut()

    def _cut(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self._handle is not None:
                self._handle.shutdown(socket.SHUT_RDWR)


class _Adapter(HTTPAdapter):
    """Requests over sockets that the try opens; host name, TLS name and certificate stay the URL's."""

    def __init__(self, current: _Try) -> None:
        self._current = current
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        current = self._current

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return _opened(self, current)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return _opened(self, current)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


def _opened(connection: HTTPConnection, current: _Try) -> socket.socket:
    try:
        opened = current.open_socket()
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except OSError as error:
        raise NewConnectionError(connection, str(error)) from error
    timeout = connection.timeout
    opened.settimeout(timeout if isinstance(timeout, int | float) else None)
    return opened


class Outbound:
    """Sends one webhook at a time and says what came of it; safe to share between threads.

    `allow_hosts` may be reached by http and on private addresses. `ca_file` replaces the public authorities.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        connect_timeout_s: float,
        total_timeout_s: float,
        allow_hosts: Collection[str] = (),
        ca_file: str | None = None,
        resolve: Resolve = resolve,
        connect: Connect = connect,
    ) -> None:
        self._clock = clock
        self.connect_timeout_s = connect_timeout_s
        self._total_timeout_s = total_timeout_s
        self._allow_hosts = frozenset(allow_hosts)
        self._ca_file = ca_file
        self.resolve = resolve
        self.connect = connect

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST a body and give the status, or a stable code of why there is none.

        Codes: address_refused, name_unknown, unreachable, timeout, tls, broken_answer.
        """
        require_no_transaction("sending a webhook")
        started = self._clock.monotonic()
        status, error, retry_after = self._post(url, headers, body)
        duration_ms = max(0, round((self._clock.monotonic() - started) * 1000))
        return Answer(status, error, retry_after, duration_ms)

    def _post(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int | None, str | None, str | None]:
        target = target_of(url, self._allow_hosts)
        if target is None:
            return None, "address_refused", None
        current = _Try(self, target)
        with requests.Session() as session, current.deadline(self._total_timeout_s):
            session.trust_env = False
            session.headers.clear()
            session.mount("https://", _Adapter(current))
            session.mount("http://", _Adapter(current))
            try:
                with session.post(
                    url,
                    data=body,
                    headers={
                        **headers,
                        "Accept-Encoding": "identity",
                        "Accept": "*/*",
                        "Connection": "close",
                    },
                    timeout=(self.connect_timeout_s, self._total_timeout_s),
                    allow_redirects=False,
                    stream=True,
                    verify=self._ca_file or True,
                ) as response:
                    _read_some(response)
                    return response.status_code, None, response.headers.get("Retry-After")
            except (requests.RequestException, HTTPError, OSError, ValueError) as failure:
                return None, "timeout" if current.is_over else _code(failure), None


def _read_some(response: requests.Response) -> None:
    """Take a little of the answer, as it is, so that the peer's handler ends well; it decides nothing."""
    with contextlib.suppress(HTTPError, OSError, ValueError):
        response.raw.read(ANSWER_BYTES_MAX, decode_content=False)


def _code(failure: BaseException) -> str:
    """A stable code of a failure, found in the chain of exceptions that libraries wrap around it."""
    chain: list[BaseException] = []
    waiting: list[object] = [failure]
    while waiting and len(chain) < 20:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and each not in chain:
            chain.append(each)
            waiting += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
    table: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
        (AddressRefused, "address_refused"),
        ((socket.gaierror, NameResolutionError), "name_unknown"),
        ((ssl.SSLError, PoolSSLError, requests.exceptions.SSLError), "tls"),
        ((TimeoutError, requests.Timeout), "timeout"),
        ((NewConnectionError, ConnectionRefusedError), "unreachable"),
    )
    for kinds, code in table:
        if any(isinstance(each, kinds) for each in chain):
            return code
    return "broken_answer"
