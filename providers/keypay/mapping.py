"""KeyPay 3.0 in pure functions: checksums, and what each code means.

Used by client.py and provider.py. It never does I/O and never reads a clock.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from payclear.contract.errors import ProviderError
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.secret import Secret
from providers.wire import Refuse, member

VERSION = "3.0"
COMMAND = "PAY"
ERROR_NONE = "0"

# What each checksum covers, in order; the values are joined by `|`. The status is under none of them.
PAYMENT = ("addition_fee", "client_id", "command", "trans_amount", "transaction_id", "version")
DETAIL = ("client_id", "command", "transaction_id")
REFUND_DETAIL = ("client_id", "command", "transaction_refund_code")
REFUND = ("amount", "client_id", "command", "reason", "transaction_id")

_CODE_LIST = re.compile(r"(?:[A-Za-z0-9_-]{1,30}(?:,[A-Za-z0-9_-]{1,30})*)?")

STATUSES: Mapping[str, Outcome] = MappingProxyType({"0": Outcome.CONFIRMED})

ACKNOWLEDGEMENTS: Mapping[CallbackVerdict, tuple[int, str]] = MappingProxyType(
    {
        CallbackVerdict.ACCEPTED: (0, "success"),
        CallbackVerdict.ALREADY_KNOWN: (0, "success"),
        CallbackVerdict.ORDER_NOT_FOUND: (-1, "error: transaction not found"),
        CallbackVerdict.AMOUNT_MISMATCH: (0, "success"),
        CallbackVerdict.SIGNATURE_INVALID: (-1, "error: check_sum invalid"),
        CallbackVerdict.MALFORMED: (-1, "error: malformed"),
        CallbackVerdict.TRY_AGAIN: (-1, "error: system exception"),
    }
)


def check_sum(secret: Secret, fields: Mapping[str, str], names: tuple[str, ...]) -> str:
    """HMAC-SHA256 of the named values joined by `|`, lower-case hexadecimal."""
    text = "|".join(fields.get(name, "") for name in names)
    return hmac.digest(secret.reveal().encode("utf-8"), text.encode("utf-8"), hashlib.sha256).hex()


def signing_key_id(
    keys: Mapping[str, Secret], fields: Mapping[str, str], names: tuple[str, ...], given: str
) -> str | None:
    """Name the key whose checksum this is, or None. Every key is tried, in constant time each."""
    found: str | None = None
    for key_id, secret in keys.items():
        right = hmac.compare_digest(
            check_sum(secret, fields, names).encode("ascii"), given.encode("utf-8", "surrogatepass")
        )
        if right and found is None:
            found = key_id
    return found


def flat(message: Mapping[str, Any], refuse: Refuse) -> dict[str, str]:
    """The plain members of a message and of its `data`, as texts; what is named twice must be equal.

    Lists and objects are passed over. A value with `|` could be read in two ways under a checksum and is refused.
    """
    inner = message.get("data")
    fields: dict[str, str] = {}
    for part in (message, inner if isinstance(inner, dict) else {}):
        for name, value in part.items():
            if isinstance(value, dict | list | bool):
                continue
            text = member(part, name, refuse)
            if fields.setdefault(name, text) != text or (name in PAYMENT and "|" in text):
                error: ProviderError = refuse("a member can be read in two ways", reason="ambiguous")
                raise error
    return fields


def codes(option: str) -> frozenset[str] | None:
    """A list of codes in an option, `1,expired`; None for anything else. What means paid can not be among them."""
    if not _CODE_LIST.fullmatch(option):
        return None
    named = frozenset(option.split(",")) if option else frozenset()
    return None if named & set(STATUSES) else named


def outcome_of(status: str, refusals: frozenset[str]) -> Outcome:
    """What a status says; one that is neither documented nor agreed is `unknown`, never a refusal."""
    if status in refusals:
        return Outcome.REJECTED
    return STATUSES.get(status, Outcome.UNKNOWN)
