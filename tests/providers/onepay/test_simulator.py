"""The adapter against the simulator over real HTTP: two independent implementations of one protocol."""

from datetime import date, timedelta
from urllib.parse import urlsplit

import pytest

from payclear.contract.errors import OutcomeUnknown, SignatureInvalid, StatementUnavailable
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import Money
from providers.onepay import provider as ready
from providers.onepay.client import OnepayClient
from providers.onepay.provider import OnepayProvider
from providers.transport import Transport
from tests.providers.factories import NOW, REFERENCE, checkout, inbound, status_query
from tests.providers.onepay.account import onepay_account

TODAY = date(2026, 11, 21)


@pytest.fixture
def account(simulator):
    return onepay_account(simulator.url)


@pytest.fixture
def adapter(provider_clock):
    transport = Transport(connect_timeout_s=1, read_timeout_s=3, total_deadline_s=6)
    yield OnepayProvider(OnepayClient(transport, provider_clock, statements=transport))
    transport.close()


@pytest.fixture
def control(simulator, http, receiver, account):
    receiver.body = ready.acknowledge(account, CallbackVerdict.ACCEPTED, inbound()).body

    def call(path, **body):
        answer = http.post(f"{simulator.url}/control/{path}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


@pytest.fixture
def pay(adapter, account, control):
    def call(outcome="success", faults=()):
        control("faults", provider="onepay", attempt_ref=REFERENCE, faults=list(faults))
        url = adapter.start_checkout(account, checkout()).redirect_url
        return control("pay", provider="onepay", pay_url=url, outcome=outcome)

    return call


def callback_of(call):
    method, path, _, _ = call
    return inbound(urlsplit(path).query, method=method)


def test_onepay_whole_life_from_the_page_to_the_workbook(adapter, account, receiver, http, pay):
    page = http.get(adapter.start_checkout(account, checkout()).redirect_url, timeout=10)
    assert page.status_code == 200
    assert "150.000" in page.text
    assert adapter.query_status(account, status_query()).outcome is Outcome.PENDING
    paid = pay()
    hint = adapter.read_return(account, inbound(urlsplit(paid["return_url"]).query))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (REFERENCE, True, Outcome.CONFIRMED)
    told = adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0])).evidence
    assert (told.outcome, told.amount) == (Outcome.CONFIRMED, Money(150_000))
    asked = adapter.query_status(account, status_query())
    assert (asked.outcome, asked.provider_ref) == (Outcome.CONFIRMED, told.provider_ref)
    parsed = adapter.parse_statement(account, adapter.fetch_statement(account, TODAY))
    assert [(line.attempt_ref, line.provider_ref, line.amount.amount) for line in parsed.entries] == [
        (REFERENCE, told.provider_ref, 150_000)
    ]
    assert (parsed.problems, parsed.control_count, parsed.merchant_account) == ((), 1, "DEMOONEPAY")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("insufficient", Outcome.REJECTED),
        ("cancel", Outcome.REJECTED),
        ("locked", Outcome.REJECTED),
        ("pending_at_bank", Outcome.PENDING),
    ],
)
def test_onepay_payment_that_did_not_succeed_is_told(pay, adapter, account, receiver, outcome, expected):
    pay(outcome)
    told = adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0])).evidence
    assert told.outcome is expected
    assert adapter.query_status(account, status_query()).outcome is expected


def test_onepay_callback_ends_with_our_acknowledgement_and_not_before(pay, receiver, http, simulator):
    receiver.first_bodies = [b"responsecode=0&desc=confirm-fail", b"<html>"]
    pay()
    receiver.wait_for(3)
    simulator.engine.deliveries.stop()
    state = http.get(f"{simulator.url}/control/callbacks", timeout=10).json()[0]
    assert (state["state"], state["tries"]) == ("done", 3)


def test_onepay_forged_callback_does_not_verify(pay, adapter, account, receiver):
    pay("cancel", ["forge_callback", "lose_callback"])
    with pytest.raises(SignatureInvalid):
        adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0]))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("query_timeout:20", OutcomeUnknown),
        ("query_html", OutcomeUnknown),
        ("query_500", OutcomeUnknown),
        ("query_truncated", (OutcomeUnknown, SignatureInvalid)),
        ("query_error_200", OutcomeUnknown),
        ("query_bad_signature", SignatureInvalid),
        ("query_other_payment", OutcomeUnknown),
    ],
)
def test_onepay_query_that_goes_wrong_leaves_doubt(pay, adapter, account, fault, error):
    pay(faults=[fault])
    with pytest.raises(error):
        adapter.query_status(account, status_query())


def test_onepay_payment_nobody_opened_lapses_with_its_time(adapter, account):
    late = status_query(asked_at=NOW + timedelta(minutes=20))
    assert adapter.query_status(account, status_query()).outcome is Outcome.PENDING
    assert adapter.query_status(account, late).outcome is Outcome.NOT_SENT


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("bad_amount_text", ["bad_amount"]),
        ("status_unknown", ["unknown_status"]),
        ("missing_reference", ["missing_reference"]),
        ("html", ["not_a_workbook"]),
        ("truncated", ["not_a_workbook"]),
        ("moved_columns", []),
        ("amount_as_text", []),
    ],
)
def test_onepay_statement_with_a_planted_error(pay, adapter, account, control, kind, codes):
    pay()
    control("statement-faults", provider="onepay", date=TODAY.isoformat(), faults=[{"kind": kind}])
    parsed = adapter.parse_statement(account, adapter.fetch_statement(account, TODAY))
    assert [problem.code for problem in parsed.problems] == codes
    assert len(parsed.entries) == (0 if codes else 1)


def test_onepay_statement_that_is_not_there_yet(adapter, account, control):
    control("statement-faults", provider="onepay", date=TODAY.isoformat(), faults=[{"kind": "unavailable"}])
    with pytest.raises(StatementUnavailable):
        adapter.fetch_statement(account, TODAY)
