import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.errors import (
    CallbackMalformed,
    OperationUnsupported,
    OutcomeUnknown,
    ProviderRefused,
    SignatureInvalid,
)
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.payos import provider
from providers.payos.client import PayosClient
from providers.payos.provider import PayosProvider
from providers.transport import Answer
from tests.providers.factories import NOW, checkout, inbound, refund_request, status_query
from tests.providers.payos.account import CHECKSUM_KEY, ORDER_CODE, REFERENCE, payos_account

ACCOUNT = payos_account()
LINK = "124c33293c43417ab7879e14c8d9eb18"
DATA = {
    "orderCode": ORDER_CODE,
    "amount": 150_000,
    "description": REFERENCE,
    "accountNumber": "12345678",
    "reference": "FT26325123456789",
    "transactionDateTime": "2026-11-21 10:31:12",
    "currency": "VND",
    "paymentLinkId": LINK,
    "code": "00",
    "desc": "Thành công",
}


def mac(data: dict, key: str = CHECKSUM_KEY) -> str:
    """Signed here by hand; only what these tests put into data."""

    def shown(value):
        if isinstance(value, list):
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return "" if value is None else str(value)

    text = "&".join(f"{name}={shown(data[name])}" for name in sorted(data))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def signed(key: str = CHECKSUM_KEY, **changes) -> bytes:
    data = DATA | changes
    return json.dumps(
        {"code": "00", "desc": "success", "success": True, "data": data, "signature": mac(data, key)}
    ).encode()


def altered(**changes) -> bytes:
    return json.dumps(json.loads(signed()) | changes).encode()


def verify(body: bytes, account=ACCOUNT):
    return provider.verify_callback(account, inbound(method="POST", body=body))


def test_verify_callback_names_the_attempt_and_the_link():
    got = verify(signed())
    assert (got.evidence.attempt_ref, got.evidence.provider_ref) == (REFERENCE, LINK)
    assert (got.evidence.channel, got.evidence.instrument) == ("QR", "ACCOUNT")
    assert got.evidence.merchant_account is None


def test_verify_callback_two_transfers_of_one_order_are_two_events():
    keys = {verify(signed(reference=number)).dedupe_key for number in ("FT1", "FT2", "", "không")}
    assert len(keys) == 4


def test_verify_callback_result_that_is_not_ok_is_unknown():
    assert verify(signed(code="01")).evidence.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("name", sorted(DATA))
def test_verify_callback_any_changed_field_breaks_the_signature(name):
    with pytest.raises(SignatureInvalid):
        verify(altered(data=DATA | {name: "1"}))


@pytest.mark.parametrize(
    "body",
    [
        signed("another key"),
        altered(signature=""),
        altered(signature=None),
        altered(signature=mac(DATA).upper()),
        altered(signature=mac(DATA)[:-1]),
        altered(data=DATA | {"extra": "1"}),
        altered(data={name: DATA[name] for name in DATA if name != "desc"}),
        altered(data={}),
        altered(data=DATA | {"nested": {"a": 1}}),
    ],
)
def test_verify_callback_signature_that_does_not_hold_is_refused(body):
    with pytest.raises(SignatureInvalid):
        verify(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"<html>",
        b"\xff",
        b"[" * 5_000,
        b'{"data":1,"data":2}',
        b" " * 40_000,
        altered(data=None),
        altered(data=[DATA]),
        altered(data="x"),
        altered(signature=["x"]),
        signed(orderCode=None),
        signed(orderCode=0),
        signed(orderCode=-5),
        signed(orderCode=2**53),
        signed(orderCode=str(ORDER_CODE)),
        signed(amount=None),
        signed(amount=-1),
        signed(amount="150000"),
        signed(currency="USD"),
        signed(description="x&orderCode=999&pad=1"),
        signed(**{"a&orderCode": "1"}),
    ],
)
def test_verify_callback_signed_or_not_but_unreadable_is_malformed(body):
    with pytest.raises(CallbackMalformed):
        verify(body)


def test_verify_callback_what_a_payer_writes_never_becomes_another_order():
    """The same signed string, read with other borders: the payer's text brought a field of its own."""
    honest = DATA | {"description": "x&orderCode=999&pad=1"}
    forged = DATA | {"description": "x", "orderCode": 999, "pad": f"1&orderCode={ORDER_CODE}"}
    assert mac(honest) == mac(forged)
    for data in (honest, forged):
        with pytest.raises(CallbackMalformed):
            verify(altered(data=data, signature=mac(honest)))


def test_verify_callback_previous_key_holds_while_it_overlaps():
    secrets = {
        "api_key": Secret("ak"),
        "checksum_key": Secret("new"),
        "checksum_key_previous": Secret(CHECKSUM_KEY),
    }
    assert verify(signed(), payos_account(secrets=secrets)).key_id == "checksum_key_previous"
    assert verify(signed("new"), payos_account(secrets=secrets)).key_id == "checksum_key"
    emptied = payos_account(secrets=secrets | {"checksum_key_previous": Secret("")})
    for body in (signed(), signed("")):
        with pytest.raises(SignatureInvalid):
            verify(body, emptied)


@given(st.binary(max_size=400))
def test_verify_callback_any_bytes_are_refused_by_name(body):
    with pytest.raises((CallbackMalformed, SignatureInvalid)):
        verify(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(JSON | st.dictionaries(st.sampled_from(sorted(DATA)) | st.text(), JSON, max_size=6), JSON)
def test_verify_callback_any_object_is_refused_by_name(data, signature):
    with pytest.raises((CallbackMalformed, SignatureInvalid)):
        verify(json.dumps({"data": data, "signature": signature}).encode())


PLAIN = st.none() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(st.sampled_from(sorted(DATA)), PLAIN, max_size=6))
def test_verify_callback_any_signed_data_is_read_or_refused_by_name(changes):
    try:
        verify(signed(**changes))
    except (CallbackMalformed, SignatureInvalid):
        return


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (CallbackVerdict.ACCEPTED, 200),
        (CallbackVerdict.ALREADY_KNOWN, 200),
        (CallbackVerdict.ORDER_NOT_FOUND, 200),
        (CallbackVerdict.AMOUNT_MISMATCH, 200),
        (CallbackVerdict.SIGNATURE_INVALID, 401),
        (CallbackVerdict.MALFORMED, 400),
        (CallbackVerdict.TRY_AGAIN, 503),
    ],
)
def test_acknowledge_is_a_status(verdict, status):
    answer = provider.acknowledge(ACCOUNT, verdict, inbound(method="POST"))
    assert answer.status == status
    assert json.loads(answer.body) == {"success": status == 200}


@pytest.mark.parametrize(
    ("query", "reference", "says"),
    [
        (f"code=00&status=PAID&orderCode={ORDER_CODE}", REFERENCE, Outcome.CONFIRMED),
        (f"cancel=true&status=CANCELLED&orderCode={ORDER_CODE}", REFERENCE, Outcome.REJECTED),
        ("orderCode=0", None, Outcome.UNKNOWN),
        ("orderCode=9999999999999999", None, Outcome.UNKNOWN),
        ("orderCode=1&orderCode=2", None, Outcome.UNKNOWN),
    ],
)
def test_read_return_is_a_hint_nobody_signed(query, reference, says):
    hint = provider.read_return(ACCOUNT, inbound(query))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (reference, False, says)


@given(st.binary(max_size=300))
def test_read_return_never_raises(query):
    assert provider.read_return(ACCOUNT, inbound(query)).signature_holds is False


class Canned:
    """Stands where the transport stands."""

    def __init__(self, body, status=200):
        self.answer = Answer(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())
        self.sent = []

    def send(self, method, url, *, headers=None, body=b"", allow_insecure_host="", secrets=()):
        self.sent.append((method, url, json.loads(body) if body else None))
        return self.answer


def envelope(data, key=CHECKSUM_KEY):
    return {"code": "00", "desc": "success", "data": data, "signature": mac(data, key)}


def adapter(body, status=200) -> PayosProvider:
    return PayosProvider(PayosClient(Canned(body, status)))


CREATED = {
    "bin": "970422",
    "amount": 150_000,
    "orderCode": ORDER_CODE,
    "paymentLinkId": LINK,
    "status": "PENDING",
    "checkoutUrl": f"https://pay.payos.example.vn/web/{LINK}",
    "qrCode": "00020101021238570010A000000727012700069704220113113366668888",
}


def start(body, status=200, account=ACCOUNT, **changes):
    return adapter(body, status).start_checkout(account, checkout(attempt_ref=REFERENCE, **changes))


def test_start_checkout_gives_the_page_and_the_code():
    result = start(envelope(CREATED))
    assert (result.outcome, result.redirect_url) == (Outcome.PENDING, CREATED["checkoutUrl"])
    assert (result.qr_text, result.provider_ref) == (CREATED["qrCode"], LINK)


def test_start_checkout_description_is_cut_from_the_left():
    canned = Canned(envelope(CREATED))
    account = payos_account(options={"description_max": 9})
    PayosProvider(PayosClient(canned)).start_checkout(account, checkout(attempt_ref=REFERENCE))
    assert canned.sent[0][2]["description"] == REFERENCE[-9:]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (envelope(CREATED, "another key"), 200),
        (envelope(CREATED) | {"signature": None}, 200),
        (envelope(CREATED) | {"data": CREATED | {"amount": 1}}, 200),
        (envelope(CREATED | {"amount": 150_001}), 200),
        (envelope(CREATED | {"orderCode": 5}), 200),
        (envelope(CREATED | {"checkoutUrl": "https://evil.example.vn/web/1"}), 200),
        (envelope(CREATED | {"checkoutUrl": None}), 200),
        (envelope(CREATED), 500),
        ({"code": "231", "desc": "Đơn thanh toán đã tồn tại", "data": None}, 200),
        ({"code": "00", "data": None}, 200),
        ({"code": "00", "data": [1]}, 200),
        ({"error": "x"}, 200),
        (b"<html>", 200),
        (b"", 200),
    ],
)
def test_start_checkout_answer_that_is_not_clear_leaves_doubt(body, status):
    with pytest.raises(OutcomeUnknown):
        start(body, status)


@pytest.mark.parametrize(("body", "status"), [({"code": "214"}, 200), (b"", 401), (b"", 403)])
def test_start_checkout_refused_credentials_are_ours_to_mend(body, status):
    with pytest.raises(ProviderRefused):
        start(body, status)


@pytest.mark.parametrize("changes", [{"amount": Money(1_999)}, {"amount": Money(500_000_000)}])
def test_start_checkout_amount_payos_does_not_take_is_refused(changes):
    with pytest.raises(ProviderRefused):
        start(envelope(CREATED), **changes)


@pytest.mark.parametrize("reference", ["", "PC0123456789A01", "PC0123456789H09"])
def test_start_checkout_reference_that_is_no_number_is_refused(reference):
    with pytest.raises(ProviderRefused):
        provider.start_checkout(ACCOUNT, checkout(attempt_ref=reference))


QUERIED = {
    "id": LINK,
    "orderCode": ORDER_CODE,
    "amount": 150_000,
    "amountPaid": 150_000,
    "amountRemaining": 0,
    "status": "PAID",
    "transactions": [
        {"reference": "FT1", "amount": 50_000, "transactionDateTime": "2026-11-21 10:30:40"},
        {"reference": "FT2", "amount": 100_000, "transactionDateTime": "2026-11-21 10:31:12"},
    ],
    "canceledAt": None,
}


def ask(body, status=200, **changes):
    return adapter(body, status).query_status(ACCOUNT, status_query(attempt_ref=REFERENCE, **changes))


def test_query_status_paid_is_confirmed_with_what_was_paid():
    evidence = ask(envelope(QUERIED))
    assert (evidence.outcome, evidence.amount) == (Outcome.CONFIRMED, Money(150_000))
    assert (evidence.provider_ref, evidence.detail_code) == (LINK, "PAID")
    assert evidence.paid_at.isoformat() == "2026-11-21T03:31:12+00:00"


def test_query_status_underpaid_waits_until_expiry_and_is_then_money_of_another_amount():
    body = envelope(QUERIED | {"status": "UNDERPAID", "amountPaid": 100_000})
    assert ask(body).outcome is Outcome.PENDING
    late = ask(body, asked_at=NOW + timedelta(minutes=15))
    assert (late.outcome, late.amount) == (Outcome.CONFIRMED, Money(100_000))


def test_query_status_not_found_is_pending_until_the_attempt_has_expired():
    unknown = {"code": "101", "desc": "Mã thanh toán không tồn tại", "data": None}
    assert ask(unknown).outcome is Outcome.PENDING
    assert ask(unknown, asked_at=NOW + timedelta(minutes=15)).outcome is Outcome.NOT_SENT


@pytest.mark.parametrize("key", ["another key", ""])
def test_query_status_answer_not_signed_by_payos_is_refused(key):
    with pytest.raises(SignatureInvalid):
        ask(envelope(QUERIED, key))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (envelope(QUERIED | {"orderCode": 5}), 200),
        (envelope(QUERIED | {"amountPaid": None}), 200),
        (envelope(QUERIED | {"amountPaid": -1}), 200),
        (envelope(QUERIED | {"status": ["PAID"]}), 200),
        (envelope(QUERIED), 500),
        ({"code": "20", "data": None}, 200),
        ({"error": "internal_error"}, 200),
        (b"<html>", 200),
    ],
)
def test_query_status_answer_that_tells_nothing_is_unknown(body, status):
    with pytest.raises(OutcomeUnknown):
        ask(body, status)


@pytest.mark.parametrize("transactions", [None, [], ["x"], [{"transactionDateTime": 5}]])
def test_query_status_without_the_time_of_a_transfer_is_still_paid(transactions):
    evidence = ask(envelope(QUERIED | {"transactions": transactions}))
    assert (evidence.outcome, evidence.paid_at) == (Outcome.CONFIRMED, None)


def test_refund_and_statement_are_not_offered():
    with pytest.raises(OperationUnsupported):
        provider.refund(ACCOUNT, refund_request())
    with pytest.raises(OperationUnsupported):
        provider.fetch_statement(ACCOUNT, NOW.date())


def test_account_problems_are_plain_sentences():
    assert provider.account_problems(ACCOUNT) == []
    broken = payos_account(
        options={"client_id": "a b", "base_url": "http://payos.example.vn"},
        secrets={"api_key": Secret("x"), "checksum_key": Secret("")},
    )
    assert len(provider.account_problems(broken)) == 3
    assert provider.merchant_account(ACCOUNT) == "cid-demo"
    assert provider.page_origins(ACCOUNT) == ("https://pay.payos.example.vn",)
