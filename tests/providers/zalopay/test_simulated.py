"""The adapter against the simulator over real HTTP: two independent implementations of one protocol."""

from datetime import date, timedelta
from urllib.parse import urlsplit

import pytest

from payclear.contract.errors import OutcomeUnknown, ProviderRefused, SignatureInvalid, StatementUnavailable
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.transport import Transport
from providers.zalopay.client import ZaloPayClient
from providers.zalopay.provider import ZaloPayProvider
from tests.providers.factories import REFERENCE, checkout, inbound, refund_request, status_query
from tests.providers.zalopay.account import simulated_account, zalopay_account

TODAY = date(2026, 11, 21)


@pytest.fixture
def account(simulator):
    return simulated_account(simulator.url)


@pytest.fixture
def adapter(provider_clock):
    transport = Transport(connect_timeout_s=1, read_timeout_s=3, total_deadline_s=6)
    yield ZaloPayProvider(ZaloPayClient(transport, provider_clock, statements=transport))
    transport.close()


@pytest.fixture
def control(simulator, http):
    def call(path, **body):
        answer = http.post(
            f"{simulator.url}/control/{path}", json={"provider": "zalopay", **body}, timeout=10
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


@pytest.fixture
def start(adapter, account, receiver):
    receiver.body = b'{"return_code":1,"return_message":"success"}'

    def call(**changes):
        fields = {"callback_url": receiver.url, "return_url": receiver.url} | changes
        return adapter.start_checkout(account, checkout(**fields))

    return call


def told(adapter, account, call):
    method, _, _, body = call
    return adapter.verify_callback(account, inbound(method=method, body=body))


def test_zalopay_whole_life_from_the_page_to_the_workbook(adapter, account, start, control, receiver, http):
    opened = start()
    assert 'data-testid="pay-success"' in http.get(opened.redirect_url, timeout=10).text
    assert adapter.query_status(account, status_query()).outcome is Outcome.PENDING

    back = control("pay", pay_url=opened.redirect_url)["return_url"]
    hint = adapter.read_return(account, inbound(urlsplit(back).query))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (REFERENCE, True, Outcome.CONFIRMED)
    evidence = told(adapter, account, receiver.wait_for(1)[0]).evidence
    assert (evidence.outcome, evidence.amount, evidence.merchant_account) == (
        Outcome.CONFIRMED,
        Money(150_000),
        "2999",
    )

    paid = adapter.query_status(account, status_query())
    assert (paid.outcome, paid.amount, paid.provider_ref) == (
        evidence.outcome,
        evidence.amount,
        evidence.provider_ref,
    )
    assert paid.paid_at == evidence.paid_at
    asked = refund_request(amount=Money(50_000), provider_ref=paid.provider_ref)
    part = adapter.refund(account, asked)
    assert part.outcome is Outcome.PENDING
    assert adapter.refund(account, asked).outcome is Outcome.CONFIRMED
    rest = refund_request(refund_ref="RFD2", amount=Money(100_001), provider_ref=paid.provider_ref)
    assert adapter.refund(account, rest).outcome is Outcome.REJECTED

    parsed = adapter.parse_statement(account, adapter.fetch_statement(account, TODAY))
    assert [
        (line.kind, line.attempt_ref, line.amount.amount, line.provider_ref) for line in parsed.entries
    ] == [
        ("payment", REFERENCE, 150_000, paid.provider_ref),
        ("refund", REFERENCE, 50_000, part.provider_ref),
    ]
    assert (parsed.problems, parsed.control_count, parsed.control_sum) == ((), 2, Money(200_000))


def test_zalopay_cancelled_payment_is_learnt_by_asking_only(
    adapter, account, start, control, http, simulator
):
    control("pay", pay_url=start().redirect_url, outcome="cancel")
    assert http.get(f"{simulator.url}/control/callbacks", timeout=10).json() == []
    evidence = adapter.query_status(account, status_query())
    assert (evidence.outcome, evidence.detail_code) == (Outcome.REJECTED, "2/-329")


def test_zalopay_unknown_order_is_pending_then_not_sent(adapter, account):
    assert adapter.query_status(account, status_query()).outcome is Outcome.PENDING
    late = status_query(asked_at=status_query().expires_at)
    assert adapter.query_status(account, late).outcome is Outcome.NOT_SENT


def test_zalopay_payment_nobody_made_expires_there(adapter, account, start, provider_clock):
    start()
    provider_clock.advance(timedelta(minutes=20))
    assert adapter.query_status(account, status_query()).detail_code == "2/-54"


def test_zalopay_second_create_leaves_doubt_and_other_keys_are_refused(adapter, account, start):
    start()
    with pytest.raises(OutcomeUnknown):
        start()
    stranger = zalopay_account(
        options=dict(account.options), secrets=dict(account.secrets) | {"key1": Secret("x")}
    )
    with pytest.raises(ProviderRefused):
        adapter.query_status(stranger, status_query())
    with pytest.raises(ProviderRefused):
        adapter.fetch_statement(stranger, TODAY)
    with pytest.raises(StatementUnavailable):
        adapter.fetch_statement(account, TODAY + timedelta(days=1))


@pytest.mark.parametrize(
    "fault", ["query_html", "query_500", "query_truncated", "query_error_200", "query_timeout"]
)
def test_zalopay_query_that_can_not_be_read_leaves_doubt(adapter, account, start, control, fault):
    start()
    control("faults", attempt_ref=REFERENCE, faults=[fault])
    with pytest.raises(OutcomeUnknown):
        adapter.query_status(account, status_query())


@pytest.mark.parametrize("fault", ["create_html", "create_truncated", "create_timeout_after_money"])
def test_zalopay_create_that_can_not_be_read_leaves_doubt(adapter, account, start, control, fault):
    control("faults", attempt_ref=REFERENCE, faults=[fault])
    with pytest.raises(OutcomeUnknown):
        start()
    found = adapter.query_status(account, status_query()).outcome
    assert found is (Outcome.CONFIRMED if fault == "create_timeout_after_money" else Outcome.PENDING)


def test_zalopay_callbacks_forged_doubled_and_of_another_amount(adapter, account, start, control, receiver):
    faults = ["forge_callback", "duplicate_callback", "wrong_amount", "other_merchant"]
    control("faults", attempt_ref=REFERENCE, faults=faults)
    control("pay", pay_url=start().redirect_url)
    seen, forged = set(), 0
    for call in receiver.wait_for(4):
        try:
            verified = told(adapter, account, call)
        except SignatureInvalid:
            forged += 1
        else:
            evidence = verified.evidence
            seen.add((verified.dedupe_key, evidence.amount.amount, evidence.merchant_account))
    assert (forged, len(seen)) == (1, 1)
    assert seen.pop()[1:] == (149_999, "9999")


def test_zalopay_callback_is_sent_again_until_the_code_ends_it(start, control, receiver, simulator, http):
    receiver.first_bodies = [b'{"return_code":0}', b"<html>"]
    control("pay", pay_url=start().redirect_url)
    receiver.wait_for(3)
    simulator.deliveries.stop()
    state = http.get(f"{simulator.url}/control/callbacks", timeout=10).json()[0]
    assert (state["state"], state["tries"], len(receiver.calls)) == ("done", 3, 3)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("bad_amount_text", "bad_amount"),
        ("missing_reference", "missing_reference"),
        ("status_unknown", "unknown_status"),
    ],
)
def test_zalopay_planted_statement_error_is_a_problem(adapter, account, start, control, fault, code):
    control("pay", pay_url=start().redirect_url)
    control("statement-faults", date=str(TODAY), faults=[{"kind": fault}])
    parsed = adapter.parse_statement(account, adapter.fetch_statement(account, TODAY))
    assert [(problem.line_no, problem.code) for problem in parsed.problems] == [(2, code)]
