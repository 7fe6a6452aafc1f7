"""VNPAY's IPN as VNPAY would send it, signed with the demo key by code of the test's own."""

import hashlib
import hmac
from urllib.parse import urlencode

from payclear.contract.messages import InboundRequest
from payclear.orders.records import AttemptView
from payclear.runtime import Runtime

ACCOUNT = "vnpay-demo"


def ipn_query(runtime: Runtime, attempt: AttemptView, *, key: str | None = None, **changes: str) -> str:
    """The query string of an IPN for an attempt; a change of None drops the field."""
    account = runtime.providers.get(ACCOUNT).account
    fields = {
        "vnp_Amount": str(attempt.amount * 100),
        "vnp_BankCode": "NCB",
        "vnp_BankTranNo": "VNP14226112",
        "vnp_CardType": "ATM",
        "vnp_OrderInfo": f"Nop tien {attempt.attempt_ref}",
        "vnp_PayDate": "20261121103112",
        "vnp_ResponseCode": "00",
        "vnp_TmnCode": account.option("tmn_code"),
        "vnp_TransactionNo": str(int.from_bytes(attempt.id.bytes[-5:], "big")),
        "vnp_TransactionStatus": "00",
        "vnp_TxnRef": attempt.attempt_ref,
    } | changes
    text = urlencode(sorted((name, value) for name, value in fields.items() if value))
    secret = (key or account.secrets["hash_secret"].reveal()).encode()
    return f"{text}&vnp_SecureHash={hmac.new(secret, text.encode(), hashlib.sha512).hexdigest()}"


def ipn(runtime: Runtime, attempt: AttemptView, **changes: str) -> InboundRequest:
    """The same as an inbound request."""
    return InboundRequest(
        method="GET",
        path=f"/callbacks/{ACCOUNT}",
        query_string=ipn_query(runtime, attempt, **changes).encode(),
        headers={},
        body=b"",
        received_at=runtime.clock.now(),
    )
