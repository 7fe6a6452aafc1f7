"""The adapter against the simulator over real HTTP: two independent implementations of one protocol."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from payclear.contract.errors import OutcomeUnknown, ProviderRefused, SignatureInvalid
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.ninepay.client import NinepayClient
from providers.ninepay.provider import NinepayProvider
from providers.transport import Transport
from tests.providers.factories import (
    NOW,
    REFERENCE,
    checkout,
    inbound,
    refund_request,
    status_query,
)
from tests.providers.ninepay.account import ninepay_account


@pytest.fixture
def account(simulator):
    return ninepay_account(simulator.url)


@pytest.fixture
def adapter(provider_clock):
    transport = Transport(connect_timeout_s=1, read_timeout_s=3, total_deadline_s=6)
    yield NinepayProvider(NinepayClient(transport, provider_clock))
    transport.close()


@pytest.fixture
def control(simulator, http):
    def call(path, **body):
        answer = http.post(f"{simulator.url}/control/{path}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


@pytest.fixture
def pay(adapter, account, control):
    def call(outcome="success", faults=()):
        control("faults", provider="ninepay", attempt_ref=REFERENCE, faults=list(faults))
        url = adapter.start_checkout(account, checkout()).redirect_url
        return control("pay", provider="ninepay", pay_url=url, outcome=outcome)

    return call


def callback_of(call):
    method, _, _, body = call
    return inbound(method=method, body=body)


def test_ninepay_whole_life_from_the_page_to_the_refund(adapter, account, receiver, http, pay):
    page = http.get(adapter.start_checkout(account, checkout()).redirect_url, timeout=10)
    assert page.status_code == 200
    assert "150.000" in page.text
    assert adapter.query_status(account, status_query()).outcome is Outcome.PENDING
    paid = pay()
    hint = adapter.read_return(account, inbound(urlsplit(paid["return_url"]).query))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (REFERENCE, True, Outcome.CONFIRMED)
    told = adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0]))
    assert told.confirm_by_query is True
    asked = adapter.query_status(account, status_query())
    assert (asked.outcome, asked.amount) == (Outcome.CONFIRMED, Money(150_000))
    assert asked.provider_ref == told.evidence.provider_ref
    part = adapter.refund(account, refund_request(amount=Money(50_000), provider_ref=asked.provider_ref))
    assert (part.outcome, part.provider_ref != asked.provider_ref) == (Outcome.PENDING, True)
    over = refund_request(refund_ref="R2", amount=Money(150_000), provider_ref=asked.provider_ref)
    assert adapter.refund(account, over).outcome is Outcome.REJECTED


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("insufficient", Outcome.REJECTED),
        ("cancel", Outcome.REJECTED),
        ("suspected", Outcome.PENDING),
        ("refused_by_risk", Outcome.REJECTED),
    ],
)
def test_ninepay_payment_that_did_not_succeed_is_told(pay, adapter, account, receiver, outcome, expected):
    pay(outcome)
    told = adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0])).evidence
    assert told.outcome is expected
    assert adapter.query_status(account, status_query()).outcome is expected


def test_ninepay_forged_callback_does_not_verify(pay, adapter, account, receiver):
    pay("cancel", ["forge_callback", "lose_callback"])
    with pytest.raises(SignatureInvalid):
        adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0]))


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
def test_ninepay_query_that_goes_wrong_leaves_doubt(pay, adapter, account, fault):
    pay(faults=[fault])
    with pytest.raises(OutcomeUnknown):
        adapter.query_status(account, status_query())


def test_ninepay_wrong_amount_paid_is_what_the_query_says(pay, adapter, account):
    pay(faults=["pays_wrong_amount"])
    assert adapter.query_status(account, status_query()).amount == Money(149_999)


def test_ninepay_payment_nobody_opened_lapses_with_its_time(adapter, account):
    late = status_query(asked_at=NOW + timedelta(minutes=20))
    assert adapter.query_status(account, status_query()).outcome is Outcome.PENDING
    assert adapter.query_status(account, late).outcome is Outcome.NOT_SENT


def test_ninepay_other_key_is_refused_everywhere(adapter, simulator, http):
    account = ninepay_account(simulator.url, secrets={"secret_key": Secret("another key")})
    page = http.get(adapter.start_checkout(account, checkout()).redirect_url, timeout=10)
    assert page.status_code == 400
    with pytest.raises(ProviderRefused):
        adapter.query_status(account, status_query())


def test_ninepay_lost_answer_to_a_refund_leaves_doubt(pay, adapter, account, control):
    paid = pay(faults=["refund_timeout:20"])
    with pytest.raises(OutcomeUnknown):
        adapter.refund(account, refund_request(provider_ref=paid["provider_ref"]))
