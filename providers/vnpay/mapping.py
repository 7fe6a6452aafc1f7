"""VNPAY 2.1.0 in pure functions: encoding and signing strings, amounts, times, and what each code means.

Used by client.py, provider.py and statement.py. It never does I/O and never reads a clock.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from payclear.contract.channels import Channel, Instrument
from payclear.contract.errors import CallbackMalformed
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.clock import VIETNAM
from payclear.kernel.money import Money, parse_amount
from payclear.kernel.secret import Secret

VERSION = "2.1.0"
AMOUNT_SCALE = 100
QUERY_LIMIT = 8_192
FIELDS_MAX = 64

SECURE_HASH = "vnp_SecureHash"
_UNSIGNED = frozenset({SECURE_HASH, "vnp_SecureHashType"})

# application/x-www-form-urlencoded as the WHATWG URL standard has it, which VNPAY's peers sign with:
# `*` stays and `~` is escaped, the other way round than Python's quote_plus.
_KEPT = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*-._")
_KEPT_TEXT = re.compile(r"[A-Za-z0-9*\-._]*")
_FORM_BYTE = tuple(chr(b) if b in _KEPT else "+" if b == 0x20 else f"%{b:02X}" for b in range(256))

_QUERY_REQUEST = (
    "vnp_RequestId",
    "vnp_Version",
    "vnp_Command",
    "vnp_TmnCode",
    "vnp_TxnRef",
    "vnp_TransactionDate",
    "vnp_CreateDate",
    "vnp_IpAddr",
    "vnp_OrderInfo",
)
_REFUND_REQUEST = (
    "vnp_RequestId",
    "vnp_Version",
    "vnp_Command",
    "vnp_TmnCode",
    "vnp_TransactionType",
    "vnp_TxnRef",
    "vnp_Amount",
    "vnp_TransactionNo",
    "vnp_TransactionDate",
    "vnp_CreateBy",
    "vnp_CreateDate",
    "vnp_IpAddr",
    "vnp_OrderInfo",
)
_REFUND_ANSWER = (
    "vnp_ResponseId",
    "vnp_Command",
    "vnp_ResponseCode",
    "vnp_Message",
    "vnp_TmnCode",
    "vnp_TxnRef",
    "vnp_Amount",
    "vnp_BankCode",
    "vnp_PayDate",
    "vnp_TransactionNo",
    "vnp_TransactionType",
    "vnp_TransactionStatus",
    "vnp_OrderInfo",
)
SIGNED_REQUEST_FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"querydr": _QUERY_REQUEST, "refund": _REFUND_REQUEST}
)
SIGNED_ANSWER_FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"querydr": (*_REFUND_ANSWER, "vnp_PromotionCode", "vnp_PromotionAmount"), "refund": _REFUND_ANSWER}
)

RESPONSE_CODES: Mapping[str, str] = MappingProxyType(
    {
        "00": "ok",
        "07": "debited, suspected of fraud",
        "09": "card or account without Internet banking",
        "10": "identity given wrong more than three times",
        "11": "time to pay has passed",
        "12": "card or account locked",
        "13": "wrong one-time password",
        "24": "cancelled by the payer",
        "51": "not enough money",
        "65": "over the daily limit",
        "75": "bank in maintenance",
        "79": "payment password given wrong too often",
        "99": "other error",
    }
)
TRANSACTION_STATUSES: Mapping[str, str] = MappingProxyType(
    {
        "00": "ok",
        "01": "not completed",
        "02": "error",
        "04": "reversed: debited at the bank, not successful at VNPAY",
        "05": "refund being processed",
        "06": "refund sent to the bank",
        "07": "suspected of fraud",
        "09": "refund refused",
    }
)

# What a transaction status means when VNPAY itself is asked (querydr with API code 00).
# A refund under way says that money moved both ways: neither paid nor refused, so a person or the statement
# decides.
QUERY_OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {
        "00": Outcome.CONFIRMED,
        "01": Outcome.PENDING,
        "02": Outcome.REJECTED,
        "04": Outcome.UNKNOWN,
        "05": Outcome.UNKNOWN,
        "06": Outcome.UNKNOWN,
        "07": Outcome.PENDING,
        "09": Outcome.UNKNOWN,
    }
)

# What an IPN or a return means: status → response code → outcome, "*" for every other response code.
# Paid is 00 and 00 and nothing else. 07 says that the payer was debited, so it never becomes a refusal.
PAYMENT_OUTCOMES: Mapping[str, Mapping[str, Outcome]] = MappingProxyType(
    {
        "00": {"00": Outcome.CONFIRMED, "07": Outcome.PENDING, "*": Outcome.UNKNOWN},
        "01": {"*": Outcome.PENDING},
        "02": {"07": Outcome.UNKNOWN, "*": Outcome.REJECTED},
        "04": {"*": Outcome.UNKNOWN},
        "05": {"*": Outcome.UNKNOWN},
        "06": {"*": Outcome.UNKNOWN},
        "07": {"*": Outcome.PENDING},
        "09": {"*": Outcome.UNKNOWN},
    }
)

# What a refund's answer means when its API code is 00.
REFUND_OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {
        "00": Outcome.CONFIRMED,
        "05": Outcome.PENDING,
        "06": Outcome.PENDING,
        "09": Outcome.REJECTED,
    }
)
# API codes of a refund's answer that settle it without a status: not found, original not successful.
REFUND_API_OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {"91": Outcome.REJECTED, "95": Outcome.REJECTED}
)
# API codes that say our request itself is wrong: bad terminal, bad format.
API_REFUSED = frozenset({"02", "03"})
# API codes that answer nothing: duplicate request (an earlier one may have done the work), bad checksum,
# other.
API_SILENT = frozenset({"94", "97", "99"})

ACKNOWLEDGEMENTS: Mapping[CallbackVerdict, tuple[str, str]] = MappingProxyType(
    {
        CallbackVerdict.ACCEPTED: ("00", "Confirm Success"),
        CallbackVerdict.ALREADY_KNOWN: ("02", "Order already confirmed"),
        CallbackVerdict.ORDER_NOT_FOUND: ("01", "Order not found"),
        CallbackVerdict.AMOUNT_MISMATCH: ("04", "Invalid amount"),
        CallbackVerdict.SIGNATURE_INVALID: ("97", "Invalid signature"),
        CallbackVerdict.MALFORMED: ("99", "Unknown error"),
        CallbackVerdict.TRY_AGAIN: ("99", "Unknown error"),
    }
)

_INSTRUMENTS = {"QRCODE": Instrument.ACCOUNT} | dict.fromkeys(
    ("ATM", "VISA", "MASTERCARD", "JCB"), Instrument.CARD
)


def payment_outcome(response_code: str, transaction_status: str) -> Outcome:
    """What an IPN or a browser return says; codes we do not know are `unknown`, never a refusal."""
    by_response = PAYMENT_OUTCOMES.get(transaction_status, {"*": Outcome.UNKNOWN})
    return by_response.get(response_code, by_response["*"])


def query_outcome(transaction_status: str) -> Outcome:
    """What a verified querydr answer with API code 00 says."""
    return QUERY_OUTCOMES.get(transaction_status, Outcome.UNKNOWN)


def refund_outcome(api_code: str, transaction_status: str) -> Outcome:
    """What a verified refund answer says; `unknown` unless the codes are listed."""
    if api_code == "00":
        return REFUND_OUTCOMES.get(transaction_status, Outcome.UNKNOWN)
    return REFUND_API_OUTCOMES.get(api_code, Outcome.UNKNOWN)


def detail_code(response_code: str, transaction_status: str) -> str:
    """VNPAY's own code to keep with evidence: the response code, with the status where the two do not say
    the same.
    """
    plain = response_code == transaction_status or (transaction_status == "02" and response_code != "00")
    return response_code if plain else f"{response_code}/{transaction_status}"


def channel_and_instrument(bank_code: str, card_type: str) -> tuple[Channel, Instrument]:
    """How the citizen paid by vnp_BankCode and vnp_CardType; no more than the gateway's word when VNPAY says neither."""
    if not bank_code and not card_type:
        return Channel.GATEWAY, Instrument.UNSTATED
    by_qr = card_type == "QRCODE" or bank_code == "VNPAYQR"
    return Channel.QR if by_qr else Channel.EBANKING, _INSTRUMENTS.get(card_type, Instrument.UNSTATED)


def form_encode(text: str) -> str:
    """Encode one name or value as VNPAY signs it; a lone surrogate raises UnicodeEncodeError."""
    if _KEPT_TEXT.fullmatch(text):
        return text  # almost every value of a callback
    return "".join(_FORM_BYTE[byte] for byte in text.encode("utf-8"))


def canonical_query(fields: Mapping[str, str]) -> str:
    """The string that is signed and sent as query string: filled fields, sorted, form-encoded, no hash."""
    return "&".join(
        f"{form_encode(name)}={form_encode(value)}"
        for name, value in sorted(fields.items())
        if value != "" and name not in _UNSIGNED
    )


def canonical_pipe(fields: Mapping[str, str], names: tuple[str, ...]) -> str:
    """The string that querydr and refund sign: raw values joined by `|`, absent ones empty."""
    return "|".join(fields.get(name, "") for name in names)


def sign(secret: Secret, canonical: str) -> str:
    """HMAC-SHA512 of a canonical string, lower-case hexadecimal."""
    return hmac.digest(secret.reveal().encode("utf-8"), canonical.encode("utf-8"), hashlib.sha512).hex()


def signing_key_id(keys: Mapping[str, Secret], canonical: str, signature: str) -> str | None:
    """Name the key whose signature this is, or None. Every key is tried, in constant time each."""
    given = signature.encode("utf-8")
    found: str | None = None
    for key_id, secret in keys.items():
        if hmac.compare_digest(sign(secret, canonical).encode("ascii"), given) and found is None:
            found = key_id
    return found


def decode_query(query_string: bytes) -> dict[str, str]:
    """Decode a received query string, keeping its `vnp_` fields.

    Raises CallbackMalformed for a field given twice, bytes that are not UTF-8, too many fields or too long a
    string.
    """
    if len(query_string) > QUERY_LIMIT:
        raise CallbackMalformed("the query string is too long", reason="too_long")
    pairs = [pair for pair in query_string.split(b"&") if pair]
    if len(pairs) > FIELDS_MAX:
        raise CallbackMalformed("too many fields", reason="too_many_fields")
    fields: dict[str, str] = {}
    for pair in pairs:
        raw_name, _, raw_value = pair.partition(b"=")
        name, value = _form_decode(raw_name), _form_decode(raw_value)
        if not name.startswith("vnp_"):
            continue
        if name in fields:
            raise CallbackMalformed("a field is given twice", reason="duplicate_field")
        fields[name] = value
    return fields


def _form_decode(raw: bytes) -> str:
    try:
        return unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CallbackMalformed("a field is not UTF-8", reason="not_utf8") from error


def amount_text(money: Money) -> str:
    """`vnp_Amount`: the amount × 100 as digits."""
    return str(money.amount * AMOUNT_SCALE)


def read_amount(text: str) -> Money:
    """Read `vnp_Amount`; raises InvalidAmount for anything but a whole number of đồng × 100."""
    return Money(parse_amount(text, scale=AMOUNT_SCALE))


def time_text(at: datetime) -> str:
    """An aware instant as VNPAY writes it: yyyyMMddHHmmss in GMT+7."""
    return at.astimezone(VIETNAM).strftime("%Y%m%d%H%M%S")


def read_time(text: str) -> datetime | None:
    """Read yyyyMMddHHmmss in GMT+7 as aware UTC; None when it is no time."""
    if len(text) != 14 or not (text.isascii() and text.isdigit()):
        return None
    try:
        local = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=VIETNAM)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
