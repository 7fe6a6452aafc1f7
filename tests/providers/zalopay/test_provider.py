import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.errors import CallbackMalformed, OutcomeUnknown, ProviderRefused, SignatureInvalid
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.transport import Answer
from providers.zalopay import provider
from providers.zalopay.client import ZaloPayClient
from providers.zalopay.provider import ZaloPayProvider
from tests.providers.factories import NOW, REFERENCE, checkout, inbound, refund_request, status_query
from tests.providers.zalopay.account import KEY1, KEY2, zalopay_account

ACCOUNT = zalopay_account()
DATA = {
    "app_id": 2554,
    "app_trans_id": f"261121_{REFERENCE}",
    "app_time": 1_795_231_800_000,
    "app_user": "payclear",
    "amount": 150_000,
    "embed_data": "{}",
    "item": "[]",
    "zp_trans_id": 261_121_000_000_123,
    "server_time": 1_795_231_865_123,
    "channel": 38,
    "merchant_user_id": "",
}


def mac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def signed(key: str = KEY2, *, text: str | None = None, outer: dict | None = None, **changes) -> bytes:
    """A callback signed here by hand."""
    data = json.dumps(DATA | changes, ensure_ascii=False) if text is None else text
    return json.dumps({"data": data, "mac": mac(key, data), "type": 1} | (outer or {})).encode()


def verify(body: bytes, account=ACCOUNT):
    return provider.verify_callback(account, inbound(method="POST", body=body))


def test_verify_callback_the_exact_string_is_signed():
    spaced = json.dumps(DATA, indent=3) + "\n"
    assert verify(signed(text=spaced)).evidence.amount == Money(150_000)


@pytest.mark.parametrize("name", sorted(DATA))
def test_verify_callback_any_changed_field_breaks_the_mac(name):
    good = json.loads(signed())
    changed = good | {"data": json.dumps(DATA | {name: "1"})}
    with pytest.raises(SignatureInvalid):
        verify(json.dumps(changed).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        signed("another key"),
        signed(KEY1),
        signed(outer={"mac": ""}),
        signed(outer={"mac": None}),
        signed(outer={"mac": mac(KEY2, json.dumps(DATA)).upper()}),
        signed(outer={"data": ""}),
        signed(outer={"data": None}),
    ],
)
def test_verify_callback_mac_that_does_not_hold_is_refused(body):
    with pytest.raises(SignatureInvalid):
        verify(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"<html>",
        b"\xff",
        b"[" * 5_000,
        b'{"data":"a","data":"b"}',
        b" " * 40_000,
        signed(outer={"data": {"app_id": 1}}),
        signed(outer={"data": "\ud800"}),
        signed(outer={"type": 2}),
        signed(outer={"type": None}),
        signed(text="x"),
        signed(text="[]"),
        signed(text='{"app_id":2554,"app_id":2554}'),
        signed(app_id=""),
        signed(app_id="x"),
        signed(app_trans_id=REFERENCE),
        signed(app_trans_id="261121_"),
        signed(app_trans_id=None),
        signed(zp_trans_id=0),
        signed(zp_trans_id="x"),
        signed(amount=""),
        signed(amount=-150_000),
        signed(amount=150_000.0),
        signed(amount="0150000"),
        signed(amount=True),
        signed(amount=[150_000]),
    ],
)
def test_verify_callback_signed_or_not_but_unreadable_is_malformed(body):
    with pytest.raises(CallbackMalformed):
        verify(body)


def test_verify_callback_previous_key_holds_while_it_overlaps():
    secrets = {"key1": Secret(KEY1), "key2": Secret("new"), "key2_previous": Secret(KEY2)}
    assert verify(signed(), zalopay_account(secrets=secrets)).key_id == "key2_previous"
    assert verify(signed("new"), zalopay_account(secrets=secrets)).key_id == "key2"
    emptied = zalopay_account(secrets=secrets | {"key2_previous": Secret("")})
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
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["data", "mac", "type"]) | st.text(), JSON, max_size=5))
def test_verify_callback_any_object_is_refused_by_name(message):
    with pytest.raises((CallbackMalformed, SignatureInvalid)):
        verify(json.dumps(message).encode())


@given(st.dictionaries(st.sampled_from(sorted(DATA)) | st.text(), JSON, max_size=5) | JSON)
def test_verify_callback_any_signed_data_is_read_or_malformed(data):
    try:
        verify(signed(text=json.dumps(data)))
    except CallbackMalformed:
        return


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (CallbackVerdict.ACCEPTED, 1),
        (CallbackVerdict.ALREADY_KNOWN, 2),
        (CallbackVerdict.ORDER_NOT_FOUND, 0),
        (CallbackVerdict.AMOUNT_MISMATCH, 1),
        (CallbackVerdict.SIGNATURE_INVALID, -1),
        (CallbackVerdict.MALFORMED, 0),
        (CallbackVerdict.TRY_AGAIN, 0),
    ],
)
def test_acknowledge_is_always_200_with_the_verdict_inside(verdict, code):
    answer = provider.acknowledge(ACCOUNT, verdict, inbound(method="POST"))
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert json.loads(answer.body)["return_code"] == code
    assert set(json.loads(answer.body)) == {"return_code", "return_message"}


@given(st.binary(max_size=300))
def test_read_return_never_raises(query):
    assert provider.read_return(ACCOUNT, inbound(query)).signature_holds is False


class Canned:
    """Stands where the transport stands; answers in turn."""

    def __init__(self, *bodies, status=200):
        self.bodies = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]
        self.status = status
        self.sent = []

    def send(self, method, url, *, headers=None, body=b"", allow_insecure_host="", secrets=()):
        self.sent.append((url, json.loads(body)))
        return Answer(self.status, {}, self.bodies.pop(0))


def adapter(*bodies, status=200) -> ZaloPayProvider:
    return ZaloPayProvider(ZaloPayClient(Canned(*bodies, status=status)))


CREATED = {
    "return_code": 1,
    "sub_return_code": 1,
    "order_url": "https://gateway.example.vn/openinapp?order=x",
}


def test_start_checkout_opens_the_page_and_sends_what_is_signed():
    canned = Canned(CREATED)
    result = ZaloPayProvider(ZaloPayClient(canned)).start_checkout(ACCOUNT, checkout())
    assert (result.outcome, result.redirect_url) == (Outcome.PENDING, CREATED["order_url"])
    url, body = canned.sent[0]
    assert url == "https://sb-openapi.example.vn/v2/create"
    assert (body["app_id"], body["amount"], body["expire_duration_seconds"]) == (2554, 150_000, 900)
    assert json.loads(body["embed_data"]) == {"redirecturl": "http://127.0.0.1:9/return/vnpay"}
    names = ["app_id", "app_trans_id", "app_user", "amount", "app_time", "embed_data", "item"]
    assert body["mac"] == mac(KEY1, "|".join(str(body[name]) for name in names))


def test_start_checkout_short_life_is_stretched_to_what_zalopay_takes():
    canned = Canned(CREATED)
    request = checkout(expires_at=NOW + timedelta(seconds=90))
    ZaloPayProvider(ZaloPayClient(canned)).start_checkout(ACCOUNT, request)
    assert canned.sent[0][1]["expire_duration_seconds"] == 300


@pytest.mark.parametrize("sub_code", [-33, -34, -35, -43, -88, -135, -429])
def test_start_checkout_not_opened_is_rejected(sub_code):
    result = adapter({"return_code": 2, "sub_return_code": sub_code}).start_checkout(ACCOUNT, checkout())
    assert (result.outcome, result.detail_code) == (Outcome.REJECTED, f"2/{sub_code}")


@pytest.mark.parametrize(
    "body",
    [
        {"return_code": 2, "sub_return_code": -68},
        {"return_code": 2, "sub_return_code": -500},
        {"return_code": 2, "sub_return_code": 12},
        {"return_code": 3},
        {"return_code": 4},
        {"return_code": True},
        {"return_code": "x"},
        {},
        CREATED | {"order_url": "https://evil.example.vn/x"},
        CREATED | {"order_url": "https://gateway.example.vn.evil.vn/x"},
        CREATED | {"order_url": None},
        b"<html>",
        b"",
    ],
)
def test_start_checkout_answer_that_is_not_clear_leaves_doubt(body):
    with pytest.raises(OutcomeUnknown):
        adapter(body).start_checkout(ACCOUNT, checkout())


@pytest.mark.parametrize("sub_code", [-401, -402, -403, -405, 406])
def test_start_checkout_refused_request_is_ours_to_mend(sub_code):
    with pytest.raises(ProviderRefused):
        adapter({"return_code": 2, "sub_return_code": sub_code}).start_checkout(ACCOUNT, checkout())


@pytest.mark.parametrize(
    "changes",
    [{"amount": Money(999)}, {"amount": Money(100_000_001)}, {"memo": "Nộp"}, {"attempt_ref": "P_1"}],
)
def test_start_checkout_what_zalopay_does_not_take_is_refused(changes):
    with pytest.raises(ProviderRefused):
        adapter(CREATED).start_checkout(ACCOUNT, checkout(**changes))


PAID = {"return_code": 1, "sub_return_code": 1, "amount": 150_000, "zp_trans_id": 261_121_000_000_123}


def test_query_status_paid_is_confirmed():
    evidence = adapter(PAID | {"server_time": 1_795_231_865_123}).query_status(ACCOUNT, status_query())
    assert (evidence.outcome, evidence.amount) == (Outcome.CONFIRMED, Money(150_000))
    assert (evidence.attempt_ref, evidence.provider_ref) == (REFERENCE, "261121000000123")
    assert evidence.paid_at.isoformat() == "2026-11-21T03:31:05.123000+00:00"


def test_query_status_not_found_is_pending_until_the_attempt_has_expired():
    unknown = {"return_code": 2, "sub_return_code": -49}
    assert adapter(unknown).query_status(ACCOUNT, status_query()).outcome is Outcome.PENDING
    late = status_query(asked_at=NOW + timedelta(minutes=15))
    evidence = adapter(unknown).query_status(ACCOUNT, late)
    assert (evidence.outcome, evidence.amount, evidence.detail_code) == (Outcome.NOT_SENT, None, "2/-49")


@pytest.mark.parametrize(
    ("codes", "outcome"),
    [((3, 0), "pending"), ((2, -329), "rejected"), ((2, -101), "unknown"), ((2, -500), "unknown")],
)
def test_query_status_codes_are_mapped(codes, outcome):
    body = {"return_code": codes[0], "sub_return_code": codes[1]}
    assert adapter(body).query_status(ACCOUNT, status_query()).outcome.value == outcome


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<html>", 200),
        (PAID, 500),
        (PAID, 404),
        (PAID | {"amount": None}, 200),
        (PAID | {"amount": -1}, 200),
        (PAID | {"zp_trans_id": 0}, 200),
        (PAID | {"zp_trans_id": [1]}, 200),
        ({"error": "internal_error"}, 200),
    ],
)
def test_query_status_answer_that_tells_nothing_is_unknown(body, status):
    with pytest.raises(OutcomeUnknown):
        adapter(body, status=status).query_status(ACCOUNT, status_query())


@pytest.mark.parametrize(
    ("codes", "outcome"),
    [((3, 0), "pending"), ((1, 1), "confirmed"), ((2, -14), "rejected"), ((2, -500), "unknown")],
)
def test_refund_codes_are_mapped(codes, outcome):
    body = {"return_code": codes[0], "sub_return_code": codes[1], "refund_id": 777}
    result = adapter(body).refund(ACCOUNT, refund_request())
    assert (result.outcome.value, result.provider_ref) == (outcome, "777")


@pytest.mark.parametrize(("code", "outcome"), [(1, "confirmed"), (3, "pending"), (2, "unknown")])
def test_refund_reference_zalopay_has_seen_is_asked_about(code, outcome):
    canned = Canned({"return_code": 2, "sub_return_code": -23}, {"return_code": code})
    result = ZaloPayProvider(ZaloPayClient(canned)).refund(ACCOUNT, refund_request())
    assert result.outcome.value == outcome
    assert [url.rpartition("/")[2] for url, _ in canned.sent] == ["refund", "query_refund"]
    assert canned.sent[0][1]["m_refund_id"] == canned.sent[1][1]["m_refund_id"]


@pytest.mark.parametrize("provider_ref", [None, "", "x", "0"])
def test_refund_without_zalopays_number_is_refused(provider_ref):
    with pytest.raises(ProviderRefused):
        adapter(PAID).refund(ACCOUNT, refund_request(provider_ref=provider_ref))


def test_account_problems_are_plain_sentences():
    assert provider.account_problems(ACCOUNT) == []
    broken = zalopay_account(
        options={"app_id": "x", "base_url": "http://zalopay.example.vn"},
        secrets={"key1": Secret("x"), "key2": Secret("")},
    )
    assert len(provider.account_problems(broken)) == 3
    assert provider.merchant_account(ACCOUNT) == "2554"
    assert provider.page_origins(ACCOUNT) == ("https://gateway.example.vn",)
