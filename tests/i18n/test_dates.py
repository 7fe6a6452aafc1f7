"""Dates and instants as people in Viet Nam read them."""

from datetime import UTC, date, datetime

import pytest

from payclear.i18n.dates import format_date, format_datetime, format_month

AT = datetime(2026, 11, 20, 17, 5, 59, tzinfo=UTC)


def test_instant_given_as_a_date_is_a_mistake():
    with pytest.raises(TypeError, match="instant"):
        format_date(AT, "vi")


def test_naive_instant_is_refused():
    with pytest.raises(ValueError, match="zone"):
        format_datetime(datetime(2026, 11, 20), "vi")


def test_unknown_locale_is_a_mistake():
    with pytest.raises(ValueError, match="locale"):
        format_date(date(2026, 11, 21), "fr")
    with pytest.raises(ValueError, match="locale"):
        format_datetime(AT, "fr")


def test_date_in_both_languages():
    assert format_date(date(2026, 1, 2), "vi") == "02/01/2026"
    assert format_date(date(2026, 1, 2), "en") == "2 January 2026"
    assert format_date(date(2026, 11, 21), "vi") == "21/11/2026"
    assert format_date(date(2026, 11, 21), "en") == "21 November 2026"


def test_instant_is_shown_in_vietnamese_time():
    assert format_datetime(AT, "vi") == "00:05, 21/11/2026"
    assert format_datetime(AT, "en") == "21 November 2026, 00:05"


def test_month_is_named_by_its_first_day() -> None:
    assert format_month(date(2026, 9, 1), "vi") == "09/2026"
    assert format_month(date(2026, 9, 1), "en") == "September 2026"
