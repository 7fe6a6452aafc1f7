import hashlib
import hmac
import json
from datetime import timedelta
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.errors import CallbackMalformed, OutcomeUnknown, ProviderRefused, SignatureInvalid
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.momo import provider
from providers.momo.client import MomoClient
from providers.momo.provider import MomoProvider
from providers.transport import Answer
from tests.providers.factories import NOW, REFERENCE, checkout, inbound, refund_request, status_query
from tests.providers.momo.account import ACCESS_KEY, SECRET_KEY, momo_account

ACCOUNT = momo_account()
IPN_NAMES = [
    "amount",
    "extraData",
    "message",
    "orderId",
    "orderInfo",
    "orderType",
    "partnerCode",
    "payType",
    "requestId",
    "responseTime",
    "resultCode",
    "transId",
]
FIELDS = {
    "partnerCode": "MOMO",
    "orderId": REFERENCE,
    "requestId": REFERENCE,
    "amount": 150_000,
    "orderInfo": "Nop le phi ho so 0123456",
    "orderType": "momo_wallet",
    "transId": 4_088_878_653,
    "resultCode": 0,
    "message": "Thành công.",
    "payType": "qr",
    "responseTime": 1_795_231_865_123,
    "extraData": "",
}


def dressed(secret: str = SECRET_KEY, access: str = ACCESS_KEY, **changes):
    """An IPN signed here by hand."""
    fields = FIELDS | changes
    text = f"accessKey={access}&" + "&".join(f"{name}={fields.get(name, '')}" for name in IPN_NAMES)
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {"signature": signature, **fields}


def signed(secret: str = SECRET_KEY, **changes) -> bytes:
    return json.dumps(dressed(secret, **changes), ensure_ascii=False).encode()


def verify(body: bytes, account=ACCOUNT):
    return provider.verify_callback(account, inbound(method="POST", body=body))


def altered(**changes) -> bytes:
    return json.dumps(dressed() | changes).encode()


def test_verify_callback_refusal_is_rejected_evidence():
    got = verify(signed(resultCode=1006, transId=0))
    assert (got.evidence.outcome, got.evidence.detail_code) == (Outcome.REJECTED, "1006")
    assert (got.evidence.provider_ref, got.evidence.paid_at) == (None, None)


@pytest.mark.parametrize("name", [name for name in IPN_NAMES])
def test_verify_callback_any_changed_field_breaks_the_signature(name):
    with pytest.raises(SignatureInvalid):
        verify(altered(**{name: "1"}))


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        json.dumps(FIELDS).encode(),
        altered(signature=""),
        altered(signature=None),
        altered(signature=dressed()["signature"].upper()),
        altered(signature=dressed()["signature"][:-1]),
        altered(signature=[dressed()["signature"]]),
        signed("another key"),
        json.dumps(dressed(access="OTHER")).encode(),
        altered(amount=150_000.5),
        altered(amount=True),
    ],
)
def test_verify_callback_signature_that_does_not_hold_is_refused(body):
    with pytest.raises(SignatureInvalid):
        verify(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        json.dumps(dressed()).replace('"MOMO"', '"\\ud800"').encode(),
        b"[]",
        b"null",
        b"<html>",
        b"\xff",
        b"[" * 5_000,
        b'{"orderId":"a","orderId":"b"}',
        b'{"amount":NaN}',
        b" " * 20_000,
        signed(orderId=""),
        signed(orderId="PC 1"),
        signed(orderId="P" * 51),
        signed(transId="x"),
        signed(transId=""),
        signed(transId=-1),
        signed(resultCode=""),
        signed(resultCode="00"),
        signed(resultCode=-1),
        signed(amount=""),
        signed(amount=-150_000),
        signed(amount="150000.00"),
        signed(amount="0150000"),
        signed(message="x&orderId=PC9999999999A01"),
    ],
)
def test_verify_callback_signed_or_not_but_unreadable_is_malformed(body):
    with pytest.raises(CallbackMalformed):
        verify(body)


def test_verify_callback_shifted_border_with_a_good_signature_is_malformed():
    honest = dressed(message="Ok&orderId=PCOTHER&orderInfo=x")
    shifted = json.dumps({**honest, "message": "Ok", "orderId": f"PCOTHER&orderInfo=x&orderId={REFERENCE}"})
    with pytest.raises((CallbackMalformed, SignatureInvalid)):
        verify(shifted.encode())


def test_verify_callback_previous_key_holds_while_it_overlaps():
    secrets = {
        "access_key": Secret("NEWACCESS"),
        "secret_key": Secret("new"),
        "access_key_previous": Secret(ACCESS_KEY),
        "secret_key_previous": Secret(SECRET_KEY),
    }
    assert verify(signed(), momo_account(secrets=secrets)).key_id == "secret_key_previous"
    new = json.dumps(dressed("new", "NEWACCESS")).encode()
    assert verify(new, momo_account(secrets=secrets)).key_id == "secret_key"
    same_access = {**secrets, "access_key": Secret(ACCESS_KEY), "access_key_previous": Secret("")}
    assert verify(signed(), momo_account(secrets=same_access)).key_id == "secret_key_previous"
    emptied = {**secrets, "secret_key_previous": Secret("")}
    with pytest.raises(SignatureInvalid):
        verify(signed(), momo_account(secrets=emptied))
    with pytest.raises(SignatureInvalid):
        verify(signed(""), momo_account(secrets=emptied))


@given(st.binary(max_size=400))
def test_verify_callback_any_bytes_are_refused_by_name(body):
    with pytest.raises((CallbackMalformed, SignatureInvalid)):
        verify(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*IPN_NAMES, "signature"]) | st.text(), JSON, max_size=8))
def test_verify_callback_any_object_is_refused_by_name(message):
    with pytest.raises((CallbackMalformed, SignatureInvalid)):
        verify(json.dumps(message).encode())


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (CallbackVerdict.ACCEPTED, 204),
        (CallbackVerdict.ALREADY_KNOWN, 204),
        (CallbackVerdict.ORDER_NOT_FOUND, 204),
        (CallbackVerdict.AMOUNT_MISMATCH, 204),
        (CallbackVerdict.SIGNATURE_INVALID, 401),
        (CallbackVerdict.MALFORMED, 400),
        (CallbackVerdict.TRY_AGAIN, 503),
    ],
)
def test_acknowledge_is_a_bare_status(verdict, status):
    answer = provider.acknowledge(ACCOUNT, verdict, inbound(method="POST"))
    assert (answer.status, answer.body) == (status, b"")


def test_read_return_signed_return_names_the_attempt():
    hint = provider.read_return(ACCOUNT, inbound(urlencode(dressed(), quote_via=quote)))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (REFERENCE, True, Outcome.CONFIRMED)


def test_read_return_forged_return_still_names_the_attempt():
    hint = provider.read_return(ACCOUNT, inbound(urlencode(dressed("other"))))
    assert (hint.attempt_ref, hint.signature_holds) == (REFERENCE, False)


@given(st.binary(max_size=300))
def test_read_return_never_raises(query):
    assert provider.read_return(ACCOUNT, inbound(query)).signature_holds is False


class Canned:
    """Stands where the transport stands."""

    def __init__(self, body, status=200):
        self.answer = Answer(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())
        self.sent = []

    def send(self, method, url, *, headers=None, body=b"", allow_insecure_host="", secrets=()):
        self.sent.append(json.loads(body))
        return self.answer


def adapter(body, status=200) -> MomoProvider:
    return MomoProvider(MomoClient(Canned(body, status)))


CREATED = {
    "partnerCode": "MOMO",
    "orderId": REFERENCE,
    "requestId": REFERENCE,
    "amount": 150_000,
    "resultCode": 0,
    "payUrl": "https://test-payment.example.vn/v2/gateway/pay?t=1",
}


def test_start_checkout_opens_the_page():
    result = adapter(CREATED).start_checkout(ACCOUNT, checkout())
    assert (result.outcome, result.redirect_url) == (Outcome.PENDING, CREATED["payUrl"])


def test_start_checkout_clear_refusal_is_rejected():
    result = adapter(CREATED | {"resultCode": 1004}).start_checkout(ACCOUNT, checkout())
    assert (result.outcome, result.redirect_url) == (Outcome.REJECTED, None)


@pytest.mark.parametrize(
    "change",
    [
        {"resultCode": 40},
        {"resultCode": 41},
        {"resultCode": 10},
        {"resultCode": 99},
        {"resultCode": 7000},
        {"resultCode": 12345},
        {"resultCode": "x"},
        {"resultCode": None},
        {"orderId": "PCOTHER"},
        {"partnerCode": "OTHER"},
        {"requestId": "R"},
        {"amount": 150_001},
        {"amount": None},
        {"payUrl": "https://evil.example.vn/v2/gateway/pay"},
        {"payUrl": "https://test-payment.example.vn.evil.vn/"},
        {"payUrl": ""},
        {
            "payUrl": "http://[",
        },
    ],
)
def test_start_checkout_answer_that_is_not_clear_leaves_doubt(change):
    with pytest.raises(OutcomeUnknown):
        adapter(CREATED | change).start_checkout(ACCOUNT, checkout())


@pytest.mark.parametrize("code", [11, 12, 13, 20, 21, 22, 45, 47, 2019])
def test_start_checkout_refused_request_is_ours_to_mend(code):
    with pytest.raises(ProviderRefused):
        adapter({"resultCode": code}, 400).start_checkout(ACCOUNT, checkout())


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(999)},
        {"amount": Money(50_000_001)},
        {"memo": "Nộp phạt"},
        {"memo": "a&amount=1"},
        {"attempt_ref": ""},
        {"attempt_ref": "PC-1"},
    ],
)
def test_start_checkout_what_momo_does_not_take_is_refused(changes):
    with pytest.raises(ProviderRefused):
        adapter(CREATED).start_checkout(ACCOUNT, checkout(**changes))


QUERIED = {
    "partnerCode": "MOMO",
    "orderId": REFERENCE,
    "requestId": status_query().request_id,
    "amount": 150_000,
    "transId": 4_088_878_653,
    "payType": "qr",
    "resultCode": 0,
    "responseTime": 1_795_231_865_123,
}


def queried(change=None, status=200, **query):
    return adapter(QUERIED | (change or {}), status).query_status(ACCOUNT, status_query(**query))


def test_query_status_paid_is_confirmed():
    evidence = queried()
    assert (evidence.outcome, evidence.amount) == (Outcome.CONFIRMED, Money(150_000))
    assert (evidence.provider_ref, evidence.merchant_account) == ("4088878653", "MOMO")


def test_query_status_not_found_is_pending_until_the_attempt_has_expired():
    assert queried({"resultCode": 42}, 400).outcome is Outcome.PENDING
    late = queried({"resultCode": 42}, asked_at=NOW + timedelta(minutes=15))
    assert (late.outcome, late.amount) == (Outcome.NOT_SENT, None)


@pytest.mark.parametrize(
    ("code", "outcome"), [(1000, "pending"), (9000, "pending"), (1006, "rejected"), (99, "unknown")]
)
def test_query_status_codes_are_mapped(code, outcome):
    assert queried({"resultCode": code}).outcome.value == outcome


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<html>", 200),
        (b"", 200),
        (b'{"resultCode": 0', 200),
        (QUERIED, 502),
        (QUERIED, 404),
        ({"error": "x"}, 200),
        (QUERIED | {"orderId": "PCOTHER"}, 200),
        (QUERIED | {"requestId": "OTHER"}, 200),
        (QUERIED | {"amount": None}, 200),
        (QUERIED | {"transId": 0}, 200),
    ],
)
def test_query_status_answer_that_tells_nothing_is_unknown(body, status):
    with pytest.raises(OutcomeUnknown):
        adapter(body, status).query_status(ACCOUNT, status_query())


def refunded(change, status=200, **request):
    ref = refund_request().refund_ref
    answer = {"partnerCode": "MOMO", "orderId": ref, "requestId": ref, "transId": 777} | change
    return adapter(answer, status).refund(ACCOUNT, refund_request(**request))


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (0, "confirmed"),
        (7002, "pending"),
        (1081, "rejected"),
        (1088, "rejected"),
        (1080, "unknown"),
        (41, "unknown"),
    ],
)
def test_refund_codes_are_mapped(code, outcome):
    result = refunded({"resultCode": code})
    assert (result.outcome.value, result.detail_code, result.provider_ref) == (outcome, str(code), "777")


@pytest.mark.parametrize("changes", [{"provider_ref": None}, {"provider_ref": "x"}, {"amount": Money(500)}])
def test_refund_that_can_not_be_asked_for_is_refused(changes):
    with pytest.raises(ProviderRefused):
        refunded({"resultCode": 0}, **changes)


def test_account_problems_are_plain_sentences():
    assert provider.account_problems(ACCOUNT) == []
    broken = momo_account(
        options={"partner_code": "../x", "base_url": "http://momo.example.vn"},
        secrets={"access_key": Secret("x"), "secret_key": Secret("")},
    )
    assert len(provider.account_problems(broken)) == 3
    assert len(provider.account_problems(momo_account(secrets={}))) == 2


def test_page_origins_are_the_apis_unless_named():
    assert provider.page_origins(ACCOUNT) == ("https://test-payment.example.vn",)
    named = momo_account(options={"pay_origin": "https://pay.example.vn/x"})
    assert provider.page_origins(named) == ("https://pay.example.vn",)
    assert provider.merchant_account(ACCOUNT) == "MOMO"
