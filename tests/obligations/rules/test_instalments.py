"""Instalments: what the law allows, which part may be paid now, and when a plan is broken."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.money import Money, sum_money
from payclear.obligations.rules.dated import RuleNotInForce
from payclear.obligations.rules.instalments import (
    Held,
    Instalment,
    InstalmentNotPayable,
    InstalmentPlan,
    InvalidInstalmentPlan,
    ObligorKind,
    PlanState,
    Turn,
    check_plan,
    plan_standing,
    propose_plan,
    require_payable,
)
from tests.obligations.rules.rulebook import INSTALMENTS

RULE = INSTALMENTS[0]
DATES = (date(2026, 3, 12), date(2026, 5, 12), date(2026, 8, 26))


def parts(*amounts: int, dates=DATES) -> tuple[Instalment, ...]:
    return tuple(
        Instalment(no=no, due_on=day, amount=Money(amount))
        for no, (amount, day) in enumerate(zip(amounts, dates, strict=False), start=1)
    )


PLAN = InstalmentPlan(
    decision_ref="01/QĐ-NPNL",
    granted_on=date(2026, 3, 10),
    counted_from=date(2026, 2, 26),
    obligor=ObligorKind.PERSON,
    total=Money(15_000_000),
    turn=Turn.IN_TURN,
    instalments=parts(6_000_000, 5_000_000, 4_000_000),
)


def held(paid: Mapping[int, date]) -> dict[int, tuple[Held, ...]]:
    """Instalments that were paid on these days, of which no money went back."""
    return {no: ((day, None),) for no, day in paid.items()}


@pytest.mark.parametrize(
    "changed",
    [
        {"least": {ObligorKind.PERSON: Money(1)}},
        {"first_share": Fraction(1)},
        {"first_share": Fraction(0)},
        {"parts_most": 1},
        {"months_most": 0},
    ],
)
def test_instalment_rule_with_a_hole_is_refused(changed):
    with pytest.raises(ValueError, match="rule PARTS-2022"):
        replace(RULE, **changed)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"decision_ref": " "}, "no_decision"),
        ({"instalments": parts(15_000_000)}, "too_few"),
        ({"instalments": ()}, "too_few"),
        ({"instalments": parts(6_000_000, 5_000_000, 4_000_000)[::-1]}, "not_in_order"),
        ({"instalments": parts(6_000_000, 9_000_000, dates=(DATES[0], DATES[0]))}, "not_in_order"),
        ({"instalments": parts(15_000_000, 0)}, "not_positive"),
        ({"granted_on": date(2026, 3, 13)}, "before_grant"),
        ({"instalments": parts(6_000_000, 5_000_000, 3_999_999)}, "sum_differs"),
        ({"instalments": parts(6_000_000, 5_000_000, 4_000_001)}, "sum_differs"),
        (
            {"total": Money(14_999_999), "instalments": parts(6_000_000, 5_000_000, 3_999_999)},
            "below_threshold",
        ),
        ({"obligor": ObligorKind.ORGANISATION}, "below_threshold"),
        (
            {
                "instalments": parts(
                    6_000_000, 3_000_000, 3_000_000, 3_000_000, dates=(*DATES, date(2026, 8, 1))
                )
            },
            "not_in_order",
        ),
        (
            {
                "instalments": parts(
                    6_000_000,
                    3_000_000,
                    3_000_000,
                    3_000_000,
                    dates=(*DATES[:2], date(2026, 6, 1), date(2026, 7, 1)),
                )
            },
            "too_many",
        ),
        ({"instalments": parts(5_999_999, 5_000_001, 4_000_000)}, "first_too_small"),
        (
            {"instalments": parts(6_000_000, 9_000_000, dates=(DATES[0], date(2026, 8, 27)))},
            "too_long",
        ),
    ],
)
def test_plan_the_law_does_not_allow_is_refused(changed, reason):
    with pytest.raises(InvalidInstalmentPlan) as caught:
        check_plan(replace(PLAN, **changed), INSTALMENTS)
    assert caught.value.facts["reason"] == reason


def test_plan_of_a_day_without_a_rule_is_refused():
    with pytest.raises(RuleNotInForce):
        check_plan(PLAN, [replace(RULE, valid_to=date(2026, 3, 9))])


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"instalments": parts(6_000_000, 9_000_000)},
        {"instalments": parts(14_999_998, 1, 1)},
        {
            "obligor": ObligorKind.ORGANISATION,
            "total": Money(150_000_000),
            "instalments": parts(60_000_000, 45_000_000, 45_000_000),
        },
    ],
)
def test_plan_at_the_limits_of_the_law_is_allowed(changed):
    assert check_plan(replace(PLAN, **changed), INSTALMENTS) is RULE


@pytest.mark.parametrize(
    ("total", "dates", "amounts"),
    [
        (15_000_000, DATES, (6_000_000, 4_500_000, 4_500_000)),
        (15_000_001, DATES, (6_000_001, 4_500_000, 4_500_000)),
        (20_000_003, DATES, (8_000_002, 6_000_001, 6_000_000)),
        (20_000_003, DATES[:2], (8_000_002, 12_000_001)),
    ],
)
def test_proposed_parts_are_the_whole(total, dates, amounts):
    proposed = propose_plan(Money(total), due_on=dates, rule=RULE)
    assert tuple(each.amount.amount for each in proposed) == amounts
    assert tuple(each.due_on for each in proposed) == dates


@pytest.mark.parametrize(
    ("total", "dates", "reason"), [(100, DATES[:1], "too_few"), (2, DATES, "not_positive")]
)
def test_what_can_not_be_split_is_refused(total, dates, reason):
    with pytest.raises(InvalidInstalmentPlan) as caught:
        propose_plan(Money(total), due_on=dates, rule=RULE)
    assert caught.value.facts["reason"] == reason


@given(st.integers(15_000_000, 10**13), st.integers(2, 3))
def test_proposed_plan_sums_to_the_total_and_is_allowed(total, count):
    proposed = propose_plan(Money(total), due_on=DATES[:count], rule=RULE)
    assert sum_money(each.amount for each in proposed) == Money(total)
    assert check_plan(replace(PLAN, total=Money(total), instalments=proposed), INSTALMENTS) is RULE


@pytest.mark.parametrize(
    ("turn", "paid", "payable"),
    [
        (Turn.IN_TURN, (), (1,)),
        (Turn.IN_TURN, (1,), (2,)),
        (Turn.IN_TURN, (1, 2), (3,)),
        (Turn.ANY_AFTER_FIRST, (), (1,)),
        (Turn.ANY_AFTER_FIRST, (1,), (2, 3)),
        (Turn.ANY_AFTER_FIRST, (1, 3), (2,)),
        (Turn.ANY, (), (1, 2, 3)),
        (Turn.ANY, (3,), (1, 2)),
        (Turn.ANY, (1, 2, 3), ()),
    ],
)
def test_plan_says_which_instalment_may_be_paid(turn, paid, payable):
    standing = plan_standing(
        replace(PLAN, turn=turn), held(dict.fromkeys(paid, date(2026, 3, 11))), on=date(2026, 3, 12)
    )
    assert standing.payable == payable
    assert standing.state is (PlanState.COMPLETE if not payable else PlanState.KEPT)
    assert standing.paid + standing.rest == PLAN.total


@pytest.mark.parametrize(
    ("no", "paid", "on", "reason"),
    [
        (4, {}, DATES[0], "unknown"),
        (0, {}, DATES[0], "unknown"),
        (2, {}, DATES[0], "out_of_turn"),
        (1, {1: DATES[0]}, DATES[0], "paid"),
        (1, {}, DATES[0] + timedelta(days=1), "broken"),
        (2, {1: DATES[0] + timedelta(days=1)}, DATES[0] + timedelta(days=2), "broken"),
    ],
)
def test_instalment_that_may_not_be_paid_is_refused_with_a_reason(no, paid, on, reason):
    with pytest.raises(InstalmentNotPayable) as caught:
        require_payable(PLAN, no, held(paid), on=on)
    assert caught.value.facts == {"reason": reason, "no": no}


def test_instalment_may_be_paid_until_the_end_of_its_date():
    assert require_payable(PLAN, 1, {}, on=DATES[0]) == PLAN.instalments[0]
    assert require_payable(PLAN, 2, held({1: DATES[0]}), on=DATES[1]) == PLAN.instalments[1]


@pytest.mark.parametrize(
    ("paid", "on", "state", "broken_on"),
    [
        ({}, DATES[0], PlanState.KEPT, None),
        ({}, DATES[0] + timedelta(days=1), PlanState.BROKEN, DATES[0] + timedelta(days=1)),
        ({1: DATES[0]}, DATES[1], PlanState.KEPT, None),
        ({1: DATES[0]}, DATES[2], PlanState.BROKEN, DATES[1] + timedelta(days=1)),
        # What is paid later does not count before, and does not mend.
        (
            {1: DATES[0] + timedelta(days=9)},
            DATES[0] + timedelta(days=3),
            PlanState.BROKEN,
            DATES[0] + timedelta(days=1),
        ),
        (
            {1: DATES[0], 2: DATES[1] + timedelta(days=1)},
            DATES[2],
            PlanState.BROKEN,
            DATES[1] + timedelta(days=1),
        ),
        # A later instalment paid early does not stand in for an earlier one.
        ({1: DATES[0], 3: DATES[0]}, DATES[2], PlanState.BROKEN, DATES[1] + timedelta(days=1)),
        ({1: DATES[0], 2: DATES[1], 3: DATES[2]}, DATES[2], PlanState.COMPLETE, None),
    ],
)
def test_plan_breaks_at_the_end_of_the_first_missed_date(paid, on, state, broken_on):
    standing = plan_standing(PLAN, held(paid), on=on)
    assert (standing.state, standing.broken_on) == (state, broken_on)
    assert state is PlanState.KEPT or standing.payable == ()


@pytest.mark.parametrize(
    ("periods", "on", "state", "payable"),
    [
        (((DATES[0], DATES[0] + timedelta(days=5)),), DATES[0] + timedelta(days=4), PlanState.KEPT, (2,)),
        (((DATES[0], DATES[0] + timedelta(days=5)),), DATES[0] + timedelta(days=5), PlanState.KEPT, (1,)),
        (((DATES[0], DATES[0]),), DATES[0], PlanState.KEPT, (1,)),
        (((DATES[0], DATES[0]),), DATES[0] + timedelta(days=1), PlanState.BROKEN, ()),
        (((DATES[0], DATES[0]), (DATES[0], None)), DATES[1], PlanState.KEPT, (2,)),
    ],
)
def test_instalment_whose_money_went_back_is_owed_again_and_a_kept_date_stays_kept(
    periods, on, state, payable
):
    standing = plan_standing(PLAN, {1: periods}, on=on)
    assert (standing.state, standing.payable) == (state, payable)


def test_payment_of_no_instalment_of_the_plan_is_not_counted():
    standing = plan_standing(PLAN, held({1: DATES[0], 7: DATES[0], 8: DATES[0]}), on=DATES[0])
    assert (standing.state, standing.paid) == (PlanState.KEPT, Money(6_000_000))


@given(
    st.dictionaries(st.integers(1, 3), st.dates(date(2026, 3, 1), date(2026, 12, 31))),
    st.dates(date(2026, 3, 1), date(2026, 12, 31)),
    st.integers(0, 300),
)
def test_broken_plan_stays_broken_from_the_same_day(paid, on, later):
    now = plan_standing(PLAN, held(paid), on=on)
    then = plan_standing(PLAN, held(paid), on=on + timedelta(days=later))
    if now.broken_on is not None:
        assert then.broken_on == now.broken_on
    assert then.paid >= now.paid
    assert then.paid + then.rest == PLAN.total
