"""Every vector made by ZaloPay's own SDK and sample, read from tests/golden/zalopay.json."""

import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest

from payclear.contract.errors import OutcomeUnknown
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.transport import Answer
from providers.zalopay import mapping, provider
from providers.zalopay.client import ZaloPayClient
from providers.zalopay.provider import ZaloPayProvider
from tests.providers.factories import inbound, refund_request, status_query
from tests.providers.zalopay.account import zalopay_account

VECTORS = {
    vector["case"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "golden" / "zalopay.json").read_text("utf-8"))
}
OPERATIONS = {"order-create": "create", "order-query": "query", "refund-create": "refund"}
DAY = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)


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
        call(ZaloPayProvider(ZaloPayClient(recorder)))
    return recorder.sent[0]


@pytest.mark.parametrize("case", sorted(OPERATIONS))
def test_canonical_of_the_vector_is_signed_alike(case):
    vector = VECTORS[case]
    fields = {name: str(value) for name, value in vector["input"].items()} | {"key1": vector["secret"]}
    assert mapping.canonical(fields, mapping.SIGNED_FIELDS[OPERATIONS[case]]) == vector["canonical"]
    assert mapping.sign(Secret(vector["secret"]), vector["canonical"]) == vector["signature"]


def test_query_status_vector_sends_the_very_body():
    query = status_query(attempt_ref="PPVPHC000001", created_at=DAY)
    url, body = sent_by(lambda zalopay: zalopay.query_status(zalopay_account(), query))
    assert url == "https://sb-openapi.example.vn/v2/query"
    assert body == VECTORS["order-query"]["input"]


def test_refund_vector_sends_the_very_body():
    given = VECTORS["refund-create"]["input"]
    request = refund_request(
        refund_ref="0000000001",
        attempt_ref="PPVPHC20261121000001",
        provider_ref=given["zp_trans_id"],
        amount=Money(given["amount"]),
        asked_at=datetime.fromtimestamp(given["timestamp"] / 1000, UTC),
    )
    _, body = sent_by(lambda zalopay: zalopay.refund(zalopay_account(), request))
    assert body == given


def test_verify_callback_vector_is_a_confirmed_payment():
    body = json.dumps(VECTORS["callback"]["input"]).encode()
    got = provider.verify_callback(zalopay_account(), inbound(method="POST", body=body))
    evidence = got.evidence
    assert (evidence.outcome, evidence.amount) == (Outcome.CONFIRMED, Money(1_250_000))
    assert (evidence.attempt_ref, evidence.provider_ref) == ("PPVPHC000001", "261121000000123")
    assert (evidence.merchant_account, evidence.detail_code) == ("2554", "1")
    assert evidence.paid_at.isoformat() == "2026-11-21T03:31:05.123000+00:00"
    assert (got.dedupe_key, got.key_id) == ("261121_PPVPHC000001:261121000000123", "key2")
    assert got.confirm_by_query is False


def test_read_return_vector_holds_and_says_paid():
    hint = provider.read_return(zalopay_account(), inbound(urlencode(VECTORS["redirect-checksum"]["input"])))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == ("PPVPHC000001", True, Outcome.CONFIRMED)


def test_every_vector_is_used():
    assert set(VECTORS) == {*OPERATIONS, "callback", "redirect-checksum"}
