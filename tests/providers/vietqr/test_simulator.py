"""The adapter against the simulator over real HTTP: a payer's bank reads our QR, ours tells us of the credit."""

from datetime import date
from urllib.parse import urlsplit

import pytest

from payclear.contract.errors import SignatureInvalid
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from providers.transport import Transport
from providers.vietqr.provider import VietQrProvider
from tests.providers.factories import checkout, inbound
from tests.providers.notices import CODE, REF
from tests.providers.vietqr.factories import account as make_account

TODAY = date(2026, 11, 21)


@pytest.fixture
def account(simulator):
    return make_account(simulator.url)


@pytest.fixture
def adapter(provider_clock):
    transport = Transport(connect_timeout_s=1, read_timeout_s=3, total_deadline_s=6)
    yield VietQrProvider(transport, provider_clock)
    transport.close()


@pytest.fixture
def control(simulator, http):
    def call(path, **body):
        answer = http.post(f"{simulator.url}/control/{path}", json={"provider": "vietqr", **body}, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


@pytest.fixture
def qr_text(adapter, account):
    return adapter.start_checkout(account, checkout(attempt_ref=REF, memo=f"NOP NSNN {CODE}")).qr_text


def callback_of(call):
    method, path, headers, body = call
    return inbound(urlsplit(path).query, method=method, headers=headers, body=body)


def test_vietqr_whole_life_from_the_qr_to_the_bank_statement(adapter, account, control, receiver, qr_text):
    paid = control("pay", pay_url=qr_text)
    told = adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0])).evidence
    assert (told.outcome, told.attempt_ref, told.amount) == (Outcome.CONFIRMED, REF, Money(150_000))
    assert told.merchant_account == adapter.merchant_account(account)
    assert paid["attempt_ref"] == REF

    parsed = adapter.parse_statement(account, adapter.fetch_statement(account, TODAY))
    (entry,) = parsed.entries
    assert (entry.attempt_ref, entry.provider_ref, entry.amount) == (REF, told.provider_ref, told.amount)
    assert (entry.occurred_at, parsed.problems) == (told.paid_at, ())


def test_vietqr_wrong_amount_and_forged_notification(adapter, account, control, receiver, qr_text):
    control("faults", attempt_ref=REF, faults=["pays_wrong_amount", "forge_callback"])
    control("pay", pay_url=qr_text)
    forged, genuine = receiver.wait_for(2)[:2]
    with pytest.raises(SignatureInvalid):
        adapter.verify_callback(account, callback_of(forged))
    assert adapter.verify_callback(account, callback_of(genuine)).evidence.amount == Money(149_999)


@pytest.mark.parametrize(
    ("kind", "codes", "refs"),
    [
        ("missing_line", [], []),
        ("missing_reference", [], [""]),
        ("bad_amount_text", ["bad_amount"], []),
        ("moved_columns", [], [REF]),
        ("truncated", ["not_a_workbook"], []),
    ],
)
def test_vietqr_statement_with_a_planted_error(adapter, account, control, qr_text, kind, codes, refs):
    control("pay", pay_url=qr_text)
    control("statement-faults", date="2026-11-21", faults=[{"kind": kind}])
    parsed = adapter.parse_statement(account, adapter.fetch_statement(account, TODAY))
    assert [problem.code for problem in parsed.problems] == codes
    assert [entry.attempt_ref for entry in parsed.entries] == refs


def test_vietqr_transfer_typed_by_hand_with_the_code_alone_is_told_and_listed(
    adapter, account, simulator, http, receiver
):
    form = {"account": "113366668888", "amount": "150.000 ₫", "memo": f"{CODE[:5]} {CODE[5:]}"}
    answer = http.post(f"{simulator.url}/vietqr/transfer", data=form, timeout=10)
    assert 'data-testid="transferred"' in answer.text
    told = adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0])).evidence
    assert (told.attempt_ref, told.amount) == (CODE, Money(150_000))


@pytest.mark.parametrize("changes", [{"account": "1"}, {"amount": "0"}, {"amount": "x"}, {"memo": " . "}])
def test_vietqr_transfer_that_can_not_be_made_moves_nothing(simulator, http, receiver, changes):
    form = {"account": "113366668888", "amount": "150000", "memo": REF} | changes
    answer = http.post(f"{simulator.url}/vietqr/transfer", data=form, timeout=10)
    assert 'data-testid="refused"' in answer.text
    assert receiver.calls == []
