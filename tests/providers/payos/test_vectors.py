"""Every vector on which payOS's two SDKs agree, read from tests/golden/payos.json."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from payclear.contract.errors import OutcomeUnknown, SignatureInvalid
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.payos import mapping, provider
from providers.payos.client import PayosClient
from providers.transport import Answer
from tests.providers.factories import inbound
from tests.providers.payos.account import payos_account

VECTORS = {
    vector["case"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "golden" / "payos.json").read_text("utf-8"))
}


class Canned:
    """Stands where the transport stands."""

    def __init__(self, body):
        self.body = body
        self.sent = []

    def send(self, method, url, *, headers=None, body=b"", allow_insecure_host="", secrets=()):
        self.sent.append((method, url, headers, json.loads(body)))
        return Answer(200, {}, json.dumps(self.body).encode())


def test_create_vector_sends_the_very_request():
    vector = VECTORS["payment-request"]
    given = vector["input"]
    assert mapping.canonical_create(given) == vector["canonical"]
    fields = {name: given[name] for name in mapping.CREATE_FIELDS} | {"expiredAt": given["expiredAt"]}
    canned = Canned({"code": "20"})
    with pytest.raises(OutcomeUnknown):
        PayosClient(canned).create(payos_account(), fields)
    method, url, headers, body = canned.sent[0]
    assert (method, url.rpartition("/v2/")[2]) == ("POST", vector["extra"]["url"].rpartition("/v2/")[2])
    assert headers == vector["extra"]["headers"]
    assert body == fields | {"signature": vector["signature"]}


def test_create_answer_of_the_vector_is_verified():
    vector = VECTORS["payment-request-response"]
    assert mapping.canonical_data(vector["input"]) == vector["canonical"]
    envelope = {"code": "00", "desc": "success", "data": vector["input"], "signature": vector["signature"]}
    fields = {name: VECTORS["payment-request"]["input"][name] for name in mapping.CREATE_FIELDS}
    assert PayosClient(Canned(envelope)).create(payos_account(), fields) == vector["input"]
    envelope["data"] = vector["input"] | {"amount": 1_250_001}
    with pytest.raises(SignatureInvalid):
        PayosClient(Canned(envelope)).create(payos_account(), fields)


def test_verify_callback_vector_is_a_confirmed_payment():
    vector = VECTORS["webhook-paid"]
    assert mapping.canonical_data(vector["input"]["data"]) == vector["canonical"]
    body = json.dumps(vector["input"]).encode()
    got = provider.verify_callback(payos_account(), inbound(method="POST", body=body))
    assert (got.evidence.outcome, got.evidence.amount) == (Outcome.CONFIRMED, Money(1_250_000))
    assert got.evidence.attempt_ref == mapping.attempt_ref_of(2_611_210_001)
    assert got.evidence.provider_ref == "124c33293c43417ab7879e14c8d9eb18"
    assert got.evidence.paid_at == datetime(2026, 11, 21, 3, 31, 12, tzinfo=UTC)
    assert (got.dedupe_key, got.key_id) == ("2611210001:FT26325123456789", "checksum_key")
    assert got.confirm_by_query is False


def test_canonical_data_of_an_array_is_the_peers():
    """Made with PyPI payos 1.1.0, `create_signature_from_object` under the key `k`."""
    data = {
        "id": "x1",
        "orderCode": 5,
        "amount": 10,
        "amountPaid": 10,
        "transactions": [
            {"reference": "FT1", "amount": 10, "description": 'Nộp "phí"', "z": None, "a": True}
        ],
        "cancellationReason": None,
        "ok": True,
    }
    signature = "0f4af73355e87822bf0781b6710f29f95b4de58e060fbf483960c98660ed6be5"
    assert mapping.sign(Secret("k"), mapping.canonical_data(data)) == signature


def test_every_vector_is_used():
    assert set(VECTORS) == {"payment-request", "payment-request-response", "webhook-paid"}
