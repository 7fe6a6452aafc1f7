"""The surcharge of a fine: which days count, on what balance, and that old quotes come out the same."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.money import Money
from payclear.obligations.rules.dated import RuleAmbiguous, RuleNotInForce
from payclear.obligations.rules.instalments import Instalment, InstalmentPlan, ObligorKind, Turn
from payclear.obligations.rules.surcharge import ShelterKind, SurchargeRule, position_on
from tests.obligations.rules.rulebook import (
    KNOWN_AT,
    LAW,
    SURCHARGE,
    TO_DONG,
    fined,
    granted,
    paid,
    refunded,
    sheltered,
    waived,
)

ISSUED = date(2026, 2, 26)
DUE = date(2026, 3, 12)
MILLION = fined(1_000_000, on=ISSUED, due_on=DUE)


def late(days: int) -> date:
    """The day of payment that has so many late days before it."""
    return DUE + timedelta(days=days + 1)


def surcharge(events, on: date, rules=SURCHARGE, as_of=None) -> int:
    return position_on(events, on=on, rules=rules, as_of=as_of).accrued.amount


@pytest.mark.parametrize("rate", [Fraction(-1, 10_000)])
def test_rule_of_a_negative_rate_is_refused(rate):
    with pytest.raises(ValueError, match="negative"):
        replace(SURCHARGE[0], per_day=rate)


@pytest.mark.parametrize("events", [(), (fined(5, on=ISSUED, due_on=None),), (paid(5, ISSUED),)])
def test_history_without_amount_and_deadline_is_refused(events):
    with pytest.raises(ValueError, match="begins with"):
        position_on(events, on=late(1), rules=SURCHARGE)


def test_day_without_a_rate_is_an_error_not_a_free_day():
    rules = (replace(SURCHARGE[0], valid_to=date(2026, 3, 20)),)
    with pytest.raises(RuleNotInForce):
        surcharge((MILLION,), late(30), rules)


def test_two_rates_on_a_day_are_an_error():
    rules = (*SURCHARGE, replace(SURCHARGE[0], id="LATE-B", valid_from=date(2026, 3, 20)))
    with pytest.raises(RuleAmbiguous):
        surcharge((MILLION,), late(30), rules)


@pytest.mark.parametrize(
    ("on", "days", "amount"),
    [
        (ISSUED, 0, 0),
        (DUE, 0, 0),
        (DUE + timedelta(days=1), 0, 0),
        (DUE + timedelta(days=2), 1, 500),
        (date(2026, 3, 30), 17, 8_500),
    ],
)
def test_late_days_run_from_the_day_after_the_deadline_to_the_day_before_payment(on, days, amount):
    position = position_on((MILLION,), on=on, rules=SURCHARGE)
    assert (position.late_days, position.accrued, position.surcharge) == (days, Money(amount), Money(amount))
    assert position.due_on == DUE


def test_holidays_are_late_days_too():
    """Tết 2026 is off from 14/2 to 22/2; surcharge runs through it."""
    event = fined(1_000_000, on=date(2026, 1, 30), due_on=date(2026, 2, 10))
    assert surcharge((event,), date(2026, 2, 24)) == 13 * 500


@pytest.mark.parametrize(
    ("amount", "days", "expected"),
    [(999, 1, 0), (1000, 1, 1), (1001, 1, 1), (333, 3, 0), (334, 3, 1), (10**12, 3650, 1_825_000_000_000)],
)
def test_surcharge_is_rounded_once_half_up_on_the_total(amount, days, expected):
    assert surcharge((fined(amount, on=ISSUED, due_on=DUE),), late(days)) == expected


def test_balance_pieces_are_rounded_together_not_each():
    """Three days on 1,000, then three on 500: 1.5 and 0.75 are 2.25, not 2 and 1."""
    events = (fined(1000, on=ISSUED, due_on=DUE), paid(500, DUE + timedelta(days=4)))
    position = position_on(events, on=late(6), rules=SURCHARGE)
    assert [(step.days, step.balance.amount) for step in position.steps] == [(3, 1000), (3, 500)]
    assert position.accrued == Money(2)


def test_part_paid_lowers_the_balance_from_its_own_day():
    events = (MILLION, paid(400_000, DUE + timedelta(days=11)))
    position = position_on(events, on=late(17), rules=SURCHARGE)
    assert [(step.days, step.balance.amount) for step in position.steps] == [(10, 1_000_000), (7, 600_000)]
    assert position.accrued == Money(5_000 + 2_100)
    assert position.unpaid == Money(600_000)


def test_paid_whole_stops_the_days():
    events = (MILLION, paid(1_000_000, late(3), surcharge=1_500))
    position = position_on(events, on=late(300), rules=SURCHARGE)
    assert (position.late_days, position.unpaid, position.surcharge) == (3, Money(0), Money(0))


def test_waived_shortfall_is_not_due_again():
    events = (MILLION, paid(1_000_000, late(3), surcharge=1_000), waived(500, late(3)))
    assert position_on(events, on=late(9), rules=SURCHARGE).surcharge == Money(0)


def test_refunded_money_counts_again_after_a_correction_upwards():
    events = (
        MILLION,
        paid(1_000_000, ISSUED),
        fined(600_000, on=ISSUED + timedelta(days=1), due_on=None),
        refunded(400_000, ISSUED + timedelta(days=2)),
        fined(900_000, on=ISSUED + timedelta(days=3), due_on=None),
    )
    position = position_on(events, on=late(10), rules=SURCHARGE)
    assert position.unpaid == Money(300_000)
    assert position.accrued == Money(1_500)


def test_money_given_back_in_between_raises_the_balance_from_its_own_day():
    events = (MILLION, paid(1_000_000, DUE), refunded(400_000, DUE + timedelta(days=11)))
    position = position_on(events, on=late(17), rules=SURCHARGE)
    assert [(step.days, step.balance.amount) for step in position.steps] == [(7, 400_000)]
    assert position.steps[0].from_on == DUE + timedelta(days=11)


def test_surcharge_given_back_is_due_again():
    events = (MILLION, paid(1_000_000, late(3), surcharge=1_500), refunded(0, late(5), surcharge=1_000))
    assert position_on(events, on=late(9), rules=SURCHARGE).surcharge == Money(1_000)


@pytest.mark.parametrize(
    ("opened", "closed", "counted"),
    [
        (DUE - timedelta(days=5), None, 0),
        (DUE + timedelta(days=1), DUE + timedelta(days=6), 12),
        (DUE + timedelta(days=3), DUE + timedelta(days=4), 16),
        (DUE + timedelta(days=5), None, 4),
        (DUE - timedelta(days=5), DUE, 17),
        (DUE + timedelta(days=100), None, 17),
    ],
)
@pytest.mark.parametrize("kind", ShelterKind)
def test_deferral_and_pending_reduction_shelter_their_days(opened, closed, counted, kind):
    events = (MILLION, *sheltered(opened, closed, kind=kind))
    position = position_on(events, on=late(17), rules=SURCHARGE)
    assert position.late_days == counted
    assert position.accrued == Money(500 * counted)


def test_shelters_that_overlap_are_counted_once():
    events = (
        MILLION,
        *sheltered(DUE + timedelta(days=1), DUE + timedelta(days=6), ref="A"),
        *sheltered(DUE + timedelta(days=4), DUE + timedelta(days=9), ref="B"),
    )
    assert position_on(events, on=late(17), rules=SURCHARGE).late_days == 9


def test_two_shelters_under_one_reference_are_refused():
    events = (MILLION, *sheltered(DUE, DUE + timedelta(days=2)), *sheltered(DUE + timedelta(days=4)))
    with pytest.raises(ValueError, match="reference of its own"):
        position_on(events, on=late(17), rules=SURCHARGE)


def test_rate_of_each_day_is_that_day_s():
    first = replace(SURCHARGE[0], valid_to=DUE + timedelta(days=10))
    second = SurchargeRule(
        id="LATE-NEW",
        valid_from=DUE + timedelta(days=11),
        legal_basis=LAW,
        per_day=Fraction(3, 10_000),
        rounding=TO_DONG,
    )
    position = position_on((MILLION,), on=late(17), rules=(second, first))
    assert [(step.rule_id, step.days) for step in position.steps] == [("LATE-2013", 10), ("LATE-NEW", 7)]
    assert position.accrued == Money(5_000 + 2_100)


def test_replaced_decision_begins_a_term_of_its_own():
    replaced_on = late(20)
    new_due = replaced_on + timedelta(days=10)
    events = (MILLION, fined(800_000, on=replaced_on, due_on=new_due))
    assert surcharge(events, replaced_on - timedelta(days=1)) == 19 * 500
    assert surcharge(events, new_due) == 0
    assert surcharge(events, new_due + timedelta(days=3)) == 2 * 400


PLAN = InstalmentPlan(
    decision_ref="QĐ-NL-1",
    granted_on=DUE - timedelta(days=2),
    counted_from=ISSUED,
    obligor=ObligorKind.PERSON,
    total=Money(20_000_000),
    turn=Turn.IN_TURN,
    instalments=(
        Instalment(no=1, due_on=DUE, amount=Money(8_000_000)),
        Instalment(no=2, due_on=date(2026, 5, 12), amount=Money(6_000_000)),
        Instalment(no=3, due_on=date(2026, 7, 12), amount=Money(6_000_000)),
    ),
)
TWENTY_MILLION = fined(20_000_000, on=ISSUED, due_on=DUE)
FIRST = paid(8_000_000, DUE, plan="QĐ-NL-1", no=1)
SECOND = paid(6_000_000, date(2026, 5, 12), plan="QĐ-NL-1", no=2)


def test_kept_plan_shelters_to_its_end():
    third = paid(6_000_000, date(2026, 7, 12), plan="QĐ-NL-1", no=3)
    events = (TWENTY_MILLION, granted(PLAN), FIRST, SECOND, third)
    assert surcharge(events, date(2026, 12, 31)) == 0


@pytest.mark.parametrize(
    ("on", "days"),
    [
        (date(2026, 5, 12), 0),
        (date(2026, 5, 13), 0),
        (date(2026, 5, 14), 1),
        (date(2026, 5, 23), 10),
    ],
)
def test_missed_instalment_ends_the_shelter_from_the_day_after_its_date(on, days):
    events = (TWENTY_MILLION, granted(PLAN), FIRST)
    position = position_on(events, on=on, rules=SURCHARGE)
    assert position.late_days == days
    assert position.accrued == Money(6_000 * days)


def test_late_instalment_does_not_mend_the_plan():
    late_second = replace(SECOND, on=date(2026, 5, 15))
    events = (TWENTY_MILLION, granted(PLAN), FIRST, late_second)
    position = position_on(events, on=date(2026, 5, 20), rules=SURCHARGE)
    assert [(step.days, step.balance.amount) for step in position.steps] == [
        (2, 12_000_000),
        (5, 6_000_000),
    ]


def test_instalment_paid_a_second_time_was_paid_when_it_was_paid_first():
    again = paid(6_000_000, date(2026, 6, 1), plan="QĐ-NL-1", no=2)
    events = (TWENTY_MILLION, granted(PLAN), FIRST, SECOND, again)
    assert surcharge(events, date(2026, 7, 12)) == 0


def test_second_plan_shelters_from_its_own_grant():
    again = replace(PLAN, decision_ref="QĐ-NL-2", granted_on=date(2026, 5, 20), total=Money(12_000_000))
    again = replace(
        again,
        instalments=(
            Instalment(no=1, due_on=date(2026, 6, 1), amount=Money(6_000_000)),
            Instalment(no=2, due_on=date(2026, 7, 1), amount=Money(6_000_000)),
        ),
    )
    events = (TWENTY_MILLION, granted(PLAN), FIRST, granted(again))
    assert position_on(events, on=date(2026, 6, 1), rules=SURCHARGE).late_days == 7


# Properties: any history of a fine, on any day.

offsets = st.integers(0, 400)


@st.composite
def histories(draw):
    total = draw(st.integers(1, 10**9))
    events = [fined(total, on=ISSUED, due_on=DUE)]
    for part, offset in draw(st.lists(st.tuples(st.integers(1, total), offsets), max_size=4)):
        events.append(paid(part, ISSUED + timedelta(days=offset)))
    for part, offset in draw(st.lists(st.tuples(st.integers(1, total), offsets), max_size=1)):
        events.append(refunded(part, ISSUED + timedelta(days=offset)))
    for new, offset in draw(st.lists(st.tuples(st.integers(0, 10**9), offsets), max_size=2)):
        events.append(fined(new, on=ISSUED + timedelta(days=offset), due_on=None))
    for number, (offset, length) in enumerate(
        draw(st.lists(st.tuples(offsets, st.one_of(st.none(), st.integers(0, 90))), max_size=2))
    ):
        opened = ISSUED + timedelta(days=offset)
        closed = None if length is None else opened + timedelta(days=length)
        events += sheltered(opened, closed, ref=f"S{number}")
    if draw(st.booleans()):
        events.append(granted(PLAN))
        for no, offset in draw(st.dictionaries(st.integers(1, 3), offsets, max_size=3)).items():
            part = PLAN.instalments[no - 1].amount.amount
            events.append(paid(part, ISSUED + timedelta(days=offset), plan="QĐ-NL-1", no=no))
    return tuple(events)


def by_hand(events, on: date) -> Fraction:
    """The rule said again, day by day: the slow way, to hold the fast one to."""
    total = Fraction(0)
    day = DUE + timedelta(days=1)
    while day < on:
        known = position_on(events, on=day, rules=SURCHARGE)
        tomorrow = position_on(events, on=day + timedelta(days=1), rules=SURCHARGE)
        counts = tomorrow.late_days - known.late_days
        assert counts in (0, 1)
        total += counts * known.unpaid.amount * Fraction(5, 10_000)
        day += timedelta(days=1)
    return total


@given(histories(), offsets, offsets)
def test_surcharge_never_falls_as_days_pass(events, one, other):
    first, second = sorted((one, other))
    assert surcharge(events, ISSUED + timedelta(days=first)) <= surcharge(
        events, ISSUED + timedelta(days=second)
    )


@given(histories(), st.integers(1, 10**9), offsets, offsets)
def test_paying_part_never_raises_the_surcharge(events, part, paid_after, asked_after):
    on = ISSUED + timedelta(days=asked_after)
    more = (*events, paid(part, ISSUED + timedelta(days=paid_after)))
    assert surcharge(more, on) <= surcharge(events, on)


@given(histories(), st.integers(0, 60))
def test_surcharge_by_pieces_is_the_surcharge_day_by_day(events, asked_after):
    on = DUE + timedelta(days=asked_after)
    position = position_on(events, on=on, rules=SURCHARGE)
    assert sum((step.exact for step in position.steps), Fraction(0)) == by_hand(events, on)


@given(histories(), offsets)
def test_position_does_not_depend_on_the_order_events_are_read_in(events, asked_after):
    on = ISSUED + timedelta(days=asked_after)
    unlike = {(type(event), event.on) for event in events}
    if len(unlike) == len(events):
        backwards = position_on(events[::-1], on=on, rules=SURCHARGE)
        assert backwards == position_on(events, on=on, rules=SURCHARGE)


@given(histories(), st.data())
def test_quote_of_a_past_day_comes_out_as_it_was_given(events, data):
    """Each event is learned on its own day or later; what was known at an instant gives the same answer for ever."""
    learned = tuple(
        replace(
            event,
            recorded_at=datetime(event.on.year, event.on.month, event.on.day, tzinfo=UTC)
            + timedelta(days=0 if event.on == ISSUED else data.draw(st.integers(0, 30))),
        )
        for event in events
    )
    asked_at = datetime(2026, 2, 26, 9, tzinfo=UTC) + timedelta(days=data.draw(offsets))
    on = asked_at.date()
    given_then = position_on(
        [event for event in learned if event.recorded_at <= asked_at], on=on, rules=SURCHARGE
    )
    assert position_on(learned, on=on, rules=SURCHARGE, as_of=asked_at) == given_then


def test_event_learned_later_changes_the_answer_of_now_but_not_of_then():
    told_late = replace(paid(1_000_000, DUE), recorded_at=datetime(2026, 4, 1, tzinfo=UTC))
    events = (MILLION, told_late)
    assert surcharge(events, late(17)) == 0
    assert surcharge(events, late(17), as_of=datetime(2026, 3, 30, 5, tzinfo=UTC)) == 8_500
    assert surcharge(events, late(17), as_of=KNOWN_AT) == 8_500
