"""The bench a scenario is played on: the running simulator, a callback address of our own, and one payment.

Called by `plays`, `statements` and the suites. It speaks to the simulator's /control and to nothing else.
"""

import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode, urlsplit

from payclear.contract.evidence import Evidence
from payclear.contract.messages import (
    Account,
    Acknowledgement,
    Bill,
    BillLine,
    CheckoutRequest,
    CheckoutResult,
    InboundRequest,
    StatusQuery,
)
from payclear.contract.outcomes import CallbackVerdict
from payclear.contract.provider import Provider
from payclear.kernel.clock import Clock
from payclear.kernel.ids import attempt_ref, new_order_ref, new_token
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret

WAIT_S = 10.0
POLL_S = 0.02
PERSON, PERSON_ASCII, PERSON_ID = "NGUYỄN VĂN MẪU", "Nguyen Van Mau", "001099000001"


class Failed(AssertionError):
    """The adapter does not conform; the sentence says how."""


def need(holds: bool, sentence: str) -> None:
    """Raise Failed unless a condition holds."""
    if not holds:
        raise Failed(sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An adapter with a merchant account that the simulator knows.

    `new_secrets` are the keys after a rotation; a key that is not named there is rotated to its text backwards.
    `new_options` are options that change with them: the public keys of a bank that signs.
    """

    provider: Provider
    account: Account
    amount: Money = field(default_factory=lambda: Money(150_000))
    protocol: str = ""
    new_secrets: Mapping[str, Secret] = field(default_factory=dict)
    new_options: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the protocol at the simulator."""
        return self.protocol or self.provider.name

    def after_rotation(self, *, keeps_previous: bool) -> Account:
        """The account with new keys, with or without the old ones beside them."""
        secrets: dict[str, Secret] = {}
        for name, old in self.account.secrets.items():
            secrets[name] = self.new_secrets.get(name) or Secret(old.reveal()[::-1])
            if keeps_previous:
                secrets[f"{name}_previous"] = old
        options: dict[str, str | int | bool] = {**self.account.options, **self.new_options}
        if keeps_previous:
            options |= {f"{name}_previous": self.account.options[name] for name in self.new_options}
        return replace(self.account, options=options, secrets=secrets)


@dataclass
class Inbox:
    """The address that callbacks come to; it keeps them and answers as the adapter says."""

    base_url: str
    clock: Clock
    answer: Callable[[InboundRequest], Acknowledgement] | None = None
    requests: list[InboundRequest] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self, request: InboundRequest) -> Acknowledgement:
        """Keep one callback and answer it."""
        acknowledgement = Acknowledgement(status=503, content_type="text/plain", body=b"")
        if self.answer is not None:
            acknowledgement = self.answer(request)
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()
        return acknowledgement


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # a bank may call fifty times at once


@contextmanager
def inbox(clock: Clock) -> Iterator[Inbox]:
    """Run a callback address on a free port of loopback."""
    made: Inbox

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            answer = made.take(
                InboundRequest(
                    method=self.command,
                    path=path,
                    query_string=query.encode("latin-1"),
                    headers={name.lower(): value for name, value in self.headers.items()},
                    body=body,
                    received_at=clock.now(),
                )
            )
            self.send_response(answer.status)
            self.send_header("content-type", answer.content_type)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = _take

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    made = Inbox(f"http://127.0.0.1:{server.server_port}", clock)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(WAIT_S)


@dataclass(frozen=True, slots=True)
class Bench:
    """A simulator, a callback address and a clock that all sides share."""

    simulator_url: str
    inbox: Inbox
    clock: Clock

    def control(self, path: str, **body: Any) -> Any:
        """Tell the simulator what to do; raises Failed with its refusal."""
        return self._call("POST", f"/control/{path}", json.dumps(body).encode("utf-8"))

    def read(self, path: str, **asked: str) -> Any:
        """Read something from the simulator."""
        return self._call("GET", f"/control/{path}?{urlencode(asked)}", b"")

    def _call(self, method: str, target: str, body: bytes) -> Any:
        connection = HTTPConnection(urlsplit(self.simulator_url).netloc, timeout=WAIT_S)
        try:
            connection.request(method, target, body=body or None)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        need(answer.status == 200, f"the simulator refuses {target}: {content[:200]!r}")
        return json.loads(content)


class Payment:
    """One payment of a subject on a bench, with its fault script. Use it as a context: faults end with it."""

    def __init__(self, bench: Bench, subject: Subject, *, reference: str = "") -> None:
        self.bench = bench
        self.subject = subject
        self.provider = subject.provider
        self.account = subject.account
        self.manifest = subject.provider.manifest
        self.reference = reference or attempt_ref(new_order_ref(), 1)
        self.created_at = bench.clock.now().replace(microsecond=0)
        self.expires_at = self.created_at + timedelta(minutes=15)
        self.result: CheckoutResult | None = None
        self.wire_ref = self.reference
        self.callback_path = f"/callbacks/{self.account.code}/{self.reference}"
        bench.inbox.answer = self._accept

    def __enter__(self) -> "Payment":
        self.plant()
        url = self.bench.inbox.base_url + self.callback_path
        self.bench.control("callback-url", provider=self.subject.name, url=url)
        return self

    def __exit__(self, *trouble: object) -> None:
        self.bench.control("faults", provider=self.subject.name, faults=[])

    def _accept(self, request: InboundRequest) -> Acknowledgement:
        return self.provider.acknowledge(self.account, CallbackVerdict.ACCEPTED, request)

    def plant(self, *faults: str) -> None:
        """Plant faults for every payment from now on; without any, take them away."""
        self.bench.control("faults", provider=self.subject.name, faults=["wait_for_payer", *faults])

    def request(self, **changes: Any) -> CheckoutRequest:
        """What the provider is asked for."""
        order_ref = self.reference[:-2]
        values: dict[str, Any] = {
            "attempt_ref": self.reference,
            "order_ref": order_ref,
            "amount": self.subject.amount,
            "memo": f"NOP NSNN 100000000000045 {order_ref}",
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "payer_ip": "203.113.131.9",
            "locale": "vi",
            "return_url": f"{self.bench.inbox.base_url}/return/{self.account.code}/vi",
            "callback_url": self.bench.inbox.base_url + self.callback_path,
            "bill": _bill(self.subject.amount),
        }
        return CheckoutRequest(**values | changes)

    def create(self, **changes: Any) -> CheckoutResult:
        """Start the checkout."""
        self.result = self.provider.start_checkout(self.account, self.request(**changes))
        return self.result

    def open(self) -> None:
        """Open the provider's page without paying, so that the provider knows of the payment."""
        self.bench.control("open", provider=self.subject.name, pay_url=self._where())

    def pay(self, outcome: str = "success") -> dict[str, Any]:
        """Let the payer pay, or not; returns what the simulator knows to be true."""
        told: dict[str, Any] = self.bench.control(
            "pay", provider=self.subject.name, pay_url=self._where(), outcome=outcome
        )
        self.wire_ref = told["attempt_ref"]
        return told

    def _where(self) -> str:
        need(self.result is not None, "there is no checkout")
        assert self.result is not None
        where = self.result.redirect_url or self.result.qr_text
        need(bool(where), "the checkout gives neither an address nor a QR text")
        return where or ""

    def callbacks(self, count: int = 1) -> list[InboundRequest]:
        """The callbacks that told the payment's end, at least so many, in the order they came.

        What a provider asks us before it takes the money comes to the same address and is none of them.
        """
        with self.bench.inbox.changed:
            for _ in range(int(WAIT_S / POLL_S)):
                queued = {(each["query"], each["body"]) for each in self.queued()}
                came = [
                    request
                    for request in self.bench.inbox.requests
                    if request.path == self.callback_path and _content(request) in queued
                ]
                if len(came) >= count:
                    return came
                self.bench.inbox.changed.wait(POLL_S)
        raise Failed(f"{count} callbacks were expected, {len(came)} came")

    def queued(self) -> list[dict[str, str]]:
        """What the simulator has sent or will send about this payment."""
        found: list[dict[str, str]] = self.bench.read("callbacks", provider=self.subject.name)
        return [each for each in found if each["attempt_ref"] == self.wire_ref]

    def query(self, *, after: timedelta = timedelta(minutes=1)) -> Evidence:
        """Ask for the status, at a time after the checkout."""
        return self.provider.query_status(self.account, self.status_query(after=after))

    def status_query(self, *, after: timedelta = timedelta(minutes=1)) -> StatusQuery:
        """The question about this payment."""
        return StatusQuery(
            attempt_ref=self.reference,
            provider_ref=self.result.provider_ref if self.result else None,
            amount=self.subject.amount,
            created_at=self.created_at,
            expires_at=self.expires_at,
            asked_at=self.created_at + after,
            request_id=new_request_id(),
        )

    def acknowledged(self) -> bool:
        """Whether the simulator holds every callback of this payment for answered."""
        with self.bench.inbox.changed:
            for _ in range(int(WAIT_S / POLL_S)):
                states = {each["state"] for each in self.queued()}
                if states == {"done"}:
                    return True
                if "given_up" in states:
                    return False
                self.bench.inbox.changed.wait(POLL_S)
        return False


def _content(request: InboundRequest) -> tuple[str, str]:
    return request.query_string.decode("latin-1"), b64encode(request.body).decode("ascii")


def new_request_id() -> str:
    """A fresh reference of letters and digits, at most 32."""
    return "".join(letter for letter in new_token() if letter.isalnum())[:28]


def _bill(amount: Money) -> Bill:
    """What is paid, for a provider that prints the state's receipt; it names a person, whom no log may name."""
    return Bill(
        kind="fee",
        description="Nop phi ho so",
        document_no="H00.14-261121-0001",
        document_on=date(2026, 11, 20),
        agency_code="H00.14",
        agency_name="Sở Mẫu",
        payer_name=PERSON,
        payer_id_no=PERSON_ID,
        payer_address="Số 1 phố Mẫu",
        lines=(BillLine(kind="fee_phi", code="P01", name="Phí mẫu", amount=amount),),
        procedure_code="1.009999",
        beneficiary_account="100000000001",
        beneficiary_bank="970415",
        beneficiary_name="Kho bac",
    )
