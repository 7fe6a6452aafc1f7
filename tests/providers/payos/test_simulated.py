"""The adapter against the simulator over real HTTP: two independent implementations of one protocol."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from payclear.contract.errors import OutcomeUnknown, ProviderRefused, SignatureInvalid
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.payos.client import PayosClient
from providers.payos.provider import PayosProvider
from providers.transport import Transport
from tests.providers.factories import checkout, inbound, status_query
from tests.providers.payos.account import REFERENCE, payos_account, simulated_account


@pytest.fixture
def account(simulator):
    return simulated_account(simulator.url)


@pytest.fixture
def adapter():
    transport = Transport(connect_timeout_s=1, read_timeout_s=3, total_deadline_s=6)
    yield PayosProvider(PayosClient(transport))
    transport.close()


@pytest.fixture
def control(simulator, http):
    def call(path, **body):
        answer = http.post(f"{simulator.url}/control/{path}", json={"provider": "payos", **body}, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


@pytest.fixture
def start(adapter, account, receiver, control):
    receiver.body = b'{"success":true}'
    control("callback-url", url=receiver.url)

    def call(**changes):
        fields = {"attempt_ref": REFERENCE, "return_url": receiver.url} | changes
        return adapter.start_checkout(account, checkout(**fields))

    return call


def ask(adapter, account, **changes):
    return adapter.query_status(account, status_query(attempt_ref=REFERENCE, **changes))


def told(adapter, account, call):
    method, _, _, body = call
    return adapter.verify_callback(account, inbound(method=method, body=body))


def test_payos_whole_life_from_the_page_to_the_query(adapter, account, start, control, receiver, http):
    opened = start()
    assert 'data-testid="pay-success"' in http.get(opened.redirect_url, timeout=10).text
    assert opened.qr_text.startswith("000201")
    assert ask(adapter, account).outcome is Outcome.PENDING

    back = control("pay", pay_url=opened.redirect_url)["return_url"]
    hint = adapter.read_return(account, inbound(urlsplit(back).query))
    assert (hint.attempt_ref, hint.says) == (REFERENCE, Outcome.CONFIRMED)
    verified = told(adapter, account, receiver.wait_for(1)[0])
    assert (verified.evidence.attempt_ref, verified.evidence.amount) == (REFERENCE, Money(150_000))

    paid = ask(adapter, account)
    assert (paid.outcome, paid.amount) == (Outcome.CONFIRMED, Money(150_000))
    assert paid.provider_ref == verified.evidence.provider_ref == opened.provider_ref
    assert paid.paid_at == verified.evidence.paid_at


def test_payos_cancelled_payment_is_learnt_by_asking_only(adapter, account, start, control, http, simulator):
    control("pay", pay_url=start().redirect_url, outcome="cancel")
    assert http.get(f"{simulator.url}/control/callbacks", timeout=10).json() == []
    assert ask(adapter, account).detail_code == "CANCELLED"


def test_payos_payer_who_sends_too_little_is_told_with_what_came(adapter, account, start, control):
    control("faults", attempt_ref=REFERENCE, faults=["pays_wrong_amount", "lose_callback"])
    control("pay", pay_url=start().redirect_url)
    assert ask(adapter, account).detail_code == "UNDERPAID"
    late = ask(adapter, account, asked_at=status_query().expires_at)
    assert (late.outcome, late.amount) == (Outcome.CONFIRMED, Money(149_999))


def test_payos_unknown_order_is_pending_then_not_sent(adapter, account):
    assert ask(adapter, account).outcome is Outcome.PENDING
    late = ask(adapter, account, asked_at=status_query().expires_at)
    assert late.outcome is Outcome.NOT_SENT


def test_payos_payment_nobody_made_expires_there(adapter, account, start, provider_clock):
    start()
    provider_clock.advance(timedelta(minutes=20))
    assert ask(adapter, account).detail_code == "EXPIRED"


def test_payos_second_create_leaves_doubt_and_other_keys_are_refused(adapter, account, start):
    start()
    with pytest.raises(OutcomeUnknown):
        start()
    secrets = dict(account.secrets)
    stranger = payos_account(options=dict(account.options), secrets=secrets | {"api_key": Secret("x")})
    with pytest.raises(ProviderRefused):
        ask(adapter, stranger)
    other = payos_account(options=dict(account.options), secrets=secrets | {"checksum_key": Secret("x")})
    with pytest.raises(SignatureInvalid):
        ask(adapter, other)


@pytest.mark.parametrize(
    "fault",
    ["query_html", "query_500", "query_truncated", "query_error_200", "query_other_payment", "query_timeout"],
)
def test_payos_query_that_can_not_be_read_leaves_doubt(adapter, account, start, control, fault):
    start()
    control("faults", attempt_ref=REFERENCE, faults=[fault])
    with pytest.raises(OutcomeUnknown):
        ask(adapter, account)


def test_payos_query_answer_signed_by_another_is_refused(adapter, account, start, control):
    start()
    control("faults", attempt_ref=REFERENCE, faults=["query_bad_signature"])
    with pytest.raises(SignatureInvalid):
        ask(adapter, account)


@pytest.mark.parametrize(
    "fault", ["create_html", "create_truncated", "create_bad_signature", "create_timeout_after_money"]
)
def test_payos_create_that_can_not_be_read_leaves_doubt(adapter, account, start, control, fault):
    control("faults", attempt_ref=REFERENCE, faults=[fault])
    with pytest.raises(OutcomeUnknown):
        start()
    found = ask(adapter, account).outcome
    assert found is (Outcome.CONFIRMED if fault == "create_timeout_after_money" else Outcome.PENDING)


def test_payos_callbacks_forged_and_doubled_have_one_identity(adapter, account, start, control, receiver):
    control("faults", attempt_ref=REFERENCE, faults=["forge_callback", "duplicate_callback"])
    control("pay", pay_url=start().redirect_url)
    keys, forged = set(), 0
    for call in receiver.wait_for(4):
        try:
            keys.add(told(adapter, account, call).dedupe_key)
        except SignatureInvalid:
            forged += 1
    assert (forged, len(keys)) == (1, 1)
