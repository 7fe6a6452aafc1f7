"""VNPAY's side of the signatures, written apart from the adapter so that no mistake hides another."""

import contextlib
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qsl, quote_plus

from providers.simulator.truth import LOCAL

PROVIDER = "vnpay"

# outcome → (vnp_ResponseCode, vnp_TransactionStatus)
OUTCOMES = {
    "success": ("00", "00"),
    "suspected": ("07", "07"),
    "cancel": ("24", "02"),
    "insufficient": ("51", "02"),
    "locked": ("12", "02"),
    "wrong_otp": ("13", "02"),
    "reversed": ("99", "04"),
}
QUERY_REQUEST = [
    "RequestId",
    "Version",
    "Command",
    "TmnCode",
    "TxnRef",
    "TransactionDate",
    "CreateDate",
    "IpAddr",
    "OrderInfo",
]
REFUND_REQUEST = [
    "RequestId",
    "Version",
    "Command",
    "TmnCode",
    "TransactionType",
    "TxnRef",
    "Amount",
    "TransactionNo",
    "TransactionDate",
    "CreateBy",
    "CreateDate",
    "IpAddr",
    "OrderInfo",
]
REFUND_ANSWER = [
    "ResponseId",
    "Command",
    "ResponseCode",
    "Message",
    "TmnCode",
    "TxnRef",
    "Amount",
    "BankCode",
    "PayDate",
    "TransactionNo",
    "TransactionType",
    "TransactionStatus",
    "OrderInfo",
]
QUERY_ANSWER = [*REFUND_ANSWER, "PromotionCode", "PromotionAmount"]


def encoded(text: str) -> str:
    """One value as URLSearchParams writes it."""
    return quote_plus(text, safe="*").replace("~", "%7E")


def signed_query(fields: Mapping[str, str], key: str) -> str:
    """The query string with its hash at the end."""
    query = _query(fields)
    return f"{query}&vnp_SecureHash={_mac(key, query)}"


def query_holds(query: str, key: str) -> bool:
    """Whether a received query string is signed with the key."""
    fields = dict(parse_qsl(query, keep_blank_values=True))
    given = fields.pop("vnp_SecureHash", "")
    fields.pop("vnp_SecureHashType", None)
    return hmac.compare_digest(_mac(key, _query(fields)).encode(), given.encode())


def pipe_mac(fields: Mapping[str, str], names: list[str], key: str) -> str:
    """The hash of an API message: raw values joined by bars."""
    return _mac(key, "|".join(str(fields.get(f"vnp_{name}", "")) for name in names))


def stamp(at: datetime) -> str:
    """yyyyMMddHHmmss in GMT+7."""
    return at.astimezone(LOCAL).strftime("%Y%m%d%H%M%S")


def read_stamp(text: str) -> datetime:
    """Read yyyyMMddHHmmss in GMT+7; raises ValueError."""
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=LOCAL)


def is_final_answer(status: int, body: bytes) -> bool:
    """Whether the merchant's answer to an IPN ends the calls: RspCode 00 and 02 and nothing else."""
    if status != 200:
        return False
    with contextlib.suppress(ValueError):
        answer = json.loads(body)
        return isinstance(answer, dict) and answer.get("RspCode") in ("00", "02")
    return False


def _query(fields: Mapping[str, str]) -> str:
    names = sorted(name for name, value in fields.items() if value)
    return "&".join(f"{encoded(name)}={encoded(fields[name])}" for name in names)


def _mac(key: str, text: str) -> str:
    return hmac.new(key.encode("utf-8"), text.encode("utf-8"), hashlib.sha512).hexdigest()
