"""The sandbox protocol in pure functions: signatures and what each status means.

Never does I/O, never reads a clock.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.secret import Secret

TIMESTAMP_HEADER = "x-sandbox-timestamp"
SIGNATURE_HEADER = "x-sandbox-signature"
PAST_TOLERANCE_S = 300
FUTURE_TOLERANCE_S = 60

_STAMP = re.compile(r"[1-9][0-9]{8,10}")
_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")

# What a status in a callback or a query answer means. The sandbox opens payments only by our own signed call,
# so "not_found" means that it never got one.
OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {
        "paid": Outcome.CONFIRMED,
        "refused": Outcome.REJECTED,
        "pending": Outcome.PENDING,
        "not_found": Outcome.NOT_SENT,
    }
)
REFUND_OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {
        "done": Outcome.CONFIRMED,
        "pending": Outcome.PENDING,
        "refused": Outcome.REJECTED,
        "not_found": Outcome.NOT_SENT,
    }
)
# What the status of a statement line means: kind and outcome.
LINE_OUTCOMES: Mapping[str, tuple[str, Outcome]] = MappingProxyType(
    {
        "paid": ("payment", Outcome.CONFIRMED),
        "failed": ("payment", Outcome.REJECTED),
        "suspected": ("payment", Outcome.PENDING),
        "refunded": ("refund", Outcome.CONFIRMED),
    }
)
# The HTTP status that answers a callback; only 2xx ends the sandbox's retries.
ACKNOWLEDGEMENTS: Mapping[CallbackVerdict, int] = MappingProxyType(
    {
        CallbackVerdict.ACCEPTED: 200,
        CallbackVerdict.ALREADY_KNOWN: 200,
        CallbackVerdict.ORDER_NOT_FOUND: 404,
        CallbackVerdict.AMOUNT_MISMATCH: 200,
        CallbackVerdict.SIGNATURE_INVALID: 401,
        CallbackVerdict.MALFORMED: 400,
        CallbackVerdict.TRY_AGAIN: 503,
    }
)


def signed_headers(key: Secret, body: bytes, at: datetime) -> dict[str, str]:
    """The two headers that sign a body."""
    stamp = str(int(at.timestamp()))
    return {TIMESTAMP_HEADER: stamp, SIGNATURE_HEADER: _signature(key, stamp, body)}


def signing_key_id(keys: Mapping[str, Secret], headers: Mapping[str, str], body: bytes) -> str | None:
    """Name the key that signed a body under these headers (lower-case names), or None."""
    stamp, given = headers.get(TIMESTAMP_HEADER, ""), headers.get(SIGNATURE_HEADER, "")
    if not _STAMP.fullmatch(stamp) or not _SIGNATURE.fullmatch(given):
        return None
    found: str | None = None
    for key_id, key in keys.items():
        if hmac.compare_digest(_signature(key, stamp, body), given) and found is None:
            found = key_id
    return found


def is_fresh(headers: Mapping[str, str], at: datetime) -> bool:
    """Whether a callback's timestamp lies within the window; the sandbox stamps every delivery anew."""
    stamp = headers.get(TIMESTAMP_HEADER, "")
    if not _STAMP.fullmatch(stamp):
        return False
    age_s = at.timestamp() - int(stamp)
    return -FUTURE_TOLERANCE_S <= age_s <= PAST_TOLERANCE_S


def return_signature(key: Secret, attempt_ref: str, status: str) -> str:
    """What signs the browser's return."""
    message = f"{attempt_ref}|{status}".encode()
    return hmac.digest(key.reveal().encode("utf-8"), message, hashlib.sha256).hex()


def outcome_of(status: str) -> Outcome:
    """What a status says; one we do not know is `unknown`."""
    return OUTCOMES.get(status, Outcome.UNKNOWN)


def read_time(text: str) -> datetime | None:
    """An RFC 3339 time with its offset as aware UTC; None when it is none."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _signature(key: Secret, stamp: str, body: bytes) -> str:
    message = stamp.encode("ascii") + b"." + body
    return "sha256=" + hmac.digest(key.reveal().encode("utf-8"), message, hashlib.sha256).hex()
