"""The two process roles without a web: the worker takes jobs from the queue, the scheduler is the clock. Any number of each."""

import asyncio
import logging
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from apscheduler.schedulers.background import BackgroundScheduler
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker

from payclear.assembly import assemble
from payclear.jobs.clock import fire, missed_today, schedule
from payclear.jobs.housekeeping import rescue_stalled
from payclear.jobs.queue import app
from payclear.kernel.logs import install_logging
from payclear.kernel.settings_schema import WorkerSettings
from payclear.runtime import Runtime

log = logging.getLogger(__name__)

QUERIES = "queries"
BATCHES = "batches"
_NEVER_S = 10.0**9


def run_worker(runtime: Runtime) -> None:
    """Take jobs until a signal says stop; jobs in hand are finished first."""
    _log(runtime)
    assemble(runtime)
    asyncio.run(_work_until_signal(runtime))


async def _work_until_signal(runtime: Runtime) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await work(runtime, stop)


async def work(runtime: Runtime, stop: asyncio.Event) -> None:
    """Take jobs until `stop` is set, and finish those in hand; raises when a worker ends without being told to.

    Status queries and uploads have places of their own: however slow providers are and however many decisions wait,
    receipts, webhooks and the night go on.
    """
    settings = runtime.settings.worker
    groups = queue_groups({task.queue for task in app.tasks.values()}, only=settings.queues)
    places = settings.concurrency * len(groups)
    # Each job occupies a thread of the loop; its own default is a handful.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(places, thread_name_prefix="job"))
    url = runtime.database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    connector = PsycopgConnector(conninfo=url, min_size=1, max_size=places + 2 * len(groups))
    queue = app.with_connector(connector)
    async with queue.open_async():
        workers = [asyncio.create_task(_run(queue, group, settings)) for group in groups]
        told = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*workers, told], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (told, *workers):
                task.cancel()  # a worker that is cancelled takes nothing more and waits for its jobs
            ends = await asyncio.gather(*workers, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end
    if not stop.is_set():
        raise RuntimeError("a worker ended by itself")


def queue_groups(known: set[str], *, only: Sequence[str] = ()) -> list[list[str]]:
    """Which queues share the places of one worker: status queries and uploads apart from all others; `only` restricts."""
    names = set(only) or known
    return [
        sorted(group) for group in (names & {QUERIES}, names & {BATCHES}, names - {QUERIES, BATCHES}) if group
    ]


async def _run(queue: App, queues: list[str], settings: WorkerSettings) -> None:
    worker = Worker(
        queue,
        queues=queues,
        # One batch at a time: reading files and sealing names is work for the processor, which others need.
        concurrency=1 if queues == [BATCHES] else settings.concurrency,
        fetch_job_polling_interval=1.0,
        delete_jobs="successful",
        install_signal_handlers=False,
        shutdown_graceful_timeout=30,
        update_heartbeat_interval=_NEVER_S,
        stalled_worker_timeout=settings.dead_after_s,
    )
    heartbeat = asyncio.create_task(_beat(queue, worker, every_s=settings.dead_after_s / 6))
    try:
        await worker.run()
    finally:
        heartbeat.cancel()


async def _beat(queue: App, worker: Worker, *, every_s: float) -> None:
    """Say that a worker lives until it has ended: the library's own heartbeat dies of one lost connection and of a stop.

    Without it, jobs in hand would go to others while they run.
    """
    while True:
        await asyncio.sleep(every_s)
        if worker.worker_id is None:
            continue
        try:
            await queue.job_manager.update_heartbeat(worker.worker_id)
        except ConnectorException:
            log.warning("worker.heartbeat_missed", extra={"queues": list(worker.queues or ())})


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
