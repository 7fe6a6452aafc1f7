"""The adapter against the simulator over real HTTP: two independent implementations of one protocol."""

import json
from datetime import date, timedelta
from urllib.parse import urlsplit

import pytest

from payclear.contract.errors import OutcomeUnknown, ProviderRefused, SignatureInvalid, StatementUnavailable
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.momo.client import MomoClient
from providers.momo.provider import MomoProvider
from providers.transport import Transport
from tests.providers.factories import REFERENCE, checkout, inbound, refund_request, status_query
from tests.providers.momo.account import momo_account, simulated_account

TODAY = date(2026, 11, 21)


@pytest.fixture
def account(simulator):
    return simulated_account(simulator.url)


@pytest.fixture
def adapter(provider_clock):
    transport = Transport(connect_timeout_s=1, read_timeout_s=3, total_deadline_s=6)
    yield MomoProvider(MomoClient(transport, provider_clock, statements=transport))
    transport.close()


@pytest.fixture
def control(simulator, http):
    def call(path, **body):
        answer = http.post(f"{simulator.url}/control/{path}", json={"provider": "momo", **body}, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


@pytest.fixture
def start(adapter, account, receiver):
    receiver.status, receiver.body = 204, b""

    def call(**changes):
        fields = {"callback_url": receiver.url, "return_url": receiver.url} | changes
        return adapter.start_checkout(account, checkout(**fields))

    return call


def told(adapter, account, call):
    method, _, _, body = call
    return adapter.verify_callback(account, inbound(method=method, body=body))


def test_momo_whole_life_from_the_page_to_the_workbook(adapter, account, start, control, receiver, http):
    opened = start()
    assert 'data-testid="pay-success"' in http.get(opened.redirect_url, timeout=10).text
    assert adapter.query_status(account, status_query()).outcome is Outcome.PENDING
    assert start() == opened

    back = control("pay", pay_url=opened.redirect_url)["return_url"]
    hint = adapter.read_return(account, inbound(urlsplit(back).query))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (REFERENCE, True, Outcome.CONFIRMED)
    evidence = told(adapter, account, receiver.wait_for(1)[0]).evidence
    assert (evidence.outcome, evidence.amount, evidence.merchant_account) == (
        Outcome.CONFIRMED,
        Money(150_000),
        "MOMODEMO",
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
    assert part.outcome is Outcome.CONFIRMED
    assert adapter.refund(account, asked) == part
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


@pytest.mark.parametrize(("outcome", "code"), [("cancel", "1006"), ("insufficient", "1001")])
def test_momo_payment_that_failed_is_told(adapter, account, start, control, receiver, outcome, code):
    control("pay", pay_url=start().redirect_url, outcome=outcome)
    evidence = told(adapter, account, receiver.wait_for(1)[0]).evidence
    assert (evidence.outcome, evidence.detail_code) == (Outcome.REJECTED, code)
    assert adapter.query_status(account, status_query()).outcome is Outcome.REJECTED


def test_momo_unknown_order_is_pending_then_not_sent(adapter, account):
    assert adapter.query_status(account, status_query()).outcome is Outcome.PENDING
    late = status_query(asked_at=status_query().expires_at)
    assert adapter.query_status(account, late).outcome is Outcome.NOT_SENT


def test_momo_payment_nobody_made_expires_there(adapter, account, start, provider_clock):
    start()
    provider_clock.advance(timedelta(minutes=20))
    assert adapter.query_status(account, status_query()).detail_code == "1005"


def test_momo_other_key_and_other_amount_under_one_reference_are_refused(account, adapter, start):
    start()
    with pytest.raises(OutcomeUnknown):
        start(amount=Money(160_000))
    stranger = momo_account(
        options=dict(account.options), secrets=dict(account.secrets) | {"secret_key": Secret("x")}
    )
    with pytest.raises(ProviderRefused):
        adapter.query_status(stranger, status_query())


@pytest.mark.parametrize(
    "fault",
    ["query_html", "query_500", "query_truncated", "query_error_200", "query_other_payment", "query_timeout"],
)
def test_momo_query_that_can_not_be_read_leaves_doubt(adapter, account, start, control, fault):
    start()
    control("faults", attempt_ref=REFERENCE, faults=[fault])
    with pytest.raises(OutcomeUnknown):
        adapter.query_status(account, status_query())


@pytest.mark.parametrize("fault", ["create_html", "create_truncated", "create_timeout_after_money"])
def test_momo_create_that_can_not_be_read_leaves_doubt(adapter, account, start, control, fault):
    control("faults", attempt_ref=REFERENCE, faults=[fault])
    with pytest.raises(OutcomeUnknown):
        start()
    found = adapter.query_status(account, status_query()).outcome
    assert found is (Outcome.CONFIRMED if fault == "create_timeout_after_money" else Outcome.PENDING)


def test_momo_callbacks_forged_doubled_and_of_another_amount(adapter, account, start, control, receiver):
    faults = ["forge_callback", "duplicate_callback", "wrong_amount"]
    control("faults", attempt_ref=REFERENCE, faults=faults)
    control("pay", pay_url=start().redirect_url)
    keys, forged = set(), 0
    for call in receiver.wait_for(4):
        try:
            verified = told(adapter, account, call)
        except SignatureInvalid:
            forged += 1
        else:
            keys.add((verified.dedupe_key, verified.evidence.amount.amount))
    assert (forged, len(keys), {amount for _, amount in keys}) == (1, 1, {149_999})


def test_momo_callback_is_sent_again_until_204(start, control, receiver, simulator):
    receiver.status = 200
    control("pay", pay_url=start().redirect_url)
    assert len({json.loads(body)["signature"] for _, _, _, body in receiver.wait_for(2)}) == 1
    receiver.status = 204


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("bad_amount_text", "bad_amount"),
        ("missing_reference", "missing_reference"),
        ("status_unknown", "unknown_status"),
    ],
)
def test_momo_planted_statement_error_is_a_problem(adapter, account, start, control, fault, code):
    control("pay", pay_url=start().redirect_url)
    control("statement-faults", date=str(TODAY), faults=[{"kind": fault}])
    parsed = adapter.parse_statement(account, adapter.fetch_statement(account, TODAY))
    assert [(problem.line_no, problem.code) for problem in parsed.problems] == [(2, code)]


def test_momo_statement_that_is_not_there_or_not_ours(adapter, account):
    with pytest.raises(StatementUnavailable):
        adapter.fetch_statement(account, TODAY + timedelta(days=1))
    stranger = momo_account(
        options=dict(account.options), secrets=dict(account.secrets) | {"secret_key": Secret("x")}
    )
    with pytest.raises(ProviderRefused):
        adapter.fetch_statement(stranger, TODAY)
