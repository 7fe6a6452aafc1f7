"""Every steering amount of the sandbox, through the adapter over real HTTP."""

from datetime import date, timedelta

import pytest

from payclear.contract.errors import OutcomeUnknown, ProviderRefused, SignatureInvalid, StatementUnavailable
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.sandbox.client import SandboxClient
from providers.sandbox.provider import SandboxProvider
from providers.transport import Transport
from tests.providers.factories import (
    NOW,
    REFERENCE,
    checkout,
    inbound,
    refund_request,
    sandbox_account,
    status_query,
)

TODAY = date(2026, 11, 21)


@pytest.fixture
def account(simulator):
    return sandbox_account(simulator.url)


@pytest.fixture
def adapter(provider_clock):
    transport = Transport(connect_timeout_s=1, read_timeout_s=3, total_deadline_s=6)
    made = SandboxProvider(SandboxClient(transport, provider_clock, statements=transport))
    yield made
    transport.close()


@pytest.fixture
def start(adapter, account, receiver):
    receiver.body = b"{}"

    def call(amount, **changes):
        request = checkout(amount=Money(amount), callback_url=receiver.url, **changes)
        return adapter.start_checkout(account, request)

    return call


@pytest.fixture
def parsed(adapter, account):
    return lambda: adapter.parse_statement(account, adapter.fetch_statement(account, TODAY))


def callbacks(receiver, count, clock):
    return [
        inbound(method=method, headers=headers, body=body, at=clock.now())
        for method, _, headers, body in receiver.wait_for(count)
    ]


def test_sandbox_success_is_told_by_callback_query_and_statement(
    start, adapter, account, receiver, provider_clock, parsed, http
):
    result = start(150_000)
    assert result.outcome is Outcome.PENDING
    back = http.get(result.redirect_url, allow_redirects=False, timeout=10)
    assert back.status_code == 303
    query = back.headers["location"].partition("?")[2]
    hint = adapter.read_return(account, inbound(query))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (REFERENCE, True, Outcome.CONFIRMED)
    told = adapter.verify_callback(account, callbacks(receiver, 1, provider_clock)[0])
    assert (told.evidence.outcome, told.evidence.amount) == (Outcome.CONFIRMED, Money(150_000))
    asked = adapter.query_status(account, status_query())
    assert (asked.outcome, asked.amount, asked.provider_ref) == (
        Outcome.CONFIRMED,
        Money(150_000),
        result.provider_ref,
    )
    statement = parsed()
    assert [(line.attempt_ref, line.amount.amount) for line in statement.entries] == [(REFERENCE, 150_000)]
    assert (statement.problems, statement.control_count) == ((), 1)


def test_sandbox_101_is_refused_at_once(start, adapter, account, receiver, provider_clock, parsed):
    assert start(150_101).outcome is Outcome.REJECTED
    told = adapter.verify_callback(account, callbacks(receiver, 1, provider_clock)[0]).evidence
    assert (told.outcome, told.detail_code) == (Outcome.REJECTED, "51")
    assert parsed().entries == ()


def test_sandbox_102_takes_the_money_and_never_answers(start, adapter, account, receiver, parsed):
    with pytest.raises(OutcomeUnknown):
        start(150_102)
    assert adapter.query_status(account, status_query()).outcome is Outcome.CONFIRMED
    assert len(parsed().entries) == 1
    assert receiver.calls == []


def test_sandbox_103_is_paid_after_the_attempt_expired(
    start, adapter, account, receiver, provider_clock, simulator
):
    start(150_103)
    assert adapter.query_status(account, status_query()).outcome is Outcome.PENDING
    assert receiver.calls == []
    expires_at = NOW + timedelta(minutes=15)
    provider_clock.set(expires_at + timedelta(seconds=2))
    simulator.deliveries.wake()
    told = adapter.verify_callback(account, callbacks(receiver, 1, provider_clock)[0]).evidence
    assert told.outcome is Outcome.CONFIRMED
    assert told.paid_at > expires_at


def test_sandbox_103_can_be_released_early(start, receiver, http, simulator):
    start(150_103)
    http.post(f"{simulator.url}/control/send-callbacks", json={}, timeout=10)
    receiver.wait_for(1)


def test_sandbox_104_comes_three_times_with_one_identity(start, adapter, account, receiver, provider_clock):
    start(150_104)
    got = [adapter.verify_callback(account, call) for call in callbacks(receiver, 3, provider_clock)]
    assert len({each.dedupe_key for each in got}) == 1


def test_sandbox_105_tells_a_wrong_amount_by_callback_only(start, adapter, account, receiver, provider_clock):
    start(150_105)
    told = adapter.verify_callback(account, callbacks(receiver, 1, provider_clock)[0]).evidence
    assert told.amount == Money(150_104)
    assert adapter.query_status(account, status_query()).amount == Money(150_105)


def test_sandbox_106_answers_broken_json_and_took_nothing(start, adapter, account, parsed):
    with pytest.raises(OutcomeUnknown):
        start(150_106)
    assert adapter.query_status(account, status_query()).outcome is Outcome.NOT_SENT
    assert parsed().entries == ()


def test_sandbox_107_stays_pending_until_the_statement(start, adapter, account, receiver, parsed):
    start(150_107)
    assert adapter.query_status(account, status_query()).outcome is Outcome.PENDING
    assert parsed().entries[0].outcome is Outcome.CONFIRMED
    assert receiver.calls == []


def test_sandbox_108_is_signed_with_a_wrong_key(start, adapter, account, receiver, provider_clock):
    start(150_108)
    with pytest.raises(SignatureInvalid):
        adapter.verify_callback(account, callbacks(receiver, 1, provider_clock)[0])
    assert adapter.query_status(account, status_query()).outcome is Outcome.CONFIRMED


def test_sandbox_same_reference_again_takes_the_money_once(start, parsed):
    first, second = start(150_000), start(150_000)
    assert first == second
    assert len(parsed().entries) == 1


def test_sandbox_refund_part_whole_and_too_much(start, adapter, account, parsed):
    start(150_000)
    first = refund_request(refund_ref="R1", amount=Money(100_000))
    done = adapter.refund(account, first)
    assert done.outcome is Outcome.CONFIRMED
    assert adapter.refund(account, first) == done
    too_much = adapter.refund(account, refund_request(refund_ref="R2", amount=Money(50_001)))
    assert too_much.outcome is Outcome.REJECTED
    assert [line.kind for line in parsed().entries] == ["payment", "refund"]


def test_sandbox_request_signed_with_a_wrong_key_is_refused(simulator, adapter):
    account = sandbox_account(simulator.url, secrets={"signing_key": Secret("wrong")})
    with pytest.raises(ProviderRefused):
        adapter.query_status(account, status_query())


def test_sandbox_statement_that_is_not_there_is_unavailable(adapter, account):
    with pytest.raises(StatementUnavailable):
        adapter.fetch_statement(account, TODAY + timedelta(days=1))


@pytest.mark.parametrize(("kind", "code"), [("truncated", "missing_trailer"), ("html", "missing_header")])
def test_sandbox_broken_statement_is_a_problem(start, parsed, http, simulator, kind, code):
    start(150_000)
    body = {"provider": "sandbox", "date": TODAY.isoformat(), "faults": [{"kind": kind}]}
    assert http.post(f"{simulator.url}/control/statement-faults", json=body, timeout=10).status_code == 200
    assert code in [problem.code for problem in parsed().problems]
