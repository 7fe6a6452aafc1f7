"""Which kinds of legal parameters there are, and what a value of each must be. Called by features above, at import.

A feature registers the function that makes its own rule of a record; a value that makes no rule never gets into the
catalogue. Nothing here knows any kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

Check = Callable[["ParameterRecord"], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterRecord:
    """One dated rule as the catalogue keeps it; amounts are whole đồng, fractions are text such as 5/10000."""

    id: str
    kind: str
    code: str
    valid_from: date
    valid_to: date | None
    legal_basis: str
    value: Mapping[str, Any]


_checks: dict[str, Check] = {}


def register_kind(kind: str, check: Check) -> None:
    """Make a kind known; `check` takes a record and raises ValueError, TypeError or KeyError when it is no rule."""
    _checks[kind] = check


def known_kinds() -> frozenset[str]:
    """Every registered kind."""
    return frozenset(_checks)


def problem_of(record: ParameterRecord) -> str:
    """Why the record is no rule, empty when it is one or when no feature reads its kind."""
    check = _checks.get(record.kind)
    if check is None:
        return ""
    try:
        check(record)
    except KeyError as error:
        return f"the value lacks {error.args[0]}"
    except (ValueError, TypeError, ArithmeticError) as error:
        return f"the value is no rule: {error}"
    return ""
