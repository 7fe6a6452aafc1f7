"""Moves time: one clock for payclear and the simulator, the service's own ticks, and its jobs until none is left.

Called by `day`. It runs what a scheduler and a worker would run, with procrastinate's own worker; nothing sleeps.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, time, timedelta
from types import TracebackType
from typing import Any

from procrastinate import PsycopgConnector
from procrastinate.worker import Worker

from payclear.jobs.clock import Tick, fire
from payclear.jobs.queue import app as jobs_app
from payclear.jobs.queue import defer
from payclear.kernel.clock import FixedClock, at_vietnam, vietnam_date
from payclear.runtime import Runtime
from payclear.simulation.control import Control

PLACES = 3  # jobs at once
ROUNDS_MAX = 200  # a queue that never empties is a defect
ROUND_TIMEOUT_S = 900.0
QUERY_BATCH = 100
_WAITING = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'"
_DUE_QUERIES = "SELECT count(*) FROM payment_attempt WHERE next_query_at <= %s"
# A periodic job that would find nothing is not run: a day has thousands of steps. Jobs that are not named here come
# at their own period, or every ten minutes.
IDLE_PERIOD = timedelta(minutes=10)
_HAS_WORK = """
SELECT EXISTS (SELECT 1 FROM payment_attempt WHERE next_query_at <= %(now)s) AS "orders.query_due",
       EXISTS (SELECT 1 FROM payment_order WHERE state = 'open' AND expires_at <= %(now)s) AS "orders.expire_due",
       EXISTS (SELECT 1 FROM callback_processing WHERE status = 'pending' AND next_try_at <= %(now)s)
           AS "callbacks.retry_due",
       EXISTS (SELECT 1 FROM webhook_delivery WHERE state = 'pending' AND next_attempt_at <= %(now)s) AS "webhooks.drain",
       EXISTS (SELECT 1 FROM receipt WHERE number IS NULL) AS "receipts.issue"
"""
_NEXT = """
SELECT least(
    (SELECT min(next_query_at) FROM payment_attempt WHERE next_query_at IS NOT NULL),
    (SELECT min(expires_at) FROM payment_order WHERE state = 'open'
        AND NOT EXISTS (SELECT 1 FROM payment_attempt a WHERE a.order_id = payment_order.id
                        AND a.state IN ('created', 'sent', 'in_doubt'))),
    (SELECT min(next_attempt_at) FROM webhook_delivery WHERE state = 'pending'),
    (SELECT min(next_try_at) FROM callback_processing WHERE status = 'pending'))
"""


class NeverQuiet(RuntimeError):
    """Jobs beget jobs without end."""


class Machinery:
    """Everything that runs by itself in an installation, driven by one clock."""

    def __init__(
        self,
        runtime: Runtime,
        clock: FixedClock,
        control: Control,
        ticks: Sequence[Tick],
        *,
        on_job_thread: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._clock = clock
        self._control = control
        self._ticks = ticks
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(
            ThreadPoolExecutor(PLACES, thread_name_prefix="job", initializer=on_job_thread)
        )
        self._thread = threading.Thread(target=self._loop.run_forever, name="worker")
        self._queue: Any = None
        self._fired: dict[str, datetime] = {}
        self._callbacks_due: datetime | None = None
        self.steps = 0

    def __enter__(self) -> "Machinery":
        self._thread.start()
        url = self._runtime.database.engine.url.set(drivername="postgresql")
        connector = PsycopgConnector(
            conninfo=url.render_as_string(hide_password=False), min_size=1, max_size=PLACES + 3
        )
        self._queue = jobs_app.with_connector(connector)
        self._await(self._queue.open_async())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._await(self._queue.close_async())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _await(self, awaitable: Any) -> Any:
        async def wait() -> Any:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(wait(), self._loop).result(ROUND_TIMEOUT_S)

    def move(self, at: datetime) -> None:
        """Put every clock to a later instant, stopping at each daily tick on the way."""
        before = self._clock.now()
        for moment, tick, text in self._daily(before, at):
            self._set(moment)
            fire(self._runtime.database, tick, at=text)
            self.work()
        self._set(at)

    def _set(self, at: datetime) -> None:
        self._clock.set(at)
        self._control.move(at)

    def _daily(self, after: datetime, until: datetime) -> list[tuple[datetime, Tick, str]]:
        found = []
        day = vietnam_date(after)
        while day <= vietnam_date(until):
            for tick in self._ticks:
                for text in tick.at:
                    moment = at_vietnam(day, time.fromisoformat(text))
                    if after < moment <= until:
                        found.append((moment, tick, text))
            day += timedelta(days=1)
        return sorted(found, key=lambda each: each[0])

    def settle(self) -> None:
        """Deliver every callback that is due, fire the periodic ticks, and run all jobs there are."""
        self.steps += 1
        self._control.settle()
        self._fire_periodic()
        self.work()
        # The clock of an installation comes again within seconds; here a step is longer than its period.
        for _ in range(self._rounds_of_queries()):
            self.defer("orders.query_due")
            self.work()
        self._callbacks_due = self._control.settle()

    def _fire_periodic(self) -> None:
        database, now = self._runtime.database, self._clock.now()
        with database.begin() as uow:
            cursor = uow.run(_HAS_WORK, {"now": now})
            names = [column.name for column in cursor.description or ()]
            has_work = dict(zip(names, cursor.fetchone() or (), strict=True))
        for tick in self._ticks:
            if not tick.every_s:
                continue
            last, period = self._fired.get(tick.job), max(timedelta(seconds=tick.every_s), IDLE_PERIOD)
            if has_work.get(tick.job, last is None or now - last >= period):
                fire(database, tick)
                self._fired[tick.job] = now

    def _rounds_of_queries(self) -> int:
        with self._runtime.database.begin() as uow:
            (due,) = uow.one(_DUE_QUERIES, (uow.now,))
        return int(due) // QUERY_BATCH  # fewer were refused by an open circuit: they come with the next step

    def defer(self, name: str, **arguments: Any) -> None:
        """Put one job into the queue, as an operator or the clock would."""
        with self._runtime.database.begin() as uow:
            defer(uow, name, **arguments)
            uow.commit()

    def work(self) -> None:
        """Run jobs until the queue is empty."""
        for _ in range(ROUNDS_MAX):
            with self._runtime.database.begin() as uow:
                (waiting,) = uow.one(_WAITING)
            if not waiting:
                return
            self._await(self._run_once())
        raise NeverQuiet(f"{waiting} jobs still wait after {ROUNDS_MAX} rounds")

    async def _run_once(self) -> None:
        worker = Worker(
            self._queue,
            concurrency=PLACES,
            wait=False,
            listen_notify=False,
            delete_jobs="successful",
            install_signal_handlers=False,
        )
        await worker.run()

    def next_due(self) -> datetime | None:
        """The next instant at which something happens by itself, daily ticks apart."""
        with self._runtime.database.begin() as uow:
            (ours,) = uow.one(_NEXT)
        known = [each for each in (ours, self._callbacks_due) if each is not None]
        return min(known) if known else None
