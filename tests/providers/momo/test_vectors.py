"""Every vector made by MoMo's own SDK and sample, read from tests/golden/momo.json."""

import json
from pathlib import Path

import pytest

from payclear.contract.errors import OutcomeUnknown
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.momo import mapping, provider
from providers.momo.client import MomoClient
from providers.momo.provider import MomoProvider
from providers.transport import Answer
from tests.providers.factories import checkout, inbound, refund_request, status_query
from tests.providers.momo.account import momo_account

VECTORS = {
    vector["case"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "golden" / "momo.json").read_text("utf-8"))
}
OPERATIONS = {
    "create-captureWallet": "create",
    "create-official-node-sample": "create",
    "query": "query",
    "refund": "refund",
    "ipn-success": "ipn",
}
NOT_OURS = {"startTime", "partnerName", "storeId", "extraData"}


class Recorder:
    """Stands where the transport stands and keeps what would have been sent."""

    def __init__(self):
        self.sent = []

    def send(self, method, url, *, headers=None, body=b"", allow_insecure_host="", secrets=()):
        self.sent.append((url, json.loads(body)))
        return Answer(500, {}, b"")


def sent_by(call):
    recorder = Recorder()
    with pytest.raises(OutcomeUnknown):
        call(MomoProvider(MomoClient(recorder)))
    return recorder.sent[0]


@pytest.mark.parametrize("case", sorted(OPERATIONS))
def test_sign_vector_gives_the_very_string_and_signature(case):
    vector, names = VECTORS[case], mapping.SIGNED_FIELDS[OPERATIONS[case]]
    pair = mapping.KeyPair("x", Secret(vector["extra"]["accessKey"]), Secret(vector["secret"]))
    fields = mapping.plain_fields(vector["input"])
    assert (
        mapping.canonical(fields | {"accessKey": vector["extra"]["accessKey"]}, names) == vector["canonical"]
    )
    assert mapping.sign(pair, fields, names) == vector["signature"]


def test_every_vector_is_used():
    assert set(VECTORS) == set(OPERATIONS)


def test_query_status_vector_sends_the_very_body():
    given = VECTORS["query"]["input"]
    query = status_query(attempt_ref=given["orderId"], request_id="REQ202611210003")
    url, body = sent_by(lambda momo: momo.query_status(momo_account(), query))
    assert url == "https://test-payment.example.vn/v2/gateway/api/query"
    assert set(body) == set(given) - NOT_OURS
    assert body["orderId"] == given["orderId"]


def test_refund_vector_sends_numbers_as_numbers_and_its_own_order():
    request = refund_request(amount=Money(1_250_000), captured=Money(1_250_000), provider_ref="4088878653")
    _, body = sent_by(lambda momo: momo.refund(momo_account(), request))
    assert set(body) == set(VECTORS["refund"]["input"]) - NOT_OURS
    assert (body["amount"], body["transId"]) == (1_250_000, 4_088_878_653)
    assert body["orderId"] == body["requestId"] == request.refund_ref


def test_start_checkout_sends_every_field_of_the_vector():
    _, body = sent_by(lambda momo: momo.start_checkout(momo_account(), checkout()))
    assert set(body) - {"extraData"} == set(VECTORS["create-captureWallet"]["input"]) - NOT_OURS
    assert (body["amount"], body["extraData"], body["autoCapture"]) == (150_000, "", True)


def test_verify_callback_vector_is_a_confirmed_payment():
    vector = VECTORS["ipn-success"]
    body = json.dumps(vector["input"]).encode()
    got = provider.verify_callback(momo_account(), inbound(method="POST", body=body))
    evidence = got.evidence
    assert (evidence.outcome, evidence.amount) == (Outcome.CONFIRMED, Money(1_250_000))
    assert (evidence.attempt_ref, evidence.provider_ref) == ("PPVPHC20261121000001", "4088878653")
    assert (evidence.merchant_account, evidence.detail_code) == ("MOMO", "0")
    assert (evidence.channel, evidence.instrument) == ("QR", "WALLET")
    assert evidence.paid_at.isoformat() == "2026-11-21T03:31:05.123000+00:00"
    assert (got.dedupe_key, got.key_id) == ("PPVPHC20261121000001:4088878653:0", "secret_key")
    assert got.confirm_by_query is False
