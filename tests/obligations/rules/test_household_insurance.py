"""Household health insurance: the worked figures, the July change, and that both shares are the whole."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.money import Money
from payclear.obligations.rules.dated import RuleNotInForce, add_months
from payclear.obligations.rules.insurance import InvalidContribution, Member, household_contribution
from tests.obligations.rules.insurance_book import AUGUST, HOUSEHOLD, HOUSEHOLD_SUPPORT, LEVELS

FAMILY = tuple(Member(ref=f"M{order}", order=order) for order in range(1, 7))


def household(members=FAMILY, *, months=12, paid_on=AUGUST, from_on=date(2026, 9, 1), supports=()):
    return household_contribution(
        members,
        from_on=from_on,
        months=months,
        paid_on=paid_on,
        levels=LEVELS,
        rules=HOUSEHOLD,
        supports=supports,
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"rate": Fraction(0)},
        {"steps": ()},
        {"steps": (Fraction(11, 10),)},
        {"months_allowed": frozenset()},
        {"months_allowed": frozenset({0, 3})},
    ],
)
def test_household_rule_with_a_hole_is_refused(changed):
    with pytest.raises(ValueError, match="rule HHI"):
        replace(HOUSEHOLD[0], **changed)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ((), "no_members"),
        ((Member(ref="A", order=1), Member(ref="A", order=2)), "repeated_member"),
        ((Member(ref="A", order=1), Member(ref="B", order=1)), "order"),
        ((Member(ref="A", order=2),), "order"),
        ((Member(ref="A", order=1), Member(ref="B", order=3)), "order"),
        ((Member(ref="A", order=0), Member(ref="B", order=1)), "order"),
    ],
)
def test_household_without_a_plain_order_is_refused(members, reason):
    with pytest.raises(InvalidContribution) as caught:
        household(members)
    assert caught.value.facts["reason"] == reason


@pytest.mark.parametrize("months", [0, 1, 2, 4, 24, -3])
def test_period_the_rule_does_not_know_is_refused(months):
    with pytest.raises(InvalidContribution) as caught:
        household(months=months)
    assert caught.value.facts == {"reason": "months", "months": months}


def test_payment_before_any_reference_level_is_an_error():
    with pytest.raises(RuleNotInForce):
        household(paid_on=date(2023, 6, 30))


def test_category_without_support_in_force_is_an_error_not_a_full_price():
    with pytest.raises(RuleNotInForce):
        household((replace(FAMILY[0], category="near_poor"),))


@pytest.mark.parametrize(
    ("paid_on", "monthly"),
    [
        (date(2023, 7, 1), (81_000, 56_700, 48_600, 40_500, 32_400, 32_400)),
        (date(2024, 7, 1), (105_300, 73_710, 63_180, 52_650, 42_120, 42_120)),
        (date(2026, 6, 30), (105_300, 73_710, 63_180, 52_650, 42_120, 42_120)),
        (date(2026, 7, 1), (113_850, 79_695, 68_310, 56_925, 45_540, 45_540)),
    ],
)
@pytest.mark.parametrize("months", [3, 6, 12])
def test_household_pays_by_order_and_by_the_level_of_the_day_of_payment(paid_on, monthly, months):
    contribution = household(paid_on=paid_on, months=months)
    assert tuple(line.monthly.amount for line in contribution.lines) == monthly
    assert tuple(line.own.amount for line in contribution.lines) == tuple(each * months for each in monthly)
    assert contribution.own == contribution.full == Money(sum(monthly) * months)


def test_household_of_four_for_a_year_crossing_july_pays_the_level_of_april():
    """The sample notice: 2,340,000, twelve months from 1/4/2026, four members, 3,538,080 ₫."""
    contribution = household(FAMILY[:4], paid_on=date(2026, 3, 25), from_on=date(2026, 4, 1))
    assert [line.own.amount for line in contribution.lines] == [1_263_600, 884_520, 758_160, 631_800]
    assert contribution.own == Money(3_538_080)
    assert {line.to_on for line in contribution.lines} == {date(2027, 3, 31)}
    assert contribution.lines[0].rule_ids == ("HHI", "LEVEL-2024")
    assert contribution.lines[0].legal_basis == ("Luật BHYT", "NĐ 73/2024/NĐ-CP")


def test_july_change_does_not_recharge_what_was_prepaid():
    """The first member paid to the end of the year in June; in August only the others' months cost the new level."""
    first = replace(FAMILY[0], covered_through=date(2026, 12, 31))
    contribution = household((first, FAMILY[1]), months=3, from_on=date(2026, 9, 1))
    assert [(line.months, line.own.amount) for line in contribution.lines] == [(0, 0), (3, 3 * 79_695)]


@pytest.mark.parametrize(
    ("covered_through", "months", "from_on"),
    [
        (None, 12, date(2026, 9, 1)),
        (date(2026, 8, 31), 12, date(2026, 9, 1)),
        (date(2026, 9, 30), 11, date(2026, 10, 1)),
        (date(2027, 2, 28), 6, date(2027, 3, 1)),
        (date(2027, 7, 31), 1, date(2027, 8, 1)),
        (date(2027, 8, 31), 0, date(2027, 9, 1)),
        (date(2030, 1, 1), 0, date(2027, 9, 1)),
    ],
)
def test_prepaid_months_are_not_charged_again(covered_through, months, from_on):
    (line,) = household((Member(ref="A", order=1, covered_through=covered_through),)).lines
    assert (line.months, line.from_on, line.to_on) == (months, from_on, date(2027, 8, 31))
    assert line.own == Money(113_850 * months)


def test_period_that_begins_inside_a_prepaid_month_is_refused_with_the_day_to_begin():
    with pytest.raises(InvalidContribution) as caught:
        household((Member(ref="A", order=1, covered_through=date(2026, 10, 14)),))
    assert caught.value.facts == {"reason": "overlaps", "begin_on": "2026-10-15"}


def test_period_that_begins_on_a_31st_ends_with_short_months():
    (line,) = household((Member(ref="A", order=1),), months=3, from_on=date(2026, 11, 30)).lines
    assert line.to_on == date(2027, 2, 27)


def test_state_support_is_a_memo_beside_the_own_share():
    near_poor = replace(FAMILY[0], category="near_poor")
    contribution = household((near_poor, FAMILY[1]), months=12, supports=HOUSEHOLD_SUPPORT)
    assert [line.own.amount for line in contribution.lines] == [34_155 * 12, 79_695 * 12]
    assert contribution.state == Money(79_695 * 12)
    assert contribution.own + contribution.state == contribution.full
    assert contribution.lines[0].rule_ids == ("HHI", "LEVEL-2026", "HHI-NEAR-POOR")


@st.composite
def households(draw):
    size = draw(st.integers(1, 8))
    members = []
    for order in range(1, size + 1):
        paid_months = draw(st.none() | st.integers(0, 14))
        covered = None
        if paid_months is not None:
            covered = date.fromordinal(add_months(date(2026, 9, 1), paid_months).toordinal() - 1)
        members.append(
            Member(
                ref=f"M{order}",
                order=order,
                covered_through=covered,
                category=draw(st.none() | st.just("near_poor")),
            )
        )
    return tuple(members)


@given(households(), st.sampled_from([3, 6, 12]), st.permutations(range(8)))
def test_household_order_changes_who_pays_what_but_each_rule_holds(members, months, shuffle):
    before = household(members, months=months, supports=HOUSEHOLD_SUPPORT)
    order = [index for index in shuffle if index < len(members)]
    reordered = tuple(replace(members[index], order=place) for place, index in enumerate(order, start=1))
    after = household(reordered, months=months, supports=HOUSEHOLD_SUPPORT)
    monthly = (113_850, 79_695, 68_310, 56_925, 45_540)
    for contribution in (before, after):
        assert contribution.own + contribution.state == contribution.full
        for place, line in enumerate(contribution.lines):
            assert line.monthly.amount == monthly[min(place, 4)]
            assert line.full == line.monthly * line.months
            assert line.own + line.state == line.full
            assert 0 <= line.state.amount <= line.full.amount
    assert {line.ref: line.months for line in before.lines} == {line.ref: line.months for line in after.lines}
    assert [line.monthly for line in before.lines] == [line.monthly for line in after.lines]


@given(households(), st.sampled_from([3, 6, 12]))
def test_household_does_not_depend_on_the_order_members_are_sent_in(members, months):
    assert household(members[::-1], months=months, supports=HOUSEHOLD_SUPPORT) == household(
        members, months=months, supports=HOUSEHOLD_SUPPORT
    )
