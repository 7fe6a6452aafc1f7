"""Voluntary social insurance: floor and ceiling, methods, and the support of the best category."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.money import Money
from payclear.obligations.rules.dated import RuleNotInForce, add_months
from payclear.obligations.rules.insurance import InvalidContribution, VoluntaryChoice, voluntary_contribution
from tests.obligations.rules.insurance_book import AUGUST, LEVELS, VOLUNTARY, VOLUNTARY_SUPPORT

CHOICE = VoluntaryChoice(
    ref="P1",
    income=Money(1_500_000),
    from_on=date(2026, 9, 1),
    months=1,
    categories=frozenset({"other"}),
)


def voluntary(choice=CHOICE, *, paid_on=AUGUST):
    contribution = voluntary_contribution(
        choice, paid_on=paid_on, levels=LEVELS, rules=VOLUNTARY, supports=VOLUNTARY_SUPPORT
    )
    (line,) = contribution.lines
    assert contribution.own + contribution.state == contribution.full == line.full
    return line


@pytest.mark.parametrize(
    "changed",
    [
        {"rate": Fraction(2)},
        {"floor": Money(0)},
        {"ceiling_levels": 0},
        {"months_allowed": frozenset()},
        {"years_ahead_most": 0},
        {"support_months_most": -1},
    ],
)
def test_voluntary_rule_with_a_hole_is_refused(changed):
    with pytest.raises(ValueError, match="rule VSI-2025"):
        replace(VOLUNTARY[0], **changed)


def test_support_beyond_the_whole_is_refused():
    with pytest.raises(ValueError, match="share"):
        replace(VOLUNTARY_SUPPORT[0], share=Fraction(101, 100))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"income": Money(1_499_999)}, "below_floor"),
        ({"income": Money(50_600_001)}, "above_ceiling"),
        ({"months": 0}, "months"),
        ({"months": 2}, "months"),
        ({"months": 18}, "months"),
        ({"months": 72}, "months"),
        ({"months": -12}, "months"),
        ({"months_supported": -1}, "months_supported"),
    ],
)
def test_choice_outside_the_rule_is_refused(changed, reason):
    with pytest.raises(InvalidContribution) as caught:
        voluntary(replace(CHOICE, **changed))
    assert caught.value.facts == {"reason": reason, "floor": 1_500_000, "ceiling": 50_600_000}


def test_voluntary_contribution_before_the_law_is_an_error():
    with pytest.raises(RuleNotInForce):
        voluntary(paid_on=date(2025, 6, 30))


def test_unknown_category_is_an_error_not_a_full_price():
    with pytest.raises(RuleNotInForce):
        voluntary(replace(CHOICE, categories=frozenset({"unheard_of"})))


@pytest.mark.parametrize(
    ("paid_on", "ceiling"), [(date(2026, 6, 30), 46_800_000), (date(2026, 7, 1), 50_600_000)]
)
def test_ceiling_is_twenty_reference_levels_of_the_day_of_payment(paid_on, ceiling):
    line = voluntary(replace(CHOICE, income=Money(ceiling)), paid_on=paid_on)
    assert line.full == Money(ceiling * 22 // 100)
    with pytest.raises(InvalidContribution):
        voluntary(replace(CHOICE, income=Money(ceiling + 1)), paid_on=paid_on)


@pytest.mark.parametrize(
    ("categories", "state"),
    [
        ((), 0),
        (("other",), 66_000),
        (("ethnic_minority",), 99_000),
        (("near_poor",), 132_000),
        (("poor",), 165_000),
        (("other", "near_poor"), 132_000),
        (("other", "ethnic_minority", "near_poor", "poor"), 165_000),
    ],
)
def test_support_is_that_of_the_best_single_category(categories, state):
    line = voluntary(replace(CHOICE, categories=frozenset(categories)))
    assert (line.full, line.state, line.own) == (Money(330_000), Money(state), Money(330_000 - state))


def test_support_stays_that_of_the_floor_for_a_higher_income():
    line = voluntary(replace(CHOICE, income=Money(10_000_000), categories=frozenset({"poor"})))
    assert (line.full, line.state, line.own) == (Money(2_200_000), Money(165_000), Money(2_035_000))


@pytest.mark.parametrize("months", [1, 3, 6, 12, 24, 36, 48, 60])
def test_every_method_of_payment_is_so_many_months(months):
    line = voluntary(replace(CHOICE, months=months))
    assert (line.months, line.full, line.state) == (months, Money(330_000 * months), Money(66_000 * months))
    assert line.to_on == date.fromordinal(add_months(date(2026, 9, 1), months).toordinal() - 1)


@pytest.mark.parametrize(
    ("before", "supported"), [(0, 12), (108, 12), (110, 10), (119, 1), (120, 0), (200, 0)]
)
def test_support_ends_after_its_months_of_a_life(before, supported):
    line = voluntary(replace(CHOICE, months=12, months_supported=before))
    assert line.state == Money(66_000 * supported)
    assert line.own == Money(330_000 * 12 - 66_000 * supported)


def test_months_paid_before_are_not_charged_again():
    line = voluntary(replace(CHOICE, months=12, covered_through=date(2027, 2, 28)))
    assert (line.months, line.from_on) == (6, date(2027, 3, 1))
    assert (line.full, line.state) == (Money(330_000 * 6), Money(66_000 * 6))


@given(
    st.integers(1_500_000, 50_600_000),
    st.sampled_from([1, 3, 6, 12, 24, 60]),
    st.frozensets(st.sampled_from([each.category for each in VOLUNTARY_SUPPORT])),
    st.integers(0, 150),
)
def test_own_and_state_share_are_the_whole(income, months, categories, before):
    line = voluntary(
        replace(
            CHOICE,
            income=Money(income),
            months=months,
            categories=categories,
            months_supported=before,
        )
    )
    assert line.own + line.state == line.full
    assert 0 <= line.state.amount <= line.full.amount
    worse = voluntary(replace(CHOICE, income=Money(income), months=months, categories=frozenset()))
    assert line.own <= worse.own
