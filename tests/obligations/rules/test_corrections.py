"""Corrected, replaced, reduced and cancelled decisions: which may follow which, and what is then unpaid."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.money import Money
from payclear.obligations.rules.corrections import (
    DecisionVersion,
    InvalidCorrection,
    VersionKind,
    as_liabilities,
    check_versions,
)
from payclear.obligations.rules.surcharge import FinePaid, position_on
from tests.obligations.rules.rulebook import KNOWN_AT, SURCHARGE, paid, refunded

DAY = timedelta(days=1)
ISSUED_ON = date(2026, 3, 2)
ISSUED = DecisionVersion(
    no=1,
    kind=VersionKind.ISSUED,
    on=ISSUED_ON,
    fine=Money(1_000_000),
    due_on=date(2026, 3, 12),
    recorded_at=KNOWN_AT,
)


def version(no: int, kind: VersionKind, fine: int, *, after: int = 0, due_on: date | None = None):
    return DecisionVersion(
        no=no,
        kind=kind,
        on=ISSUED_ON + DAY * (after or no),
        fine=Money(fine),
        due_on=due_on,
        recorded_at=KNOWN_AT,
    )


@pytest.mark.parametrize(
    ("versions", "reason"),
    [
        ((), "not_issued"),
        ((replace(ISSUED, kind=VersionKind.REPLACED),), "not_issued"),
        ((replace(ISSUED, no=2),), "not_in_order"),
        ((replace(ISSUED, due_on=None),), "deadline"),
        ((replace(ISSUED, fine=Money(0)),), "amount"),
        ((replace(ISSUED, fine=Money(-1)),), "amount"),
        ((ISSUED, replace(ISSUED, no=2)), "issued_again"),
        ((ISSUED, version(3, VersionKind.CORRECTED, 5)), "not_in_order"),
        ((ISSUED, replace(version(2, VersionKind.CORRECTED, 5), on=ISSUED_ON - DAY)), "not_in_order"),
        ((ISSUED, version(2, VersionKind.CORRECTED, 0)), "amount"),
        ((ISSUED, version(2, VersionKind.CORRECTED, 5, due_on=date(2026, 4, 1))), "deadline"),
        ((ISSUED, version(2, VersionKind.REPLACED, 5)), "deadline"),
        ((ISSUED, version(2, VersionKind.REDUCED, 1_000_000)), "not_reduced"),
        ((ISSUED, version(2, VersionKind.REDUCED, -1)), "amount"),
        ((ISSUED, version(2, VersionKind.CANCELLED, 1)), "amount"),
        (
            (ISSUED, version(2, VersionKind.CANCELLED, 0), version(3, VersionKind.CORRECTED, 5)),
            "after_cancellation",
        ),
    ],
)
def test_versions_no_authority_can_mean_are_refused(versions, reason):
    with pytest.raises(InvalidCorrection) as caught:
        check_versions(versions)
    assert caught.value.facts["reason"] == reason


SEQUENCE = (
    ISSUED,
    version(2, VersionKind.CORRECTED, 1_500_000, after=10),
    version(3, VersionKind.REDUCED, 900_000, after=20),
    version(4, VersionKind.REPLACED, 1_200_000, after=30, due_on=date(2026, 4, 20)),
    version(5, VersionKind.CANCELLED, 0, after=40),
)
MOVEMENTS = (
    paid(1_000_000, ISSUED_ON + 5 * DAY),
    paid(500_000, ISSUED_ON + 12 * DAY),
    refunded(600_000, ISSUED_ON + 25 * DAY),
    paid(300_000, ISSUED_ON + 33 * DAY),
)


@pytest.mark.parametrize(
    ("after", "unpaid"),
    [
        (4, 1_000_000),
        (5, 0),
        (10, 500_000),
        (12, 0),
        (20, 0),
        (25, 0),
        (30, 300_000),
        (33, 0),
        (40, 0),
    ],
)
def test_versions_in_sequence_ask_the_rest_day_by_day(after, unpaid):
    history = (*as_liabilities(SEQUENCE), *MOVEMENTS)
    assert position_on(history, on=ISSUED_ON + after * DAY, rules=SURCHARGE).unpaid == Money(unpaid)


def test_full_remission_is_a_reduction_to_nothing():
    check_versions((ISSUED, version(2, VersionKind.REDUCED, 0)))


def test_versions_become_the_history_that_surcharge_runs_on():
    """Corrected: the term goes on, the balance changes. Replaced: a term of its own. Cancelled: nothing runs."""
    events = as_liabilities(SEQUENCE)
    corrected = position_on(events, on=ISSUED_ON + 20 * DAY, rules=SURCHARGE)
    assert [(step.days, step.balance.amount) for step in corrected.steps] == [(9, 1_500_000)]
    replaced = position_on(events, on=date(2026, 4, 11), rules=SURCHARGE)
    assert (replaced.due_on, replaced.late_days) == (date(2026, 4, 20), 0)
    cancelled = position_on(events, on=date(2026, 12, 31), rules=SURCHARGE)
    assert (cancelled.unpaid, cancelled.accrued) == (Money(0), Money(0))


@st.composite
def lives(draw):
    """Any lawful sequence of versions, and money that comes and goes between them."""
    versions = [ISSUED]
    movements = []
    held = 0
    for no in range(2, draw(st.integers(2, 6))):
        before = versions[-1]
        if before.kind is VersionKind.CANCELLED:
            break
        kind = draw(st.sampled_from([kind for kind in VersionKind if kind is not VersionKind.ISSUED]))
        if kind in (VersionKind.REDUCED, VersionKind.SERVED) and not before.fine.is_positive:
            break
        fine = draw(
            {
                VersionKind.CANCELLED: st.just(0),
                VersionKind.REDUCED: st.integers(0, max(0, before.fine.amount - 1)),
                VersionKind.SERVED: st.just(before.fine.amount),
            }.get(kind, st.integers(1, 10**7))
        )
        on = before.on + DAY * draw(st.integers(0, 30))
        due_on = on + 10 * DAY if kind in (VersionKind.REPLACED, VersionKind.SERVED) else None
        versions.append(replace(version(no, kind, fine, due_on=due_on), on=on))
        rest = fine - held
        if draw(st.booleans()) and rest > 0:
            movements.append(paid(draw(st.integers(1, rest)), on))
            held += movements[-1].principal.amount
        if draw(st.booleans()) and rest < 0:
            movements.append(refunded(draw(st.integers(1, -rest)), on))
            held -= movements[-1].principal.amount
    return versions, movements


@given(lives(), st.integers(0, 200))
def test_on_every_day_of_every_life_the_newest_version_less_what_is_held_is_unpaid(life, after):
    versions, movements = life
    on = ISSUED_ON + DAY * after
    asked = [version.fine.amount for version in versions if version.on <= on][-1]
    held = sum(
        move.principal.amount if isinstance(move, FinePaid) else -move.principal.amount
        for move in movements
        if move.on <= on
    )
    position = position_on((*as_liabilities(versions), *movements), on=on, rules=SURCHARGE)
    assert position.unpaid == Money(max(0, asked - held))
