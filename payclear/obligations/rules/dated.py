"""Rules with a period and a legal basis: which one is in force on a day, and how months are counted.

Called by every rule of this package; the values come from the catalogue.
It must never choose between two rules that are both in force: that is a mistake in the data.
"""

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from payclear.kernel.errors import Unavailable


class RuleNotInForce(Unavailable):
    """No rule of this kind is in force on the day: our catalogue lacks it, the caller can only wait."""

    code = "rule_not_in_force"


class RuleAmbiguous(Unavailable):
    """Two rules of this kind are in force on one day: our catalogue contradicts itself."""

    code = "rule_ambiguous"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedRule:
    """One row of the catalogue; `valid_to` is its last day, None while there is no end.

    Values that can not be a rule raise ValueError, so that an import finds them before they are used.
    """

    id: str
    valid_from: date
    valid_to: date | None = None
    legal_basis: str

    def __post_init__(self) -> None:
        require(bool(self.id.strip()), "a rule has an id")
        require(bool(self.legal_basis.strip()), f"rule {self.id}: no legal basis")
        if self.valid_to is not None:
            require(self.valid_from <= self.valid_to, f"rule {self.id}: it ends before it begins")

    def holds_on(self, on: date) -> bool:
        """Whether it is in force on a day."""
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)


Row = TypeVar("Row", bound=DatedRule)


def in_force(rows: Iterable[Row], on: date, *, kind: str) -> Row:
    """The one rule in force on a day; raises RuleNotInForce, RuleAmbiguous."""
    found = [row for row in rows if row.holds_on(on)]
    if not found:
        raise RuleNotInForce("no such rule on this day", kind=kind, on=on.isoformat())
    if len(found) > 1:
        first, second = sorted(row.id for row in found)[:2]
        raise RuleAmbiguous("two rules on this day", kind=kind, on=on.isoformat(), first=first, second=second)
    return found[0]


def add_months(on: date, months: int) -> date:
    """The same day of the month `months` later, or that month's last day when it is shorter.

    Count from one anchor (`add_months(start, 2)`), not step by step: 31/1 → 28/2 → 28/3 loses days.
    """
    year, month = divmod(on.year * 12 + on.month - 1 + months, 12)
    return date(year, month + 1, min(on.day, calendar.monthrange(year, month + 1)[1]))


def require(holds: bool, problem: str) -> None:
    """Raise ValueError with the problem unless it holds; for catalogue values, never for a caller's input."""
    if not holds:
        raise ValueError(problem)
