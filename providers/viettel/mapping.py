"""Viettel's gateway, version 2, in pure functions: signing strings, the bill code, and what each code means.

Used by client.py, provider.py and statement.py. It never does I/O and never reads a clock.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret

VERSION = "2.0"
MESSAGE_LIMIT = 8_192
ORDER_ID_MAX = 20
REFERENCE_TAIL = 13
AMOUNT_WIDTH = 7
AMOUNT_CEILING = 36**AMOUNT_WIDTH - 1

_DIGITS36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OURS = re.compile(r"PC[0-9A-Z]{11}[0-9]{2}")
_BILL_CODE = re.compile(r"([A-Za-z0-9]{1,13})([0-9A-Z]{7})")
_STATUS_LIST = re.compile(r"(?:-?[0-9]{1,3}(?:,-?[0-9]{1,3})*)?")

# What the fields under each checksum are, in order; the values are joined without a separator.
PAY = ("access_code", "billcode", "command", "merchant_code", "order_id", "trans_amount", "version")
INQUIRY = ("access_code", "cmd", "merchant_code", "order_id", "version")
REFUND = (
    "access_code",
    "cmd",
    "merchant_code",
    "order_id",
    "originalRequestId",
    "refundType",
    "trans_amount",
    "version",
)
VERIFY = ("access_code", "billcode", "merchant_code", "order_id", "trans_amount")
RESULT = (
    "access_code",
    "billcode",
    "merchant_code",
    "order_id",
    "payment_status",
    "trans_amount",
    "vt_transaction_id",
)
REPLY = ("access_code", "error_code", "merchant_code", "order_id")

PAID = ("00", "1")  # error_code and payment_status

# error_code of our replies: 00 taken, 01 not found or another amount, 02 checksum, 03 system.
REPLY_CODES: Mapping[CallbackVerdict, str] = MappingProxyType(
    {
        CallbackVerdict.ACCEPTED: "00",
        CallbackVerdict.ALREADY_KNOWN: "00",
        CallbackVerdict.ORDER_NOT_FOUND: "01",
        CallbackVerdict.AMOUNT_MISMATCH: "01",
        CallbackVerdict.SIGNATURE_INVALID: "02",
        CallbackVerdict.MALFORMED: "03",
        CallbackVerdict.TRY_AGAIN: "03",
    }
)

# payment_status of an answer or a result with error_code 00. Everything else is `unknown`, unless the contract
# names it a refusal (option refusal_statuses).
STATUSES: Mapping[str, Outcome] = MappingProxyType({"1": Outcome.CONFIRMED, "0": Outcome.PENDING})

# error_code of REFUND_PAYMENT's answer. Only 00 and the checksum's 02 are known for certain.
REFUND_OUTCOMES: Mapping[str, Outcome] = MappingProxyType({"00": Outcome.CONFIRMED, "02": Outcome.REJECTED})


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An access code and its hash key, which are issued and changed together."""

    id: str
    access_code: Secret
    hash_key: Secret


def sign(pair: KeyPair, fields: Mapping[str, str], names: tuple[str, ...]) -> str:
    """HMAC-SHA1 of the named fields' values without separator, base64; the access code is the pair's own.

    Borders between fields are not covered: whoever calls checks each field's form before and after.
    """
    text = "".join(
        pair.access_code.reveal() if name == "access_code" else fields.get(name, "") for name in names
    )
    key = pair.hash_key.reveal().encode("utf-8")
    # HMAC-SHA1 is the protocol's; it is sound as a MAC though SHA-1 is not collision-free.
    mac = hmac.digest(key, text.encode("utf-8", "surrogatepass"), hashlib.sha1)
    return base64.b64encode(mac).decode("ascii")


def signing_pair(
    pairs: tuple[KeyPair, ...], fields: Mapping[str, str], names: tuple[str, ...]
) -> KeyPair | None:
    """The pair that signed these fields, or None. Every pair is tried, in constant time each."""
    given = fields.get("check_sum", "").encode("utf-8", "surrogatepass")
    found: KeyPair | None = None
    for pair in pairs:
        right = hmac.compare_digest(sign(pair, fields, names).encode("ascii"), given)
        if right and found is None:
            found = pair
    return found


def bill_code(order_id: str, money: Money) -> str:
    """The bill code of an attempt: the end of its reference and the amount in base 36, 20 characters at most.

    Viettel asks "verify data" with the bill code but without the amount, and signs the amount we must answer: so the
    bill code brings it back. ValueError for an amount that does not fit.
    """
    if not 0 < money.amount <= AMOUNT_CEILING:
        raise ValueError("the amount does not fit into a bill code")
    left, digits = money.amount, ""
    while left:
        left, digit = divmod(left, 36)
        digits = _DIGITS36[digit] + digits
    return order_id[-REFERENCE_TAIL:] + digits.rjust(AMOUNT_WIDTH, "0")


def billed_amount(code: str, order_id: str) -> Money | None:
    """The amount inside a bill code of ours; None when the code is not that of this order."""
    match = _BILL_CODE.fullmatch(code)
    if match is None or match.group(1) != order_id[-REFERENCE_TAIL:]:
        return None
    amount = int(match.group(2), 36)
    return Money(amount) if amount else None


def shifts_borders(fields: Mapping[str, str]) -> bool:
    """Whether a result could be another one whose digits moved from field to field, for none stands between the values.

    Our reference has one length. Another amount than the bill's is told apart from digits that moved by looking for
    the bill's amount in the status, the amount and Viettel's number written together.
    """
    if not _OURS.fullmatch(fields["order_id"]):
        return True
    billed = billed_amount(fields["billcode"], fields["order_id"])
    told = fields.get("trans_amount", "")
    if billed is None or told == str(billed.amount):
        return billed is None
    return str(billed.amount) in fields["payment_status"] + told + fields.get("vt_transaction_id", "")


def refusal_statuses(option: str) -> frozenset[str] | None:
    """The values of payment_status that the contract names final refusals, `2,-1`; None for anything else.

    Paid and pending can not be among them.
    """
    if not _STATUS_LIST.fullmatch(option):
        return None
    named = frozenset(option.split(",")) if option else frozenset()
    return None if named & set(STATUSES) else named


def payment_outcome(error_code: str, payment_status: str, refusals: frozenset[str]) -> Outcome:
    """What a result or an inquiry's answer says; what is not documented nor agreed is `unknown`."""
    if payment_status in refusals:
        return Outcome.REJECTED
    outcome = STATUSES.get(payment_status, Outcome.UNKNOWN)
    if outcome is Outcome.CONFIRMED and (error_code, payment_status) != PAID:
        return Outcome.UNKNOWN
    return outcome


def refund_outcome(error_code: str) -> Outcome:
    """What a refund's answer says; `unknown` unless the code is listed."""
    return REFUND_OUTCOMES.get(error_code, Outcome.UNKNOWN)


def refund_order_id(refund_ref: str) -> str:
    """A refund's reference as Viettel takes it, at most 20 characters; a longer one becomes its own digest."""
    if len(refund_ref) <= ORDER_ID_MAX:
        return refund_ref
    return "RF" + hashlib.sha256(refund_ref.encode("utf-8")).hexdigest()[: ORDER_ID_MAX - 2]
