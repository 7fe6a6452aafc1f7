"""The adapter against the simulator over real HTTP: two independent implementations of one protocol."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from payclear.contract.errors import OutcomeUnknown, SignatureInvalid
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from providers.paymentplatform.client import PaymentPlatformClient
from providers.paymentplatform.provider import PaymentPlatformProvider
from providers.transport import Transport
from tests.providers.factories import NOW, REFERENCE, inbound, status_query
from tests.providers.paymentplatform.factories import account as make_account
from tests.providers.paymentplatform.factories import paid_checkout


@pytest.fixture
def account(simulator):
    return make_account(simulator.url)


@pytest.fixture
def adapter():
    transport = Transport(connect_timeout_s=1, read_timeout_s=3, total_deadline_s=6)
    yield PaymentPlatformProvider(PaymentPlatformClient(transport, receipts=transport))
    transport.close()


@pytest.fixture
def control(simulator, http):
    def call(path, **body):
        answer = http.post(
            f"{simulator.url}/control/{path}", json={"provider": "paymentplatform", **body}, timeout=10
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


def callback_of(call):
    method, path, headers, body = call
    return inbound(urlsplit(path).query, method=method, headers=headers, body=body)


def test_platform_whole_life_from_init_to_the_receipt(adapter, account, control, receiver):
    receiver.body = b'{"MaLoi":"00"}'
    url = adapter.start_checkout(account, paid_checkout(return_url=receiver.url)).redirect_url
    assert adapter.query_status(account, status_query()).outcome is Outcome.PENDING
    assert adapter.get_bill(account, attempt_ref=REFERENCE, created_at=NOW).url is None

    paid = control("pay", pay_url=url)
    hint = adapter.read_return(account, inbound(urlsplit(paid["return_url"]).query))
    assert (hint.attempt_ref, hint.signature_holds) == (REFERENCE, True)

    told = adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0]))
    assert told.confirm_by_query is True
    assert told.evidence.amount == Money(150_000)

    evidence = adapter.query_status(account, status_query())
    assert (evidence.outcome, evidence.amount) == (Outcome.CONFIRMED, Money(150_000))
    assert evidence.provider_ref == told.evidence.provider_ref == paid["provider_ref"]
    assert adapter.get_bill(account, attempt_ref=REFERENCE, created_at=NOW).url.endswith(REFERENCE)


def test_platform_cancelled_payment_is_refused_by_the_query(adapter, account, control, receiver):
    url = adapter.start_checkout(account, paid_checkout()).redirect_url
    control("pay", pay_url=url, outcome="cancel")
    assert (
        adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0])).evidence.outcome
        is Outcome.UNKNOWN
    )
    assert adapter.query_status(account, status_query()).outcome is Outcome.REJECTED


def test_platform_unknown_reference_and_forged_messages(adapter, account, control, receiver):
    late = status_query(asked_at=NOW + timedelta(hours=1))
    assert adapter.query_status(account, late).outcome is Outcome.NOT_SENT
    adapter.start_checkout(account, paid_checkout())
    control("forge-callback", attempt_ref=REFERENCE)
    with pytest.raises(SignatureInvalid):
        adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0]))
    control("faults", faults=["query_bad_signature"])
    with pytest.raises(SignatureInvalid):
        adapter.query_status(account, status_query())


@pytest.mark.parametrize(
    "fault",
    ["query_html", "query_500", "query_truncated", "query_error_200", "query_other_payment", "query_timeout"],
)
def test_platform_broken_answer_leaves_doubt(adapter, account, control, fault):
    adapter.start_checkout(account, paid_checkout())
    control("faults", faults=[fault])
    with pytest.raises(OutcomeUnknown):
        adapter.query_status(account, status_query())


@pytest.mark.parametrize("fault", ["create_html", "create_truncated", "create_timeout", "create_error_200"])
def test_platform_create_without_a_readable_answer_leaves_doubt(adapter, account, control, fault):
    control("faults", faults=[fault])
    with pytest.raises(OutcomeUnknown):
        adapter.start_checkout(account, paid_checkout())
