import base64
import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.errors import CallbackMalformed, OutcomeUnknown, ProviderRefused, SignatureInvalid
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.ninepay import mapping, provider
from providers.ninepay.client import NinepayClient
from providers.ninepay.provider import NinepayProvider
from tests.providers.canned import Canned
from tests.providers.factories import (
    NOW,
    REFERENCE,
    checkout,
    inbound,
    refund_request,
    status_query,
)
from tests.providers.ninepay.account import CHECKSUM_KEY, ninepay_account

ACCOUNT = ninepay_account()
STATE = {
    "payment_no": 42444224886629,
    "invoice_no": REFERENCE,
    "currency": "VND",
    "amount": 150_000,
    "method": "ATM_CARD",
    "status": 5,
    "failure_reason": None,
}


def packed(text, key=CHECKSUM_KEY):
    result = base64.b64encode(text.encode() if isinstance(text, str) else text).decode()
    return {"result": result, "checksum": mapping.checksum(Secret(key), result), "version": "2"}


def body(key=CHECKSUM_KEY, **changes):
    return urlencode(packed(json.dumps(STATE | changes), key)).encode()


def post(content):
    return inbound(method="POST", body=content)


def asking(answer, status=200):
    content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return NinepayProvider(NinepayClient(Canned(content, status)))


def test_verify_callback_success_is_a_hint_to_be_confirmed_by_query():
    got = provider.verify_callback(ACCOUNT, post(body()))
    assert got.confirm_by_query is True
    assert (got.evidence.outcome, got.evidence.amount) == (Outcome.CONFIRMED, Money(150_000))
    assert (got.evidence.attempt_ref, got.evidence.provider_ref) == (REFERENCE, "42444224886629")
    assert got.dedupe_key == f"{REFERENCE}:42444224886629:5"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"result=&checksum=",
        body("another key"),
        body().replace(b"checksum=", b"checksum=0"),
        urlencode({**packed("{}"), "result": packed("[]")["result"]}).encode(),
    ],
)
def test_verify_callback_checksum_that_does_not_hold_is_refused(content):
    with pytest.raises(SignatureInvalid):
        provider.verify_callback(ACCOUNT, post(content))


@pytest.mark.parametrize(
    "content",
    [
        body() + b"&result=x",
        urlencode(packed(b"\xff")).encode(),
        urlencode(packed("[]")).encode(),
        urlencode(packed('{"status":5,"status":6}')).encode(),
        body(invoice_no=None),
        body(invoice_no="PC 1"),
        body(status=True),
        body(status="paid"),
        body(amount="150000.0"),
        body(amount=150000.5),
        body(amount=-1),
        body(currency="USD"),
        b"result=" + b"A" * 20_000,
    ],
)
def test_verify_callback_unreadable_is_malformed(content):
    with pytest.raises(CallbackMalformed):
        provider.verify_callback(ACCOUNT, post(content))


def test_verify_callback_previous_key_holds_while_it_overlaps():
    account = ninepay_account(
        secrets={"checksum_key": Secret("new"), "checksum_key_previous": Secret(CHECKSUM_KEY)}
    )
    assert provider.verify_callback(account, post(body())).key_id == "checksum_key_previous"
    assert provider.verify_callback(account, post(body("new"))).key_id == "checksum_key"


@given(st.binary(max_size=400))
def test_verify_callback_any_bytes_raise_nothing_but_contract_errors(content):
    with pytest.raises((SignatureInvalid, CallbackMalformed)):
        provider.verify_callback(ACCOUNT, post(content))


@given(st.integers(0, len(body()) - 1), st.integers(1, 255))
def test_verify_callback_one_changed_byte_never_changes_the_meaning(position, change):
    raw = bytearray(body())
    raw[position] = (raw[position] + change) % 256
    genuine = provider.verify_callback(ACCOUNT, post(body())).evidence
    try:
        assert provider.verify_callback(ACCOUNT, post(bytes(raw))).evidence == genuine
    except (SignatureInvalid, CallbackMalformed):
        return


@given(st.binary(max_size=300))
def test_verify_callback_any_signed_content_raises_nothing_but_contract_errors(content):
    with pytest.raises((SignatureInvalid, CallbackMalformed)):
        provider.verify_callback(ACCOUNT, post(urlencode(packed(content)).encode()))


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        ("accepted", 200),
        ("already_known", 200),
        ("amount_mismatch", 200),
        ("order_not_found", 404),
        ("signature_invalid", 400),
        ("malformed", 400),
        ("try_again", 503),
    ],
)
def test_acknowledge_is_the_http_status(verdict, status):
    assert provider.acknowledge(ACCOUNT, CallbackVerdict(verdict), inbound()).status == status


def test_read_return_is_a_hint_and_says_when_it_is_forged():
    hint = provider.read_return(ACCOUNT, inbound(body()))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (REFERENCE, True, Outcome.CONFIRMED)
    assert provider.read_return(ACCOUNT, inbound(body("x"))).signature_holds is False


@given(st.binary(max_size=400))
def test_read_return_any_bytes_raise_nothing(query):
    assert provider.read_return(ACCOUNT, inbound(query)).signature_holds is False


@pytest.mark.parametrize(
    "changes",
    [{"memo": "Nộp phạt"}, {"attempt_ref": "PC-1"}, {"amount": Money(0)}, {"amount": Money(10**12 + 1)}],
)
def test_start_checkout_what_9pay_does_not_take_is_refused(changes):
    with pytest.raises(ProviderRefused):
        provider.start_checkout(ACCOUNT, checkout(**changes))


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(5, "confirmed"), (2, "pending"), (16, "pending"), (8, "rejected"), (77, "unknown")],
)
def test_query_status_reads_the_answer(status, outcome):
    evidence = asking(STATE | {"status": status}).query_status(ACCOUNT, status_query())
    assert (evidence.outcome.value, evidence.amount) == (outcome, Money(150_000))


@pytest.mark.parametrize(("received", "amount"), [(None, 150_000), (0, 150_000), (149_999, 149_999)])
def test_query_status_money_received_counts_before_the_amount_asked(received, amount):
    got = asking(STATE | {"amount_actually_received": received}).query_status(ACCOUNT, status_query())
    assert got.amount == Money(amount)


@pytest.mark.parametrize(("minutes", "outcome"), [(1, "pending"), (16, "not_sent")])
def test_query_status_not_known_is_an_end_only_after_the_attempts_time(minutes, outcome):
    query = status_query(asked_at=NOW + timedelta(minutes=minutes))
    got = asking({"error_code": "404"}, 404).query_status(ACCOUNT, query)
    assert got.outcome.value == outcome


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (b"<html>404</html>", 404, OutcomeUnknown),
        (STATE, 500, OutcomeUnknown),
        (STATE, 401, ProviderRefused),
        (b"", 200, OutcomeUnknown),
        (b"[]", 200, OutcomeUnknown),
        ({"error": "internal"}, 200, OutcomeUnknown),
        (STATE | {"invoice_no": "PCOTHER01"}, 200, OutcomeUnknown),
        (STATE | {"amount": None}, 200, OutcomeUnknown),
        (STATE | {"currency": "USD"}, 200, OutcomeUnknown),
        (STATE | {"status": [5]}, 200, OutcomeUnknown),
        (json.dumps(STATE).encode()[:40], 200, OutcomeUnknown),
    ],
)
def test_query_status_answer_that_proves_nothing_leaves_doubt(answer, status, error):
    with pytest.raises(error):
        asking(answer, status).query_status(ACCOUNT, status_query())


@pytest.mark.parametrize(
    ("status", "outcome"), [(5, "confirmed"), (2, "pending"), (6, "rejected"), (77, "unknown")]
)
def test_refund_reads_the_answer(status, outcome):
    request = refund_request(provider_ref="42444224886629")
    request_id = mapping.request_id(request.refund_ref)
    answer = {"request_id": request_id, "refund_no": 42583024695127, "status": status}
    got = asking(answer).refund(ACCOUNT, request)
    assert (got.outcome.value, got.provider_ref) == (outcome, "42583024695127")


@pytest.mark.parametrize("answer", [b"<html>", {"request_id": "other", "status": 5}, {"status": 5}])
def test_refund_answer_that_proves_nothing_leaves_doubt(answer):
    with pytest.raises(OutcomeUnknown):
        asking(answer).refund(ACCOUNT, refund_request())


@pytest.mark.parametrize("number", [None, "", "x"])
def test_refund_without_9pays_number_is_never_sent(number):
    with pytest.raises(ProviderRefused):
        asking({}).refund(ACCOUNT, refund_request(provider_ref=number))


def test_account_problems_are_plain_sentences():
    assert provider.account_problems(ACCOUNT) == []
    broken = ninepay_account(
        options={"merchant_key": "a b", "endpoint": "http://evil.example.vn"},
        secrets={"secret_key": Secret("")},
    )
    problems = " ".join(provider.account_problems(broken))
    for word in ("merchant_key", "endpoint", "secret_key"):
        assert word in problems
    assert provider.page_origins(ACCOUNT) == ("https://ninepay.example.vn",)
    assert provider.merchant_account(ACCOUNT) == "DEMO9P"
