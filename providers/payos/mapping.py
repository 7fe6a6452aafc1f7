"""payOS in pure functions: order codes, the signed strings, times, and what each status means.

Used by client.py and provider.py. It never does I/O and never reads a clock.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.clock import VIETNAM
from payclear.kernel.ids import CROCKFORD, attempt_ref, is_order_ref, split_attempt_ref
from payclear.kernel.iso7064 import mod37_36_check
from payclear.kernel.money import AMOUNT_MAX, Money
from payclear.kernel.secret import Secret

CREATE_FIELDS = ("amount", "cancelUrl", "description", "orderCode", "returnUrl")
# orderCode is a JavaScript number: whole up to 2^53 - 1. The ten random characters of an order reference are 50 bits, so
# three are left for the attempt: reference and code turn into each other, and nothing needs to be remembered.
ORDER_CODE_MAX = 2**53 - 1
ATTEMPTS_MAX = 8

OK = "00"
# From integrators' code, not from payOS's pages: the order is not known; the channel is not known or paused.
NOT_FOUND = "101"
CHANNEL_REFUSED = "214"

# What the status of a payment link says. Of an underpaid one money is there, and more may come until it expires.
STATUS_OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {
        "PENDING": Outcome.PENDING,
        "PROCESSING": Outcome.PENDING,
        "UNDERPAID": Outcome.PENDING,
        "PAID": Outcome.CONFIRMED,
        "CANCELLED": Outcome.REJECTED,
        "EXPIRED": Outcome.REJECTED,
        "FAILED": Outcome.REJECTED,
    }
)
# Statuses in which nothing more is to come: what was paid until then is money, be it the right amount or not.
ENDED = frozenset({"PAID", "CANCELLED", "EXPIRED", "FAILED"})

# payOS reads only the HTTP status. Its trial message of a new address is about an order nobody has, and wants 2xx.
ACKNOWLEDGEMENTS: Mapping[CallbackVerdict, int] = MappingProxyType(
    {
        CallbackVerdict.ACCEPTED: 200,
        CallbackVerdict.ALREADY_KNOWN: 200,
        CallbackVerdict.ORDER_NOT_FOUND: 200,
        CallbackVerdict.AMOUNT_MISMATCH: 200,
        CallbackVerdict.SIGNATURE_INVALID: 401,
        CallbackVerdict.MALFORMED: 400,
        CallbackVerdict.TRY_AGAIN: 503,
    }
)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_BORDER = re.compile(r"&[A-Za-z][A-Za-z0-9_]*=")
_NOTHING = frozenset({"null", "undefined"})


class NotSignable(ValueError):
    """A message holds a value that payOS never signs."""


def order_code(reference: str) -> int | None:
    """The orderCode of one of our attempts; None when the reference is no attempt's or beyond the eighth."""
    parts = split_attempt_ref(reference)
    if parts is None or parts[1] > ATTEMPTS_MAX:
        return None
    order_ref, number = parts
    body = 0
    for character in order_ref[2:12]:
        body = body * len(CROCKFORD) + CROCKFORD.index(character)
    return (body * ATTEMPTS_MAX + number - 1) or None


def attempt_ref_of(code: int) -> str | None:
    """The attempt behind an orderCode; None when it is out of range."""
    if not 1 <= code <= ORDER_CODE_MAX:
        return None
    body, number = divmod(code, ATTEMPTS_MAX)
    letters = "".join(CROCKFORD[body >> shift & 31] for shift in range(45, -1, -5))
    order_ref = f"PC{letters}{mod37_36_check(f'PC{letters}')}"
    return attempt_ref(order_ref, number + 1) if is_order_ref(order_ref) else None


def canonical_create(fields: Mapping[str, str | int]) -> str:
    """The string a payment request signs: five fields in alphabetical order, raw."""
    return "&".join(f"{name}={fields[name]}" for name in CREATE_FIELDS)


def canonical_data(data: Mapping[str, Any]) -> str:
    """The string a webhook or an answer signs: every member sorted by name, raw; raises NotSignable.

    Null and the words "null" and "undefined" are empty; an array is JSON whose objects have their members sorted.
    """
    return "&".join(f"{name}={_value(data[name])}" for name in sorted(data))


def _value(value: Any) -> str:
    if value is None or (isinstance(value, str) and value in _NOTHING):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, list):
        ordered = [dict(sorted(item.items())) if isinstance(item, dict) else item for item in value]
        return json.dumps(ordered, ensure_ascii=False, separators=(",", ":"))
    raise NotSignable("a value of a kind that is never signed")


def sign(key: Secret, canonical: str) -> str:
    """HMAC-SHA256, lower-case hexadecimal; a lone surrogate raises UnicodeEncodeError."""
    return hmac.digest(key.reveal().encode("utf-8"), canonical.encode("utf-8"), hashlib.sha256).hex()


def signing_key_id(keys: Mapping[str, Secret], data: Mapping[str, Any], signature: str) -> str | None:
    """Name the key that signed a webhook's or an answer's data, or None. Every key is tried, in constant time each."""
    try:
        canonical = canonical_data(data)
        canonical.encode("utf-8")
        given = signature.encode("utf-8")
    except ValueError:
        return None
    found: str | None = None
    for key_id, key in keys.items():
        if hmac.compare_digest(sign(key, canonical).encode("ascii"), given) and found is None:
            found = key_id
    return found


def shifts_borders(data: Mapping[str, Any]) -> bool:
    """Whether the signature would hold for another reading of the same string.

    Raw values are joined, so a payer who writes `&orderCode=…` into a transfer could be read as another field. Values like
    that, and names that are no plain words, are refused.
    """
    return any(
        not _NAME.fullmatch(name) or (isinstance(value, str) and _BORDER.search(value))
        for name, value in data.items()
    )


def status_outcome(status: str) -> Outcome:
    """What a payment link's status says before its money is looked at."""
    return STATUS_OUTCOMES.get(status, Outcome.UNKNOWN)


def link_outcome(status: str, paid: Money, *, has_expired: bool) -> Outcome:
    """What a link's status and the money on it say.

    Money on a link that nothing more comes to is confirmed whatever the status is called: the amount is judged by the
    core, which keeps a wrong one in suspense.
    """
    outcome = status_outcome(status)
    ended = status in ENDED or (status == "UNDERPAID" and has_expired)
    if ended and paid.is_positive:
        return Outcome.CONFIRMED
    return Outcome.UNKNOWN if outcome is Outcome.CONFIRMED else outcome


def read_amount(value: Any) -> Money | None:
    """A member that is a whole, not negative number of đồng; None when it is anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= AMOUNT_MAX:
        return None
    return Money(value)


def read_time(text: str) -> datetime | None:
    """`YYYY-MM-DD HH:mm:ss` in GMT+7, or an ISO time with its offset, as aware UTC; None when it is no time."""
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=VIETNAM)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
