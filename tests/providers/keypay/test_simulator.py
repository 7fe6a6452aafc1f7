"""The adapter against the simulator over real HTTP: two independent implementations of one protocol."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from payclear.contract.errors import OutcomeUnknown, ProviderRefused, SignatureInvalid
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.keypay import provider as ready
from providers.keypay.client import KeypayClient
from providers.keypay.provider import KeypayProvider
from providers.transport import Transport
from tests.providers.factories import (
    NOW,
    REFERENCE,
    checkout,
    inbound,
    refund_request,
    status_query,
)
from tests.providers.keypay.account import keypay_account


@pytest.fixture
def account(simulator):
    return keypay_account(simulator.url)


@pytest.fixture
def adapter():
    transport = Transport(connect_timeout_s=1, read_timeout_s=3, total_deadline_s=6)
    yield KeypayProvider(KeypayClient(transport))
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
        control("faults", provider="keypay", attempt_ref=REFERENCE, faults=list(faults))
        adapter.start_checkout(account, checkout())
        return control("pay", provider="keypay", attempt_ref=REFERENCE, outcome=outcome)

    return call


def callback_of(call):
    method, _, _, body = call
    return inbound(method=method, body=body)


def test_keypay_whole_life_from_the_page_to_the_refund(adapter, account, receiver, http, control):
    opened = adapter.start_checkout(account, checkout())
    page = http.get(opened.redirect_url, timeout=10)
    assert page.status_code == 200
    assert "150.000" in page.text
    assert adapter.query_status(account, status_query()).outcome is Outcome.UNKNOWN
    paid = control("pay", provider="keypay", pay_url=opened.redirect_url, outcome="success")
    hint = adapter.read_return(account, inbound(urlsplit(paid["return_url"]).query))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (REFERENCE, True, Outcome.CONFIRMED)
    told = adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0]))
    assert told.confirm_by_query is True
    asked = adapter.query_status(account, status_query())
    assert (asked.outcome, asked.amount) == (Outcome.CONFIRMED, Money(150_000))
    assert opened.provider_ref == asked.provider_ref == told.evidence.provider_ref
    part = adapter.refund(account, refund_request(amount=Money(50_000)))
    assert (part.outcome, bool(part.provider_ref)) == (Outcome.PENDING, True)
    over = adapter.refund(account, refund_request(refund_ref="R2"))
    assert over.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [("insufficient", Outcome.REJECTED), ("cancel", Outcome.REJECTED), ("unclear", Outcome.UNKNOWN)],
)
def test_keypay_payment_that_did_not_succeed_is_told(pay, adapter, account, receiver, outcome, expected):
    pay(outcome)
    told = adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0])).evidence
    assert told.outcome is expected
    assert adapter.query_status(account, status_query()).outcome is expected


def test_keypay_callback_ends_with_our_acknowledgement_and_not_before(pay, receiver, http, simulator):
    receiver.first_bodies = [b'{"return_code":-1,"return_msg":"error"}', b"<html>"]
    pay()
    receiver.wait_for(3)
    simulator.engine.deliveries.stop()
    state = http.get(f"{simulator.url}/control/callbacks", timeout=10).json()[0]
    assert (state["state"], state["tries"]) == ("done", 3)


def test_keypay_forged_callback_does_not_verify(pay, adapter, account, receiver):
    pay("cancel", ["forge_callback", "lose_callback"])
    with pytest.raises(SignatureInvalid):
        adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0]))


@pytest.mark.parametrize(
    "fault",
    ["create_timeout:20", "create_html", "create_500", "create_truncated", "create_timeout_after_money:20"],
)
def test_keypay_create_that_goes_wrong_leaves_doubt(adapter, account, control, fault):
    control("faults", provider="keypay", attempt_ref=REFERENCE, faults=[fault])
    with pytest.raises(OutcomeUnknown):
        adapter.start_checkout(account, checkout())
    control("faults", provider="keypay", attempt_ref=REFERENCE, faults=[])
    paid = fault.startswith("create_timeout_after_money")
    expected = Outcome.CONFIRMED if paid else Outcome.UNKNOWN
    assert adapter.query_status(account, status_query()).outcome is expected


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("query_timeout:20", OutcomeUnknown),
        ("query_html", OutcomeUnknown),
        ("query_500", OutcomeUnknown),
        ("query_truncated", OutcomeUnknown),
        ("query_error_200", (OutcomeUnknown, SignatureInvalid)),
        ("query_bad_signature", SignatureInvalid),
        ("query_other_payment", OutcomeUnknown),
    ],
)
def test_keypay_query_that_goes_wrong_leaves_doubt(pay, adapter, account, fault, error):
    pay(faults=[fault])
    with pytest.raises(error):
        adapter.query_status(account, status_query())


def test_keypay_payment_nobody_opened_lapses_with_its_time(adapter, account):
    late = status_query(asked_at=NOW + timedelta(minutes=20))
    assert adapter.query_status(account, status_query()).outcome is Outcome.PENDING
    assert adapter.query_status(account, late).outcome is Outcome.NOT_SENT


def test_keypay_other_key_and_known_reference_are_refused(adapter, account, simulator):
    other = keypay_account(simulator.url, secrets={"client_key_1": Secret("another")})
    with pytest.raises(ProviderRefused):
        adapter.start_checkout(other, checkout())
    adapter.start_checkout(account, checkout())
    with pytest.raises(ProviderRefused):
        adapter.start_checkout(account, checkout())
