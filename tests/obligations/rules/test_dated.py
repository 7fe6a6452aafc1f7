"""Rules by day, months by the calendar, and rounding that is stated."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.money import Money
from payclear.obligations.rules.dated import DatedRule, RuleAmbiguous, RuleNotInForce, add_months, in_force
from payclear.obligations.rules.rounding import Rounding, RoundingMode

OLD = DatedRule(id="OLD", valid_from=date(2023, 7, 1), valid_to=date(2024, 6, 30), legal_basis="NĐ cũ")
NEW = DatedRule(id="NEW", valid_from=date(2024, 7, 1), legal_basis="NĐ mới")
days = st.dates(date(2000, 1, 1), date(2100, 12, 31))


@pytest.mark.parametrize(
    "changed",
    [{"id": " "}, {"legal_basis": ""}, {"valid_to": date(2023, 6, 30)}],
)
def test_rule_without_name_law_or_period_is_refused(changed):
    with pytest.raises(ValueError, match=r"rule|id"):
        replace(OLD, **changed)


def test_rule_of_no_row_on_the_day_is_an_error_of_the_catalogue():
    with pytest.raises(RuleNotInForce) as caught:
        in_force((OLD, NEW), date(2023, 6, 30), kind="any")
    assert caught.value.facts == {"kind": "any", "on": "2023-06-30"}


def test_rules_that_overlap_are_named_not_chosen_from():
    with pytest.raises(RuleAmbiguous) as caught:
        in_force((NEW, replace(OLD, valid_to=date(2024, 7, 1))), date(2024, 7, 1), kind="any")
    assert (caught.value.facts["first"], caught.value.facts["second"]) == ("NEW", "OLD")


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (date(2023, 7, 1), OLD),
        (date(2024, 6, 30), OLD),
        (date(2024, 7, 1), NEW),
        (date(2090, 1, 1), NEW),
    ],
)
def test_rule_in_force_changes_between_the_last_and_the_first_day(on, expected):
    assert in_force((OLD, NEW), on, kind="any") is expected


@pytest.mark.parametrize(
    ("on", "months", "expected"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2026, 1, 31), 2, date(2026, 3, 31)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
        (date(2026, 4, 15), 12, date(2027, 4, 15)),
        (date(2026, 4, 15), 0, date(2026, 4, 15)),
    ],
)
def test_months_end_with_the_month(on, months, expected):
    assert add_months(on, months) == expected


@given(days, st.integers(0, 240))
def test_months_from_one_anchor_follow_each_other(on, months):
    following = add_months(on, months + 1)
    assert add_months(on, months) < following
    assert following.day == on.day or (following + timedelta(days=1)).day == 1


@pytest.mark.parametrize(
    ("mode", "unit", "exact", "expected"),
    [
        (RoundingMode.HALF_UP, 1, Fraction(1, 2), 1),
        (RoundingMode.HALF_UP, 1, Fraction(49, 100), 0),
        (RoundingMode.DOWN, 1, Fraction(99, 100), 0),
        (RoundingMode.UP, 1, Fraction(1, 100), 1),
        (RoundingMode.UP, 1, Fraction(7), 7),
        (RoundingMode.HALF_UP, 1000, Fraction(1500), 2000),
        (RoundingMode.HALF_UP, 1000, Fraction(1499), 1000),
        (RoundingMode.DOWN, 500, Fraction(1499), 1000),
    ],
)
def test_rounding_does_what_its_mode_and_unit_say(mode, unit, exact, expected):
    assert Rounding(mode, unit).money(exact, "VND") == Money(expected)


@pytest.mark.parametrize("unit", [0, -1])
def test_rounding_to_no_unit_is_refused(unit):
    with pytest.raises(ValueError, match="unit"):
        Rounding(RoundingMode.DOWN, unit)


def test_rounding_of_a_negative_amount_is_refused():
    with pytest.raises(ValueError, match="negative"):
        Rounding(RoundingMode.DOWN).money(Fraction(-1), "VND")


@given(st.sampled_from(RoundingMode), st.integers(1, 5000), st.fractions(0, 10**12))
def test_rounding_lands_on_a_multiple_less_than_one_unit_away(mode, unit, exact):
    amount = Rounding(mode, unit).money(exact, "VND").amount
    assert amount % unit == 0
    assert abs(amount - exact) < unit
