import json
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.errors import CallbackMalformed, OutcomeUnknown, ProviderRefused, SignatureInvalid
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.viettel import mapping, provider
from providers.viettel.client import ViettelClient
from providers.viettel.mapping import KeyPair
from providers.viettel.provider import ViettelProvider
from tests.providers.canned import Canned
from tests.providers.factories import (
    NOW,
    REFERENCE,
    checkout,
    inbound,
    refund_request,
    status_query,
)
from tests.providers.viettel.account import ACCESS_CODE, HASH_KEY, viettel_account

ACCOUNT = viettel_account()
PAIR = KeyPair("k", Secret(ACCESS_CODE), Secret(HASH_KEY))
QUESTION = {
    "billcode": mapping.bill_code(REFERENCE, Money(150_000)),
    "merchant_code": "DEMOVT",
    "order_id": REFERENCE,
}
RESULT = QUESTION | {
    "cust_msisdn": "84900000000",
    "error_code": "00",
    "payment_status": "1",
    "trans_amount": "150000",
    "vt_transaction_id": "14226112",
}
ANSWER = {
    "error_code": "00",
    "merchant_code": "DEMOVT",
    "order_id": REFERENCE,
    "payment_status": 1,
    "trans_amount": 150_000,
    "vt_transaction_id": "14226112",
}


def told(pair=PAIR, **changes):
    fields = RESULT | changes
    return urlencode({**fields, "check_sum": mapping.sign(pair, fields, mapping.RESULT)}).encode()


def question(pair=PAIR, amount="150000", **changes):
    fields = QUESTION | changes
    signed = mapping.sign(pair, {**fields, "trans_amount": amount}, mapping.VERIFY)
    return urlencode({**fields, "check_sum": signed}).encode()


def post(content):
    return inbound(method="POST", body=content)


def asking(answer, status=200):
    content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return ViettelProvider(ViettelClient(Canned(content, status)))


def test_verify_callback_result_is_a_hint_to_be_confirmed_by_query():
    got = provider.verify_callback(ACCOUNT, post(told()))
    assert got.confirm_by_query is True
    assert (got.evidence.outcome, got.evidence.amount) == (Outcome.CONFIRMED, Money(150_000))
    assert (got.evidence.provider_ref, got.evidence.merchant_account) == ("14226112", "DEMOVT")
    assert got.dedupe_key == f"{REFERENCE}:14226112:1:00"


def test_verify_callback_question_before_payment_carries_the_amount_of_the_bill():
    got = provider.verify_callback(ACCOUNT, post(question()))
    assert (got.evidence.outcome, got.evidence.amount) == (Outcome.PENDING, Money(150_000))
    assert got.dedupe_key == f"{REFERENCE}::ask:"


OTHER = KeyPair("k", Secret(ACCESS_CODE), Secret("another"))


@pytest.mark.parametrize(
    "content",
    [
        told(OTHER),
        question(OTHER),
        question(amount="150001"),
        told().replace(b"trans_amount=150000", b"trans_amount=150001"),
        told().replace(b"payment_status=1", b"payment_status=0"),
        told().replace(b"vt_transaction_id=14226112", b"vt_transaction_id=14226113"),
        told().replace(b"merchant_code=DEMOVT", b"merchant_code=OTHER0"),
        told().split(b"&check_sum")[0],
        question() + b"&payment_status=1&error_code=00&trans_amount=150000&vt_transaction_id=",
    ],
)
def test_verify_callback_checksum_that_does_not_hold_is_refused(content):
    with pytest.raises(SignatureInvalid):
        provider.verify_callback(ACCOUNT, post(content))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        told() + b"&order_id=x",
        told().replace(b"DEMOVT", b"%ff"),
        told(order_id="PC 1"),
        told(order_id="P" * 21),
        told(billcode="HD0001"),
        told(billcode=mapping.bill_code("PC9999999999A01", Money(1))),
        told(payment_status=""),
        told(payment_status="paid"),
        told(error_code=""),
        told(trans_amount=""),
        told(trans_amount="150000.00"),
        told(trans_amount="-150000"),
    ],
)
def test_verify_callback_unreadable_is_malformed(content):
    with pytest.raises(CallbackMalformed):
        provider.verify_callback(ACCOUNT, post(content))


@pytest.mark.parametrize(
    "moved",
    [
        {"trans_amount": "15000", "vt_transaction_id": "014226112"},
        {"trans_amount": "15000014226112", "vt_transaction_id": ""},
        {"payment_status": "11", "trans_amount": "50000"},
        {"merchant_code": f"DEMOVT{REFERENCE[:1]}", "order_id": REFERENCE[1:]},
        {"merchant_code": "DEMOV", "order_id": f"T{REFERENCE}"},
    ],
)
def test_verify_callback_digits_moved_between_fields_are_refused_though_the_checksum_holds(moved):
    """The values are joined without a separator: the bill code pins order and amount."""
    signed = dict(parse_qsl(told().decode()))["check_sum"]
    with pytest.raises(CallbackMalformed):
        provider.verify_callback(ACCOUNT, post(urlencode(RESULT | moved | {"check_sum": signed}).encode()))


def test_verify_callback_another_amount_than_the_bill_is_told_as_it_is():
    got = provider.verify_callback(ACCOUNT, post(told(trans_amount="149999")))
    assert (got.evidence.amount, got.confirm_by_query) == (Money(149_999), True)


def test_verify_callback_previous_pair_holds_while_it_overlaps():
    keys = {"hash_key": Secret("new"), "hash_key_previous": Secret(HASH_KEY)}
    account = viettel_account(secrets=keys)
    assert provider.verify_callback(account, post(told())).key_id == "hash_key_previous"
    moved = viettel_account(
        secrets={**keys, "access_code": Secret("new"), "access_code_previous": Secret(ACCESS_CODE)}
    )
    assert provider.verify_callback(moved, post(told())).key_id == "hash_key_previous"


@given(st.binary(max_size=400))
def test_any_bytes_raise_nothing_but_contract_errors(content):
    with pytest.raises((SignatureInvalid, CallbackMalformed)):
        provider.verify_callback(ACCOUNT, post(content))
    answer = provider.acknowledge(ACCOUNT, CallbackVerdict.MALFORMED, post(content))
    assert json.loads(answer.body)["check_sum"] == ""


@given(st.integers(0, len(told()) - 1), st.integers(1, 255))
def test_verify_callback_one_changed_byte_is_refused_or_only_a_hint(position, change):
    raw = bytearray(told())
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
        ("accepted", "00"),
        ("already_known", "00"),
        ("order_not_found", "01"),
        ("amount_mismatch", "01"),
        ("try_again", "03"),
    ],
)
def test_acknowledge_of_a_verified_callback_is_signed(verdict, code):
    reply = json.loads(provider.acknowledge(ACCOUNT, CallbackVerdict(verdict), post(told())).body)
    assert (reply["error_code"], reply["order_id"]) == (code, REFERENCE)
    assert reply["check_sum"] == mapping.sign(PAIR, reply, mapping.REPLY)
    answered = json.loads(provider.acknowledge(ACCOUNT, CallbackVerdict(verdict), post(question())).body)
    assert (answered["error_code"], answered["trans_amount"]) == (code, 150_000)
    fields = {name: str(value) for name, value in answered.items()}
    assert answered["check_sum"] == mapping.sign(PAIR, fields, mapping.VERIFY)


@pytest.mark.parametrize(("verdict", "code"), [("signature_invalid", "02"), ("malformed", "03")])
@pytest.mark.parametrize("content", [told(OTHER), question(OTHER), b"", b"order_id=%ff"])
def test_acknowledge_of_an_unverified_callback_signs_nothing(verdict, code, content):
    answer = provider.acknowledge(ACCOUNT, CallbackVerdict(verdict), post(content))
    reply = json.loads(answer.body)
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert (reply["error_code"], reply["check_sum"]) == (code, "")


def test_read_return_is_a_hint_and_says_when_it_is_forged():
    hint = provider.read_return(ACCOUNT, inbound(told()))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (REFERENCE, True, Outcome.CONFIRMED)
    assert provider.read_return(ACCOUNT, inbound(told(OTHER))).signature_holds is False


@given(st.binary(max_size=400))
def test_read_return_any_bytes_raise_nothing(query):
    assert provider.read_return(ACCOUNT, inbound(query)).signature_holds is False


@pytest.mark.parametrize(
    "changes",
    [
        {"memo": "Nộp phạt"},
        {"attempt_ref": "PC-1"},
        {"attempt_ref": "P" * 21},
        {"amount": Money(0)},
        {"amount": Money(50_000_000_001)},
    ],
)
def test_start_checkout_what_viettel_does_not_take_is_refused(changes):
    with pytest.raises(ProviderRefused):
        provider.start_checkout(ACCOUNT, checkout(**changes))


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "confirmed"),
        ({"payment_status": 0}, "pending"),
        ({"payment_status": 2, "error_code": "24"}, "rejected"),
        ({"payment_status": 3}, "unknown"),
        ({"payment_status": 1, "error_code": "32"}, "unknown"),
        ({"payment_status": None}, "unknown"),
        ({"payment_status": "0", "trans_amount": None}, "pending"),
    ],
)
def test_query_status_reads_the_answer(changes, outcome):
    evidence = asking(ANSWER | changes).query_status(ACCOUNT, status_query())
    assert evidence.outcome.value == outcome


def test_query_status_refusal_that_no_contract_names_stays_in_doubt():
    account = viettel_account(options={"refusal_statuses": ""})
    got = asking(ANSWER | {"payment_status": 2}).query_status(account, status_query())
    assert got.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(("minutes", "outcome"), [(1, "pending"), (16, "not_sent")])
def test_query_status_not_known_is_an_end_only_after_the_attempts_time(minutes, outcome):
    query = status_query(asked_at=NOW + timedelta(minutes=minutes))
    answer = {"error_code": "01", "merchant_code": "DEMOVT", "order_id": REFERENCE}
    assert asking(answer).query_status(ACCOUNT, query).outcome.value == outcome


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (ANSWER, 500, OutcomeUnknown),
        (ANSWER, 401, ProviderRefused),
        (b"<html>", 200, OutcomeUnknown),
        ({"error": "internal"}, 200, OutcomeUnknown),
        (ANSWER | {"order_id": "PCOTHER01"}, 200, OutcomeUnknown),
        (ANSWER | {"merchant_code": "OTHER"}, 200, OutcomeUnknown),
        (ANSWER | {"trans_amount": None}, 200, OutcomeUnknown),
        (ANSWER | {"trans_amount": "1.5"}, 200, OutcomeUnknown),
        (ANSWER | {"payment_status": [1]}, 200, OutcomeUnknown),
    ],
)
def test_query_status_answer_that_proves_nothing_leaves_doubt(answer, status, error):
    with pytest.raises(error):
        asking(answer, status).query_status(ACCOUNT, status_query())


@pytest.mark.parametrize(("code", "outcome"), [("00", "confirmed"), ("02", "rejected"), ("813", "unknown")])
def test_refund_sends_a_signed_form_and_reads_the_code(code, outcome):
    request = refund_request(amount=Money(50_000))
    order_id = mapping.refund_order_id(request.refund_ref)
    transport = Canned(
        json.dumps({"error_code": code, "merchant_code": "DEMOVT", "order_id": order_id}).encode()
    )
    got = ViettelProvider(ViettelClient(transport)).refund(ACCOUNT, request)
    assert got.outcome.value == outcome
    fields = dict(parse_qsl(transport.sent[0][3].decode()))
    assert (fields["cmd"], fields["refundType"], fields["trans_amount"]) == ("REFUND_PAYMENT", "1", "50000")
    assert fields["check_sum"] == mapping.sign(PAIR, fields, mapping.REFUND)
    assert transport.sent[0][2]["Authorization"].startswith("Basic ")


@pytest.mark.parametrize("number", [None, "", "x y"])
def test_refund_without_viettels_transaction_is_never_sent(number):
    with pytest.raises(ProviderRefused):
        asking({}).refund(ACCOUNT, refund_request(provider_ref=number))


def test_account_problems_are_plain_sentences():
    assert provider.account_problems(ACCOUNT) == []
    broken = viettel_account(
        options={"merchant_code": "a b", "api_url": "http://evil.example.vn", "refusal_statuses": "1"},
        secrets={"hash_key": Secret("")},
    )
    problems = " ".join(provider.account_problems(broken))
    for word in ("merchant_code", "api_url", "refusal_statuses", "hash_key"):
        assert word in problems
    assert provider.page_origins(ACCOUNT) == ("https://viettel.example.vn",)
    assert provider.merchant_account(ACCOUNT) == "DEMOVT"
