from datetime import date, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.errors import (
    CallbackMalformed,
    OutcomeUnknown,
    ProviderRefused,
    SignatureInvalid,
    StatementUnavailable,
)
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.onepay import mapping, provider
from providers.onepay.client import OnepayClient
from providers.onepay.provider import OnepayProvider
from tests.providers.canned import Canned
from tests.providers.factories import NOW, REFERENCE, checkout, inbound, status_query
from tests.providers.onepay.account import KEY, onepay_account

ACCOUNT = onepay_account()
OTHER_KEY = "00" * 16
FIELDS = {
    "vpc_AdditionData": "970436",
    "vpc_Amount": "15000000",
    "vpc_Command": "pay",
    "vpc_CurrencyCode": "VND",
    "vpc_Locale": "vn",
    "vpc_MerchTxnRef": REFERENCE,
    "vpc_Merchant": "DEMOONEPAY",
    "vpc_OrderInfo": "PC0123456789A",
    "vpc_TransactionNo": "1625746",
    "vpc_TxnResponseCode": "0",
    "vpc_Version": "2",
}


def signed(key=KEY, **changes):
    return mapping.signed_query(FIELDS | changes, Secret(key))


def asked(answer, **changes):
    transport = Canned(answer if isinstance(answer, bytes) else answer.encode())
    transport.status = changes.pop("status", 200)
    return OnepayProvider(OnepayClient(transport)).query_status(ACCOUNT, status_query(**changes))


def test_verify_callback_success_is_confirmed():
    evidence = provider.verify_callback(ACCOUNT, inbound(signed())).evidence
    assert (evidence.outcome, evidence.amount) == (Outcome.CONFIRMED, Money(150_000))
    assert (evidence.attempt_ref, evidence.provider_ref) == (REFERENCE, "1625746")
    assert evidence.merchant_account == "DEMOONEPAY"


def test_verify_callback_cancelled_is_rejected_and_names_no_transaction():
    got = provider.verify_callback(ACCOUNT, inbound(signed(vpc_TxnResponseCode="99", vpc_TransactionNo="0")))
    assert (got.evidence.outcome, got.evidence.provider_ref) == (Outcome.REJECTED, None)


@pytest.mark.parametrize(
    "query",
    [
        "",
        mapping.canonical(FIELDS),
        mapping.canonical(FIELDS) + "&vpc_SecureHash=",
        signed(OTHER_KEY),
        signed()[:-1],
        signed().replace("vpc_Amount=15000000", "vpc_Amount=15000100"),
        signed().replace("Merchant=DEMO", "Merchant=OTHER"),
        signed() + "&vpc_Extra=1",
        signed().rpartition("=")[0] + "=" + signed().rpartition("=")[2].lower(),
    ],
)
def test_verify_callback_signature_that_does_not_hold_is_refused(query):
    with pytest.raises(SignatureInvalid):
        provider.verify_callback(ACCOUNT, inbound(query))


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_verify_callback_every_field_is_covered(name):
    query = signed().replace(f"{name}={FIELDS[name]}", f"{name}={FIELDS[name]}1")
    with pytest.raises(SignatureInvalid):
        provider.verify_callback(ACCOUNT, inbound(query))


@pytest.mark.parametrize(
    "query",
    [
        signed() + "&vpc_Amount=15000000",
        signed().replace("970436", "%ff"),
        signed(vpc_MerchTxnRef=""),
        signed(vpc_MerchTxnRef="PC 1"),
        signed(vpc_TxnResponseCode=""),
        signed(vpc_TxnResponseCode="x"),
        signed(vpc_Amount=""),
        signed(vpc_Amount="15000050"),
        signed(vpc_Amount="-100"),
        signed(vpc_CurrencyCode="USD"),
    ],
)
def test_verify_callback_unreadable_is_malformed(query):
    with pytest.raises(CallbackMalformed):
        provider.verify_callback(ACCOUNT, inbound(query))


def test_verify_callback_previous_key_holds_while_it_overlaps():
    keys = {"hash_secret": Secret("AB" * 16), "hash_secret_previous": Secret(KEY)}
    account = onepay_account(secrets=keys)
    assert provider.verify_callback(account, inbound(signed())).key_id == "hash_secret_previous"
    assert provider.verify_callback(account, inbound(signed("AB" * 16))).key_id == "hash_secret"
    ended = onepay_account(secrets={**keys, "hash_secret_previous": Secret("")})
    with pytest.raises(SignatureInvalid):
        provider.verify_callback(ended, inbound(signed()))


@given(st.binary(max_size=400))
def test_verify_callback_any_bytes_raise_nothing_but_contract_errors(query):
    with pytest.raises((SignatureInvalid, CallbackMalformed)):
        provider.verify_callback(ACCOUNT, inbound(query))


@given(st.integers(0, len(signed()) - 1), st.integers(1, 255))
def test_verify_callback_one_changed_byte_never_changes_the_meaning(position, change):
    raw = bytearray(signed().encode())
    raw[position] = (raw[position] + change) % 256
    genuine = provider.verify_callback(ACCOUNT, inbound(signed())).evidence
    try:
        assert provider.verify_callback(ACCOUNT, inbound(bytes(raw))).evidence == genuine
    except (SignatureInvalid, CallbackMalformed):
        return


@pytest.mark.parametrize(
    ("verdict", "body"),
    [
        ("accepted", b"responsecode=1&desc=confirm-success"),
        ("already_known", b"responsecode=1&desc=confirm-success"),
        ("amount_mismatch", b"responsecode=1&desc=confirm-success"),
        ("order_not_found", b"responsecode=0&desc=order-not-found"),
        ("signature_invalid", b"responsecode=0&desc=confirm-fail"),
        ("malformed", b"responsecode=0&desc=confirm-fail"),
        ("try_again", b"responsecode=0&desc=confirm-fail"),
    ],
)
def test_acknowledge_is_http_200_and_a_line_of_text(verdict, body):
    answer = provider.acknowledge(ACCOUNT, CallbackVerdict(verdict), inbound())
    assert (answer.status, answer.content_type, answer.body) == (200, "text/plain; charset=utf-8", body)


def test_read_return_is_a_hint_and_says_when_it_is_forged():
    hint = provider.read_return(ACCOUNT, inbound(signed()))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (REFERENCE, True, Outcome.CONFIRMED)
    assert provider.read_return(ACCOUNT, inbound(signed(OTHER_KEY))).signature_holds is False


@given(st.binary(max_size=400))
def test_read_return_any_bytes_raise_nothing(query):
    assert provider.read_return(ACCOUNT, inbound(query)).signature_holds is False


@pytest.mark.parametrize(
    "changes",
    [
        {"attempt_ref": "PC-1"},
        {"attempt_ref": ""},
        {"order_ref": "x" * 35},
        {"amount": Money(0)},
        {"amount": Money(-1)},
        {"amount": Money(10_000_000_000)},
    ],
)
def test_start_checkout_what_onepay_does_not_take_is_refused(changes):
    with pytest.raises(ProviderRefused):
        provider.start_checkout(ACCOUNT, checkout(**changes))


@pytest.mark.parametrize("payer_ip", ["", "2001:db8::1", "unknown"])
def test_start_checkout_address_onepay_does_not_take_becomes_the_servers(payer_ip):
    account = onepay_account(options={"server_ip": "203.113.131.1"})
    url = provider.start_checkout(account, checkout(payer_ip=payer_ip)).redirect_url
    assert dict(parse_qsl(url))["vpc_TicketNo"] == "203.113.131.1"
    assert "vpc_TicketNo=127.0.0.1" in provider.start_checkout(ACCOUNT, checkout(payer_ip="")).redirect_url


@pytest.mark.parametrize(
    ("code", "outcome"), [("0", "confirmed"), ("99", "rejected"), ("100", "pending"), ("77", "unknown")]
)
def test_query_status_reads_the_signed_answer(code, outcome):
    evidence = asked(signed(vpc_DRExists="Y", vpc_TxnResponseCode=code))
    assert (evidence.outcome.value, evidence.amount) == (outcome, Money(150_000))


@pytest.mark.parametrize(("minutes", "outcome"), [(1, "pending"), (16, "not_sent")])
def test_query_status_not_known_is_an_end_only_after_the_attempts_time(minutes, outcome):

    answer = mapping.signed_query(
        {"vpc_DRExists": "N", "vpc_Merchant": "DEMOONEPAY", "vpc_MerchTxnRef": REFERENCE}, Secret(KEY)
    )
    assert asked(answer, asked_at=NOW + timedelta(minutes=minutes)).outcome.value == outcome
    bare = mapping.signed_query({"vpc_DRExists": "N"}, Secret(KEY))
    assert asked(bare, asked_at=NOW + timedelta(minutes=minutes)).outcome.value == outcome


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", OutcomeUnknown),
        (b"<html>502</html>", OutcomeUnknown),
        (b'{"error":"internal"}', OutcomeUnknown),
        (signed(vpc_DRExists="E"), OutcomeUnknown),
        (signed(vpc_DRExists="Y", vpc_MerchTxnRef="PCOTHER01"), OutcomeUnknown),
        (signed(vpc_DRExists="N", vpc_MerchTxnRef="PCOTHER01"), OutcomeUnknown),
        (signed(vpc_DRExists="Y", vpc_Merchant="OTHER"), OutcomeUnknown),
        (signed(vpc_DRExists="Y", vpc_Amount=""), OutcomeUnknown),
        (signed(vpc_DRExists="Y", vpc_Amount="15000050"), OutcomeUnknown),
        (signed(OTHER_KEY, vpc_DRExists="Y"), SignatureInvalid),
        (signed(vpc_DRExists="Y")[:40], OutcomeUnknown),
        (mapping.canonical(FIELDS | {"vpc_DRExists": "N"}), SignatureInvalid),
    ],
)
def test_query_status_answer_that_proves_nothing_leaves_doubt(answer, error):
    with pytest.raises(error):
        asked(answer)


def test_query_status_http_error_leaves_doubt():
    with pytest.raises(OutcomeUnknown):
        asked(signed(vpc_DRExists="Y"), status=500)


def test_query_status_sends_a_signed_form_with_the_credentials():
    transport = Canned(signed(vpc_DRExists="Y").encode())
    OnepayProvider(OnepayClient(transport)).query_status(ACCOUNT, status_query())
    method, url, _, body = transport.sent[0]
    fields = dict(parse_qsl(body.decode()))
    assert (method, url) == ("POST", ACCOUNT.option("query_url"))
    assert (fields["vpc_Command"], fields["vpc_User"]) == ("queryDR", "demo")
    assert mapping.signing_key_id({"a": Secret(KEY)}, fields) == "a"


def test_fetch_statement_from_the_folder(tmp_path):

    account = onepay_account(options={"statement_folder": str(tmp_path)})
    with pytest.raises(StatementUnavailable):
        provider.fetch_statement(account, date(2026, 11, 21))
    (tmp_path / "ONEPAY_DEMOONEPAY_20261121.xlsx").write_bytes(b"x")
    assert provider.fetch_statement(account, date(2026, 11, 21)).content == b"x"


def test_account_problems_are_plain_sentences():
    assert provider.account_problems(ACCOUNT) == []
    broken = onepay_account(
        options={"merchant": "../x", "pay_url": "http://evil.example.vn/"},
        secrets={"hash_secret": Secret("no hex"), "query_password": Secret("")},
    )
    problems = " ".join(provider.account_problems(broken))
    for word in ("merchant", "pay_url", "hash_secret", "query_password"):
        assert word in problems


def test_page_origins_and_merchant_account_come_from_the_options():
    assert provider.page_origins(ACCOUNT) == ("https://onepay.example.vn",)
    assert provider.merchant_account(ACCOUNT) == "DEMOONEPAY"
