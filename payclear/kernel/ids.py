"""Identifiers: row ids, prefixed public ids, order references, tokens and digests.

Called wherever a thing is created or named from outside.
It must never be predictable where it opens a door: randomness comes from `secrets`.
"""

import hashlib
import re
import secrets
import threading
from uuid import UUID

from payclear.kernel.clock import unix_time_ns
from payclear.kernel.errors import ErrorCategory, PayclearError
from payclear.kernel.iso7064 import mod37_36_check, mod37_36_is_valid
from payclear.kernel.memo import compact, ranked

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOWER = CROCKFORD.lower()
_LOWER_VALUES = {character: value for value, character in enumerate(_LOWER)}
_PREFIX = re.compile(r"[a-z]{2,8}")
_PUBLIC_BODY = re.compile(f"[0-7][{_LOWER}]{{25}}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")
_ORDER_REF = re.compile(f"PC[{CROCKFORD}]{{10}}[0-9A-Z]")
_ORDER_REF_ANYWHERE = re.compile(f"(?=(PC[{CROCKFORD}]{{10}}[0-9A-Z]))")
_ATTEMPT_REF = re.compile(r"([0-9A-Z]{13})([0-9]{2})")

_last_ticks = 0
_ticks_lock = threading.Lock()


class InvalidId(PayclearError):
    """A text that is not an id of the expected kind."""

    code = "invalid_id"
    category = ErrorCategory.INVALID


def new_uuid() -> UUID:
    """A version 7 UUID (RFC 9562, section 5.7): ordered by time, strictly within one process.

    The 12 bits behind the milliseconds hold its fraction (section 6.2, method 3); 62 bits are random.
    """
    global _last_ticks
    milliseconds, nanoseconds = divmod(unix_time_ns(), 1_000_000)
    ticks = milliseconds << 12 | (nanoseconds << 12) // 1_000_000
    with _ticks_lock:
        ticks = max(ticks, _last_ticks + 1)
        _last_ticks = ticks
    value = ticks >> 12 << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64 | 0b10 << 62 | secrets.randbits(62)
    return UUID(int=value)


def public_id(prefix: str, uuid: UUID) -> str:
    """The id as outsiders see it: `ord_` and 26 lower-case Crockford base32 characters of the 128 bits.

    `prefix` comes without its underscore: "ord", "att", "rcp"; anything else is a ValueError.
    """
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"a prefix is 2 to 8 lower-case letters without underscore: {prefix!r}")
    number = uuid.int
    return prefix + "_" + "".join(_LOWER[number >> shift & 31] for shift in range(125, -1, -5))


def parse_public_id(prefix: str, text: str) -> UUID:
    """The row id behind a public id of this kind; any other prefix, length or letter is InvalidId."""
    head, _, body = text.partition("_")
    if head != prefix or not _PUBLIC_BODY.fullmatch(body):
        raise InvalidId(f"not an id of kind {prefix}", expected=prefix)
    number = 0
    for character in body:
        number = number << 5 | _LOWER_VALUES[character]
    return UUID(int=number)


def new_order_ref() -> str:
    """A fresh order reference: `PC`, 10 random Crockford characters, 1 check character (MOD 37,36)."""
    body = "PC" + random_letters(10)
    return body + mod37_36_check(body)


def random_letters(count: int) -> str:
    """`count` capital Crockford characters with five random bits each, from one call of the random source."""
    number = secrets.randbits(5 * count)
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(0, 5 * count, 5))


def is_order_ref(text: str) -> bool:
    """Whether the text is exactly an order reference, in capitals, without separators."""
    return _ORDER_REF.fullmatch(text) is not None and mod37_36_is_valid(text)


def find_order_refs(text: str) -> list[str]:
    """The order references a free text may contain, the surest first, each once.

    Compatibility forms, case and separators do not matter. References written as whole words come first,
    then those glued to other letters or digits (an attempt reference contains its order's).
    """
    memo = compact(text)
    found: list[tuple[int, str]] = []
    for match in _ORDER_REF_ANYWHERE.finditer(memo.text):
        if is_order_ref(match.group(1)):
            whole = memo.is_whole_words(match.start(1), match.end(1))
            found.append((0 if whole else 1, match.group(1)))
    return ranked(found)


def attempt_ref(order_ref: str, number: int) -> str:
    """The reference of an order's attempt: the order's reference and the attempt's number, 01 to 99."""
    if not is_order_ref(order_ref):
        raise InvalidId("not an order reference", expected="order_ref")
    if not 1 <= number <= 99:
        raise InvalidId("an attempt is numbered 1 to 99", expected="attempt_number")
    return f"{order_ref}{number:02d}"


def split_attempt_ref(text: str) -> tuple[str, int] | None:
    """The order reference and attempt number of an attempt reference; None when it is not one."""
    match = _ATTEMPT_REF.fullmatch(text)
    if match is None or not is_order_ref(match.group(1)) or match.group(2) == "00":
        return None
    return match.group(1), int(match.group(2))


def new_token() -> str:
    """An unguessable token for a link: 192 random bits in 32 URL-safe characters."""
    return secrets.token_urlsafe(24)


def is_token(text: str) -> bool:
    """Whether the text could be a token of a link; what could not is not looked up."""
    return _TOKEN.fullmatch(text) is not None


def sha256_hex(data: bytes) -> str:
    """The SHA-256 digest of bytes as 64 lower-case hexadecimal characters."""
    return hashlib.sha256(data).hexdigest()
