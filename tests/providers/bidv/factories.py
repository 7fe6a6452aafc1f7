"""Accounts and messages of BIDV, valid by default, checksums by code of their own."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from payclear.contract.messages import Account, InboundRequest
from payclear.kernel.secret import Secret
from tests.providers.factories import NOW

VECTORS = {
    vector["case"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "golden" / "bidv.json").read_text("utf-8"))
}
SECRET = "bidv-test-secret"
SERVICE, CODE, BILL, REF = "031001", "VPHC0123456", "100000000000142", "BIDV20261121000321"
PERSON = "NGUYEN VAN AN"


def account(**changes: Any) -> Account:
    options: dict[str, str | int | bool] = {"service_id": SERVICE}
    return Account(
        code="bidv-test",
        adapter="bidv",
        name_vi="BIDV",
        name_en="BIDV",
        options=options | changes.get("options", {}),
        secrets=changes.get("secrets", {"secret_key": Secret(SECRET), "statement_key": Secret("KEY")}),
    )


def checksum(*values: str, secret: str = SECRET) -> str:
    text = "|".join((secret, *values)).encode()
    return base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()


def getbill(*, secret: str = SECRET, **changes: Any) -> bytes:
    fields = {"service_id": SERVICE, "customer_id": CODE} | changes
    mac = checksum(str(fields["service_id"]), str(fields["customer_id"]), secret=secret)
    return _body({"checksum": mac} | fields)


def paybill(*, secret: str = SECRET, **changes: Any) -> bytes:
    fields = {
        "service_id": SERVICE,
        "customer_id": CODE,
        "bill_id": BILL,
        "amount": "1250000",
        "trans_id": REF,
        "trans_date": "20261121103245",
        "senderName": PERSON,
        "senderAccount": "21510000000001",
    } | changes
    mac = checksum(str(fields["trans_id"] or ""), str(fields["amount"] or ""), secret=secret)
    return _body({"checksum": mac} | fields)


def _body(fields: dict[str, Any]) -> bytes:
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def inbound(operation: str, body: bytes) -> InboundRequest:
    return InboundRequest(
        method="POST",
        path=f"/collection/bidv-test/{operation}",
        query_string=b"",
        headers={"content-type": "application/json"},
        body=body,
        received_at=NOW,
    )
