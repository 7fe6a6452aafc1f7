"""9Pay in pure functions: signing strings, the callback's checksum, and what each status means.

Used by client.py and provider.py. It never does I/O and never reads a clock.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote_plus, urlencode

from payclear.contract.channels import Channel, Instrument
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.secret import Secret

MESSAGE_LIMIT = 16_384
REQUEST_ID_MAX = 30

_CHECKSUM = re.compile(r"[0-9A-F]{64}")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=_-]")

# Status of a transaction, public table of 9Pay ("Thông tin mã lỗi").
OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {
        "2": Outcome.PENDING,  # under way
        "3": Outcome.PENDING,  # held for a risk check
        "4": Outcome.UNKNOWN,  # a card was linked: no payment at all
        "5": Outcome.CONFIRMED,
        "6": Outcome.REJECTED,  # failed
        "8": Outcome.REJECTED,  # cancelled
        "9": Outcome.REJECTED,  # refused by risk rules
        "16": Outcome.PENDING,  # money received by bank transfer, not yet a success
    }
)

# 9Pay looks at the HTTP status only.
ACKNOWLEDGEMENTS: Mapping[CallbackVerdict, tuple[int, str]] = MappingProxyType(
    {
        CallbackVerdict.ACCEPTED: (200, "OK"),
        CallbackVerdict.ALREADY_KNOWN: (200, "OK"),
        CallbackVerdict.ORDER_NOT_FOUND: (404, "order not found"),
        CallbackVerdict.AMOUNT_MISMATCH: (200, "OK"),
        CallbackVerdict.SIGNATURE_INVALID: (400, "invalid checksum"),
        CallbackVerdict.MALFORMED: (400, "malformed"),
        CallbackVerdict.TRY_AGAIN: (503, "try again"),
    }
)

_METHODS: Mapping[str, tuple[Channel, Instrument]] = MappingProxyType(
    {
        "ATM_CARD": (Channel.EBANKING, Instrument.CARD),
        "CREDIT_CARD": (Channel.EBANKING, Instrument.CARD),
        "APPLE_PAY": (Channel.EBANKING, Instrument.CARD),
        "GOOGLE_PAY": (Channel.EBANKING, Instrument.CARD),
        "9PAY": (Channel.WALLET, Instrument.WALLET),
        "WALLET": (Channel.WALLET, Instrument.WALLET),
        "ZALOPAY_WALLET": (Channel.WALLET, Instrument.WALLET),
        "COLLECTION": (Channel.EBANKING, Instrument.ACCOUNT),
        "QR_PAY": (Channel.QR, Instrument.ACCOUNT),
    }
)


def outcome_of(status: str) -> Outcome:
    """What a status says; one we do not know is `unknown`, never a refusal."""
    return OUTCOMES.get(status, Outcome.UNKNOWN)


def channel_and_instrument(method: str) -> tuple[Channel, Instrument]:
    """How the citizen paid; a method we do not know is no more than the gateway's word."""
    return _METHODS.get(method, (Channel.GATEWAY, Instrument.UNSTATED))


def signing_string(method: str, url: str, stamp: str, params: Mapping[str, str | int]) -> str:
    """What is signed: method, URL, epoch seconds and the form-encoded sorted parameters, a line each."""
    lines = [method, url, stamp]
    if params:
        lines.append(urlencode(sorted(params.items())))
    return "\n".join(lines)


def sign(secret: Secret, text: str) -> str:
    """HMAC-SHA256 of a signing string, base64."""
    key = secret.reveal().encode("utf-8")
    return base64.b64encode(hmac.digest(key, text.encode("utf-8"), hashlib.sha256)).decode("ascii")


def portal_url(endpoint: str, params: Mapping[str, str | int], secret: Secret) -> str:
    """The pay URL: the parameters as base64 of compact JSON in their own order, and the signature over them sorted.

    `params` holds `time`, the epoch seconds that are signed.
    """
    text = signing_string("POST", f"{endpoint}/payments/create", str(params["time"]), params)
    compact = json.dumps(dict(params), separators=(",", ":"), ensure_ascii=False)
    encoded = base64.b64encode(compact.encode("utf-8")).decode("ascii")
    return f"{endpoint}/portal?baseEncode={quote_plus(encoded)}&signature={quote_plus(sign(secret, text))}"


def signed_headers(
    secret: Secret, merchant_key: str, *, method: str, url: str, stamp: str, params: Mapping[str, str | int]
) -> dict[str, str]:
    """The two headers that sign an API call."""
    signature = sign(secret, signing_string(method, url, stamp, params))
    return {
        "Date": stamp,
        "Authorization": (
            f"Signature Algorithm=HS256,Credential={merchant_key},SignedHeaders=,Signature={signature}"
        ),
    }


def checksum(secret: Secret, result: str) -> str:
    """The callback's checksum: SHA-256 of the result text with the key appended, upper-case hexadecimal."""
    return hashlib.sha256((result + secret.reveal()).encode("utf-8", "surrogatepass")).hexdigest().upper()


def checksum_key_id(keys: Mapping[str, Secret], result: str, given: str) -> str | None:
    """Name the key whose checksum this is, or None. Every key is tried, in constant time each."""
    found: str | None = None
    for key_id, secret in keys.items():
        right = hmac.compare_digest(checksum(secret, result).encode("ascii"), given.encode("utf-8"))
        if right and found is None and _CHECKSUM.fullmatch(given):
            found = key_id
    return found


def decode_result(result: str) -> bytes | None:
    """The bytes inside `result`, base64 in either alphabet, with or without padding; None when it is neither."""
    if not result or _NOT_BASE64.search(result):
        return None
    text = result.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def request_id(refund_ref: str) -> str:
    """A refund's reference as 9Pay takes it, at most 30 characters; a longer one becomes its own digest."""
    if len(refund_ref) <= REQUEST_ID_MAX:
        return refund_ref
    return "RF" + hashlib.sha256(refund_ref.encode("utf-8")).hexdigest()[: REQUEST_ID_MAX - 2]
