"""A night cut off at any step goes on from there; two at once make one result; nothing kept is changed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import psycopg
import pytest

from payclear.orders.domain import OrderState
from reconciliation import jobs
from reconciliation.runs import RUN_STEPS, Hold, Step, Verdict, verdict_of
from reconciliation.service import run_night
from tests.database import TestServer
from tests.reconciliation.nights import NightScene
from tests.scenes import VNPAY

_FAIL = """
CREATE FUNCTION test_power_cut() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'power cut' USING ERRCODE = '57P01'; END $$;
CREATE TRIGGER test_power_cut BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW WHEN ({when})
EXECUTE FUNCTION test_power_cut();
"""
_MEND = "DROP FUNCTION test_power_cut CASCADE"


@contextmanager
def cut_at(postgres: TestServer, table: str, when: str = "true") -> Iterator[None]:
    with postgres.superuser() as connection:
        connection.execute(_FAIL.format(table=table, when=when))
    try:
        yield
    finally:
        with postgres.superuser() as connection:
            connection.execute(_MEND)


def a_full_day(nights: NightScene) -> None:
    """One of everything: ties, adopted, unknown, amount, duplicate, ours only."""
    tied = nights.paid()
    nights.line(tied)
    nights.line(tied)
    nights.line(nights.unpaid())
    nights.line(nights.paid(), amount=7)
    nights.line(amount=5_000)
    nights.paid()
    nights.write()


EXPECTED = [("B01", "adopted"), ("B02", "open"), ("B03", "pending"), ("B06", "open"), ("B09", "open")]


@pytest.mark.parametrize(
    ("table", "when"),
    [
        ("statement", "true"),
        ("statement_line", "NEW.line_no = 4"),
        ("reconciliation_run", "NEW.step = 'parsed'"),
        ("reconciliation_run", "NEW.step = 'checked'"),
        ("payment_evidence", "NEW.source = 'statement'"),
        ("discrepancy", "NEW.code = 'B02'"),
        ("discrepancy", "NEW.code = 'B06'"),
        ("reconciliation_match", "true"),
        ("reconciliation_run", "NEW.step = 'matched'"),
        ("reconciliation_settlement", "true"),
        ("reconciliation_run", "NEW.step = 'booked'"),
        ("reconciliation_run", "NEW.step = 'done'"),
    ],
)
def test_night_cut_off_at_a_step_goes_on_from_there(
    nights: NightScene, postgres: TestServer, table: str, when: str
) -> None:
    a_full_day(nights)
    with cut_at(postgres, table, when), pytest.raises(psycopg.Error, match="power cut"):
        nights.night()
    night = nights.night()
    assert night.run.step == Step.DONE
    assert sorted(nights.codes()) == EXPECTED
    assert nights.report().adds_up
    assert nights.balances() == {
        "beneficiary_payable": 600_000,
        "provider_receivable": 305_000,
        "provider_settlement": 300_000,
        "suspense": 5_000,
    }
    assert nights.offenders() == []
    assert not nights.night().changed


def test_two_nights_at_once_make_one_result(nights: NightScene) -> None:
    a_full_day(nights)
    barrier = threading.Barrier(4)
    failures: list[str] = []

    def one() -> None:
        barrier.wait()
        try:
            run_night(nights.runtime, VNPAY, nights.today)
        except Exception as error:
            failures.append(getattr(error, "code", None) or type(error).__name__)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(failures) <= {"reconciliation_run_moved_on"}
    nights.night()
    assert sorted(nights.codes()) == EXPECTED
    assert nights.balances()["provider_settlement"] == 300_000
    assert nights.offenders() == []


def test_order_adopted_before_a_cut_stays_paid(nights: NightScene, postgres: TestServer) -> None:
    attempt = nights.unpaid()
    nights.line(attempt)
    nights.write()
    with cut_at(postgres, "reconciliation_match"), pytest.raises(psycopg.Error):
        nights.night()
    assert nights.order_of(attempt).state == OrderState.PAID
    nights.night()
    assert nights.codes() == [("B01", "adopted")]


@pytest.mark.parametrize(
    "table",
    [
        "statement",
        "statement_line",
        "statement_problem",
        "statement_line_exclusion",
        "reconciliation_match",
        "reconciliation_settlement",
        "discrepancy_event",
    ],
)
def test_what_was_kept_never_changes(nights: NightScene, postgres: TestServer, table: str) -> None:
    nights.line(nights.paid())
    nights.line(nights.paid(), outcome="rejected")
    nights.line(nights.unpaid(), outcome="rejected")
    nights.write(problems=({"line_no": 0, "code": "odd", "detail": ""},))
    nights.night()
    with postgres.superuser() as connection:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() != (0,)
        for change in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(change)
    with nights.runtime.database.begin() as uow, pytest.raises(psycopg.errors.InsufficientPrivilege):
        uow.run(f"DELETE FROM {table}")


def test_the_bytes_are_kept_sealed_and_come_back_whole(nights: NightScene, postgres: TestServer) -> None:
    from reconciliation.intake.service import read_back

    nights.line(nights.paid())
    file = nights.write()
    run = nights.night().run
    with postgres.superuser() as connection:
        (sealed,) = connection.execute("SELECT content_sealed FROM statement").fetchone()
    assert file.content[:20] not in bytes(sealed)
    with nights.runtime.database.begin() as uow:
        assert read_back(uow, nights.runtime.sealer, run.statement_id).content == file.content


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ((False, 1, 1, 1), Verdict.INCOMPLETE),
        ((True, 1, 1, 1), Verdict.DISCREPANCIES),
        ((True, 0, 1, 1), Verdict.WARNINGS),
        ((True, 0, 0, 1), Verdict.PENDING),
        ((True, 0, 0, 0), Verdict.RECONCILED),
    ],
)
def test_verdict_the_gravest_thing_wins(facts: tuple[bool, int, int, int], verdict: Verdict) -> None:
    is_complete, open_count, warning_count, pending_count = facts
    said = verdict_of(
        is_complete=is_complete,
        open_count=open_count,
        warning_count=warning_count,
        pending_count=pending_count,
    )
    assert said is verdict


def test_every_step_and_hold_is_in_the_state_table_and_has_its_text() -> None:
    from payclear.i18n.texts import has_text
    from reconciliation.discrepancies.domain import CODE_FACTS, Code, Owner, Resolution

    assert set(RUN_STEPS.states) == {step.value for step in Step}
    assert set(CODE_FACTS) == set(Code)
    wanted = [f"reconciliation.hold_{hold}" for hold in Hold]
    wanted += [f"reconciliation.verdict_{verdict}" for verdict in Verdict]
    wanted += [f"reconciliation.code_{code.lower()}" for code in Code]
    wanted += [f"reconciliation.owner_{owner}" for owner in Owner]
    wanted += [f"reconciliation.resolution_{resolution}" for resolution in Resolution]
    assert [key for key in wanted if not has_text(key)] == []


def caught_up(nights: NightScene) -> str | None:
    """What the job finds to do when nothing waits in the queue."""
    with nights.runtime.database.begin() as uow:
        uow.run("DELETE FROM procrastinate_jobs")
        uow.commit()
    return jobs.catch_up()


def test_catch_up_takes_the_day_whose_second_file_was_cut_off(
    nights: NightScene, postgres: TestServer
) -> None:
    day = date(2026, 11, 20)
    nights.line(amount=5_000)
    rows = list(nights.rows)
    nights.write(day)
    assert nights.night(day).run.step == Step.DONE
    assert caught_up(nights) == "7 days"
    nights.write(day, rows=[*rows, nights.line(amount=7_000)])
    with cut_at(postgres, "reconciliation_run", "NEW.step = 'checked'"), pytest.raises(psycopg.Error):
        nights.night(day)
    assert caught_up(nights) == "8 days"  # seven that nobody fetched, and this one


def test_catch_up_fetches_anew_what_came_broken(nights: NightScene) -> None:
    day = date(2026, 11, 20)
    nights.write(day, problems=({"line_no": 0, "code": "not_a_workbook", "detail": ""},))
    assert nights.night(day).run.step == Step.DONE
    assert caught_up(nights) == "8 days"  # seven that nobody fetched, and this one
    nights.write(day)
    assert nights.night(day).run.is_complete
    assert caught_up(nights) == "7 days"
