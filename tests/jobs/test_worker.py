"""The real worker on the real queue: nobody is starved, nothing stays in hand, and it ends when told."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from procrastinate.exceptions import ConnectorException
from procrastinate.manager import JobManager

from payclear.contract.errors import OutcomeUnknown
from payclear.gateway.domain import Operation
from payclear.gateway.service import places_for
from payclear.jobs.clock import Tick, fire
from payclear.jobs.queue import app, defer
from payclear.orders.jobs import query_due
from payclear.processes import queue_groups, work
from payclear.receipts import jobs as receipt_jobs
from payclear.runtime import Runtime
from tests.database import TestServer
from tests.scenes import SANDBOX, VNPAY, Scene

DEADLINE_S = 10.0
POLL_S = 0.02
RECEIPTS = Tick(job="receipts.issue", every_s=5)


def rows(runtime: Runtime, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    with runtime.database.begin() as uow:
        return uow.run(sql, parameters).fetchall()


def runs(runtime: Runtime, job: str, outcome: str) -> int:
    return rows(runtime, "SELECT count(*) FROM job_run WHERE job = %s AND outcome = %s", (job, outcome))[0][0]


def jobs(runtime: Runtime) -> list[tuple[Any, ...]]:
    return rows(runtime, "SELECT task_name, status::text FROM procrastinate_jobs ORDER BY id")


def put(runtime: Runtime, job: str) -> None:
    with runtime.database.begin() as uow:
        assert defer(uow, job)
        uow.commit()


async def until(ready: Callable[[], Any]) -> None:
    """Wait for something that the worker does; fails after the deadline."""
    end = time.monotonic() + DEADLINE_S
    while not ready():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(POLL_S)


def in_loop(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine in a loop and a thread of its own: the browser of other tests keeps a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, coroutine).result()


def with_worker(runtime: Runtime, meanwhile: Callable[[asyncio.Event], Any]) -> None:
    """Run the worker in this process while `meanwhile` looks on; then stop it."""

    async def both() -> None:
        stop = asyncio.Event()
        worker = asyncio.create_task(work(runtime, stop))
        try:
            await meanwhile(stop)
        finally:
            stop.set()
            await worker

    in_loop(both())


@pytest.fixture
def hanging(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A provider that answers no status query until the event is set, and many attempts to ask it about."""
    release = threading.Event()

    def hang(_provider: object, _account: object, _query: object) -> None:
        release.wait(DEADLINE_S)
        raise OutcomeUnknown("slow")

    provider = scene.runtime.providers.get(VNPAY).provider
    monkeypatch.setattr(type(provider), "query_status", hang)
    for _ in range(3 * scene.runtime.settings.worker.concurrency):
        scene.attempt(scene.order())
    scene.runtime.clock.advance(timedelta(minutes=1))
    query_due()
    yield release
    release.set()


def doing(runtime: Runtime) -> int:
    """Status queries in hand."""
    return jobs(runtime).count(("orders.query_attempt", "doing"))


def held_by_one_account(runtime: Runtime) -> int:
    """How many queries of one account a worker has in hand at most: one place is left to the others."""
    places = places_for(Operation.QUERY, runtime.settings)
    assert places < runtime.settings.worker.concurrency
    return places


async def only_those_that_hang(runtime: Runtime) -> None:
    """Wait until the worker has put off what found no place."""
    await until(lambda: jobs(runtime) == [("orders.query_attempt", "doing")] * held_by_one_account(runtime))


def test_slow_provider_does_not_hold_up_queries_of_another(
    runtime: Runtime, scene: Scene, hanging: threading.Event
) -> None:
    """What finds no place is put off, not waited with; another account's question goes through at once."""
    attempt = scene.attempt(scene.order(), provider_account=SANDBOX)
    others = 3 * runtime.settings.worker.concurrency - held_by_one_account(runtime)

    async def look(_stop: asyncio.Event) -> None:
        await only_those_that_hang(runtime)
        with runtime.database.begin() as uow:
            defer(uow, "orders.query_attempt", attempt_id=str(attempt.id))
            uow.commit()
        await until(lambda: runs(runtime, "orders.query_attempt", "done") == others + 1)
        assert rows(runtime, "SELECT queries FROM payment_attempt WHERE id = %s", (attempt.id,)) == [(1,)]
        await only_those_that_hang(runtime)
        hanging.set()
        await until(lambda: not jobs(runtime))

    with_worker(runtime, look)
    asked = "SELECT sum(queries), count(*) FILTER (WHERE queries = 0) FROM payment_attempt WHERE provider_account = %s"
    assert rows(runtime, asked, (VNPAY,)) == [(held_by_one_account(runtime), others)]


def test_slow_provider_does_not_hold_up_receipts(
    runtime: Runtime, scene: Scene, hanging: threading.Event
) -> None:
    concurrency, held = runtime.settings.worker.concurrency, held_by_one_account(runtime)

    async def look(_stop: asyncio.Event) -> None:
        await only_those_that_hang(runtime)
        put(runtime, "receipts.issue")
        put(runtime, "audit.seal")
        await until(lambda: runs(runtime, "receipts.issue", "done") and runs(runtime, "audit.seal", "done"))
        assert not hanging.is_set()
        assert doing(runtime) == held
        hanging.set()
        await until(lambda: not jobs(runtime))

    with_worker(runtime, look)
    assert runs(runtime, "orders.query_attempt", "done") == 3 * concurrency


def test_worker_that_is_told_to_stop_finishes_what_it_has_and_takes_nothing_more(
    runtime: Runtime, scene: Scene, hanging: threading.Event
) -> None:
    held = held_by_one_account(runtime)

    async def look(stop: asyncio.Event) -> None:
        await only_those_that_hang(runtime)
        stop.set()
        await asyncio.sleep(5 * POLL_S)
        put(runtime, "receipts.issue")
        put(runtime, "orders.query_due")
        await asyncio.sleep(5 * POLL_S)
        assert doing(runtime) == held
        hanging.set()

    with_worker(runtime, look)
    assert jobs(runtime) == [("receipts.issue", "todo"), ("orders.query_due", "todo")]
    assert rows(runtime, "SELECT count(*) FROM procrastinate_workers") == [(0,)]


def test_job_that_failed_runs_again_at_the_next_tick_and_nothing_stays_in_hand(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def flaky(_uow: object) -> int:
        calls.append(1)
        if len(calls) <= 2:
            runtime.clock.advance(timedelta(seconds=5))
            assert fire(runtime.database, RECEIPTS), "the next tick comes while the job is at work"
            raise RuntimeError("a failure that passes")
        return 0

    monkeypatch.setattr(receipt_jobs, "issue_waiting", flaky)

    async def look(_stop: asyncio.Event) -> None:
        assert fire(runtime.database, RECEIPTS)
        await until(lambda: runs(runtime, "receipts.issue", "done") == 1)
        runtime.clock.advance(timedelta(seconds=5))
        assert fire(runtime.database, RECEIPTS)
        await until(lambda: runs(runtime, "receipts.issue", "done") == 2)

    with_worker(runtime, look)
    assert runs(runtime, "receipts.issue", "failed") == 2
    assert jobs(runtime) == [("receipts.issue", "failed")] * 2


def test_heartbeat_outlives_a_lost_connection_and_the_order_to_stop(
    runtime: Runtime, scene: Scene, hanging: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[int] = []
    beat = JobManager.update_heartbeat

    async def fail_at_first(manager: JobManager, worker_id: int) -> None:
        beats.append(worker_id)
        if len(beats) <= 2:
            raise ConnectorException("the database is away")
        await beat(manager, worker_id)

    monkeypatch.setattr(JobManager, "update_heartbeat", fail_at_first)

    async def look(stop: asyncio.Event) -> None:
        await until(lambda: len(beats) > 4)
        stop.set()
        before = beats.count(beats[0]), beats.count(beats[1])
        await until(lambda: beats.count(beats[0]) > before[0] + 1 or beats.count(beats[1]) > before[1] + 1)
        assert doing(runtime) == held_by_one_account(runtime)
        hanging.set()

    worker = replace(runtime.settings.worker, dead_after_s=3)
    with_worker(replace(runtime, settings=replace(runtime.settings, worker=worker)), look)


def test_worker_that_can_not_take_jobs_ends_aloud(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs it starts another."""

    async def fail(_manager: object, **_options: object) -> None:
        raise ConnectorException("the database is away")

    monkeypatch.setattr(JobManager, "fetch_job", fail)
    with pytest.raises(ConnectorException, match="the database is away"):
        in_loop(work(runtime, asyncio.Event()))


def test_sigterm_ends_the_process_within_seconds(runtime: Runtime, postgres: TestServer) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PAYCLEAR_")} | {
        "PAYCLEAR_ENVIRONMENT": "test",
        "PAYCLEAR_DATABASE_URL": postgres.app_url,
    }
    put(runtime, "receipts.issue")
    with subprocess.Popen([sys.executable, "-m", "payclear.cli", "worker"], env=environ) as process:
        try:
            in_loop(until(lambda: runs(runtime, "receipts.issue", "done")))
            assert rows(runtime, "SELECT count(*) FROM procrastinate_workers") == [(3,)]
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE_S) == 0
        finally:
            process.kill()
    assert rows(runtime, "SELECT count(*) FROM procrastinate_workers") == [(0,)]


def test_queries_have_places_of_their_own() -> None:
    known = {task.queue for task in app.tasks.values()}
    queries, batches, others = queue_groups(known)
    assert (queries, batches) == (["queries"], ["batches"])
    assert {*queries, *batches, *others} == known
    assert {"default", "webhooks", "night"} <= set(others)


@pytest.mark.parametrize(
    ("only", "groups"),
    [
        (("queries",), [["queries"]]),
        (("night",), [["night"]]),
        (("webhooks", "queries", "default"), [["queries"], ["default", "webhooks"]]),
    ],
)
def test_settings_restrict_the_queues(only: tuple[str, ...], groups: list[list[str]]) -> None:
    assert queue_groups({"default", "queries", "webhooks", "night"}, only=only) == groups
