import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.errors import CallbackMalformed, OutcomeUnknown, ProviderRefused, SignatureInvalid
from payclear.contract.messages import Account
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import InvalidAmount, Money
from payclear.kernel.secret import Secret
from providers.sepay import mapping, provider
from providers.sepay.client import SepayClient
from providers.sepay.provider import SepayProvider
from providers.transport import Answer, Transport
from tests.providers.factories import NOW, checkout, inbound, status_query
from tests.providers.notices import CODE, REF, signed

VECTORS = json.loads((Path(__file__).parents[2] / "golden" / "sepay.json").read_text("utf-8"))
SECRET = "DEMO-ONLY-SEPAY-SECRET-KEY"
KEY = "DEMO-ONLY-SEPAY-NOTIFICATION-KEY"
BANK = "113366669999"
PAY = "https://sepay.example.vn"


def account(base_url: str = PAY, **changes: Any) -> Account:
    options: dict[str, str | int | bool] = {
        "merchant_id": "SP-TEST-DVC0001",
        "checkout_url": f"{base_url}/sepay/v1/checkout/init",
        "api_url": f"{base_url}/sepay/v1",
        "pay_origin": base_url,
        "bank_account": BANK,
    }
    if base_url.startswith("http:"):
        options["allow_insecure_host"] = "127.0.0.1"
    return Account(
        code="sepay-test",
        adapter="sepay",
        name_vi="SePay",
        name_en="SePay",
        options=options | changes.get("options", {}),
        secrets=changes.get("secrets", {"secret_key": Secret(SECRET), "notification_secret": Secret(KEY)}),
    )


ACCOUNT = account()


class Fixed:
    """Answers every call with the same answer and keeps what was sent."""

    def __init__(self, body=b"", status=200, location=""):
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status, self.headers, self.sent = status, {"location": location}, []

    def send(self, method, url, *, headers=None, body=b"", allow_insecure_host="", secrets=()):
        self.sent.append((method, url, headers, body))
        return Answer(self.status, self.headers, self.body)


def adapter(transport):
    return SepayProvider(SepayClient(transport))


def texts(vector):
    return {name: str(value) for name, value in vector["input"].items()}


def ipn(secret=SECRET, **changes):
    data = {
        "timestamp": 1795231865,
        "notification_type": "ORDER_PAID",
        "order": {"order_invoice_number": REF, "order_amount": "150000.00", "order_currency": "VND"},
        "transaction": {"transaction_id": "68da43da2d9de", "transaction_status": "APPROVED"},
        "customer": None,
    } | changes
    return inbound(method="POST", headers={"x-secret-key": secret}, body=json.dumps(data).encode())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["case"])
def test_vector_in_its_own_order_is_signed_alike(vector):
    fields = texts(vector)
    assert mapping.canonical(fields, fields) == vector["canonical"]
    assert mapping.sign(Secret(vector["secret"]), vector["canonical"]) == vector["signature"]


def test_canonical_is_the_documented_order_whatever_the_order_of_the_fields():
    documented, other = VECTORS
    assert mapping.canonical(texts(documented)) == documented["canonical"]
    same = {**texts(other), "order_description": documented["input"]["order_description"]}
    assert mapping.canonical(same) == documented["canonical"] != other["canonical"]


def test_start_checkout_posts_the_signed_form_and_follows_its_answer():
    transport = Fixed(status=302, location=f"{PAY}/pay/1")
    result = adapter(transport).start_checkout(ACCOUNT, checkout(attempt_ref=REF))
    assert result.redirect_url == f"{PAY}/pay/1"
    sent = dict(parse_qsl(transport.sent[0][3].decode()))
    assert sent["signature"] == mapping.sign(Secret(SECRET), mapping.canonical(sent))
    hint = provider.read_return(ACCOUNT, inbound(urlsplit(sent["cancel_url"]).query))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (REF, True, Outcome.UNKNOWN)


@pytest.mark.parametrize("status", [400, 401, 422])
def test_start_checkout_refused_form_is_refused(status):
    with pytest.raises(ProviderRefused):
        adapter(Fixed(status=status)).start_checkout(ACCOUNT, checkout())


@pytest.mark.parametrize(
    ("status", "location"),
    [(200, ""), (500, ""), (302, ""), (302, "https://evil.example.vn/"), (302, "https://[")],
)
def test_start_checkout_answer_that_leads_nowhere_leaves_doubt(status, location):
    with pytest.raises(OutcomeUnknown):
        adapter(Fixed(status=status, location=location)).start_checkout(ACCOUNT, checkout())


@pytest.mark.parametrize("changes", [{"amount": Money(0)}, {"memo": "a,b"}, {"attempt_ref": "a-b"}])
def test_start_checkout_what_sepay_does_not_take_is_refused(changes):
    with pytest.raises(ProviderRefused):
        adapter(Fixed(status=302)).start_checkout(ACCOUNT, checkout(**changes))


def test_verify_callback_transfer_to_the_gateways_account_is_the_merchants():
    got = provider.verify_callback(ACCOUNT, signed(KEY, accountNumber=BANK))
    assert (got.evidence.provider_account, got.evidence.attempt_ref) == ("sepay-test", REF)
    assert (got.evidence.merchant_account, got.evidence.amount) == ("SP-TEST-DVC0001", Money(150_000))
    assert (got.evidence.outcome, got.confirm_by_query) == (Outcome.CONFIRMED, False)


def test_verify_callback_transfer_may_pay_the_attempts_of_a_qr_account():
    ours = account(options={"credits_account": "vietqr-test"})
    evidence = provider.verify_callback(ours, signed(KEY)).evidence
    assert (evidence.provider_account, evidence.merchant_account) == ("vietqr-test", "113366668888")


@pytest.mark.parametrize(
    ("changes", "reference", "outcome", "merchant"),
    [
        ({"accountNumber": "999"}, REF, Outcome.CONFIRMED, "999"),
        ({"content": CODE}, CODE, Outcome.CONFIRMED, "113366668888"),
        ({"content": "x"}, "TRANSFER92704", Outcome.CONFIRMED, "113366668888"),
        ({"transferType": "out"}, REF, Outcome.UNKNOWN, "113366668888"),
    ],
)
def test_verify_callback_transfer_says_what_it_says(changes, reference, outcome, merchant):
    evidence = provider.verify_callback(ACCOUNT, signed(KEY, **changes)).evidence
    assert (evidence.attempt_ref, evidence.outcome, evidence.merchant_account) == (
        reference,
        outcome,
        merchant,
    )


def test_verify_callback_ipn_is_a_hint_that_asks():
    got = provider.verify_callback(ACCOUNT, ipn())
    assert (got.confirm_by_query, got.dedupe_key) == (True, f"ORDER_PAID:{REF}:68da43da2d9de")
    assert (got.evidence.amount, got.evidence.merchant_account) == (Money(150_000), None)
    void = provider.verify_callback(ACCOUNT, ipn(notification_type="TRANSACTION_VOID"))
    assert void.evidence.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "request_",
    [
        ipn("another key"),
        ipn(""),
        inbound(method="POST", body=ipn().body),
        signed("another key"),
        signed(SECRET),
        signed(KEY, at=NOW - timedelta(hours=7)),
        # The secret of the gateway does not stand in for the signature of a transfer.
        inbound(
            method="POST",
            body=signed(KEY).body,
            headers={"x-secret-key": SECRET, "x-sepay-signature": "", "x-sepay-timestamp": ""},
        ),
    ],
)
def test_verify_callback_proof_that_does_not_hold_is_refused(request_):
    with pytest.raises(SignatureInvalid):
        provider.verify_callback(ACCOUNT, request_)


@pytest.mark.parametrize(
    "request_",
    [
        ipn(order=None),
        ipn(order={"order_invoice_number": "a b"}),
        ipn(notification_type=""),
        ipn(notification_type=1),
        inbound(method="POST", headers={"x-secret-key": SECRET}, body=b"[]"),
        inbound(method="POST", headers={"x-secret-key": SECRET}, body=b" " * 70_000),
        signed(KEY, b"{}"),
    ],
)
def test_verify_callback_unreadable_message_is_malformed(request_):
    with pytest.raises(CallbackMalformed):
        provider.verify_callback(ACCOUNT, request_)


@given(st.binary(max_size=300))
def test_verify_callback_any_bytes_raise_nothing_but_contract_errors(body):
    for headers in ({}, {"x-secret-key": SECRET}, dict(signed(KEY, body).headers)):
        with pytest.raises((SignatureInvalid, CallbackMalformed)):
            provider.verify_callback(ACCOUNT, inbound(method="POST", body=body, headers=headers))


def test_verify_callback_previous_keys_hold_while_they_overlap():
    ours = account(
        secrets={
            "secret_key": Secret("new"),
            "secret_key_previous": Secret(SECRET),
            "notification_secret": Secret("new"),
            "notification_secret_previous": Secret(KEY),
        }
    )
    assert provider.verify_callback(ours, ipn()).key_id == "secret_key_previous"
    assert provider.verify_callback(ours, signed(KEY)).key_id == "notification_secret_previous"


@pytest.mark.parametrize("verdict", list(CallbackVerdict))
def test_acknowledge_success_with_200_or_an_error_status(verdict):
    answer = provider.acknowledge(ACCOUNT, verdict, inbound())
    assert answer.status == mapping.ACKNOWLEDGEMENTS[verdict]
    assert json.loads(answer.body) == {"success": answer.status == 200}


@given(st.binary(max_size=300))
def test_read_return_any_bytes_raise_nothing(query):
    assert provider.read_return(ACCOUNT, inbound(query)).signature_holds is False


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("CAPTURED", "confirmed"),
        ("CANCELLED", "rejected"),
        ("AUTHENTICATION_NOT_NEEDED", "pending"),
        ("AUTHENTICATED", "pending"),
        ("NEW", "unknown"),
        ("", "unknown"),
    ],
)
def test_order_outcome_of_every_status(status, outcome):
    assert mapping.order_outcome(status) is Outcome(outcome)


@pytest.mark.parametrize("text", ["", "1.5", "1.000", "01", "-1", "1e3", "1,000", "9" * 16, "150000.001"])
def test_read_amount_anything_but_whole_dong_is_refused(text):
    with pytest.raises(InvalidAmount):
        mapping.read_amount(text)


def order(**changes):
    fields = {"order_invoice_number": REF, "order_status": "CAPTURED", "order_amount": "150000.00"}
    return {"data": {**fields, "order_currency": "VND", **changes}}


@pytest.mark.parametrize(
    ("body", "status", "hours", "outcome"),
    [
        (order(), 200, 0, Outcome.CONFIRMED),
        (order(order_status="CANCELLED"), 200, 0, Outcome.REJECTED),
        (order(order_status="AUTHENTICATION_NOT_NEEDED"), 200, 20, Outcome.PENDING),
        (order(order_status="AUTHENTICATION_NOT_NEEDED"), 200, 25, Outcome.NOT_SENT),
        (order(order_status="ODD"), 200, 25, Outcome.UNKNOWN),
        ({}, 404, 0, Outcome.PENDING),
        ({}, 404, 1, Outcome.NOT_SENT),
    ],
)
def test_query_status_answer_says(body, status, hours, outcome):
    query = status_query(attempt_ref=REF, asked_at=NOW + timedelta(hours=hours))
    assert adapter(Fixed(body, status)).query_status(ACCOUNT, query).outcome is outcome


def test_query_status_gives_no_second_name_to_the_transfer_a_notification_names():
    told = order(transactions=[{"transaction_id": "68da43da2d9de", "transaction_status": "APPROVED"}])
    answer = adapter(Fixed(told, 200)).query_status(ACCOUNT, status_query(attempt_ref=REF, asked_at=NOW))
    assert (answer.outcome, answer.provider_ref) == (Outcome.CONFIRMED, None)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (order(order_invoice_number="PCOTHER"), 200),
        (order(order_amount="150000.50"), 200),
        (order(order_currency="USD"), 200),
        ({"data": []}, 200),
        ({"data": {}}, 200),
        (b"<html>", 200),
        ({}, 401),
        ({}, 500),
    ],
)
def test_query_status_answer_about_nothing_leaves_doubt(body, status):
    with pytest.raises(OutcomeUnknown):
        adapter(Fixed(body, status)).query_status(ACCOUNT, status_query(attempt_ref=REF))


def test_account_problems_are_plain_sentences():
    assert provider.account_problems(ACCOUNT) == []
    broken = account(
        options={"api_url": "http://x"}, secrets={"secret_key": Secret(""), "notification_secret": Secret("")}
    )
    assert len(provider.account_problems(broken)) == 3
    assert provider.merchant_account(ACCOUNT) == "SP-TEST-DVC0001"
    assert "x-secret-key" not in provider.manifest.callback_headers


@pytest.fixture
def control(simulator, http):
    def call(path, **body):
        answer = http.post(f"{simulator.url}/control/{path}", json={"provider": "sepay", **body}, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


@pytest.fixture
def live(simulator):
    transport = Transport(connect_timeout_s=1, read_timeout_s=3, total_deadline_s=6)
    yield adapter(transport), account(simulator.url)
    transport.close()


def test_sepay_whole_life_over_http(live, control, receiver):
    asker, ours = live
    request = checkout(attempt_ref=REF, memo=f"NOP NSNN {CODE}", return_url="https://pay.example.vn/return")
    query = status_query(attempt_ref=REF)
    assert asker.query_status(ours, query).outcome is Outcome.PENDING
    url = asker.start_checkout(ours, request).redirect_url
    assert asker.query_status(ours, query).outcome is Outcome.PENDING
    control("pay", pay_url=url)
    method, path, headers, body = receiver.wait_for(1)[0]
    told = asker.verify_callback(
        ours, inbound(urlsplit(path).query, method=method, headers=headers, body=body)
    ).evidence
    assert (told.outcome, told.attempt_ref, told.amount) == (Outcome.CONFIRMED, REF, Money(150_000))
    assert told.merchant_account == asker.merchant_account(ours)
    evidence = asker.query_status(ours, query)
    assert (evidence.outcome, evidence.amount) == (Outcome.CONFIRMED, Money(150_000))


@pytest.mark.parametrize(
    "fault",
    ["query_html", "query_500", "query_truncated", "query_error_200", "query_timeout", "query_other_payment"],
)
def test_sepay_broken_answer_leaves_doubt(live, control, fault):
    asker, ours = live
    asker.start_checkout(ours, checkout(attempt_ref=REF))
    control("faults", faults=[fault])
    with pytest.raises(OutcomeUnknown):
        asker.query_status(ours, status_query(attempt_ref=REF))


def test_sepay_wrong_secret_is_refused(live):
    asker, ours = live
    secrets = {"secret_key": Secret("wrong"), "notification_secret": Secret(KEY)}
    with pytest.raises(ProviderRefused):
        asker.start_checkout(account(ours.option("pay_origin"), secrets=secrets), checkout())
