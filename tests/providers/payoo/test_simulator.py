"""The adapter against the simulator over real HTTP: two independent implementations of one protocol."""

from datetime import date, timedelta
from urllib.parse import urlsplit

import pytest

from payclear.contract.errors import OutcomeUnknown, SignatureInvalid, StatementUnavailable
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from providers.payoo.client import PayooClient
from providers.payoo.provider import PayooProvider
from providers.transport import Transport
from tests.providers.factories import NOW, REFERENCE, checkout, inbound, refund_request, status_query
from tests.providers.payoo.factories import account as make_account

TODAY = date(2026, 11, 21)


@pytest.fixture
def account(simulator):
    return make_account(simulator.url)


@pytest.fixture
def adapter(provider_clock):
    transport = Transport(connect_timeout_s=1, read_timeout_s=3, total_deadline_s=6)
    yield PayooProvider(PayooClient(transport, provider_clock, statements=transport))
    transport.close()


@pytest.fixture
def control(simulator, http):
    def call(path, **body):
        answer = http.post(f"{simulator.url}/control/{path}", json={"provider": "payoo", **body}, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


def callback_of(call):
    method, path, headers, body = call
    return inbound(urlsplit(path).query, method=method, headers=headers, body=body)


def test_payoo_whole_life_from_the_order_to_the_workbook(adapter, account, control, receiver):
    receiver.body = b"NOTIFY_RECEIVED"
    request = checkout(return_url="https://pay.example.vn/return", callback_url=receiver.url)
    url = adapter.start_checkout(account, request).redirect_url
    assert adapter.query_status(account, status_query()).outcome is Outcome.PENDING
    paid = control("pay", pay_url=url)
    hint = adapter.read_return(account, inbound(urlsplit(paid["return_url"]).query))
    assert (hint.attempt_ref, hint.signature_holds) == (REFERENCE, True)
    told = adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0])).evidence
    evidence = adapter.query_status(account, status_query())
    assert (evidence.outcome, evidence.amount) == (Outcome.CONFIRMED, Money(150_000))
    assert (evidence.provider_ref, evidence.paid_at) == (told.provider_ref, told.paid_at)

    parsed = adapter.parse_statement(account, adapter.fetch_statement(account, TODAY))
    assert [(line.attempt_ref, line.amount.amount) for line in parsed.entries] == [(REFERENCE, 150_000)]
    assert (parsed.problems, parsed.control_count) == ((), None)

    assert adapter.refund(account, refund_request()).outcome is Outcome.PENDING
    assert adapter.refund(account, refund_request(refund_ref="RFD2")).outcome is Outcome.UNKNOWN


def test_payoo_cancelled_unknown_and_forged(adapter, account, control, receiver):
    late = status_query(asked_at=NOW + timedelta(hours=1))
    assert adapter.query_status(account, late).outcome is Outcome.NOT_SENT
    url = adapter.start_checkout(account, checkout(callback_url=receiver.url)).redirect_url
    control("forge-callback", attempt_ref=REFERENCE)
    with pytest.raises(SignatureInvalid):
        adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0]))
    control("pay", pay_url=url, outcome="cancel")
    assert adapter.query_status(account, status_query()).outcome is Outcome.REJECTED


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("query_html", OutcomeUnknown),
        ("query_500", OutcomeUnknown),
        ("query_truncated", OutcomeUnknown),
        ("query_error_200", OutcomeUnknown),
        ("query_other_payment", OutcomeUnknown),
        ("query_timeout", OutcomeUnknown),
        ("query_bad_signature", SignatureInvalid),
    ],
)
def test_payoo_broken_answer_leaves_doubt(adapter, account, control, fault, error):
    control("pay", pay_url=adapter.start_checkout(account, checkout()).redirect_url)
    control("faults", faults=[fault])
    with pytest.raises(error):
        adapter.query_status(account, status_query())


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("missing_reference", ["missing_reference"]),
        ("bad_amount_text", ["bad_amount"]),
        ("truncated", ["not_a_workbook"]),
        ("html", ["not_a_workbook"]),
        ("moved_columns", []),
        ("amount_as_text", []),
    ],
)
def test_payoo_statement_with_a_planted_error(adapter, account, control, kind, codes):
    control("pay", pay_url=adapter.start_checkout(account, checkout()).redirect_url)
    control("statement-faults", date="2026-11-21", faults=[{"kind": kind}])
    parsed = adapter.parse_statement(account, adapter.fetch_statement(account, TODAY))
    assert [problem.code for problem in parsed.problems] == codes


def test_payoo_statement_of_a_day_without_one_is_unavailable(adapter, account):
    with pytest.raises(StatementUnavailable):
        adapter.fetch_statement(account, date(2027, 1, 1))
