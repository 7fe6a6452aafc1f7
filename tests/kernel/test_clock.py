"""Clocks and Vietnamese dates."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.clock import (
    FixedClock,
    SystemClock,
    at_vietnam,
    drive_machine_clock,
    unix_time_ns,
    vietnam_date,
    vietnam_midnight_after,
)

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize("function", [vietnam_date, vietnam_midnight_after, FixedClock, FixedClock(NOON).set])
def test_naive_datetime_is_refused_everywhere(function):
    with pytest.raises(ValueError, match="zone"):
        function(datetime(2026, 11, 21))


def test_wall_clock_time_with_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        at_vietnam(date(2026, 11, 21), time(8, tzinfo=UTC))


def test_fixed_clock_refuses_to_advance_backwards():
    with pytest.raises(ValueError, match="forward"):
        FixedClock(NOON).advance(timedelta(seconds=-1))


def test_fixed_clock_stands_still_until_moved():
    clock = FixedClock(NOON.astimezone(timezone(timedelta(hours=7))))
    assert clock.now() == clock.now() == NOON
    assert clock.now().tzinfo is UTC
    assert clock.advance(timedelta(minutes=1)) == clock.now() == NOON + timedelta(minutes=1)
    assert clock.monotonic() == 60.0


def test_fixed_clock_set_back_never_lowers_the_monotonic_reading():
    clock = FixedClock(NOON)
    clock.set(NOON + timedelta(seconds=5))
    clock.set(NOON - timedelta(days=1))
    assert (clock.now(), clock.monotonic()) == (NOON - timedelta(days=1), 5.0)


def test_system_clock_is_aware_utc_and_close_to_the_unix_time():
    clock = SystemClock()
    before = clock.monotonic()
    now = clock.now()
    assert now.utcoffset() == timedelta(0)
    assert abs(now.timestamp() - unix_time_ns() / 1e9) < 5
    assert clock.monotonic() >= before


@pytest.mark.parametrize(
    ("at", "on"),
    [
        (datetime(2026, 11, 21, 16, 59, 59, 999999, UTC), date(2026, 11, 21)),
        (datetime(2026, 11, 21, 17, 0, tzinfo=UTC), date(2026, 11, 22)),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), date(2027, 1, 1)),
    ],
)
def test_vietnam_date_changes_at_seventeen_hours_utc(at, on):
    assert vietnam_date(at) == on


def test_midnight_after_midnight_is_a_whole_day_later():
    midnight = at_vietnam(date(2026, 11, 22), time(0))
    assert vietnam_midnight_after(midnight) == midnight + timedelta(days=1)
    assert vietnam_midnight_after(midnight - timedelta(microseconds=1)) == midnight


@given(instants)
def test_midnight_after_begins_the_next_vietnamese_date(at):
    midnight = vietnam_midnight_after(at)
    assert timedelta(0) < midnight - at <= timedelta(days=1)
    assert vietnam_date(midnight) == vietnam_date(at) + timedelta(days=1)
    assert midnight.utcoffset() == timedelta(0)


@given(instants)
def test_at_vietnam_inverts_the_local_date_and_time(at):
    local = at + timedelta(hours=7)
    assert at_vietnam(local.date(), local.time().replace(tzinfo=None)) == at


def test_machine_clock_that_is_driven_tells_the_drivers_time_and_real_durations():
    driver = FixedClock(datetime(2030, 1, 1, tzinfo=UTC))
    machine = SystemClock()
    with drive_machine_clock(driver):
        assert machine.now() == driver.now()
        before = machine.monotonic()
        driver.advance(timedelta(days=1))
        assert machine.now() == datetime(2030, 1, 2, tzinfo=UTC)
        assert machine.monotonic() - before < 60
    assert machine.now() != driver.now()


def test_machine_clock_is_driven_by_the_simulation_alone():
    """A service must never show another time than its machine's (decision 0014)."""
    users = [
        path.relative_to(ROOT).as_posix()
        for package in ("payclear", "providers", "reconciliation")
        for path in (ROOT / package).rglob("*.py")
        if "drive_machine_clock" in path.read_text(encoding="utf-8")
    ]
    assert sorted(users) == ["payclear/kernel/clock.py", "payclear/simulation/town.py"]
