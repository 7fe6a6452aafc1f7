import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.errors import (
    CallbackMalformed,
    NotSent,
    OutcomeUnknown,
    ProviderRefused,
    SignatureInvalid,
    StatementUnavailable,
)
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.clock import FixedClock
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.sandbox import mapping, provider
from providers.sandbox.client import SandboxClient
from providers.sandbox.provider import SandboxProvider
from providers.transport import Answer
from tests.providers.factories import (
    NOW,
    REFERENCE,
    SANDBOX_SECRET,
    checkout,
    inbound,
    refund_request,
    sandbox_account,
    status_query,
)

ACCOUNT = sandbox_account()
KEY = Secret(SANDBOX_SECRET)
EVENT = {
    "event_id": "evt-1",
    "merchant_id": "DEMO",
    "attempt_ref": REFERENCE,
    "provider_ref": "SBX1",
    "status": "paid",
    "code": "00",
    "amount": 150_000,
    "currency": "VND",
    "paid_at": "2026-11-21T03:31:12+00:00",
}


def call(body: bytes, *, key: Secret = KEY, age_s: int = 0, **headers: str):
    signed = mapping.signed_headers(key, body, NOW - timedelta(seconds=age_s))
    return inbound(method="POST", headers={**signed, **headers}, body=body)


def event(**changes) -> bytes:
    return json.dumps({**EVENT, **changes}).encode()


def test_verify_callback_paid_is_confirmed():
    got = provider.verify_callback(ACCOUNT, call(event()))
    assert (got.evidence.outcome, got.evidence.amount) == (Outcome.CONFIRMED, Money(150_000))
    assert (got.dedupe_key, got.key_id, got.evidence.merchant_account) == ("evt-1", "signing_key", "DEMO")


@pytest.mark.parametrize(
    "request_",
    [
        inbound(method="POST", body=event()),
        call(event(), key=Secret("other")),
        call(event(), age_s=301),
        call(event(), age_s=-61),
        call(event(), **{mapping.TIMESTAMP_HEADER: "1e9"}),
        call(event(), **{mapping.TIMESTAMP_HEADER: str(int(NOW.timestamp()) + 1)}),
        call(event(), **{mapping.SIGNATURE_HEADER: "0" * 64}),
        call(event(), **{mapping.SIGNATURE_HEADER: "sha256=" + "F" * 64}),
        call(event(), **{mapping.SIGNATURE_HEADER: "ký"}),
    ],
)
def test_verify_callback_signature_that_does_not_hold_is_refused(request_):
    with pytest.raises(SignatureInvalid):
        provider.verify_callback(ACCOUNT, request_)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        event(event_id=""),
        event(event_id=5),
        event(attempt_ref="PC 1"),
        event(attempt_ref=None),
        event(amount=None),
        event(amount=True),
        event(amount=150_000.0),
        event(amount=-1),
        event(amount=10**16),
        event(currency="USD"),
    ],
)
def test_verify_callback_signed_but_unreadable_is_malformed(body):
    with pytest.raises(CallbackMalformed):
        provider.verify_callback(ACCOUNT, call(body))


@pytest.mark.parametrize("status", ["odd", None, 5, "PAID"])
def test_verify_callback_status_nobody_knows_is_unknown(status):
    assert provider.verify_callback(ACCOUNT, call(event(status=status))).evidence.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("paid_at", [None, "", "yesterday", "2026-11-21T03:31:12", 5])
def test_verify_callback_time_that_can_not_be_read_is_left_open(paid_at):
    assert provider.verify_callback(ACCOUNT, call(event(paid_at=paid_at))).evidence.paid_at is None


@given(st.binary(max_size=300))
def test_read_return_any_bytes_raise_nothing(query):
    assert provider.read_return(ACCOUNT, inbound(query)).signature_holds is False


def test_acknowledge_every_verdict_has_its_status():
    statuses = {
        verdict.value: provider.acknowledge(ACCOUNT, verdict, inbound()).status for verdict in CallbackVerdict
    }
    assert statuses == {
        "accepted": 200,
        "already_known": 200,
        "order_not_found": 404,
        "amount_mismatch": 200,
        "signature_invalid": 401,
        "malformed": 400,
        "try_again": 503,
    }


class Canned:
    """Stands where the transport stands."""

    def __init__(self, answer):
        self.answer = answer

    def send(self, *args, **kwargs):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def answering(body: bytes, *, status: int = 200, key: Secret = KEY) -> SandboxProvider:
    answer = Answer(status, mapping.signed_headers(key, body, NOW), body)
    canned = Canned(answer)
    return SandboxProvider(SandboxClient(canned, FixedClock(NOW), statements=canned))


@pytest.mark.parametrize(
    ("body", "options"),
    [
        (b"", {}),
        (b"{", {}),
        (b"[]", {}),
        (event(), {"status": 500}),
        (event(attempt_ref="PCOTHER"), {}),
        (event(merchant_id="OTHER"), {}),
        (event(amount=None), {}),
    ],
)
def test_query_status_answer_that_tells_nothing_is_unknown(body, options):
    with pytest.raises(OutcomeUnknown):
        answering(body, **options).query_status(ACCOUNT, status_query())


def test_query_status_answer_of_somebody_else_is_refused():
    with pytest.raises(SignatureInvalid):
        answering(event(), key=Secret("other")).query_status(ACCOUNT, status_query())


def test_start_checkout_answer_of_somebody_else_leaves_doubt():
    with pytest.raises(OutcomeUnknown):
        answering(event(), key=Secret("other")).start_checkout(ACCOUNT, checkout())


def test_start_checkout_redirect_to_another_house_leaves_doubt():
    with pytest.raises(OutcomeUnknown):
        answering(event(redirect_url="https://evil.example.vn/")).start_checkout(ACCOUNT, checkout())


def test_start_checkout_amount_that_is_none_is_refused():
    with pytest.raises(ProviderRefused):
        provider.start_checkout(ACCOUNT, checkout(amount=Money(0)))


def test_refund_answer_of_somebody_else_leaves_doubt():
    with pytest.raises(OutcomeUnknown):
        answering(event(status="done"), key=Secret("other")).refund(ACCOUNT, refund_request())


@pytest.mark.parametrize("error", [NotSent("x", reason="r"), OutcomeUnknown("x")])
def test_fetch_statement_not_reached_is_unavailable(error):
    made = SandboxProvider(SandboxClient(clock=FixedClock(NOW), statements=Canned(error)))
    with pytest.raises(StatementUnavailable):
        made.fetch_statement(ACCOUNT, NOW.date())


def test_fetch_statement_of_somebody_else_is_refused():
    made = answering(b"csv", key=Secret("other"))
    with pytest.raises(SignatureInvalid):
        made.fetch_statement(ACCOUNT, NOW.date())


def test_account_problems_are_plain_sentences():
    assert provider.account_problems(ACCOUNT) == []
    broken = sandbox_account(options={"base_url": "http://x.example.vn"}, secrets={"signing_key": Secret("")})
    assert len(provider.account_problems(broken)) == 2
    assert provider.page_origins(ACCOUNT) == ("https://sandbox.example.vn",)
    assert provider.merchant_account(ACCOUNT) == "DEMO"
