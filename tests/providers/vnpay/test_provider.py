import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.errors import CallbackMalformed, ProviderRefused, SignatureInvalid
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.vnpay import mapping, provider
from tests.providers.factories import REFERENCE, VNPAY_SECRET, checkout, inbound, vnpay_account

ACCOUNT = vnpay_account()
FIELDS = {
    "vnp_Amount": "15000000",
    "vnp_BankCode": "NCB",
    "vnp_BankTranNo": "VNP14226112",
    "vnp_CardType": "ATM",
    "vnp_OrderInfo": "Nop le phi ho so 0123456",
    "vnp_PayDate": "20261121103112",
    "vnp_ResponseCode": "00",
    "vnp_TmnCode": "DEMOV210",
    "vnp_TransactionNo": "14226112",
    "vnp_TransactionStatus": "00",
    "vnp_TxnRef": REFERENCE,
}


def signed(secret: str = VNPAY_SECRET, **changes: str) -> str:
    query = mapping.canonical_query(FIELDS | changes)
    return f"{query}&vnp_SecureHash={mapping.sign(Secret(secret), query)}"


def test_verify_callback_success_is_confirmed():
    evidence = provider.verify_callback(ACCOUNT, inbound(signed())).evidence
    assert evidence.outcome is Outcome.CONFIRMED
    assert evidence.amount == Money(150_000)
    assert (evidence.channel, evidence.instrument) == ("EBANKING", "CARD")


def test_verify_callback_cancelled_is_rejected_and_names_no_transaction():
    query = signed(vnp_ResponseCode="24", vnp_TransactionStatus="02", vnp_TransactionNo="0", vnp_PayDate="")
    got = provider.verify_callback(ACCOUNT, inbound(query))
    assert got.evidence.outcome is Outcome.REJECTED
    assert got.evidence.detail_code == "24"
    assert got.evidence.provider_ref is None
    assert got.evidence.paid_at is None
    assert got.dedupe_key == f"{REFERENCE}:0:02:24:150000"


@pytest.mark.parametrize(
    "query",
    [
        "",
        mapping.canonical_query(FIELDS),
        mapping.canonical_query(FIELDS) + "&vnp_SecureHash=",
        signed("another key"),
        signed()[:-1],
        signed() + "0",
        signed().replace("vnp_Amount=15000000", "vnp_Amount=15000001"),
        signed().replace("vnp_TxnRef=PC", "vnp_TxnRef=PD"),
        signed() + "&vnp_Extra=1",
        signed().rpartition("=")[0] + "=" + signed().rpartition("=")[2].upper(),
        signed().replace("vnp_SecureHash=", "vnp_SecureHash=%20"),
        signed().replace("vnp_SecureHash=", "vnp_SecureHashType=HmacSHA512&vnp_Hash="),
    ],
    ids=[
        "nothing",
        "no-hash",
        "empty-hash",
        "other-key",
        "short",
        "long",
        "amount",
        "reference",
        "extra",
        "upper",
        "space",
        "type-only",
    ],
)
def test_verify_callback_signature_that_does_not_hold_is_refused(query):
    with pytest.raises(SignatureInvalid):
        provider.verify_callback(ACCOUNT, inbound(query))


@pytest.mark.parametrize(
    "query",
    [
        signed() + "&vnp_Amount=15000000",
        signed() + "&vnp_SecureHash=" + "0" * 128,
        signed() + "&vnp_BankCode=",
        signed().replace("NCB", "%ff"),
        signed(vnp_TxnRef=""),
        signed(vnp_TxnRef="PC 1"),
        signed(vnp_TxnRef="P" * 101),
        signed(vnp_ResponseCode=""),
        signed(vnp_ResponseCode="0"),
        signed(vnp_ResponseCode="٠٠"),
        signed(vnp_TransactionStatus="000"),
        signed(vnp_TransactionNo="1" * 16),
        signed(vnp_TransactionNo="x"),
        signed(vnp_Amount=""),
        signed(vnp_Amount="150000.00"),
        signed(vnp_Amount="15000050"),
        signed(vnp_Amount="-15000000"),
    ],
)
def test_verify_callback_signed_or_not_but_unreadable_is_malformed(query):
    with pytest.raises(CallbackMalformed):
        provider.verify_callback(ACCOUNT, inbound(query))


def test_verify_callback_hash_type_of_old_versions_and_empty_fields_are_not_signed():
    query = signed() + "&vnp_SecureHashType=HmacSHA512&vnp_PromotionCode=&other=1"
    assert provider.verify_callback(ACCOUNT, inbound(query)).evidence.outcome is Outcome.CONFIRMED


def test_verify_callback_text_encoded_another_way_is_still_verified():
    text = "Phi (BHXH) 50% a+b & c*d ~x!'"
    query = signed(vnp_OrderInfo=text)
    other = query.replace("*", "%2A").replace("%7E", "~").replace("+", "%20")
    assert other != query
    assert provider.verify_callback(ACCOUNT, inbound(other)).evidence.attempt_ref == REFERENCE


def test_verify_callback_previous_key_holds_while_it_overlaps():
    keys = {"hash_secret": Secret("new key"), "hash_secret_previous": Secret(VNPAY_SECRET)}
    account = vnpay_account(secrets=keys)
    assert provider.verify_callback(account, inbound(signed())).key_id == "hash_secret_previous"
    assert provider.verify_callback(account, inbound(signed("new key"))).key_id == "hash_secret"
    emptied = vnpay_account(secrets={**keys, "hash_secret_previous": Secret("")})
    with pytest.raises(SignatureInvalid):
        provider.verify_callback(emptied, inbound(signed()))
    with pytest.raises(SignatureInvalid):
        provider.verify_callback(emptied, inbound(signed("")))


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
        got = provider.verify_callback(ACCOUNT, inbound(bytes(raw))).evidence
    except (SignatureInvalid, CallbackMalformed):
        return
    assert got == genuine


@pytest.mark.parametrize(
    ("verdict", "body"),
    [
        ("accepted", {"RspCode": "00", "Message": "Confirm Success"}),
        ("already_known", {"RspCode": "02", "Message": "Order already confirmed"}),
        ("order_not_found", {"RspCode": "01", "Message": "Order not found"}),
        ("amount_mismatch", {"RspCode": "04", "Message": "Invalid amount"}),
        ("signature_invalid", {"RspCode": "97", "Message": "Invalid signature"}),
        ("malformed", {"RspCode": "99", "Message": "Unknown error"}),
        ("try_again", {"RspCode": "99", "Message": "Unknown error"}),
    ],
)
def test_acknowledge_is_always_http_200_with_the_exact_body(verdict, body):
    answer = provider.acknowledge(ACCOUNT, CallbackVerdict(verdict), inbound())
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert json.loads(answer.body) == body


def test_read_return_success_is_a_hint():
    hint = provider.read_return(ACCOUNT, inbound(signed()))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (REFERENCE, True, Outcome.CONFIRMED)


def test_read_return_forged_says_that_it_is_forged():
    assert provider.read_return(ACCOUNT, inbound(signed("another key"))).signature_holds is False


@given(st.binary(max_size=400))
def test_read_return_any_bytes_raise_nothing(query):
    assert provider.read_return(ACCOUNT, inbound(query)).signature_holds is False


def test_start_checkout_fields_are_those_of_the_document():
    url = provider.start_checkout(ACCOUNT, checkout(locale="en", payer_ip="2001:db8::1")).redirect_url
    base, _, query = url.partition("?")
    fields = mapping.decode_query(query.encode())
    assert base == "https://vnpay.example.vn/vnpay/paymentv2/vpcpay.html"
    assert query.rpartition("&")[2].startswith("vnp_SecureHash=")
    assert fields["vnp_Locale"] == "en"
    assert fields["vnp_IpAddr"] == "2001:db8::1"
    assert (fields["vnp_CreateDate"], fields["vnp_ExpireDate"]) == ("20261121103000", "20261121104500")
    assert "vnp_SecureHashType" not in fields


@pytest.mark.parametrize("payer_ip", ["", "unknown", "1.2.3.4, 5.6.7.8", "x" * 50])
def test_start_checkout_unknown_address_becomes_the_servers(payer_ip):
    url = provider.start_checkout(ACCOUNT, checkout(payer_ip=payer_ip)).redirect_url
    assert "vnp_IpAddr=203.113.131.1&" in url
    nowhere = vnpay_account(options={"server_ip": ""})
    assert (
        "vnp_IpAddr=127.0.0.1&" in provider.start_checkout(nowhere, checkout(payer_ip=payer_ip)).redirect_url
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"memo": "Nộp phạt"},
        {"memo": ""},
        {"memo": "a&b"},
        {"attempt_ref": "PC-1"},
        {"attempt_ref": ""},
        {"amount": Money(0)},
        {"amount": Money(-1)},
        {"amount": Money(10_000_000_000)},
    ],
)
def test_start_checkout_what_vnpay_does_not_take_is_refused(changes):
    with pytest.raises(ProviderRefused):
        provider.start_checkout(ACCOUNT, checkout(**changes))


def test_start_checkout_largest_amount_fills_the_field():
    url = provider.start_checkout(ACCOUNT, checkout(amount=Money(9_999_999_999))).redirect_url
    assert "vnp_Amount=999999999900&" in url


def test_account_problems_are_plain_sentences():
    assert provider.account_problems(ACCOUNT) == []
    broken = vnpay_account(
        options={"tmn_code": "../x", "pay_url": "http://evil.example.vn/", "statement_url": ""},
        secrets={"hash_secret": Secret("")},
    )
    problems = provider.account_problems(broken)
    assert [problem.split(": ", 1)[1].split(" ")[1].rstrip(":") for problem in problems] == [
        "tmn_code",
        "hash_secret",
        "pay_url",
    ]
    assert len(provider.account_problems(vnpay_account(secrets={}))) == 1


def test_page_origins_and_merchant_account_come_from_the_options():
    assert provider.page_origins(ACCOUNT) == ("https://vnpay.example.vn",)
    assert provider.merchant_account(ACCOUNT) == "DEMOV210"
    assert provider.name == "vnpay"
