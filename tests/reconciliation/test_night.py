"""Whole nights on a real database: every planted error is reported by the next run, with no false report."""

from datetime import date, timedelta

import pytest

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.clock import FixedClock
from payclear.orders.domain import AttemptState, OrderState
from payclear.orders.service import expire_order
from reconciliation.errors import DayNotOver
from reconciliation.runs import Step, Verdict
from tests.reconciliation.nights import NightScene

SATURDAY = date(2026, 11, 21)


def test_day_ahead_is_refused(nights: NightScene) -> None:
    with pytest.raises(DayNotOver):
        nights.night(SATURDAY + timedelta(days=1))


def test_missing_statement_is_incomplete_and_waits(nights: NightScene) -> None:
    nights.paid()
    night = nights.night()
    assert (night.run.step, night.run.verdict) == (Step.AWAITING, Verdict.INCOMPLETE)
    assert night.run.absence == "statement_unavailable"
    assert nights.report().discrepancies == ()


def test_statement_that_comes_after_all_is_taken_by_the_waiting_run(nights: NightScene) -> None:
    attempt = nights.paid()
    waiting = nights.night()
    nights.line(attempt)
    nights.write()
    night = nights.night()
    assert night.run.id == waiting.run.id
    assert night.run.verdict == Verdict.RECONCILED


def test_paid_there_and_callback_lost_becomes_paid_and_the_portal_is_told(nights: NightScene) -> None:
    attempt = nights.unpaid()
    nights.line(attempt)
    nights.write()
    night = nights.night()
    assert nights.order_of(attempt).state == OrderState.PAID
    assert night.adopted.captured == 1
    assert nights.codes() == [("B01", "adopted")]
    assert night.run.verdict == Verdict.RECONCILED
    with nights.runtime.database.begin() as uow:
        events = uow.run("SELECT type FROM event").fetchall()
    assert ("payment_order.paid",) in events
    assert nights.offenders() == []


def test_paid_there_after_the_order_expired_lies_in_suspense_with_its_case(
    nights: NightScene, clock: FixedClock
) -> None:
    order = nights.scene.order(amount=150_000, expires_in_minutes=30)
    attempt = nights.scene.attempt(order)
    clock.advance(timedelta(hours=2))
    nights.scene.apply(nights.scene.evidence(attempt, Outcome.NOT_SENT, source=EvidenceSource.STATUS_QUERY))
    with nights.runtime.database.begin() as uow:
        assert expire_order(uow, order.id)
        uow.commit()
    nights.line(attempt)
    nights.write()
    night = nights.night()
    assert nights.attempt_of(order).state == AttemptState.SURPLUS
    assert nights.codes() == [("B01", "open")]
    assert night.run.verdict == Verdict.DISCREPANCIES
    assert nights.balances() == {"provider_receivable": 150_000, "suspense": 150_000}
    assert nights.offenders() == []
    assert not nights.night().changed


def test_paid_there_with_another_amount_goes_to_suspense(nights: NightScene) -> None:
    attempt = nights.unpaid(150_000)
    nights.line(attempt, amount=150_001)
    nights.write()
    nights.night()
    assert nights.order_of(attempt).state == OrderState.OPEN
    assert nights.codes() == [("B05", "open")]
    assert nights.balances() == {"provider_receivable": 150_001, "suspense": 150_001}
    assert nights.offenders() == []


def test_unknown_money_is_kept_in_suspense_and_stays_open(nights: NightScene) -> None:
    nights.line(amount=77_000)
    nights.write()
    night = nights.night()
    assert nights.codes() == [("B02", "open")]
    assert night.adopted.kept == 1
    assert nights.balances() == {"provider_receivable": 77_000, "suspense": 77_000}
    assert nights.offenders() == []
    assert not nights.night().changed


def test_unknown_money_whose_owner_appears_leaves_suspense(nights: NightScene, clock: FixedClock) -> None:
    attempt = nights.unpaid(150_000)
    nights.line(attempt, attempt_ref="mangled beyond help")
    nights.write()
    nights.night()
    assert nights.codes() == [("B02", "open")]
    nights.scene.apply(nights.scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY))
    clock.advance(timedelta(hours=1))
    again = nights.night()
    assert again.changed
    assert nights.codes() == [("B02", "matched")]
    assert nights.balances() == {"provider_settlement": 150_000, "beneficiary_payable": 150_000}
    assert nights.offenders() == []


def test_unknown_money_whose_owner_booked_another_amount_leaves_suspense_and_differs(
    nights: NightScene, clock: FixedClock
) -> None:
    attempt = nights.unpaid(150_000)
    nights.line(attempt, attempt_ref="mangled beyond help", amount=150_001)
    nights.write()
    nights.night()
    nights.scene.apply(nights.scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY))
    clock.advance(timedelta(hours=1))
    nights.night()
    assert nights.codes() == [("B05", "open")]
    assert nights.balances() == {"provider_receivable": 150_000, "beneficiary_payable": 150_000}
    assert nights.offenders() == []
    assert not nights.night().changed


def test_provider_that_no_longer_answers_leaves_the_finished_day_as_it_is(nights: NightScene) -> None:
    nights.line(nights.paid())
    nights.write()
    first = nights.night().run
    nights.provider.files.clear()
    again = nights.night()
    assert not again.changed
    assert again.run == first


@pytest.mark.parametrize(("theirs", "code"), [(150_001, "B05"), (149_999, "B06")])
def test_amount_one_dong_off_is_a_discrepancy(nights: NightScene, theirs: int, code: str) -> None:
    nights.line(nights.paid(150_000), amount=theirs)
    nights.write()
    night = nights.night()
    assert nights.codes() == [(code, "open")]
    (row,) = nights.report().discrepancies
    assert (row.ours.amount, row.theirs.amount, row.difference.amount) == (150_000, theirs, theirs - 150_000)
    assert night.run.verdict == Verdict.DISCREPANCIES
    assert nights.balances()["provider_receivable"] == 150_000
    assert nights.offenders() == []


@pytest.mark.parametrize("outcome", ["rejected", "pending", "unknown"])
def test_paid_here_and_not_confirmed_there_is_a_status_discrepancy(nights: NightScene, outcome: str) -> None:
    nights.line(nights.paid(), outcome=outcome)
    nights.write()
    nights.night()
    assert nights.codes() == [("B08", "open")]
    assert nights.offenders() == []


def test_refused_there_and_open_here_ends_the_attempt(nights: NightScene) -> None:
    attempt = nights.unpaid()
    nights.line(attempt, outcome="rejected")
    nights.write()
    night = nights.night()
    assert nights.attempt_of(nights.order_of(attempt)).state == AttemptState.FAILED
    assert night.adopted.refused == 1
    assert nights.codes() == []
    assert night.run.excluded_count == 1
    assert night.run.verdict == Verdict.RECONCILED


def test_undecided_on_both_sides_waits(nights: NightScene) -> None:
    nights.line(nights.unpaid(), outcome="pending")
    nights.write()
    night = nights.night()
    assert nights.codes() == [("B08", "pending")]
    assert night.run.verdict == Verdict.PENDING


def test_line_twice_is_one_match_and_one_duplicate(nights: NightScene) -> None:
    attempt = nights.paid()
    nights.line(attempt)
    nights.line(attempt)
    nights.write()
    nights.night()
    assert nights.codes() == [("B09", "open")]
    assert nights.balances()["provider_settlement"] == attempt.amount
    assert nights.offenders() == []


def test_second_payment_of_a_paid_order_is_kept_in_suspense(nights: NightScene) -> None:
    attempt = nights.paid(150_000)
    nights.line(attempt)
    nights.line(attempt, provider_ref="TX-SECOND")
    nights.write()
    nights.night()
    assert nights.codes() == [("B10", "open")]
    assert nights.balances() == {
        "provider_receivable": 150_000,
        "provider_settlement": 150_000,
        "beneficiary_payable": 150_000,
        "suspense": 150_000,
    }
    assert nights.offenders() == []


def test_refund_line_has_no_place_yet_and_says_so(nights: NightScene) -> None:
    attempt = nights.paid()
    nights.line(attempt)
    nights.line(attempt, kind="refund", provider_ref="RF1")
    nights.write()
    nights.night()
    assert nights.codes() == [("B13", "open")]


def test_paid_here_and_missing_there_waits_for_grace_then_stands(
    nights: NightScene, clock: FixedClock
) -> None:
    nights.paid()
    nights.write()
    assert nights.night().run.verdict == Verdict.PENDING
    assert nights.codes() == [("B03", "pending")]
    clock.advance(timedelta(days=4))
    monday, tuesday = date(2026, 11, 23), date(2026, 11, 24)
    nights.write(monday)
    nights.night(monday)
    assert nights.codes(monday) == [("B03", "pending")]
    nights.write(tuesday)
    night = nights.night(tuesday)
    assert nights.codes(tuesday) == [("B04", "open")]
    assert night.run.verdict == Verdict.DISCREPANCIES
    (row,) = nights.report(tuesday).discrepancies
    assert (row.first_on, row.age_business_days, row.owner) == (SATURDAY, 2, "provider")
    assert nights.codes() == [("B03", "pending")], "an earlier day's report does not look ahead"
    assert nights.offenders() == []


def test_late_line_resolves_what_waited(nights: NightScene, clock: FixedClock) -> None:
    attempt = nights.paid()
    nights.write()
    nights.night()
    clock.advance(timedelta(days=1))
    sunday = SATURDAY + timedelta(days=1)
    nights.line(attempt)
    nights.write(sunday)
    night = nights.night(sunday)
    assert nights.codes(sunday) == [("B03", "matched")]
    assert night.run.verdict == Verdict.WARNINGS, "it is listed under another day than ours"
    assert nights.report(sunday).other_day.count == 1
    assert nights.balances()["provider_settlement"] == attempt.amount
    assert nights.offenders() == []


def test_line_of_yesterday_listed_again_today_is_a_duplicate(nights: NightScene, clock: FixedClock) -> None:
    attempt = nights.paid()
    nights.line(attempt)
    nights.write()
    nights.night()
    clock.advance(timedelta(days=1))
    sunday = SATURDAY + timedelta(days=1)
    nights.line(attempt)
    nights.line(amount=5_000)
    nights.write(sunday)
    nights.night(sunday)
    assert nights.codes(sunday) == [("B02", "open"), ("B09", "open")]
    assert nights.offenders() == []


def test_yesterdays_file_again_is_held(nights: NightScene, clock: FixedClock) -> None:
    nights.line(nights.paid())
    content = nights.write().content
    nights.night()
    clock.advance(timedelta(days=1))
    sunday = SATURDAY + timedelta(days=1)
    nights.provider.files[sunday] = nights.write(sunday).__class__(
        name="again", content=content, media_type="x", business_on=sunday
    )
    night = nights.night(sunday)
    assert (night.run.step, night.run.hold, night.run.verdict) == (
        Step.HELD,
        "same_as_other_day",
        "incomplete",
    )
    assert nights.codes(sunday) == []
    released = nights.night(sunday, accept_held=True)
    assert released.run.step == Step.DONE
    assert nights.codes(sunday) == [("B09", "open")]


def test_empty_day_with_the_bytes_of_another_empty_day_is_reconciled(
    nights: NightScene, clock: FixedClock
) -> None:
    nights.write()
    assert nights.night().run.verdict == Verdict.RECONCILED
    clock.advance(timedelta(days=1))
    sunday = SATURDAY + timedelta(days=1)
    nights.write(sunday)
    assert nights.night(sunday).run.verdict == Verdict.RECONCILED


def test_file_of_another_account_is_held(nights: NightScene) -> None:
    nights.line(nights.paid())
    nights.write(merchant="SOMEBODY")
    night = nights.night()
    assert (night.run.step, night.run.hold) == (Step.HELD, "wrong_account")
    assert night.run.verdict == Verdict.INCOMPLETE


def test_new_version_with_more_lines_adds_only_those(nights: NightScene) -> None:
    first, second = nights.paid(), nights.paid()
    nights.line(first)
    rows = list(nights.rows)
    nights.write()
    assert nights.night().run.verdict == Verdict.PENDING
    nights.rows = rows
    nights.line(second)
    nights.write()
    night = nights.night()
    assert night.run.verdict == Verdict.RECONCILED
    assert (night.run.matched_count, night.run.excluded_count) == (1, 1)
    assert nights.report().theirs.adds_up
    assert nights.balances()["provider_settlement"] == first.amount + second.amount
    assert nights.offenders() == []


def test_new_version_that_alters_a_line_is_held(nights: NightScene) -> None:
    attempt = nights.paid()
    nights.line(attempt)
    nights.write()
    nights.night()
    nights.line(attempt, amount=1)
    nights.write()
    night = nights.night()
    assert (night.run.step, night.run.hold) == (Step.HELD, "changed_version")
    assert nights.report().verdict == Verdict.INCOMPLETE
    assert nights.balances()["provider_settlement"] == attempt.amount


def test_unreadable_row_makes_the_day_incomplete_and_the_rest_still_ties(nights: NightScene) -> None:
    good, bad = nights.paid(), nights.paid()
    nights.line(good)
    nights.write(problems=({"line_no": 9, "code": "bad_amount", "detail": "1.25O.000"},), count=2)
    night = nights.night()
    assert night.run.verdict == Verdict.INCOMPLETE
    assert nights.codes() == [("B03", "pending")]
    assert [(row.line_no, row.code) for row in nights.report().problems] == [(9, "bad_amount")]
    assert nights.balances()["provider_settlement"] == good.amount
    assert bad.amount == nights.balances()["provider_receivable"]


@pytest.mark.parametrize(("count", "total", "code"), [(2, None, "control_count"), (1, 1, "control_sum")])
def test_control_figures_that_fail_make_the_day_incomplete(
    nights: NightScene, count: int, total: int | None, code: str
) -> None:
    nights.line(nights.paid())
    nights.write(count=count, total=total)
    assert nights.night().run.verdict == Verdict.INCOMPLETE
    assert [row.code for row in nights.report().problems] == [code]


def test_statement_the_parser_dies_on_is_incomplete(nights: NightScene) -> None:
    file = nights.write()
    nights.provider.files[SATURDAY] = type(file)(
        name="x", content=b"\x00\xff<html>", media_type="text/html", business_on=SATURDAY
    )
    assert nights.night().run.verdict == Verdict.INCOMPLETE
    assert [row.code for row in nights.report().problems] == ["parser_failed"]


def test_everything_ties_is_reconciled_and_settled_to_the_dong(nights: NightScene) -> None:
    attempts = [nights.paid(amount) for amount in (150_000, 1, 999_999_999)]
    for attempt in attempts:
        nights.line(attempt)
    nights.write(count=3, total=sum(attempt.amount for attempt in attempts))
    night = nights.night()
    total = sum(attempt.amount for attempt in attempts)
    assert night.run.verdict == Verdict.RECONCILED
    assert nights.balances() == {"provider_settlement": total, "beneficiary_payable": total}
    report = nights.report()
    assert report.adds_up
    assert (report.theirs.whole.count, report.ours.whole.count) == (3, 3)
    assert report.discrepancies == ()
    assert nights.offenders() == []


def test_run_again_changes_nothing_and_reports_the_same_bytes(nights: NightScene, clock: FixedClock) -> None:
    nights.line(nights.paid())
    nights.line(nights.unpaid())
    nights.line(nights.paid(), amount=1)
    nights.line(amount=3)
    nights.paid()
    nights.write()
    first = nights.night()
    before = nights.csv()
    clock.advance(timedelta(hours=5))
    again = nights.night()
    assert (first.changed, again.changed) == (True, False)
    assert nights.csv() == before
    assert again.run.as_of == first.run.as_of
    assert nights.offenders() == []


def test_every_planted_error_of_one_day_is_reported_and_nothing_else(nights: NightScene) -> None:
    truth: list[tuple[str, str]] = []
    for _ in range(20):
        nights.line(nights.paid())
    planted = [nights.paid() for _ in range(5)]
    nights.line(planted[0], amount=planted[0].amount + 1)
    nights.line(planted[1], amount=planted[1].amount - 1)
    nights.line(planted[2], outcome="rejected")
    nights.line(planted[3])
    nights.line(planted[3])
    nights.line(nights.unpaid())
    nights.line(amount=5_000)
    truth = [("B02", "open"), ("B05", "open"), ("B06", "open"), ("B08", "open"), ("B09", "open")]
    truth += [("B03", "pending"), ("B01", "adopted")]
    nights.write()
    nights.night()
    assert sorted(nights.codes()) == sorted(truth)
    assert nights.report().adds_up
    assert nights.offenders() == []
