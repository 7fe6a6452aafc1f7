"""The two process roles without a web: the worker takes jobs from the queue, the scheduler is the clock. Any number of each."""

import asyncio
import logging
import signal
import threading

from apscheduler.schedulers.background import BackgroundScheduler
from procrastinate import PsycopgConnector

from payclear.assembly import assemble
from payclear.jobs.clock import fire, missed_today, schedule
from payclear.jobs.housekeeping import rescue_stalled
from payclear.jobs.queue import app
from payclear.kernel.logs import install_logging
from payclear.runtime import Runtime

log = logging.getLogger(__name__)


def run_worker(runtime: Runtime) -> None:
    """Take jobs until a signal says stop; jobs in hand are finished first."""
    _log(runtime)
    assemble(runtime)
    settings = runtime.settings.worker
    url = runtime.database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    connector = PsycopgConnector(conninfo=url, min_size=1, max_size=settings.concurrency + 2)
    queue = app.with_connector(connector)

    async def work() -> None:
        async with queue.open_async():
            await queue.run_worker_async(
                queues=settings.queues or None,  # type: ignore[arg-type]  # None means every queue
                concurrency=settings.concurrency,
                fetch_job_polling_interval=1.0,
                delete_jobs="successful",
                shutdown_graceful_timeout=30,
                update_heartbeat_interval=settings.dead_after_s / 6,
                stalled_worker_timeout=settings.dead_after_s,
            )

    asyncio.run(work())


def run_scheduler(runtime: Runtime) -> None:
    """Fire every tick until a signal says stop; daily times of today that passed while nobody was here are made up."""
    _log(runtime)
    ticks = assemble(runtime).ticks
    database = runtime.database
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    scheduler = BackgroundScheduler()
    schedule(scheduler, database, ticks)
    dead_after_s = runtime.settings.worker.dead_after_s
    scheduler.add_job(
        rescue_stalled, "interval", (database, dead_after_s), seconds=max(1, dead_after_s // 3), coalesce=True
    )
    for tick, at in missed_today(ticks, runtime.clock.now()):
        fire(database, tick, at=at)
    scheduler.start()
    stop.wait()
    scheduler.shutdown(wait=True)


def _log(runtime: Runtime) -> None:
    install_logging(level=runtime.settings.logging.level, form=runtime.settings.logging.format)
    for library in ("procrastinate", "apscheduler"):  # each run of a job leaves a record of ours already
        logging.getLogger(library).setLevel(logging.WARNING)
