"""The business day of a provider account as a span of instants. Pure."""

from datetime import date, datetime, time, timedelta

from payclear.kernel.clock import at_vietnam

_DAY = timedelta(days=1)


def cut_off_time(text: str) -> time:
    """The cut-off of an account, "HH:MM" in Viet Nam; "00:00" means the calendar day."""
    return time.fromisoformat(text)


def start_of(business_on: date, cut_off: time) -> datetime:
    """The first instant (UTC) of a provider's business day."""
    return at_vietnam(business_on if cut_off == time(0) else business_on - _DAY, cut_off)


def end_of(business_on: date, cut_off: time) -> datetime:
    """The first instant (UTC) after a provider's business day."""
    return start_of(business_on + _DAY, cut_off)
