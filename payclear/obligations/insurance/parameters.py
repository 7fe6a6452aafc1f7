"""The catalogue's parameters of insurance as rules, all that are known; a value that is no rule never gets into the catalogue.

Called by `insurance`. The values, with fractions as text:

    reference_level               amount
    household_health_insurance    rate, steps, months_allowed, rounding (mode, unit), months_back_most (none: 0)
    health_insurance_support      share                     (code: the category of people)
    voluntary_social_insurance    rate, floor, ceiling_levels, months_allowed, years_ahead_most, support_months_most,
                                  rounding (mode, unit), months_back_most (none: 0)
    voluntary_insurance_support   share                     (code: the category of people)
    contribution_quote            days_most                 (how long a quote holds at most)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Final, TypeVar

from payclear.catalogue.parameters import ParameterRecord, register_kind
from payclear.catalogue.reading import parameters
from payclear.db.uow import UnitOfWork
from payclear.kernel.money import Money
from payclear.obligations.rules.dated import DatedRule, require
from payclear.obligations.rules.insurance import HouseholdRule, ReferenceLevel, SupportRule, VoluntaryRule
from payclear.obligations.rules.rounding import Rounding, RoundingMode

REFERENCE_LEVEL: Final = "reference_level"
HOUSEHOLD: Final = "household_health_insurance"
HOUSEHOLD_SUPPORT: Final = "health_insurance_support"
VOLUNTARY: Final = "voluntary_social_insurance"
VOLUNTARY_SUPPORT: Final = "voluntary_insurance_support"
QUOTE: Final = "contribution_quote"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteRule(DatedRule):
    """How many days a quote holds at most, its own day included."""

    days_most: int

    def __post_init__(self) -> None:
        DatedRule.__post_init__(self)
        require(self.days_most > 0, f"rule {self.id}: a quote holds for its own day at least")


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdBook:
    """Every rule of household health insurance there ever was."""

    levels: tuple[ReferenceLevel, ...]
    rules: tuple[HouseholdRule, ...]
    supports: tuple[SupportRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VoluntaryBook:
    """Every rule of voluntary social insurance there ever was."""

    levels: tuple[ReferenceLevel, ...]
    rules: tuple[VoluntaryRule, ...]
    supports: tuple[SupportRule, ...]


def household_book(uow: UnitOfWork) -> HouseholdBook:
    """What the catalogue knows about household health insurance."""
    return HouseholdBook(
        levels=_read(uow, REFERENCE_LEVEL, reference_level),
        rules=_read(uow, HOUSEHOLD, household_rule),
        supports=_read(uow, HOUSEHOLD_SUPPORT, support_rule),
    )


def voluntary_book(uow: UnitOfWork) -> VoluntaryBook:
    """What the catalogue knows about voluntary social insurance."""
    return VoluntaryBook(
        levels=_read(uow, REFERENCE_LEVEL, reference_level),
        rules=_read(uow, VOLUNTARY, voluntary_rule),
        supports=_read(uow, VOLUNTARY_SUPPORT, support_rule),
    )


def last_day_of_quotes(uow: UnitOfWork, for_date: date) -> date | None:
    """The last day on which a quote of a day may hold, by the catalogue's limit; None while it states none."""
    limits = [rule.days_most for rule in _read(uow, QUOTE, quote_rule) if rule.holds_on(for_date)]
    return for_date + timedelta(days=min(limits) - 1) if limits else None


def change_days(book: HouseholdBook | VoluntaryBook) -> list[date]:
    """The days on which a rule begins, or no longer holds; sorted."""
    rules: tuple[DatedRule, ...] = (*book.levels, *book.rules, *book.supports)
    begins = {rule.valid_from for rule in rules}
    ends = {rule.valid_to + timedelta(days=1) for rule in rules if rule.valid_to is not None}
    return sorted(begins | ends)


def reference_level(record: ParameterRecord) -> ReferenceLevel:
    """The reference level of a record; raises ValueError for a value that is none."""
    value = _Value(record.value)
    return ReferenceLevel(**_dated(record), amount=Money(value.whole("amount")), **value.nothing_more())


def household_rule(record: ParameterRecord) -> HouseholdRule:
    """The rule of household health insurance of a record; raises ValueError."""
    value = _Value(record.value)
    return HouseholdRule(
        **_dated(record),
        rate=value.fraction("rate"),
        steps=value.fractions("steps"),
        months_allowed=frozenset(value.wholes("months_allowed")),
        rounding=value.rounding(),
        months_back_most=value.whole("months_back_most", missing=0),
        **value.nothing_more(),
    )


def voluntary_rule(record: ParameterRecord) -> VoluntaryRule:
    """The rule of voluntary social insurance of a record; raises ValueError."""
    value = _Value(record.value)
    return VoluntaryRule(
        **_dated(record),
        rate=value.fraction("rate"),
        floor=Money(value.whole("floor")),
        ceiling_levels=value.whole("ceiling_levels"),
        months_allowed=frozenset(value.wholes("months_allowed")),
        years_ahead_most=value.whole("years_ahead_most"),
        support_months_most=value.whole("support_months_most"),
        rounding=value.rounding(),
        months_back_most=value.whole("months_back_most", missing=0),
        **value.nothing_more(),
    )


def support_rule(record: ParameterRecord) -> SupportRule:
    """The state's share for the category that is the record's code; raises ValueError."""
    value = _Value(record.value)
    return SupportRule(
        **_dated(record), category=record.code, share=value.fraction("share"), **value.nothing_more()
    )


def quote_rule(record: ParameterRecord) -> QuoteRule:
    """How long quotes hold at most; raises ValueError."""
    value = _Value(record.value)
    return QuoteRule(**_dated(record), days_most=value.whole("days_most"), **value.nothing_more())


class _Value:
    """The value of a record, read name by name; whatever is missing, unknown or of another type raises ValueError."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self._left = dict(value)

    def _take(self, name: str) -> Any:
        require(name in self._left, f"no {name}")
        return self._left.pop(name)

    def whole(self, name: str, *, missing: int | None = None) -> int:
        if missing is not None and name not in self._left:
            return missing
        return _whole(name, self._take(name))

    def wholes(self, name: str) -> tuple[int, ...]:
        return tuple(_whole(name, each) for each in _several(name, self._take(name)))

    def fraction(self, name: str) -> Fraction:
        return _fraction(name, self._take(name))

    def fractions(self, name: str) -> tuple[Fraction, ...]:
        return tuple(_fraction(name, each) for each in _several(name, self._take(name)))

    def rounding(self) -> Rounding:
        inner = self._take("rounding")
        require(isinstance(inner, dict), "rounding is no table of mode and unit")
        value = _Value(inner)
        return Rounding(RoundingMode(value._take("mode")), value.whole("unit"), **value.nothing_more())

    def nothing_more(self) -> dict[str, Any]:
        """Read last: raises for names that are left. Empty, so that it can stand among a rule's arguments."""
        require(not self._left, f"unknown: {', '.join(sorted(self._left))}")
        return {}


def _whole(name: str, value: Any) -> int:
    require(isinstance(value, int) and not isinstance(value, bool), f"{name} is no whole number")
    return int(value)


def _fraction(name: str, value: Any) -> Fraction:
    # A float would be a rate that nobody wrote.
    require(isinstance(value, str), f"{name} is no fraction written as text, such as 45/1000")
    try:
        return Fraction(value)
    except ZeroDivisionError:
        raise ValueError(f"{name} divides by zero") from None


def _several(name: str, value: Any) -> list[Any]:
    require(isinstance(value, list), f"{name} is no list")
    return list(value)


def _dated(record: ParameterRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "valid_from": record.valid_from,
        "valid_to": record.valid_to,
        "legal_basis": record.legal_basis,
    }


_Rule = TypeVar("_Rule", bound=DatedRule)


def _read(uow: UnitOfWork, kind: str, rule_of: Callable[[ParameterRecord], _Rule]) -> tuple[_Rule, ...]:
    # A rule that was withdrawn before its first day ends on the day before it.
    return tuple(
        rule_of(record)
        for record in parameters(uow, kind)
        if record.valid_to is None or record.valid_from <= record.valid_to
    )


register_kind(REFERENCE_LEVEL, reference_level)
register_kind(HOUSEHOLD, household_rule)
register_kind(HOUSEHOLD_SUPPORT, support_rule)
register_kind(VOLUNTARY, voluntary_rule)
register_kind(VOLUNTARY_SUPPORT, support_rule)
register_kind(QUOTE, quote_rule)
