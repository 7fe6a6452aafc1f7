"""Transfer notifications as SePay signs them, by code of the tests' own; used by the tests of vietqr and sepay."""

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

from payclear.contract.messages import InboundRequest
from tests.providers.factories import NOW, inbound

REF = "PC0123456789H01"  # a sound order reference and the number of an attempt
CODE = "123456789012334"  # a sound payment code
ACCOUNT_NUMBER = "113366668888"


def notice(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "id": 92704,
        "gateway": "VietinBank",
        "transactionDate": "2026-11-21 10:31:12",
        "accountNumber": ACCOUNT_NUMBER,
        "code": None,
        "content": f"MBVCB.92704.{REF} {CODE}.CT tu 0011",
        "transferType": "in",
        "transferAmount": 150_000,
        "accumulated": 19_077_000,
        "subAccount": None,
        "referenceCode": "FT26325092704",
        "description": "",
    }
    return fields | changes


def signed(
    secret: str, body: bytes | None = None, *, at: datetime = NOW, received_at: datetime = NOW, **changes: Any
) -> InboundRequest:
    """A notification with its two headers, received at a time."""
    raw = json.dumps(notice(**changes)).encode() if body is None else body
    stamp = str(int(at.timestamp()))
    mac = hmac.new(secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
    headers = {"x-sepay-timestamp": stamp, "x-sepay-signature": f"sha256={mac}"}
    return inbound(method="POST", headers=headers, body=raw, at=received_at)
