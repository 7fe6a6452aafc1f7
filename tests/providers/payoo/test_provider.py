import json
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.errors import CallbackMalformed, OutcomeUnknown, ProviderRefused, SignatureInvalid
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.payoo import mapping, provider
from providers.payoo.client import PayooClient
from providers.payoo.provider import PayooProvider
from providers.transport import Answer
from tests.providers.factories import (
    NOW,
    REFERENCE,
    checkout,
    inbound,
    refund_query,
    refund_request,
    status_query,
)
from tests.providers.payoo.factories import SECRET, account, checksum, enveloped, notice, secrets

ACCOUNT = account()
VECTORS = {
    vector["case"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "golden" / "payoo.json").read_text("utf-8"))
}
LATE = status_query(asked_at=NOW + timedelta(minutes=31))


class Fixed:
    """Answers every call with the same answer and keeps what was sent."""

    def __init__(self, body, status=200):
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status = status
        self.sent = []

    def send(self, method, url, *, headers=None, body=b"", allow_insecure_host="", secrets=()):
        self.sent.append((url, headers, body))
        return Answer(self.status, {}, self.body)


def adapter(transport):
    return PayooProvider(PayooClient(transport))


def answered(data, secret=SECRET):
    text = json.dumps(data)
    return Fixed({"ResponseData": text, "Signature": checksum(secret, text)})


def post(body):
    return inbound(method="POST", body=body)


def test_create_vector_is_the_same_xml_and_checksum():
    vector = VECTORS["create-order"]
    shop = mapping.Shop(
        session="PPVPHC20261121000001",
        username="dvc_test",
        shop_id="12345",
        shop_title="DVC",
        shop_domain="https://pay.example.vn",
        shop_back_url="https://pay.example.vn/ok",
        order_no="PPVPHC20261121000001",
        amount=1_250_000,
        ship_on="21/11/2026",
        description="Nop phat VPHC",
        notify_url="https://pay.example.vn/ipn/payoo",
        valid_until="20261122103000",
        customer=mapping.Customer("NGUYEN VAN A", "0900000000", "Ha Noi", "24000", "a@example.vn"),
    )
    xml = mapping.order_xml(shop)
    assert xml == vector["input"]["data"]
    assert mapping.checksum(Secret(vector["secret"]), xml) == vector["signature"]


def test_business_vector_is_what_is_sent():
    vector = VECTORS["business-api-getorderinfo"]
    transport = Fixed({})
    ours = account(secrets=secrets(vector["secret"]))
    with pytest.raises(OutcomeUnknown):
        adapter(transport).query_status(ours, status_query(attempt_ref="PPVPHC20261121000001"))
    url, headers, body = transport.sent[0]
    assert url == "https://payoo.example.vn/payoo/BusinessRestAPI.svc/getorderinfo"
    assert json.loads(body) == {
        "RequestData": vector["input"]["RequestData"],
        "Signature": vector["signature"],
    }
    assert headers["apipassword"] == "DEMO-ONLY-PAYOO-PASSWORD"
    assert set(VECTORS) == {"create-order", "business-api-getorderinfo"}


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("1", "confirmed"),
        ("0", "pending"),
        ("3", "rejected"),
        ("2", "unknown"),
        ("-1", "unknown"),
        ("", "unknown"),
    ],
)
def test_outcome_of_every_status(status, outcome):
    assert mapping.outcome_of(status) is Outcome(outcome)


def test_verify_callback_paid_is_a_hint_that_asks():
    got = provider.verify_callback(ACCOUNT, post(enveloped(notice())))
    assert (got.evidence.outcome, got.evidence.amount) == (Outcome.CONFIRMED, Money(150_000))
    assert (got.evidence.merchant_account, got.evidence.provider_ref) == ("12345", "B0001")
    assert got.evidence.paid_at.isoformat() == "2026-11-21T03:31:12+00:00"
    assert (got.confirm_by_query, got.dedupe_key) == (True, f"{REFERENCE}:B0001:1")


def test_verify_callback_plus_that_came_as_a_space_is_still_base64():
    body = enveloped(notice(Note="ÿ~~~>>>???" * 3))
    loose = body.replace(b"%2B", b"+").replace(b"%2F", b"/")
    assert provider.verify_callback(ACCOUNT, post(loose)).key_id == "checksum_key"


@pytest.mark.parametrize(
    "body",
    [
        enveloped(notice(), secret="another key"),
        enveloped(notice(), ip="10.0.0.1"),
        enveloped(notice(), ip=""),
        enveloped(notice(), signature=""),
        enveloped(notice(), signature=checksum(SECRET, json.dumps(notice()), "118.69.56.194").lower()),
    ],
)
def test_verify_callback_signature_that_does_not_hold_is_refused(body):
    with pytest.raises(SignatureInvalid):
        provider.verify_callback(ACCOUNT, post(body))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"NotifyData=%%%",
        b"NotifyData=e30=",
        b"NotifyData=" + b"A" * 70_000,
        b"NotifyData=e30%3D&NotifyData=e30%3D",
        enveloped(notice(OrderNo="")),
        enveloped(notice(OrderNo="a b")),
        enveloped(notice(PaymentStatus=True)),
        enveloped(notice(PaymentStatus=None)),
        enveloped("[]"),
        enveloped("no json"),
    ],
)
def test_verify_callback_unreadable_message_is_malformed(body):
    with pytest.raises(CallbackMalformed):
        provider.verify_callback(ACCOUNT, post(body))


def test_verify_callback_previous_key_holds_while_it_overlaps():
    ours = account(secrets=secrets("new") | {"checksum_key_previous": Secret(SECRET)})
    assert provider.verify_callback(ours, post(enveloped(notice()))).key_id == "checksum_key_previous"


@given(st.binary(max_size=300))
def test_verify_callback_any_bytes_raise_nothing_but_contract_errors(body):
    for sent in (body, b"NotifyData=" + body):
        with pytest.raises((SignatureInvalid, CallbackMalformed)):
            provider.verify_callback(ACCOUNT, post(sent))


@given(st.integers(0, len(enveloped(notice())) - 1), st.integers(1, 255))
def test_verify_callback_one_changed_byte_never_changes_the_meaning(position, change):
    raw = bytearray(enveloped(notice()))
    raw[position] = (raw[position] + change) % 256
    genuine = provider.verify_callback(ACCOUNT, post(enveloped(notice()))).evidence
    try:
        got = provider.verify_callback(ACCOUNT, post(bytes(raw))).evidence
    except (SignatureInvalid, CallbackMalformed):
        return
    assert got == genuine


@pytest.mark.parametrize("verdict", list(CallbackVerdict))
def test_acknowledge_is_plain_text(verdict):
    answer = provider.acknowledge(ACCOUNT, verdict, inbound())
    good = verdict in (CallbackVerdict.ACCEPTED, CallbackVerdict.ALREADY_KNOWN)
    assert (answer.status, answer.content_type) == (200, "text/plain")
    assert (answer.body == b"NOTIFY_RECEIVED") is good


@given(st.binary(max_size=300))
def test_read_return_any_bytes_raise_nothing(query):
    assert provider.read_return(ACCOUNT, inbound(query)).signature_holds is False


def test_start_checkout_names_no_citizen_and_marks_the_way_back():
    url = "https://payoo.example.vn/pay/1"
    transport = Fixed({"result": "success", "order": {"payment_url": url}})
    assert adapter(transport).start_checkout(ACCOUNT, checkout()).redirect_url == url
    form = parse_qs(transport.sent[0][2].decode())
    xml = form["data"][0]
    assert form["checksum"] == [checksum(SECRET, xml)]
    assert "<customer><name>DVC</name>" in xml
    assert "<order_ship_date>21/11/2026</order_ship_date>" in xml
    back = xml.partition("<shop_back_url>")[2].partition("</shop_back_url>")[0].replace("&amp;", "&")
    hint = provider.read_return(ACCOUNT, inbound(back.partition("?")[2]))
    assert (hint.attempt_ref, hint.signature_holds) == (REFERENCE, True)


@pytest.mark.parametrize(
    "answer",
    [
        {"result": "fail"},
        {"result": "success"},
        {"result": "success", "order": {"payment_url": "https://evil.example.vn/"}},
        {"result": "success", "order": {"payment_url": 1}},
        b"<html>",
        [],
    ],
)
def test_start_checkout_answer_that_leads_nowhere_leaves_doubt(answer):
    with pytest.raises(OutcomeUnknown):
        adapter(Fixed(answer)).start_checkout(ACCOUNT, checkout())


@pytest.mark.parametrize("changes", [{"amount": Money(0)}, {"attempt_ref": "a b"}, {"amount": Money(10**12)}])
def test_start_checkout_what_payoo_does_not_take_is_refused(changes):
    with pytest.raises(ProviderRefused):
        adapter(Fixed({})).start_checkout(ACCOUNT, checkout(**changes))


def order(**changes):
    return {"ResponseCode": 0, **notice(**changes)}


@pytest.mark.parametrize(
    ("data", "query", "outcome"),
    [
        (order(), status_query(), Outcome.CONFIRMED),
        (order(PaymentStatus=0), status_query(), Outcome.PENDING),
        (order(PaymentStatus=0), LATE, Outcome.NOT_SENT),
        (order(PaymentStatus=2), LATE, Outcome.UNKNOWN),
        (order(PaymentStatus=3), status_query(), Outcome.REJECTED),
        ({"ResponseCode": 7}, status_query(), Outcome.PENDING),
        ({"ResponseCode": 7}, LATE, Outcome.NOT_SENT),
    ],
)
def test_query_status_verified_answer_says(data, query, outcome):
    assert adapter(answered(data)).query_status(ACCOUNT, query).outcome is outcome


@pytest.mark.parametrize(
    "data",
    [
        {"ResponseCode": -1},
        {},
        order(OrderNo="PCOTHER"),
        order(OrderNo=None),
        order(OrderCashAmount="150000.5"),
        order(OrderCashAmount=None),
    ],
)
def test_query_status_answer_about_nothing_leaves_doubt(data):
    with pytest.raises(OutcomeUnknown):
        adapter(answered(data)).query_status(ACCOUNT, LATE)


def test_query_status_forged_answer_is_no_evidence():
    with pytest.raises(SignatureInvalid):
        adapter(answered(order(), "other")).query_status(ACCOUNT, status_query())


def test_refund_whole_only_and_doubt_stays_doubt():
    assert adapter(answered({"ResponseCode": 0})).refund(ACCOUNT, refund_request()).outcome is Outcome.PENDING
    assert (
        adapter(answered({"ResponseCode": -2})).refund(ACCOUNT, refund_request()).outcome is Outcome.UNKNOWN
    )
    with pytest.raises(ProviderRefused):
        provider.refund(ACCOUNT, refund_request(amount=Money(1)))
    with pytest.raises(OutcomeUnknown):
        adapter(answered({"ResponseCode": 0}, "other")).refund(ACCOUNT, refund_request())


@pytest.mark.parametrize(
    ("data", "minutes", "outcome"),
    [
        (order(PaymentStatus=3), 1, Outcome.CONFIRMED),
        (order(), 29, Outcome.PENDING),
        (order(), 31, Outcome.NOT_SENT),
        (order(PaymentStatus=2), 31, Outcome.UNKNOWN),
    ],
)
def test_query_refund_is_what_the_orders_state_says(data, minutes, outcome):
    query = refund_query(asked_at=refund_request().asked_at + timedelta(minutes=minutes))
    assert adapter(answered(data)).query_refund(ACCOUNT, query).outcome is outcome


@pytest.mark.parametrize(
    "answer",
    [
        answered({"ResponseCode": 7}),
        answered(order(OrderNo="PCOTHER")),
        answered(order(PaymentStatus=3), "other"),
    ],
)
def test_query_refund_answer_that_proves_nothing_leaves_doubt(answer):
    with pytest.raises(OutcomeUnknown):
        adapter(answer).query_refund(ACCOUNT, refund_query())


def test_account_problems_are_plain_sentences():
    assert provider.account_problems(ACCOUNT) == []
    broken = account(options={"shop_id": "x", "pay_url": "http://x"}, secrets=secrets(""))
    assert len(provider.account_problems(broken)) == 3
    assert provider.merchant_account(ACCOUNT) == "12345"
    assert provider.page_origins(ACCOUNT) == ("https://payoo.example.vn",)
