"""Keeps the queue healthy: frees jobs of workers that died, and forgets records that nobody reads any more."""

from psycopg.errors import UniqueViolation

from payclear.db.uow import Database, UnitOfWork
from payclear.jobs.queue import job
from payclear.jobs.records import forget_old
from payclear.runtime import current

_STALLED = """
SELECT j.id FROM procrastinate_jobs j LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
WHERE j.status = 'doing' AND (w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => %s))
ORDER BY j.id LIMIT 500
"""
_RETRY = "SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)"
_GIVE_UP = "SELECT procrastinate_finish_job_v1(%s, 'failed', false)"


def rescue_stalled(database: Database, dead_after_s: int) -> int:
    """Put jobs of dead workers back into the queue; one that waits there again already is closed instead.

    Called by every scheduler: a job that a killed worker holds would keep its lock for ever.
    """
    with database.begin() as uow:
        stalled = [row[0] for row in uow.run(_STALLED, (dead_after_s,))]
        for job_id in stalled:
            _rescue(uow, job_id)
        uow.commit()
    return len(stalled)


def _rescue(uow: UnitOfWork, job_id: int) -> None:
    try:
        with uow.savepoint():
            uow.run(_RETRY, (job_id,))
    except UniqueViolation:
        uow.run(_GIVE_UP, (job_id,))


@job("jobs.tidy")
def tidy() -> str | None:
    """Delete old run records, claims and finished jobs."""
    with current().database.begin() as uow:
        gone = forget_old(uow)
        gone += uow.run(
            "DELETE FROM procrastinate_jobs WHERE status IN ('succeeded', 'failed', 'cancelled', 'aborted')"
            " AND id NOT IN (SELECT job_id FROM procrastinate_periodic_defers WHERE job_id IS NOT NULL)"
            " AND NOT EXISTS (SELECT 1 FROM procrastinate_events e"
            "                 WHERE e.job_id = procrastinate_jobs.id AND e.at > now() - interval '7 days')"
        ).rowcount
        gone += uow.run(
            "DELETE FROM idempotency_key WHERE created_at < %s - interval '30 days'", (uow.now,)
        ).rowcount
        uow.commit()
    return f"{gone} old rows deleted" if gone else None
