"""A live attempt that whole statements do not list ends; what is not whole decides nothing, and late money is taken."""

from dataclasses import replace
from datetime import date, timedelta

import psycopg
import pytest

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.calendar import BusinessCalendar
from payclear.kernel.clock import FixedClock
from payclear.orders.domain import AttemptState, OrderState
from payclear.orders.jobs import expire_due
from payclear.orders.records import AttemptView
from reconciliation import absence
from reconciliation.absence import last_decidable_day
from tests.database import TestServer
from tests.reconciliation.nights import NightScene
from tests.reconciliation.test_steps import cut_at
from tests.scenes import VNPAY

SATURDAY, SUNDAY, MONDAY, TUESDAY = (date(2026, 11, 21) + timedelta(days=n) for n in range(4))
DAY = timedelta(days=1)


def empty_days(nights: NightScene, clock: FixedClock, *days: date) -> None:
    """Each day ends, and its night finds an empty, whole statement."""
    for day in days:
        nights.write(day, rows=[], count=0, total=0)
        over(nights, clock, day)


def over(nights: NightScene, clock: FixedClock, day: date) -> int:
    """Let a day end and run its night; how many attempts ended."""
    while clock.now().date() <= day:
        clock.advance(DAY)
    return nights.night(day).ended


def state(nights: NightScene, attempt: AttemptView) -> str:
    return next(a.state for a in nights.order_of(attempt).attempts if a.id == attempt.id)


def test_unlisted_attempt_ends_and_its_order_expires_and_frees_the_obligation(
    nights: NightScene, clock: FixedClock
) -> None:
    attempt = nights.unpaid()
    empty_days(nights, clock, SATURDAY, SUNDAY)
    assert state(nights, attempt) == AttemptState.SENT, "no business day of grace has passed"
    empty_days(nights, clock, MONDAY)
    assert state(nights, attempt) == AttemptState.EXPIRED
    expire_due()
    assert nights.order_of(attempt).state == OrderState.EXPIRED
    with nights.runtime.database.begin() as uow:
        assert uow.run("SELECT is_live FROM payment_order_obligation").fetchall() == [(False,)]
        said = uow.run("SELECT source, outcome, effect, detail_code FROM payment_evidence").fetchall()
    assert said == [("statement", "not_sent", "lapsed", "statement:absent")]
    assert nights.offenders() == []
    assert not nights.night(MONDAY).changed


def test_attempt_that_is_still_payable_on_the_day_is_left_alone(
    nights: NightScene, clock: FixedClock
) -> None:
    empty_days(nights, clock, SATURDAY, SUNDAY)
    attempt = nights.unpaid()  # made on Monday
    empty_days(nights, clock, MONDAY)
    assert state(nights, attempt) == AttemptState.SENT
    empty_days(nights, clock, TUESDAY)
    assert state(nights, attempt) == AttemptState.EXPIRED


@pytest.mark.parametrize("gap", [SATURDAY, SUNDAY, MONDAY])
def test_day_that_is_incomplete_decides_nothing(nights: NightScene, clock: FixedClock, gap: date) -> None:
    attempt = nights.unpaid()
    for day in (SATURDAY, SUNDAY, MONDAY):
        problems = ({"line_no": 3, "code": "bad_amount", "detail": ""},) if day == gap else ()
        nights.write(day, rows=[], problems=problems)
        assert over(nights, clock, day) == 0
    assert state(nights, attempt) == AttemptState.SENT


@pytest.mark.parametrize("gap", [SATURDAY, SUNDAY, MONDAY])
def test_day_without_statement_decides_nothing_until_it_comes(
    nights: NightScene, clock: FixedClock, gap: date
) -> None:
    attempt = nights.unpaid()
    for day in (SATURDAY, SUNDAY, MONDAY):
        if day != gap:
            nights.write(day, rows=[], count=0, total=0)
        assert over(nights, clock, day) == 0
    assert state(nights, attempt) == AttemptState.SENT
    nights.write(gap, rows=[], count=0, total=0)
    nights.night(gap)
    nights.night(MONDAY)
    assert state(nights, attempt) == AttemptState.EXPIRED


def test_statement_of_a_day_that_was_not_over_decides_nothing_until_it_is_delivered_again(
    nights: NightScene, clock: FixedClock
) -> None:
    attempt = nights.unpaid()
    nights.write(SATURDAY, rows=[], count=0, total=0)
    nights.night(SATURDAY)  # at half past ten in the morning
    file = nights.provider.files.pop(SATURDAY)
    empty_days(nights, clock, SUNDAY, MONDAY)
    assert state(nights, attempt) == AttemptState.SENT
    nights.provider.files[SATURDAY] = file
    assert not nights.night(SATURDAY).changed
    assert nights.night(MONDAY).ended == 1


def test_held_statement_decides_nothing(nights: NightScene, clock: FixedClock) -> None:
    attempt = nights.unpaid()
    empty_days(nights, clock, SATURDAY, SUNDAY)
    nights.write(MONDAY, rows=[], merchant="SOMEBODY")
    assert over(nights, clock, MONDAY) == 0
    assert state(nights, attempt) == AttemptState.SENT


@pytest.mark.parametrize("named_by", ["attempt_ref", "provider_ref"])
def test_attempt_that_a_line_names_as_pending_is_left_alone(
    nights: NightScene, clock: FixedClock, named_by: str
) -> None:
    attempt = nights.unpaid()
    if named_by == "provider_ref":
        asked = nights.scene.evidence(attempt, Outcome.PENDING, source=EvidenceSource.STATUS_QUERY)
        nights.scene.apply(asked)
    changes = {} if named_by == "attempt_ref" else {"attempt_ref": "mangled beyond help"}
    nights.line(attempt, outcome="pending", **changes)
    nights.write(SATURDAY)
    over(nights, clock, SATURDAY)
    empty_days(nights, clock, SUNDAY, MONDAY)
    assert state(nights, attempt) == AttemptState.SENT


def test_attempt_of_another_account_is_left_alone(nights: NightScene, clock: FixedClock) -> None:
    line = nights.runtime.providers.get(VNPAY)
    nights.use_line(replace(line, account=replace(line.account, code="other")))
    attempt = nights.scene.attempt(nights.scene.order(), provider_account="other")
    nights.use_line(line)
    empty_days(nights, clock, SATURDAY, SUNDAY, MONDAY)
    assert state(nights, attempt) == AttemptState.SENT


def test_night_cut_off_while_it_ends_attempts_goes_on_from_there(
    nights: NightScene, clock: FixedClock, postgres: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(absence, "BATCH", 2)
    attempts = sorted((nights.unpaid() for _ in range(5)), key=lambda each: each.order_id)
    empty_days(nights, clock, SATURDAY, SUNDAY)
    nights.write(MONDAY, rows=[], count=0, total=0)
    when = f"NEW.attempt_ref = '{attempts[3].attempt_ref}'"
    with cut_at(postgres, "payment_evidence", when), pytest.raises(psycopg.Error, match="power cut"):
        over(nights, clock, MONDAY)
    assert [state(nights, attempt) for attempt in attempts] == ["expired"] * 2 + ["sent"] * 3
    assert nights.night(MONDAY).ended == 3
    assert {state(nights, attempt) for attempt in attempts} == {AttemptState.EXPIRED}
    assert nights.offenders() == []


@pytest.mark.parametrize("order_expired_first", [True, False])
def test_line_that_comes_after_all_is_late_money(
    nights: NightScene, clock: FixedClock, order_expired_first: bool
) -> None:
    attempt = nights.unpaid()
    empty_days(nights, clock, SATURDAY, SUNDAY, MONDAY)
    if order_expired_first:
        expire_due()
    nights.line(attempt)
    nights.write(TUESDAY)
    over(nights, clock, TUESDAY)
    order = nights.order_of(attempt)
    if order_expired_first:
        assert (state(nights, attempt), order.state) == (AttemptState.SURPLUS, OrderState.EXPIRED)
        assert nights.codes(TUESDAY) == [("B01", "open")]
        assert nights.balances() == {"provider_receivable": 150_000, "suspense": 150_000}
        with nights.runtime.database.begin() as uow:
            assert uow.run("SELECT kind, state FROM suspense_case").fetchall() == [("late_success", "open")]
    else:
        assert order.state == OrderState.PAID
        assert nights.codes(TUESDAY) == [("B01", "adopted")]
    assert nights.offenders() == []


def test_callback_that_comes_after_all_is_asked_about_and_never_overrules_the_statement(
    nights: NightScene, clock: FixedClock
) -> None:
    attempt = nights.unpaid()
    empty_days(nights, clock, SATURDAY, SUNDAY, MONDAY)
    nights.scene.apply(nights.scene.evidence(attempt))
    assert state(nights, attempt) == AttemptState.EXPIRED
    with nights.runtime.database.begin() as uow:
        assert uow.run("SELECT next_query_at IS NOT NULL FROM payment_attempt").fetchone() == (True,)


@pytest.mark.parametrize(
    ("on", "grace", "last"),
    [
        (MONDAY, 0, SUNDAY),
        (MONDAY, 1, SUNDAY),
        (SUNDAY, 1, date(2026, 11, 19)),
        (TUESDAY, 2, SUNDAY),
        (MONDAY, 2, date(2026, 11, 19)),
    ],
)
def test_grace_is_counted_in_business_days(on: date, grace: int, last: date) -> None:
    assert last_decidable_day(BusinessCalendar(), on, grace) == last
