"""MoMo v2 in pure functions: the signed strings, amounts, times, and what each resultCode means.

Used by client.py and provider.py. It never does I/O and never reads a clock.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from payclear.contract.channels import Channel, Instrument
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import InvalidAmount, Money, parse_amount
from payclear.kernel.secret import Secret

# The names that each message signs, in the order MoMo concatenates them (alphabetical).
SIGNED_FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "create": (
            "accessKey",
            "amount",
            "extraData",
            "ipnUrl",
            "orderId",
            "orderInfo",
            "partnerCode",
            "redirectUrl",
            "requestId",
            "requestType",
        ),
        "query": ("accessKey", "orderId", "partnerCode", "requestId"),
        "refund/query": ("accessKey", "orderId", "partnerCode", "requestId"),
        "refund": (
            "accessKey",
            "amount",
            "description",
            "orderId",
            "partnerCode",
            "requestId",
            "transId",
        ),
        "ipn": (
            "accessKey",
            "amount",
            "extraData",
            "message",
            "orderId",
            "orderInfo",
            "orderType",
            "partnerCode",
            "payType",
            "requestId",
            "responseTime",
            "resultCode",
            "transId",
        ),
    }
)

RESULT_CODES: Mapping[int, str] = MappingProxyType(
    {
        0: "ok",
        10: "maintenance",
        11: "access denied",
        12: "API version not supported",
        13: "authentication failed",
        20: "bad format",
        21: "bad amount",
        22: "bad amount",
        40: "requestId used before",
        41: "orderId used before",
        42: "order not found",
        43: "analogous transaction in progress",
        45: "bad data",
        47: "bad data",
        98: "no QR code could be made",
        99: "unknown error",
        1000: "waiting for the user",
        1001: "insufficient funds",
        1002: "rejected by the issuer",
        1003: "cancelled after authorisation",
        1004: "over the limit",
        1005: "expired",
        1006: "denied by the user",
        1007: "account inactive",
        1017: "cancelled by the merchant",
        1026: "promotion",
        1080: "refund failed, to be tried again after about an hour",
        1081: "refunded before",
        1088: "not eligible for a refund",
        2019: "bad order group",
        4001: "user account",
        4002: "user account",
        4100: "user account",
        7000: "processing",
        7002: "processing by the instrument's issuer",
        9000: "authorised, not captured",
    }
)
# Codes that say our request itself is wrong. They say nothing about a payment.
REQUEST_REFUSED = frozenset({11, 12, 13, 20, 21, 22, 45, 47, 2019})

# What a code says about a payment, in an IPN or a query's answer. The not final ones are 1000, 7000, 7002 and 9000
# (authorised: the payer's money is held, not yet ours). A code that is not here is `unknown`, never a refusal.
PAYMENT_OUTCOMES: Mapping[int, Outcome] = MappingProxyType(
    {
        0: Outcome.CONFIRMED,
        1000: Outcome.PENDING,
        7000: Outcome.PENDING,
        7002: Outcome.PENDING,
        9000: Outcome.PENDING,
        1001: Outcome.REJECTED,
        1002: Outcome.REJECTED,
        1003: Outcome.REJECTED,
        1004: Outcome.REJECTED,
        1005: Outcome.REJECTED,
        1006: Outcome.REJECTED,
        1007: Outcome.REJECTED,
        1017: Outcome.REJECTED,
        1026: Outcome.REJECTED,
        4001: Outcome.REJECTED,
        4002: Outcome.REJECTED,
        4100: Outcome.REJECTED,
    }
)
ORDER_NOT_FOUND = 42

# What a refund's answer means. 1080 says failed and asks to try again, 40 and 41 that an earlier call may have done it:
# neither proves that no money moved.
REFUND_OUTCOMES: Mapping[int, Outcome] = MappingProxyType(
    {
        0: Outcome.CONFIRMED,
        7000: Outcome.PENDING,
        7002: Outcome.PENDING,
        42: Outcome.REJECTED,
        1081: Outcome.REJECTED,
        1088: Outcome.REJECTED,
    }
)

# MoMo reads only the HTTP status: 204 ends its calls. What we have stored needs no second call, whatever we think of it.
ACKNOWLEDGEMENTS: Mapping[CallbackVerdict, int] = MappingProxyType(
    {
        CallbackVerdict.ACCEPTED: 204,
        CallbackVerdict.ALREADY_KNOWN: 204,
        CallbackVerdict.ORDER_NOT_FOUND: 204,
        CallbackVerdict.AMOUNT_MISMATCH: 204,
        CallbackVerdict.SIGNATURE_INVALID: 401,
        CallbackVerdict.MALFORMED: 400,
        CallbackVerdict.TRY_AGAIN: 503,
    }
)

_PAY_TYPES: Mapping[str, tuple[Channel, Instrument]] = MappingProxyType(
    {
        "qr": (Channel.QR, Instrument.WALLET),
        "webApp": (Channel.WALLET, Instrument.WALLET),
        "app": (Channel.WALLET, Instrument.WALLET),
        "miniapp": (Channel.WALLET, Instrument.WALLET),
        "credit": (Channel.WALLET, Instrument.CARD),
        "napas": (Channel.WALLET, Instrument.CARD),
    }
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS = re.compile(r"[1-9][0-9]{11,13}")
_BORDER = re.compile("&(?:" + "|".join(SIGNED_FIELDS["ipn"]) + ")=")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """MoMo's two keys of a merchant: the access key stands in the signed string, the secret key signs it."""

    id: str
    access_key: Secret
    secret_key: Secret


def canonical(fields: Mapping[str, str], names: tuple[str, ...]) -> str:
    """The signed string: `name=value` joined by `&`, raw values, empty ones kept."""
    return "&".join(f"{name}={fields.get(name, '')}" for name in names)


def sign(pair: KeyPair, fields: Mapping[str, str], names: tuple[str, ...]) -> str:
    """HMAC-SHA256 of the signed string with this pair's access key in it, lower-case hexadecimal."""
    text = canonical({**fields, "accessKey": pair.access_key.reveal()}, names)
    return hmac.digest(pair.secret_key.reveal().encode("utf-8"), text.encode("utf-8"), hashlib.sha256).hex()


def signing_key_id(pairs: tuple[KeyPair, ...], fields: Mapping[str, str], signature: str) -> str | None:
    """Name the pair that signed an IPN or a return, or None. Every pair is tried, in constant time each."""
    given = signature.encode("utf-8")
    found: str | None = None
    for pair in pairs:
        expected = sign(pair, fields, SIGNED_FIELDS["ipn"]).encode("ascii")
        if hmac.compare_digest(expected, given) and found is None:
            found = pair.id
    return found


def shifts_borders(fields: Mapping[str, str]) -> bool:
    """Whether a value holds something like `&amount=`.

    Raw values are joined, so such a value could be read as two fields: the signature would hold for both readings.
    """
    return any(_BORDER.search(value) for value in fields.values())


def plain_fields(message: Mapping[str, Any]) -> dict[str, str]:
    """The members of a message as text: numbers become their digits, null nothing; what is neither is left out."""
    fields: dict[str, str] = {}
    for name, value in message.items():
        if value is None:
            fields[name] = ""
        elif isinstance(value, str | int) and not isinstance(value, bool):
            fields[name] = str(value)
    return fields


def payment_outcome(result_code: int) -> Outcome:
    """What an IPN or a query's answer says about the payment."""
    return PAYMENT_OUTCOMES.get(result_code, Outcome.UNKNOWN)


def refund_outcome(result_code: int) -> Outcome:
    """What a refund's answer says."""
    return REFUND_OUTCOMES.get(result_code, Outcome.UNKNOWN)


def read_code(text: str) -> int | None:
    """A resultCode as a number; None when it is none."""
    return int(text) if re.fullmatch(r"0|[1-9][0-9]{0,4}", text) else None


def read_amount(text: str) -> Money | None:
    """An amount in whole đồng; None when it is none."""
    try:
        return Money(parse_amount(text))
    except InvalidAmount:
        return None


def read_time(text: str) -> datetime | None:
    """Milliseconds since 1970 as aware UTC; None when it is no such number."""
    return _EPOCH + timedelta(milliseconds=int(text)) if _MILLISECONDS.fullmatch(text) else None


def channel_and_instrument(pay_type: str) -> tuple[Channel, Instrument]:
    """How the citizen paid; a payType nobody listed is still the wallet's page."""
    return _PAY_TYPES.get(pay_type, (Channel.WALLET, Instrument.UNSTATED))
