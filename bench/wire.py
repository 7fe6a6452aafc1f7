"""What is sent to payclear: VNPAY's callback and a portal's requests, signed by code of the bench's own.

Requests are built before anything is measured. Used by `exemplar` (one of each) and by the load generator's files.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from payclear.kernel.clock import VIETNAM
from payclear.kernel.ids import public_id
from payclear.runtime import Runtime

ACCOUNT = "vnpay-demo"
AGENCY = "H00.14"
AMOUNTS = (150_000, 50_000)  # two lines with two beneficiary accounts: three postings an order
CALLBACK_PATH = f"/callbacks/{ACCOUNT}"
ORDERS_PATH = "/v1/payment-orders"
OBLIGATIONS_PATH = "/v1/obligations"
ACCEPTED = b'"RspCode":"00"'
CREATED = b"HTTP/1.1 201"


@dataclass(frozen=True, slots=True)
class Sender:
    """What the two callers know: the provider's terminal and key, the portal's key and return address."""

    terminal: str
    hash_secret: bytes
    api_key: str
    return_url: str

    @classmethod
    def of(cls, runtime: Runtime) -> "Sender":
        """The callers of the demonstration data."""
        account = runtime.providers.get(ACCOUNT).account
        example = runtime.settings.portal_example
        return cls(
            terminal=account.option("tmn_code"),
            hash_secret=account.secrets["hash_secret"].reveal().encode(),
            api_key=example.api_key.reveal(),
            return_url=f"http://{example.host}:{example.port}/return",
        )

    def callback_query(self, attempt_ref: str, *, transaction_no: str, paid_at: datetime) -> str:
        """The query string of VNPAY's IPN for a paid attempt, with its HMAC-SHA512."""
        fields = {
            "vnp_Amount": str(sum(AMOUNTS) * 100),
            "vnp_BankCode": "NCB",
            "vnp_BankTranNo": "VNP14226112",
            "vnp_CardType": "ATM",
            "vnp_OrderInfo": f"NOP NSNN {attempt_ref}",
            "vnp_PayDate": paid_at.astimezone(VIETNAM).strftime("%Y%m%d%H%M%S"),
            "vnp_ResponseCode": "00",
            "vnp_TmnCode": self.terminal,
            "vnp_TransactionNo": transaction_no,
            "vnp_TransactionStatus": "00",
            "vnp_TxnRef": attempt_ref,
        }
        text = urlencode(sorted(fields.items()))
        return f"{text}&vnp_SecureHash={hmac.digest(self.hash_secret, text.encode(), hashlib.sha512).hex()}"

    def order(self, obligation_id: UUID, portal_ref: str) -> dict[str, Any]:
        """The body that creates an order for one obligation."""
        return {
            "portal_ref": portal_ref,
            "obligations": [public_id("obl", obligation_id)],
            "return_url": self.return_url,
            "locale": "vi",
        }

    def obligation(self, dossier_code: str, filed_on: str) -> dict[str, Any]:
        """The body that registers a dossier fee of two lines."""
        lines = zip(("fee_phi", "fee_le_phi"), AMOUNTS, ("TK-H00-PHI", "TK-H00-LEPHI"), strict=True)
        return {
            "kind": "dossier_fee",
            "agency_code": AGENCY,
            "document": {
                "dossier_code": dossier_code,
                "procedure_code": "1.008888",
                "filed_on": filed_on,
            },
            "obligor": {"name": "NGUYỄN VĂN MẪU", "citizen_id": "000000000001"},
            "lines": [
                {
                    "type": type_,
                    "name": "Khoản mẫu",
                    "amount": amount,
                    "beneficiary_account": account,
                    "chapter": "000",
                    "sub_item": "0000",
                }
                for type_, amount, account in lines
            ],
            "currency": "VND",
        }

    def headers(self, key: str) -> dict[str, str]:
        """The headers of a portal's POST under an idempotency key."""
        return {
            "Authorization": f"Bearer {self.api_key}",
            "Idempotency-Key": key,
            "Content-Type": "application/json",
        }


def get(target: str) -> bytes:
    """A GET as it goes over the wire."""
    return f"GET {target} HTTP/1.1\r\nHost: payclear\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n".encode()


def post(path: str, headers: dict[str, str], body: dict[str, Any]) -> bytes:
    """A POST of JSON as it goes over the wire."""
    content = json.dumps(body, ensure_ascii=False).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: payclear", "User-Agent: bench", "Accept: */*"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content
