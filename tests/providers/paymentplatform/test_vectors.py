"""Every vector made by the independent implementations, read from tests/golden/paymentplatform.json."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from payclear.contract.messages import BillLine
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.clock import VIETNAM
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.paymentplatform import mapping
from providers.paymentplatform.client import PaymentPlatformClient
from providers.paymentplatform.provider import PaymentPlatformProvider
from providers.transport import Answer
from tests.providers.factories import inbound, status_query
from tests.providers.paymentplatform.factories import account, bill, paid_checkout

VECTORS = json.loads((Path(__file__).parents[2] / "golden" / "paymentplatform.json").read_text("utf-8"))
BY_CASE = {vector["case"]: vector for vector in VECTORS}
OURS = account(secrets={"hash_secret": Secret("TEST-SECRET-DVCQG-0123456789")})


class Recorder:
    """Stands where the transport stands and keeps what would have been sent."""

    def __init__(self):
        self.sent = []

    def send(self, method, url, *, headers=None, body=b"", allow_insecure_host="", secrets=()):
        self.sent.append(json.loads(body))
        return Answer(500, {}, b"")


def at(stamp):
    return datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=VIETNAM)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["case"])
def test_vector_is_signed_alike(vector):
    fields = {name: str(value) for name, value in vector["input"].items()}
    text = mapping.canonical(fields, fields["LoaiBanTin"])
    assert f"{text}|{vector['secret']}" == vector["canonical"]
    assert mapping.sign(Secret(vector["secret"]), text) == vector["signature"]


@pytest.mark.parametrize("case", ["init-traffic-fine", "query", "get-bill"])
def test_message_vector_is_what_is_sent(case):
    vector, recorder = BY_CASE[case], Recorder()
    given = vector["input"]
    adapter = PaymentPlatformProvider(PaymentPlatformClient(recorder, receipts=recorder))
    created = at(given["ThoiGianGD"])
    amount = Money(int(given.get("SoTien", "1")))
    lines = (BillLine(kind="fine", code="", name="Phạt", amount=amount),)
    request = paid_checkout(
        attempt_ref=given["MaThamChieu"],
        amount=amount,
        memo=given.get("ThongTinGiaoDich", ""),
        created_at=created,
        payer_ip=given.get("Ip", ""),
        bill=bill(lines=lines),
    )
    question = status_query(attempt_ref=given["MaThamChieu"], created_at=created)
    ask = {
        "init-traffic-fine": lambda: adapter.start_checkout(OURS, request),
        "query": lambda: adapter.query_status(OURS, question),
        "get-bill": lambda: adapter.get_bill(OURS, attempt_ref=given["MaThamChieu"], created_at=created),
    }
    with pytest.raises(Exception, match="HTTP error"):
        ask[case]()
    (sent,) = recorder.sent
    assert {name: sent[name] for name in given} == given
    assert sent["MaXacThuc"] == vector["signature"]


def test_confirm_vector_is_read_and_answered():
    vector = BY_CASE["confirm-paid"]
    body = json.dumps({**vector["input"], "MaXacThuc": vector["signature"]}).encode()
    got = PaymentPlatformProvider().verify_callback(OURS, inbound(method="POST", body=body))
    assert got.confirm_by_query is True
    assert got.evidence.outcome is Outcome.CONFIRMED
    assert got.evidence.amount == Money(1_250_000)
    assert got.evidence.provider_ref == "TTTT20261121000987"
    assert got.evidence.merchant_account == "000.00.00.G12"
    assert got.evidence.paid_at.isoformat() == "2026-11-21T03:32:45+00:00"
    answer = PaymentPlatformProvider().acknowledge(
        OURS, CallbackVerdict.ACCEPTED, inbound(method="POST", body=body)
    )
    expected = {**vector["extra"]["expected_reply"], "MaXacThuc": vector["signature"]}
    assert json.loads(answer.body) == expected
