"""Time: the only file that reads the machine's clock, and the only one that names Viet Nam's zone.

A Clock is passed to whoever needs the time; tests pass a FixedClock.
It must never return or accept a naive datetime.
"""

import time as _time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...  # pragma: no cover

    def monotonic(self) -> float:
        """Seconds that never run backwards, for measuring durations."""
        ...  # pragma: no cover


_driven: list[Clock] = []


@contextmanager
def drive_machine_clock(clock: Clock) -> Iterator[None]:
    """Let every SystemClock of this process tell the time of `clock`; durations stay real.

    For the simulated day alone (decision 0014): adapters are made when they are imported, with a clock of their own.
    """
    _driven.append(clock)
    try:
        yield
    finally:
        _driven.pop()


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return _driven[-1].now() if _driven else datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards, for measuring durations."""
        return _time.monotonic()


class FixedClock:
    """A clock that stands still until it is moved: for tests, demo data and simulation."""

    def __init__(self, at: datetime) -> None:
        self._at = _utc(at)
        self._elapsed_s = 0.0

    def now(self) -> datetime:
        """The instant it was put to."""
        return self._at

    def monotonic(self) -> float:
        """Seconds it was moved forward so far."""
        return self._elapsed_s

    def advance(self, by: timedelta) -> datetime:
        """Move forward and return the new instant; a negative step is a mistake (ValueError)."""
        if by < timedelta(0):
            raise ValueError("a clock advances forward; use set() to go back")
        self._elapsed_s += by.total_seconds()
        self._at += by
        return self._at

    def set(self, at: datetime) -> None:
        """Put the clock to an instant, also an earlier one; the monotonic reading never falls."""
        moment = _utc(at)
        self._elapsed_s += max(0.0, (moment - self._at).total_seconds())
        self._at = moment


def unix_time_ns() -> int:
    """Nanoseconds since 1970 by the machine's clock, for time-ordered ids only."""
    return _time.time_ns()


def vietnam_date(at: datetime) -> date:
    """The calendar date in Viet Nam at an instant."""
    return _utc(at).astimezone(VIETNAM).date()


def vietnam_midnight_after(at: datetime) -> datetime:
    """The UTC instant of the next 24:00 in Viet Nam, always later than `at`."""
    return at_vietnam(vietnam_date(at) + timedelta(days=1), time(0))


def at_vietnam(on: date, at: time) -> datetime:
    """The UTC instant of a wall-clock time in Viet Nam; `at` is naive by meaning (ValueError if not)."""
    if at.tzinfo is not None:
        raise ValueError("a wall-clock time carries no zone")
    return datetime.combine(on, at, VIETNAM).astimezone(UTC)


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None or at.utcoffset() is None:
        raise ValueError("a datetime must carry its zone")
    return at.astimezone(UTC)
