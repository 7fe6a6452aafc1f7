"""Reads a JSON body strictly: UTF-8, no duplicate names, no NaN, bounded depth and numbers, plain text.

Called by `http.operations` for every body of a portal. Whatever is wrong is MalformedJson, nothing else.
"""

import json
import re
from decimal import Decimal
from typing import Any, Final, NoReturn

from payclear.kernel.errors import ErrorCategory, PayclearError

DEPTH_MAX: Final = 32
DIGITS_MAX: Final = 16  # 10^15, the largest amount, has 16
_NUMBER_CHARACTERS_MAX: Final = 40
_EXPONENT: Final = re.compile(r"[eE][+-]?[0-9]{3,}")
_WHOLE_MAX: Final = 10**DIGITS_MAX


class MalformedJson(PayclearError):
    """The body is not JSON as RFC 8259 and I-JSON (RFC 7493) have it."""

    code = "malformed_json"
    category = ErrorCategory.MALFORMED


def parse_json(body: bytes) -> Any:
    """The value of a JSON text; a whole number written with a point or exponent (`12345.0`) is an integer.

    Raises MalformedJson with a `reason`.
    """
    try:
        value = _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise MalformedJson("the body is not UTF-8", reason="encoding") from error
    except RecursionError as error:
        raise MalformedJson("nested too deeply", reason="depth") from error
    except json.JSONDecodeError as error:
        raise MalformedJson(
            f"{error.msg} at line {error.lineno}, column {error.colno}", reason="syntax"
        ) from error
    # Without as many brackets it can not be deep; without an escape it can not hold NUL or half a character.
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX or b"\\u" in body:
        _require_plain(value, 1)
    return value


def canonical_bytes(value: Any) -> bytes:
    """The same bytes for the same JSON value, whatever its spacing and order of names."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise MalformedJson("a name occurs twice in one object", reason="duplicate_name")
    return values


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > DIGITS_MAX:
        raise MalformedJson(f"a number has more than {DIGITS_MAX} digits", reason="number")
    return int(text)


def _fraction(text: str) -> int | float:
    if len(text) > _NUMBER_CHARACTERS_MAX or _EXPONENT.search(text):
        raise MalformedJson("a number is too long", reason="number")
    exact = Decimal(text)
    if abs(exact) >= _WHOLE_MAX:
        raise MalformedJson(f"a number has more than {DIGITS_MAX} digits", reason="number")
    whole = int(exact)
    # What is left is a fraction: the schema refuses it, so its exact value does not matter.
    return whole if whole == exact else float(text)


def _constant(text: str) -> NoReturn:
    raise MalformedJson(f"{text} is not JSON", reason="constant")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_fraction, parse_constant=_constant
)


def _require_plain(value: Any, depth: int) -> None:
    if isinstance(value, str):
        _require_text(value)
    elif isinstance(value, dict | list):
        if depth > DEPTH_MAX:
            raise MalformedJson(f"nested deeper than {DEPTH_MAX}", reason="depth")
        for inner in value:
            _require_plain(inner, depth + 1)
        if isinstance(value, dict):
            for inner in value.values():
                _require_plain(inner, depth + 1)


def _require_text(text: str) -> None:
    if "\x00" in text:
        raise MalformedJson("a text holds NUL", reason="nul")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise MalformedJson("a text holds half a surrogate pair", reason="surrogate")
