"""Dates and instants as people in Viet Nam read them; called by pages, receipts, notifications, reports.

It must never show an instant in any zone but Viet Nam's.
"""

from datetime import date, datetime

from payclear.i18n.locales import require_locale
from payclear.kernel.clock import VIETNAM

_EN_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def format_date(on: date, locale: str) -> str:
    """A date: `21/11/2026` in Vietnamese, `21 November 2026` in English; an instant is a TypeError."""
    require_locale(locale)
    if isinstance(on, datetime):
        raise TypeError("an instant has no date of its own; use format_datetime or vietnam_date")
    if locale == "vi":
        return f"{on.day:02d}/{on.month:02d}/{on.year:04d}"
    return f"{on.day} {_EN_MONTHS[on.month - 1]} {on.year}"


def format_month(first_on: date, locale: str) -> str:
    """A month by its first day: `11/2026` in Vietnamese, `November 2026` in English."""
    require_locale(locale)
    if locale == "vi":
        return f"{first_on.month:02d}/{first_on.year:04d}"
    return f"{_EN_MONTHS[first_on.month - 1]} {first_on.year}"


def format_datetime(at: datetime, locale: str) -> str:
    """An aware instant in Vietnamese time: `14:05, 21/11/2026` or `21 November 2026, 14:05`."""
    require_locale(locale)
    if at.tzinfo is None:
        raise ValueError("an instant carries its zone")
    local = at.astimezone(VIETNAM)
    clock_time = f"{local.hour:02d}:{local.minute:02d}"
    on = format_date(local.date(), locale)
    return f"{clock_time}, {on}" if locale == "vi" else f"{on}, {clock_time}"
