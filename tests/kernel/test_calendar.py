"""The business calendar over 2026's published days off and make-up days (test data, not code)."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.calendar import BusinessCalendar, business_day_of
from payclear.kernel.clock import at_vietnam, vietnam_date


def days(first: date, last: date, name: str) -> dict[date, str]:
    return {first + timedelta(days=step): name for step in range((last - first).days + 1)}


HOLIDAYS = (
    days(date(2026, 1, 1), date(2026, 1, 2), "Tết Dương lịch")
    | days(date(2026, 2, 14), date(2026, 2, 22), "Tết Nguyên đán")
    | days(date(2026, 4, 26), date(2026, 4, 27), "Giỗ Tổ Hùng Vương")
    | days(date(2026, 4, 30), date(2026, 5, 1), "30/4 và 1/5")
    | days(date(2026, 8, 29), date(2026, 9, 2), "Quốc khánh")
)
WORKING = {date(2026, 1, 10): "làm bù 2/1", date(2026, 8, 22): "làm bù 31/8"}
CALENDAR = BusinessCalendar(HOLIDAYS, WORKING)
dates = st.dates(date(2025, 12, 1), date(2027, 1, 31))


def test_calendar_with_a_day_both_off_and_working_is_refused():
    with pytest.raises(ValueError, match="2026-01-10"):
        BusinessCalendar({date(2026, 1, 10): "nghỉ"}, WORKING)


def test_calendar_of_endless_days_off_ends_with_an_error():
    endless = BusinessCalendar(days(date(2026, 1, 1), date(2026, 12, 31), "nghỉ"), {})
    with pytest.raises(ValueError, match="no business day"):
        endless.next_business_day(date(2026, 3, 1))


def test_calendar_cannot_be_changed_through_its_source():
    source = dict(HOLIDAYS)
    calendar = BusinessCalendar(source, {})
    source.clear()
    assert not calendar.is_business_day(date(2026, 1, 1))
    with pytest.raises(TypeError):
        calendar.holidays[date(2026, 1, 5)] = "nghỉ"


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (date(2026, 1, 2), False),
        (date(2026, 1, 10), True),
        (date(2026, 1, 11), False),
        (date(2026, 1, 17), False),
        (date(2026, 2, 16), False),
        (date(2026, 2, 23), True),
        (date(2026, 8, 22), True),
        (date(2026, 8, 31), False),
        (date(2026, 9, 3), True),
        (date(2026, 11, 20), True),
    ],
)
def test_business_day_follows_weekends_holidays_and_make_up_days(on, expected):
    assert CALENDAR.is_business_day(on) is expected


@pytest.mark.parametrize(
    ("on", "n", "expected"),
    [
        (date(2026, 2, 13), 1, date(2026, 2, 23)),
        (date(2026, 2, 23), -1, date(2026, 2, 13)),
        (date(2026, 8, 21), 1, date(2026, 8, 22)),
        (date(2026, 8, 28), 2, date(2026, 9, 4)),
        (date(2026, 8, 30), 0, date(2026, 9, 3)),
        (date(2026, 8, 28), 0, date(2026, 8, 28)),
        (date(2026, 1, 9), 3, date(2026, 1, 13)),
    ],
)
def test_adding_business_days_skips_what_is_off(on, n, expected):
    assert CALENDAR.add_business_days(on, n) == expected


@pytest.mark.parametrize(
    ("a", "b", "count"),
    [
        (date(2026, 2, 13), date(2026, 2, 23), 1),
        (date(2026, 2, 23), date(2026, 2, 13), -1),
        (date(2026, 1, 9), date(2026, 1, 12), 2),
        (date(2026, 1, 9), date(2026, 1, 9), 0),
    ],
)
def test_business_days_between_counts_the_later_end(a, b, count):
    assert CALENDAR.business_days_between(a, b) == count


@given(dates, st.integers(1, 30))
def test_adding_business_days_is_undone_by_counting_them(on, n):
    later = CALENDAR.add_business_days(on, n)
    assert CALENDAR.is_business_day(later)
    assert CALENDAR.business_days_between(on, later) == n


@given(dates)
def test_next_business_day_is_the_first_one_after(on):
    following = CALENDAR.next_business_day(on)
    assert following > on
    assert CALENDAR.add_business_days(on, 1) == following
    between = ((on + timedelta(days=step)) for step in range(1, (following - on).days))
    assert not any(CALENDAR.is_business_day(day) for day in between)


@given(dates, dates, dates)
def test_business_days_between_adds_up_over_any_point(a, b, c):
    assert CALENDAR.business_days_between(a, b) + CALENDAR.business_days_between(
        b, c
    ) == CALENDAR.business_days_between(a, c)


def test_business_day_of_refuses_naive_instants_and_zoned_cut_offs():
    with pytest.raises(ValueError, match="zone"):
        business_day_of(datetime(2026, 11, 20), time(16, 30))
    with pytest.raises(ValueError, match="zone"):
        business_day_of(datetime(2026, 11, 20, tzinfo=UTC), time(16, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("clock_time", "cut_off", "expected"),
    [
        (time(16, 29, 59, 999999), time(16, 30), date(2026, 11, 20)),
        (time(16, 30), time(16, 30), date(2026, 11, 21)),
        (time(23, 59), time(16, 30), date(2026, 11, 21)),
        (time(0), time(16, 30), date(2026, 11, 20)),
        (time(23, 59, 59), time(0), date(2026, 11, 20)),
        (time(0), time(0), date(2026, 11, 20)),
    ],
)
def test_business_day_of_an_instant_turns_at_the_cut_off(clock_time, cut_off, expected):
    assert business_day_of(at_vietnam(date(2026, 11, 20), clock_time), cut_off) == expected


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)), st.times())
def test_business_day_of_is_the_vietnamese_date_or_the_next(at, cut_off):
    assert business_day_of(at, cut_off) - vietnam_date(at) in (timedelta(0), timedelta(days=1))
