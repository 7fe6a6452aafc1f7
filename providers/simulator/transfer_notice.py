"""A bank transfer as SePay tells it to the account's owner, signed at the moment of sending; used by vietqr and sepay."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import datetime

from providers.simulator.protocol import OutboundCall, RetryRule
from providers.simulator.truth import LOCAL, Payment, from_timestamp

BANK_PREFIX = "FT26325"
RETRY = RetryRule(tries_max=8, gaps_s=(60.0, 60.0, 120.0, 180.0, 300.0, 480.0, 780.0))


def transfer_call(payment: Payment, *, key: str) -> OutboundCall:
    """The notification of the transfer that paid; its memo is what the payer's bank made of the purpose."""
    number = int(payment.provider_ref)
    notice = {
        "id": number,
        "gateway": "VietinBank",
        "transactionDate": from_timestamp(payment.paid_at or 0.0)
        .astimezone(LOCAL)
        .strftime("%Y-%m-%d %H:%M:%S"),
        "accountNumber": payment.merchant,
        "code": None,
        "content": bank_memo(payment.memo, number),
        "transferType": "in",
        "transferAmount": payment.amount,
        "accumulated": 19_077_000 + payment.amount,
        "subAccount": None,
        "referenceCode": bank_reference(payment.provider_ref),
        "description": f"BankAPINotify {bank_memo(payment.memo, number)}",
    }
    return OutboundCall(
        method="POST",
        url=payment.callback_url,
        headers={"content-type": "application/json"},
        body=json.dumps(notice).encode("utf-8"),
        key=key,
    )


def signed(call: OutboundCall, at: datetime) -> OutboundCall:
    """The call with its two signature headers."""
    stamp = str(int(at.timestamp()))
    mac = hmac.new(call.key.encode("utf-8"), stamp.encode("ascii") + b"." + call.body, hashlib.sha256)
    headers = {"x-sepay-timestamp": stamp, "x-sepay-signature": f"sha256={mac.hexdigest()}"}
    return replace(call, headers={**call.headers, **headers})


def bank_memo(purpose: str, number: int) -> str:
    """What banks do to a purpose: words of their own around it."""
    return f"MBVCB.{number}.{purpose}.CT tu 0011000000000 NGUYEN VAN A toi 113366668888"


def bank_reference(number: str) -> str:
    """The bank's own number of a transfer, as its statement shows it too."""
    return f"{BANK_PREFIX}{number}"
