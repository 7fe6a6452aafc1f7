"""One effect per period however many schedulers run, and no commit without its job."""

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest

from payclear.jobs.clock import Tick, fire, missed_today
from payclear.jobs.housekeeping import rescue_stalled
from payclear.jobs.queue import defer, wake
from payclear.jobs.records import claim_period, forget_old
from payclear.runtime import Runtime

TICK = Tick(job="orders.expire_due", every_s=15)


def waiting(runtime: Runtime) -> int:
    with runtime.database.begin() as uow:
        return uow.run("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'").fetchone()[0]


def test_a_period_is_fired_once_by_many_schedulers(runtime: Runtime) -> None:
    fired: list[bool] = []
    barrier = Barrier(5)

    def scheduler() -> None:
        barrier.wait()
        fired.append(fire(runtime.database, TICK))

    threads = [Thread(target=scheduler) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(fired) == [False, False, False, False, True]
    assert waiting(runtime) == 1


def test_next_period_fires_again(runtime: Runtime) -> None:
    assert fire(runtime.database, TICK)
    runtime.clock.advance(timedelta(seconds=15))
    assert fire(runtime.database, TICK)


def test_daily_tick_that_passed_before_the_scheduler_started_is_made_up() -> None:
    night = Tick(job="reconciliation.night", at=("01:30", "23:00"))
    at_ten = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    assert missed_today([night, TICK], at_ten) == [(night, "01:30")]


def test_rolled_back_work_leaves_no_job(runtime: Runtime) -> None:
    with runtime.database.begin() as uow:
        defer(uow, "orders.expire_due")
        wake(uow, "audit.seal")
    assert waiting(runtime) == 0


def test_waking_twice_leaves_one_job(runtime: Runtime) -> None:
    for _ in range(2):
        with runtime.database.begin() as uow:
            wake(uow, "audit.seal")
            wake(uow, "audit.seal")
            uow.commit()
    assert waiting(runtime) == 1


def test_two_transactions_that_wake_at_once_both_commit(runtime: Runtime) -> None:
    barrier = Barrier(2)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with runtime.database.begin() as uow:
                uow.run("SELECT 1")
                barrier.wait()
                defer(uow, "audit.seal")
                uow.commit()
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert waiting(runtime) == 1


@pytest.mark.parametrize("again", [False, True], ids=["alone", "one waits already"])
def test_job_of_a_dead_worker_does_not_hold_its_lock_for_ever(runtime: Runtime, again: bool) -> None:
    with runtime.database.begin() as uow:
        defer(uow, "audit.seal")
        uow.run("UPDATE procrastinate_jobs SET status = 'doing'")
        if again:
            defer(uow, "audit.seal")
        uow.commit()
    assert rescue_stalled(runtime.database, 30) == 1
    assert waiting(runtime) == 1
    with runtime.database.begin() as uow:
        assert uow.run("SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'").fetchone() == (0,)


def test_old_claims_are_forgotten_and_new_ones_kept(runtime: Runtime) -> None:
    with runtime.database.begin() as uow:
        claim_period(uow, "a", "old")
        uow.commit()
    runtime.clock.advance(timedelta(days=60))
    with runtime.database.begin() as uow:
        claim_period(uow, "a", "new")
        assert forget_old(uow) == 1
        assert uow.run("SELECT period FROM job_period").fetchall() == [("new",)]
