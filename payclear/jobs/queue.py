"""The job queue: procrastinate on the caller's own transaction, so there is no commit without its job and no job without it.

Features declare jobs with `@job`; services wake a drain job with `wake`. Nothing here knows what a job does.
"""

import functools
import logging
from collections.abc import Callable
from typing import Any

from procrastinate import App, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued

from payclear.db.uow import UnitOfWork
from payclear.jobs import records
from payclear.runtime import current

log = logging.getLogger(__name__)

# The connector of this app is never opened: every deferral names the connection of its transaction.
app = App(connector=SyncPsycopgConnector())

_IS_QUEUED = "SELECT 1 FROM procrastinate_jobs WHERE queueing_lock = %s AND status = 'todo'"


def job(
    name: str, *, queue: str = "default"
) -> Callable[[Callable[..., str | None]], Callable[..., str | None]]:
    """Declare a job. It may return a line that says what it did; each run leaves a record.

    A job takes no open transaction with it: it opens its own units of work. A failure is recorded and logged, and the
    run is over: what is due is written in tables, and the clock starts the next run. A retry of the same row by the
    queue would meet the successor that already waits under its lock.
    """

    def declare(function: Callable[..., str | None]) -> Callable[..., str | None]:
        @functools.wraps(function)
        def recorded(**arguments: Any) -> str | None:
            runtime = current()
            run_id = records.start(runtime.database, name)
            try:
                detail = function(**arguments)
            except Exception as error:
                records.finish(runtime.database, run_id, outcome="failed", detail=type(error).__name__)
                log.exception("jobs.failed", extra={"job": name})
                raise
            records.finish(runtime.database, run_id, outcome="done", detail=detail or "")
            return detail

        app.task(name=name, queue=queue)(recorded)
        return recorded

    return declare


def defer(uow: UnitOfWork, name: str, *, once: bool = True, **arguments: Any) -> bool:
    """Put a job into the queue on the caller's transaction; `once`: not while an equal one waits. False if one did."""
    lock = name if not arguments else name + ":" + ":".join(str(value) for value in arguments.values())
    if once and uow.run(_IS_QUEUED, (lock,)).fetchone():
        return False
    deferrer = app.tasks[name].configure(
        connection=uow.driver, queueing_lock=lock if once else None, lock=lock if once else None
    )
    try:
        with uow.savepoint():
            deferrer.defer(**arguments)
    except AlreadyEnqueued:
        return False
    return True


def wake(uow: UnitOfWork, name: str) -> None:
    """Make sure that a drain job runs after this commit; costs one look-up when one already waits.

    A job that is picked up between that look and our commit may miss our row: the clock drains again within seconds.
    """

    def put_into_queue(work: UnitOfWork) -> None:
        defer(work, name)

    uow.before_commit(f"wake {name}", put_into_queue)
