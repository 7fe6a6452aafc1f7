"""Every vector made by the independent implementations, read from tests/golden/vnpay.json."""

import json
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from payclear.contract.outcomes import Outcome
from payclear.kernel.clock import VIETNAM
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.transport import Answer
from providers.vnpay import mapping
from providers.vnpay.client import VnpayClient
from providers.vnpay.provider import VnpayProvider
from tests.providers.factories import checkout, inbound, refund_request, status_query, vnpay_account

VECTORS = {
    vector["case"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "golden" / "vnpay.json").read_text("utf-8"))
}


class Recorder:
    """Stands where the transport stands and keeps what would have been sent."""

    def __init__(self):
        self.sent = []

    def send(self, method, url, *, headers=None, body=b"", allow_insecure_host="", secrets=()):
        self.sent.append(json.loads(body))
        return Answer(500, {}, b"")


def at(stamp) -> datetime:
    return datetime.strptime(str(stamp), "%Y%m%d%H%M%S").replace(tzinfo=VIETNAM)


def text_fields(vector) -> dict[str, str]:
    return {name: str(value) for name, value in vector["input"].items()}


@pytest.mark.parametrize("case", ["pay-url-traffic-fine", "pay-url-special-chars"])
def test_canonical_query_of_the_vector_is_signed_alike(case):
    vector = VECTORS[case]
    fields = text_fields(vector) | {
        "vnp_Amount": mapping.amount_text(Money(vector["input"]["vnp_Amount"])),
        "vnp_TmnCode": "DEMOV210",
    }
    assert mapping.canonical_query(fields) == vector["canonical"]
    assert mapping.sign(Secret(vector["secret"]), vector["canonical"]) == vector["signature"]


def test_canonical_query_encoder_trap_is_not_pythons():
    vector = VECTORS["pay-url-special-chars"]
    other = vector["extra"]["second_peer"]
    assert other["agrees"] is False
    decoded = mapping.decode_query(vector["canonical"].encode())
    assert decoded["vnp_OrderInfo"] == vector["input"]["vnp_OrderInfo"]
    assert mapping.canonical_query(decoded) != other["canonical"]
    assert "c*d+%7Ex" in mapping.canonical_query(decoded)


def test_start_checkout_vector_gives_the_very_url():
    vector = VECTORS["pay-url-traffic-fine"]
    given = vector["input"]
    request = checkout(
        attempt_ref=given["vnp_TxnRef"],
        amount=Money(given["vnp_Amount"]),
        memo=given["vnp_OrderInfo"],
        created_at=at(given["vnp_CreateDate"]),
        expires_at=at(given["vnp_ExpireDate"]),
        payer_ip=given["vnp_IpAddr"],
        return_url=given["vnp_ReturnUrl"],
    )
    account = vnpay_account(options={"pay_url": "https://sandbox.vnpayment.vn/paymentv2/vpcpay.html"})
    result = VnpayProvider().start_checkout(account, request)
    assert result.redirect_url == vector["extra"]["url"]
    assert result.outcome is Outcome.PENDING


def test_verify_callback_vector_is_a_confirmed_payment():
    vector = VECTORS["ipn-success"]
    got = VnpayProvider().verify_callback(vnpay_account(), inbound(vector["extra"]["ipn_query"]))
    assert got.evidence.outcome is Outcome.CONFIRMED
    assert got.evidence.amount == Money(1_250_000)
    assert got.evidence.attempt_ref == vector["input"]["vnp_TxnRef"]
    assert got.evidence.provider_ref == "14226112"
    assert got.evidence.merchant_account == "DEMOV210"
    assert got.evidence.paid_at.isoformat() == "2026-11-21T03:31:12+00:00"
    assert got.evidence.paid_at_raw == "20261121103112"
    assert got.evidence.detail_code == "00"
    assert got.dedupe_key == "PPVPHC20261121000001:14226112:00:00:1250000"
    assert got.key_id == "hash_secret"


def test_query_status_vector_sends_the_very_body():
    vector = VECTORS["querydr-request"]
    given = vector["input"]
    recorder = Recorder()
    query = status_query(
        attempt_ref=given["vnp_TxnRef"],
        provider_ref=str(given["vnp_TransactionNo"]),
        created_at=at(given["vnp_TransactionDate"]),
        asked_at=at(given["vnp_CreateDate"]),
        request_id=given["vnp_RequestId"],
    )
    with pytest.raises(Exception, match="HTTP error"):
        VnpayProvider(VnpayClient(recorder)).query_status(vnpay_account(), query)
    assert recorder.sent == [text_fields(vector)]
    assert (
        mapping.canonical_pipe(recorder.sent[0], mapping.SIGNED_REQUEST_FIELDS["querydr"])
        == vector["canonical"]
    )


def test_refund_vector_sends_the_very_body():
    vector = VECTORS["refund-request-full"]
    given = vector["input"]
    recorder = Recorder()
    request = refund_request(
        refund_ref=given["vnp_RequestId"],
        attempt_ref=given["vnp_TxnRef"],
        provider_ref=str(given["vnp_TransactionNo"]),
        amount=Money(1_250_000),
        captured=Money(1_250_000),
        paid_created_at=at(given["vnp_TransactionDate"]),
        asked_at=at(given["vnp_CreateDate"]),
        asked_by=given["vnp_CreateBy"],
    )
    with pytest.raises(Exception, match="HTTP error"):
        VnpayProvider(VnpayClient(recorder)).refund(vnpay_account(), request)
    assert recorder.sent == [text_fields(vector)]
    assert (
        mapping.canonical_pipe(recorder.sent[0], mapping.SIGNED_REQUEST_FIELDS["refund"])
        == vector["canonical"]
    )


def test_every_vector_is_used():
    assert set(VECTORS) == {
        "pay-url-traffic-fine",
        "pay-url-special-chars",
        "ipn-success",
        "querydr-request",
        "refund-request-full",
    }


@pytest.mark.parametrize("case", ["pay-url-traffic-fine", "pay-url-special-chars", "ipn-success"])
def test_decode_query_agrees_with_the_standard_library(case):
    canonical = VECTORS[case]["canonical"]
    assert mapping.decode_query(canonical.encode()) == dict(parse_qsl(canonical))
