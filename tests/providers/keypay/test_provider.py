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
from providers.keypay import mapping, provider
from providers.keypay.client import KeypayClient
from providers.keypay.provider import KeypayProvider
from tests.providers.canned import Canned
from tests.providers.factories import (
    NOW,
    REFERENCE,
    checkout,
    inbound,
    refund_request,
    status_query,
)
from tests.providers.keypay.account import KEY_2, keypay_account

ACCOUNT = keypay_account()
FIELDS = {
    "client_id": "DEMOKP",
    "transaction_id": REFERENCE,
    "transaction_code": "14226112",
    "trans_amount": "150000",
    "payment_fee": "0",
    "command": "PAY",
    "addition_fee": "0",
    "version": "3.0",
    "status": "0",
}
COVERED = ["addition_fee", "client_id", "command", "trans_amount", "transaction_id", "version"]
ASKED = {"client_id": "DEMOKP", "command": "PAY", "transaction_id": REFERENCE}


def body(key=KEY_2, **changes):
    fields = FIELDS | changes
    texts = {name: str(value) for name, value in fields.items()}
    return json.dumps(
        {**fields, "check_sum": mapping.check_sum(Secret(key), texts, mapping.PAYMENT)}
    ).encode()


def detail(key=KEY_2, error="0", **changes):
    data = {"trans_amount": 150_000, "status": 0, "transaction_code": "14226112"} | changes
    return {
        "error": error,
        "data": data,
        "check_sum": mapping.check_sum(Secret(key), ASKED, mapping.DETAIL),
    }


def post(content):
    return inbound(method="POST", body=content)


def asking(answer, status=200):
    content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return KeypayProvider(KeypayClient(Canned(content, status)))


def test_verify_callback_is_a_hint_to_be_confirmed_by_query():
    got = provider.verify_callback(ACCOUNT, post(body()))
    assert got.confirm_by_query is True
    assert (got.evidence.outcome, got.evidence.amount) == (Outcome.CONFIRMED, Money(150_000))
    assert (got.evidence.provider_ref, got.evidence.merchant_account) == ("14226112", "DEMOKP")
    assert got.dedupe_key == f"{REFERENCE}:14226112:0"
    assert provider.verify_callback(ACCOUNT, post(body(status=1))).evidence.outcome is Outcome.REJECTED


@pytest.mark.parametrize("name", COVERED)
def test_verify_callback_covered_field_that_was_changed_is_refused(name):
    message = json.loads(body())
    message[name] += "1"
    with pytest.raises(SignatureInvalid):
        provider.verify_callback(ACCOUNT, post(json.dumps(message).encode()))


@pytest.mark.parametrize("content", [b"{}", body("another"), body().replace(b"check_sum", b"check_sun")])
def test_verify_callback_checksum_that_does_not_hold_is_refused(content):
    with pytest.raises(SignatureInvalid):
        provider.verify_callback(ACCOUNT, post(content))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        body()[:-1],
        body()[:-1] + b',"status":"0"}',
        body(status=None),
        body(status="a b"),
        body(transaction_id=""),
        body(transaction_id="P" * 21),
        body(trans_amount=""),
        body(trans_amount="150000.0"),
        body(trans_amount="-1"),
        body(currency_code="USD"),
        body(command="PAY|1"),
    ],
)
def test_verify_callback_unreadable_is_malformed(content):
    with pytest.raises(CallbackMalformed):
        provider.verify_callback(ACCOUNT, post(content))


def test_verify_callback_previous_key_holds_while_it_overlaps():
    account = keypay_account(secrets={"client_key_2": Secret("new"), "client_key_2_previous": Secret(KEY_2)})
    assert provider.verify_callback(account, post(body())).key_id == "client_key_2_previous"
    assert provider.verify_callback(account, post(body("new"))).key_id == "client_key_2"


@given(st.binary(max_size=400))
def test_verify_callback_any_bytes_raise_nothing_but_contract_errors(content):
    with pytest.raises((SignatureInvalid, CallbackMalformed)):
        provider.verify_callback(ACCOUNT, post(content))


@given(st.integers(0, len(body()) - 1), st.integers(1, 255))
def test_verify_callback_one_changed_byte_is_refused_or_only_a_hint(position, change):
    raw = bytearray(body())
    raw[position] = (raw[position] + change) % 256
    try:
        got = provider.verify_callback(ACCOUNT, post(bytes(raw)))
    except (SignatureInvalid, CallbackMalformed):
        return
    assert got.confirm_by_query is True
    assert (got.evidence.attempt_ref, got.evidence.amount) == (REFERENCE, Money(150_000))


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        ("accepted", 0),
        ("already_known", 0),
        ("amount_mismatch", 0),
        ("order_not_found", -1),
        ("signature_invalid", -1),
        ("malformed", -1),
        ("try_again", -1),
    ],
)
def test_acknowledge_is_http_200_and_a_return_code(verdict, code):
    answer = provider.acknowledge(ACCOUNT, CallbackVerdict(verdict), inbound())
    assert (answer.status, json.loads(answer.body)["return_code"]) == (200, code)


def test_read_return_is_a_hint_and_says_when_it_is_forged():
    hint = provider.read_return(ACCOUNT, inbound(urlencode(json.loads(body()))))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (REFERENCE, True, Outcome.CONFIRMED)
    forged = provider.read_return(ACCOUNT, inbound(urlencode(json.loads(body("x")))))
    assert forged.signature_holds is False


@given(st.binary(max_size=400))
def test_read_return_any_bytes_raise_nothing(query):
    assert provider.read_return(ACCOUNT, inbound(query)).signature_holds is False


@pytest.mark.parametrize(
    "changes",
    [{"memo": "Nộp phạt"}, {"attempt_ref": "P" * 21}, {"amount": Money(0)}, {"amount": Money(10**12 + 1)}],
)
def test_start_checkout_what_keypay_does_not_take_is_refused(changes):
    with pytest.raises(ProviderRefused):
        asking({}).start_checkout(ACCOUNT, checkout(**changes))


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        ({"error": "5", "msg": "known"}, 200, ProviderRefused),
        ({"error": "0"}, 200, OutcomeUnknown),
        ({"error": "0", "payment_url": "https://evil.example.vn/pay"}, 200, OutcomeUnknown),
        ({"error": "0", "payment_url": "https://keypay.example.vn@evil.vn/"}, 200, OutcomeUnknown),
        ({"payment_url": "https://keypay.example.vn/pay"}, 200, OutcomeUnknown),
        ({"error": "0"}, 500, OutcomeUnknown),
        (b"<html>", 200, OutcomeUnknown),
        ({"error": "0"}, 403, ProviderRefused),
    ],
)
def test_start_checkout_without_a_page_of_keypay_leaves_doubt_or_is_refused(answer, status, error):
    with pytest.raises(error):
        asking(answer, status).start_checkout(ACCOUNT, checkout())


@pytest.mark.parametrize("inner", [True, False])
def test_start_checkout_reads_both_forms_of_the_answer(inner):
    page = "https://keypay.example.vn/pay/1"
    answer = {"error": "0", "data": {"url_pay": page, "transaction_code": "K1"}}
    if not inner:
        answer = {"error": "0", "payment_url": page}
    got = asking(answer).start_checkout(ACCOUNT, checkout())
    assert (got.outcome, got.redirect_url) == (Outcome.PENDING, page)
    assert got.provider_ref == ("K1" if inner else None)


@pytest.mark.parametrize(
    ("status", "outcome"), [(0, "confirmed"), ("1", "rejected"), (3, "unknown"), (None, "unknown")]
)
def test_query_status_reads_the_signed_answer(status, outcome):
    evidence = asking(detail(status=status)).query_status(ACCOUNT, status_query())
    assert (evidence.outcome.value, evidence.amount) == (outcome, Money(150_000))


@pytest.mark.parametrize(("minutes", "outcome"), [(1, "pending"), (16, "not_sent")])
def test_query_status_not_known_is_an_end_only_after_the_attempts_time(minutes, outcome):
    query = status_query(asked_at=NOW + timedelta(minutes=minutes))
    assert asking(detail(error="14")).query_status(ACCOUNT, query).outcome.value == outcome


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (detail("another"), 200, SignatureInvalid),
        ({"error": "0", "data": {"status": 0, "trans_amount": 150_000}}, 200, SignatureInvalid),
        (detail(error="99"), 200, OutcomeUnknown),
        (detail(trans_amount=None), 200, OutcomeUnknown),
        (detail(trans_amount="x"), 200, OutcomeUnknown),
        (detail(transaction_id="PCOTHER01"), 200, OutcomeUnknown),
        (detail(client_id="OTHER"), 200, OutcomeUnknown),
        (detail(), 500, OutcomeUnknown),
        (b"", 200, OutcomeUnknown),
        ({"message": "internal"}, 200, OutcomeUnknown),
    ],
)
def test_query_status_answer_that_proves_nothing_leaves_doubt(answer, status, error):
    with pytest.raises(error):
        asking(answer, status).query_status(ACCOUNT, status_query())


def refunded(error="0", key=KEY_2, **changes):
    request = refund_request()
    asked = ASKED | {
        "command": "REFUND",
        "amount": str(request.amount.amount),
        "reason": f"Hoan tien {request.refund_ref}",
    }
    check_sum = mapping.check_sum(Secret(key), asked, mapping.REFUND)
    return {"error": error, "data": {"transaction_refund_code": "R1"}, "check_sum": check_sum} | changes


@pytest.mark.parametrize(("error", "outcome"), [("0", "pending"), ("9", "unknown")])
def test_refund_without_error_is_taken_in_work(error, outcome):
    got = asking(refunded(error)).refund(ACCOUNT, refund_request())
    assert (got.outcome.value, got.provider_ref, got.detail_code) == (outcome, "R1", error)


@pytest.mark.parametrize("answer", [b"<html>", refunded(key="another"), refunded(check_sum="")])
def test_refund_answer_that_proves_nothing_leaves_doubt(answer):
    with pytest.raises(OutcomeUnknown):
        asking(answer).refund(ACCOUNT, refund_request())


def test_account_problems_are_plain_sentences():
    assert provider.account_problems(ACCOUNT) == []
    broken = keypay_account(
        options={
            "client_id": "a b",
            "detail_url": "http://evil.example.vn",
            "page_origin": "https://keypay.example.vn/pay",
            "refusal_statuses": "0",
        },
        secrets={"client_key_2": Secret("")},
    )
    problems = " ".join(provider.account_problems(broken))
    for word in ("client_id", "detail_url", "page_origin", "refusal_statuses", "client_key_2"):
        assert word in problems
    assert provider.page_origins(ACCOUNT) == ("https://keypay.example.vn",)
    assert provider.merchant_account(ACCOUNT) == "DEMOKP"
