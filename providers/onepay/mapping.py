"""OnePay domestic 2 in pure functions: canonical strings, signatures, amounts, and what each code means.

Used by client.py, provider.py and statement.py. It never does I/O and never reads a clock.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote_plus

from payclear.contract.errors import ProviderError
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import Money, parse_amount
from payclear.kernel.secret import Secret
from providers.wire import Refuse, form_fields

VERSION = "2"
AMOUNT_SCALE = 100
MESSAGE_LIMIT = 8_192

SECURE_HASH = "vpc_SecureHash"
_UNSIGNED = frozenset({SECURE_HASH, "vpc_SecureHashType"})
_SIGNED_NAME = re.compile(r"(?:vpc|user)_[A-Za-z0-9_]{1,60}")
_HEX_KEY = re.compile(r"(?:[0-9A-Fa-f]{2}){16,64}")

# vpc_TxnResponseCode. 7 (unspecified) and 253 (timed out at the bank) do not say that no money moved.
OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {
        "0": Outcome.CONFIRMED,
        "1": Outcome.REJECTED,  # declined by the bank
        "3": Outcome.REJECTED,  # merchant unknown
        "4": Outcome.REJECTED,  # access code wrong
        "5": Outcome.REJECTED,  # amount wrong
        "6": Outcome.REJECTED,  # currency unknown
        "7": Outcome.UNKNOWN,  # unspecified failure
        "8": Outcome.REJECTED,  # card number wrong
        "9": Outcome.REJECTED,  # card holder's name wrong
        "10": Outcome.REJECTED,  # card expired or locked
        "11": Outcome.REJECTED,  # card not registered for e-commerce
        "12": Outcome.REJECTED,  # card dates wrong
        "13": Outcome.REJECTED,  # over the limit
        "21": Outcome.REJECTED,  # not enough money
        "22": Outcome.REJECTED,  # account details wrong
        "23": Outcome.REJECTED,  # account locked
        "24": Outcome.REJECTED,  # card details wrong
        "25": Outcome.REJECTED,  # one-time password wrong
        "99": Outcome.REJECTED,  # cancelled by the payer
        "100": Outcome.PENDING,  # under way, or not paid yet
        "253": Outcome.UNKNOWN,  # timed out
        "300": Outcome.PENDING,  # pending at the bank
    }
)

# responsecode=1 ends OnePay's calls; everything else has it call again.
ACKNOWLEDGEMENTS: Mapping[CallbackVerdict, str] = MappingProxyType(
    {
        CallbackVerdict.ACCEPTED: "responsecode=1&desc=confirm-success",
        CallbackVerdict.ALREADY_KNOWN: "responsecode=1&desc=confirm-success",
        CallbackVerdict.ORDER_NOT_FOUND: "responsecode=0&desc=order-not-found",
        CallbackVerdict.AMOUNT_MISMATCH: "responsecode=1&desc=confirm-success",
        CallbackVerdict.SIGNATURE_INVALID: "responsecode=0&desc=confirm-fail",
        CallbackVerdict.MALFORMED: "responsecode=0&desc=confirm-fail",
        CallbackVerdict.TRY_AGAIN: "responsecode=0&desc=confirm-fail",
    }
)


def outcome_of(response_code: str) -> Outcome:
    """What a response code says; one we do not know is `unknown`, never a refusal."""
    return OUTCOMES.get(response_code, Outcome.UNKNOWN)


def canonical(fields: Mapping[str, str]) -> str:
    """The string that is signed: filled `vpc_` and `user_` fields, sorted, raw `name=value` joined by `&`."""
    return "&".join(
        f"{name}={value}"
        for name, value in sorted(fields.items())
        if value != "" and name not in _UNSIGNED and name.startswith(("vpc_", "user_"))
    )


def is_key(secret: Secret) -> bool:
    """Whether a hash secret is what OnePay issues: hexadecimal digits, at least 128 bits."""
    return _HEX_KEY.fullmatch(secret.reveal()) is not None


def sign(secret: Secret, text: str) -> str:
    """HMAC-SHA256 in upper-case hexadecimal; the key is the hex-decoded secret. ValueError when it is not hex."""
    key = bytes.fromhex(secret.reveal())
    return hmac.digest(key, text.encode("utf-8"), hashlib.sha256).hex().upper()


def signing_key_id(keys: Mapping[str, Secret], fields: Mapping[str, str]) -> str | None:
    """Name the key that signed these fields, or None. Every key is tried, in constant time each."""
    text, given = canonical(fields), fields.get(SECURE_HASH, "").encode("utf-8")
    found: str | None = None
    for key_id, secret in keys.items():
        if (
            is_key(secret)
            and hmac.compare_digest(sign(secret, text).encode("ascii"), given)
            and found is None
        ):
            found = key_id
    return found


def signed_query(fields: Mapping[str, str], secret: Secret) -> str:
    """The query string of these fields, form-encoded and sorted, with the hash at its end."""
    filled = {name: value for name, value in fields.items() if value != ""}
    query = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in sorted(filled.items()))
    return f"{query}&{SECURE_HASH}={sign(secret, canonical(filled))}"


def read_message(raw: bytes, refuse: Refuse) -> dict[str, str]:
    """Decode an IPN, a return or a queryDR answer, keeping its `vpc_` and `user_` fields.

    Values are signed unencoded, so a value that could be read as a further field is refused besides everything
    `form_fields` refuses; raises what `refuse` makes.
    """
    fields = {
        name: value
        for name, value in form_fields(raw, MESSAGE_LIMIT, refuse).items()
        if name.startswith(("vpc_", "user_"))
    }
    for name, value in fields.items():
        if not _SIGNED_NAME.fullmatch(name) or "&vpc_" in value or "&user_" in value:
            error: ProviderError = refuse("a field can be read in two ways", reason="ambiguous")
            raise error
    return fields


def amount_text(money: Money) -> str:
    """`vpc_Amount`: the amount × 100 as digits."""
    return str(money.amount * AMOUNT_SCALE)


def read_amount(text: str) -> Money:
    """Read `vpc_Amount`; raises InvalidAmount for anything but a whole number of đồng × 100."""
    return Money(parse_amount(text, scale=AMOUNT_SCALE))
