"""The adapter against the simulator over real HTTP: two independent implementations of one protocol."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from payclear.contract.errors import OutcomeUnknown, ProviderRefused, SignatureInvalid
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.transport import Transport
from providers.viettel import provider as ready
from providers.viettel.client import ViettelClient
from providers.viettel.provider import ViettelProvider
from tests.providers.factories import (
    NOW,
    REFERENCE,
    checkout,
    inbound,
    refund_request,
    status_query,
)
from tests.providers.viettel.account import viettel_account

TODAY = date(2026, 11, 21)


class Merchant:
    """Answers callbacks as the adapter acknowledges them, with the verdict it is told."""

    def __init__(self, account):
        self.account = account
        self.verdict = CallbackVerdict.ACCEPTED
        self.bodies = []
        self.changed = threading.Condition()

    def answer(self, body):
        with self.changed:
            self.bodies.append(body)
            self.changed.notify_all()
        request = inbound(method="POST", body=body)
        try:
            ready.verify_callback(self.account, request)
        except SignatureInvalid:
            return ready.acknowledge(self.account, CallbackVerdict.SIGNATURE_INVALID, request).body
        return ready.acknowledge(self.account, self.verdict, request).body

    def wait_for(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.bodies) >= count, 10), self.bodies
            return list(self.bodies)


@contextmanager
def running(merchant) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            answer = merchant.answer(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/callbacks/viettel-demo"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def account(simulator):
    return viettel_account(simulator.url)


@pytest.fixture
def merchant(simulator, account):
    made = Merchant(account)
    with running(made) as url:
        protocol = simulator.engine.protocol("viettel")
        protocol.callback_url = lambda: url
        protocol.own = lambda name: "yes" if name == "asks_first" else protocol.demo[name]
        yield made


@pytest.fixture
def adapter(provider_clock):
    transport = Transport(connect_timeout_s=1, read_timeout_s=3, total_deadline_s=6)
    yield ViettelProvider(ViettelClient(transport, provider_clock, statements=transport))
    transport.close()


@pytest.fixture
def control(simulator, http, merchant):
    def call(path, status=200, **body):
        answer = http.post(f"{simulator.url}/control/{path}", json=body, timeout=10)
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else {}

    return call


@pytest.fixture
def pay(adapter, account, control):
    def call(outcome="success", faults=(), status=200):
        control("faults", provider="viettel", attempt_ref=REFERENCE, faults=list(faults))
        url = adapter.start_checkout(account, checkout()).redirect_url
        return control("pay", status, provider="viettel", pay_url=url, outcome=outcome)

    return call


def callback_of(body):
    return inbound(method="POST", body=body)


def test_viettel_whole_life_from_the_page_to_the_workbook(adapter, account, merchant, http, pay, simulator):
    page = http.get(adapter.start_checkout(account, checkout()).redirect_url, timeout=10)
    assert page.status_code == 200
    assert adapter.query_status(account, status_query()).outcome is Outcome.PENDING
    paid = pay()
    hint = adapter.read_return(account, inbound(urlsplit(paid["return_url"]).query))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (REFERENCE, True, Outcome.CONFIRMED)
    question, result = merchant.wait_for(2)
    asked = adapter.verify_callback(account, callback_of(question)).evidence
    assert (asked.outcome, asked.amount) == (Outcome.PENDING, Money(150_000))
    told = adapter.verify_callback(account, callback_of(result)).evidence
    assert (told.outcome, told.amount) == (Outcome.CONFIRMED, Money(150_000))
    known = adapter.query_status(account, status_query())
    assert (known.outcome, known.amount) == (Outcome.CONFIRMED, Money(150_000))
    assert known.provider_ref == told.provider_ref
    part = adapter.refund(account, refund_request(amount=Money(50_000), provider_ref=told.provider_ref))
    assert part.outcome is Outcome.CONFIRMED
    over = refund_request(refund_ref="R2", provider_ref=told.provider_ref)
    assert adapter.refund(account, over).outcome is Outcome.UNKNOWN
    parsed = adapter.parse_statement(account, adapter.fetch_statement(account, TODAY))
    assert [(line.kind, line.attempt_ref, line.amount.amount) for line in parsed.entries] == [
        ("payment", REFERENCE, 150_000),
        ("refund", REFERENCE, 50_000),
    ]
    assert (parsed.problems, parsed.control_count) == ((), 2)
    simulator.engine.deliveries.stop()
    state = http.get(f"{simulator.url}/control/callbacks", timeout=10).json()[0]
    assert (state["state"], state["tries"]) == ("done", 1)


def test_viettel_takes_no_money_that_the_merchant_does_not_expect(pay, merchant, adapter, account):
    merchant.verdict = CallbackVerdict.ORDER_NOT_FOUND
    pay(status=400)
    assert adapter.query_status(account, status_query()).outcome is Outcome.PENDING


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("insufficient", Outcome.REJECTED),
        ("cancel", Outcome.REJECTED),
        ("unclear", Outcome.UNKNOWN),
    ],
)
def test_viettel_payment_that_did_not_succeed_is_told(pay, adapter, account, merchant, outcome, expected):
    pay(outcome)
    told = adapter.verify_callback(account, callback_of(merchant.wait_for(2)[1])).evidence
    assert told.outcome is expected
    assert adapter.query_status(account, status_query()).outcome is expected


def test_viettel_forged_callback_does_not_verify(pay, adapter, account, merchant):
    pay("cancel", ["forge_callback", "lose_callback"])
    with pytest.raises(SignatureInvalid):
        adapter.verify_callback(account, callback_of(merchant.wait_for(2)[1]))


@pytest.mark.parametrize(
    "fault",
    [
        "query_timeout:20",
        "query_html",
        "query_500",
        "query_truncated",
        "query_error_200",
        "query_other_payment",
    ],
)
def test_viettel_query_that_goes_wrong_leaves_doubt(pay, adapter, account, fault):
    pay(faults=[fault])
    with pytest.raises(OutcomeUnknown):
        adapter.query_status(account, status_query())


def test_viettel_payment_nobody_opened_lapses_with_its_time(adapter, account):
    late = status_query(asked_at=NOW + timedelta(minutes=20))
    assert adapter.query_status(account, status_query()).outcome is Outcome.PENDING
    assert adapter.query_status(account, late).outcome is Outcome.NOT_SENT


def test_viettel_wrong_credentials_are_refused(adapter, simulator, http):
    wrong = viettel_account(simulator.url, secrets={"api_password": Secret("wrong")})
    with pytest.raises(ProviderRefused):
        adapter.query_status(wrong, status_query())
    other = viettel_account(simulator.url, secrets={"hash_key": Secret("wrong")})
    assert http.get(adapter.start_checkout(other, checkout()).redirect_url, timeout=10).status_code == 400


@pytest.mark.parametrize(
    ("kind", "codes"),
    [("bad_amount_text", ["bad_amount"]), ("truncated", ["not_a_workbook"]), ("moved_columns", [])],
)
def test_viettel_statement_with_a_planted_error(pay, adapter, account, control, kind, codes):
    pay()
    control("statement-faults", provider="viettel", date=TODAY.isoformat(), faults=[{"kind": kind}])
    parsed = adapter.parse_statement(account, adapter.fetch_statement(account, TODAY))
    assert [problem.code for problem in parsed.problems] == codes


def test_viettel_reply_is_json_in_one_line(account):
    reply = ready.acknowledge(account, CallbackVerdict.ACCEPTED, inbound(method="POST"))
    assert json.loads(reply.body)["error_code"] == "00"
