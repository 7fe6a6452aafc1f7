"""The business calendar: which days count for settlement, cut-offs and deadlines.

Called by the catalogue, which fills it from effective-dated data, by reconciliation and by clearing.
It must never contain a holiday itself, nor decide late days of fines (those run on every day).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from types import MappingProxyType

from payclear.kernel.clock import VIETNAM

_SATURDAY = 5
_DAY = timedelta(days=1)
# Longer than any run of days off (Tết is 9), short enough to end at once on calendar data gone wrong.
_DAYS_OFF_MAX = 60


@dataclass(frozen=True, slots=True, eq=False)
class BusinessCalendar:
    """Days off and make-up working days, each with its name; Saturday and Sunday are off by themselves.

    A date that is both a holiday and a make-up working day is a mistake in the data (ValueError).
    """

    holidays: Mapping[date, str] = field(default_factory=dict)
    working_days: Mapping[date, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        both = sorted(self.holidays.keys() & self.working_days.keys())
        if both:
            raise ValueError(f"both a holiday and a working day: {', '.join(map(str, both))}")
        object.__setattr__(self, "holidays", MappingProxyType(dict(self.holidays)))
        object.__setattr__(self, "working_days", MappingProxyType(dict(self.working_days)))

    def is_business_day(self, on: date) -> bool:
        """Whether banks and treasuries settle on this day."""
        if on in self.working_days:
            return True
        return on.weekday() < _SATURDAY and on not in self.holidays

    def next_business_day(self, on: date) -> date:
        """The first business day after `on`."""
        return self._step(on, _DAY)

    def add_business_days(self, on: date, n: int) -> date:
        """The n-th business day after `on`, or before it when n is negative.

        n = 0 gives `on` itself when it is a business day, else the next one.
        """
        if n == 0:
            return on if self.is_business_day(on) else self.next_business_day(on)
        day = on
        for _ in range(abs(n)):
            day = self._step(day, _DAY if n > 0 else -_DAY)
        return day

    def business_days_between(self, a: date, b: date) -> int:
        """How many business days lie after `a` up to and including `b`; negative when `b` is earlier."""
        if b < a:
            return -self.business_days_between(b, a)
        return sum(self.is_business_day(a + _DAY * step) for step in range(1, (b - a).days + 1))

    def _step(self, on: date, step: timedelta) -> date:
        for distance in range(1, _DAYS_OFF_MAX + 1):
            day = on + step * distance
            if self.is_business_day(day):
                return day
        raise ValueError(f"no business day within {_DAYS_OFF_MAX} days of {on}")


def business_day_of(at: datetime, cut_off: time) -> date:
    """The provider's business date of an instant: at or after the cut-off it is the next calendar date.

    `cut_off` is wall-clock time in Viet Nam without zone; 00:00 means the plain Vietnamese date. It says
    nothing about days off: a provider's date of a Sunday is that Sunday.
    """
    if at.tzinfo is None or cut_off.tzinfo is not None:
        raise ValueError("the instant carries its zone, the cut-off does not")
    local = at.astimezone(VIETNAM)
    if cut_off == time(0) or local.time() < cut_off:
        return local.date()
    return local.date() + _DAY
