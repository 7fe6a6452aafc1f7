"""ZaloPay v2 in pure functions: references, the signed strings, amounts, times, and what each code means.

Used by client.py, provider.py and statement.py. It never does I/O and never reads a clock.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.clock import VIETNAM
from payclear.kernel.money import InvalidAmount, Money, parse_amount
from payclear.kernel.secret import Secret

# What is signed with key1, in this order, joined by `|`; `key1` itself stands at the end of a query's string.
SIGNED_FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "create": ("app_id", "app_trans_id", "app_user", "amount", "app_time", "embed_data", "item"),
        "query": ("app_id", "app_trans_id", "key1"),
        "refund": ("app_id", "zp_trans_id", "amount", "description", "timestamp"),
        "query_refund": ("app_id", "m_refund_id", "timestamp"),
    }
)
# What the browser's return signs with key2.
RETURN_FIELDS = ("appid", "apptransid", "pmcid", "bankcode", "amount", "discountamount", "status")

RETURN_CODES: Mapping[int, str] = MappingProxyType({1: "ok", 2: "failed", 3: "processing"})
SUB_CODES: Mapping[int, str] = MappingProxyType(
    {
        -4: "refund: payment channel does not give back",
        -9: "refund: kind of payment does not give back",
        -13: "refund: too late",
        -14: "refund: bad amount",
        -23: "refund: m_refund_id used before",
        -32: "system error",
        -33: "application under maintenance",
        -34: "payment channel",
        -35: "payment channel",
        -43: "bank under maintenance",
        -49: "transaction not found",
        -54: "order expired",
        -68: "app_trans_id used before",
        -88: "under maintenance",
        -101: "refunded, or order not found: the sources differ",
        -135: "system maintenance",
        -301: "system error",
        -322: "code expired",
        -329: "cancelled by the user",
        -401: "illegal data",
        -402: "illegal application",
        -403: "illegal signature",
        -405: "illegal client request",
        406: "illegal status",
        -429: "rate limit",
        -500: "system error",
    }
)
# Codes that say our request itself is wrong. They say nothing about a payment.
REQUEST_REFUSED = frozenset({-401, -402, -403, -405, 406})
TRANSACTION_NOT_FOUND = -49
REFUND_KNOWN = -23

# What a "failed" (2) means for the payment, by its sub code. Failures of ZaloPay's own machinery and codes nobody listed
# prove nothing; -101 may say that money moved both ways, so a person or the statement decides.
FAILED_OUTCOMES: Mapping[int, Outcome] = MappingProxyType(
    {-54: Outcome.REJECTED, -322: Outcome.REJECTED, -329: Outcome.REJECTED}
)
# What a "failed" means for a refund: with these no money went back. -23 may hide one that did.
REFUND_REFUSED = frozenset({-4, -9, -13, -14, -101})
# What a "failed" means for the call that opens a payment: with these no payment was opened.
NOT_OPENED = frozenset({-33, -34, -35, -43, -88, -135, -429})

# return_code, return_message. 1, 2 and -1 end ZaloPay's calls; on anything else it calls again, three times at most.
ACKNOWLEDGEMENTS: Mapping[CallbackVerdict, tuple[int, str]] = MappingProxyType(
    {
        CallbackVerdict.ACCEPTED: (1, "success"),
        CallbackVerdict.ALREADY_KNOWN: (2, "duplicate"),
        CallbackVerdict.ORDER_NOT_FOUND: (0, "order not found"),
        CallbackVerdict.AMOUNT_MISMATCH: (1, "success"),
        CallbackVerdict.SIGNATURE_INVALID: (-1, "mac not equal"),
        CallbackVerdict.MALFORMED: (0, "malformed"),
        CallbackVerdict.TRY_AGAIN: (0, "try again"),
    }
)

_APP_TRANS_ID = re.compile(r"[0-9]{6}_([A-Za-z0-9]{1,33})")
_MILLISECONDS = re.compile(r"[1-9][0-9]{11,13}")
_CODE = re.compile(r"0|-?[1-9][0-9]{0,5}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def app_trans_id(attempt_ref: str, created_at: datetime) -> str:
    """ZaloPay's form of our reference: the Vietnamese day of its creation in front, as the protocol wants."""
    return f"{created_at.astimezone(VIETNAM):%y%m%d}_{attempt_ref}"


def attempt_ref_of(text: str) -> str | None:
    """Our reference inside an app_trans_id; None when it is none."""
    match = _APP_TRANS_ID.fullmatch(text)
    return match.group(1) if match else None


def m_refund_id(app_id: str, refund_ref: str, asked_at: datetime) -> str:
    """ZaloPay's form of our refund reference: `yymmdd_appid_…`."""
    return f"{asked_at.astimezone(VIETNAM):%y%m%d}_{app_id}_{refund_ref}"


def canonical(fields: Mapping[str, str], names: tuple[str, ...]) -> str:
    """Raw values joined by `|`."""
    return "|".join(fields.get(name, "") for name in names)


def sign(key: Secret, text: str) -> str:
    """HMAC-SHA256, lower-case hexadecimal."""
    return hmac.digest(key.reveal().encode("utf-8"), text.encode("utf-8"), hashlib.sha256).hex()


def signing_key_id(keys: Mapping[str, Secret], text: str, mac: str) -> str | None:
    """Name the key whose mac this is, or None. Every key is tried, in constant time each."""
    given = mac.encode("utf-8")
    found: str | None = None
    for key_id, key in keys.items():
        if hmac.compare_digest(sign(key, text).encode("ascii"), given) and found is None:
            found = key_id
    return found


def payment_outcome(return_code: int, sub_code: int | None) -> Outcome:
    """What a query's answer says about the payment; a code we do not know is `unknown`, never a refusal."""
    if return_code == 1:
        return Outcome.CONFIRMED
    if return_code == 3:
        return Outcome.PENDING
    if return_code == 2 and sub_code is not None:
        return FAILED_OUTCOMES.get(sub_code, Outcome.UNKNOWN)
    return Outcome.UNKNOWN


def refund_outcome(return_code: int, sub_code: int | None) -> Outcome:
    """What a refund's answer says: 3 means taken in work; a failure without a known reason leaves doubt."""
    if return_code == 1:
        return Outcome.CONFIRMED
    if return_code == 3:
        return Outcome.PENDING
    if return_code == 2 and sub_code in REFUND_REFUSED:
        return Outcome.REJECTED
    return Outcome.UNKNOWN


def detail_code(return_code: int, sub_code: int | None) -> str:
    """ZaloPay's own code to keep with evidence: `1`, `3`, `2/-329`."""
    return str(return_code) if sub_code in (None, 0, 1, return_code) else f"{return_code}/{sub_code}"


def milliseconds(at: datetime) -> str:
    """An instant as milliseconds since 1970."""
    return str((at - _EPOCH) // timedelta(milliseconds=1))


def read_time(text: str) -> datetime | None:
    """Milliseconds since 1970 as aware UTC; None when it is no such number."""
    return _EPOCH + timedelta(milliseconds=int(text)) if _MILLISECONDS.fullmatch(text) else None


def read_code(text: str) -> int | None:
    """A code as a number; None when it is none."""
    return int(text) if _CODE.fullmatch(text) else None


def read_amount(text: str) -> Money | None:
    """An amount in whole đồng; None when it is none."""
    try:
        return Money(parse_amount(text))
    except InvalidAmount:
        return None
