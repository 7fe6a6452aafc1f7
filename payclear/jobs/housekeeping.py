"""Keeps the queue healthy: frees jobs of workers that died, and forgets those that ended long ago."""

from psycopg.errors import UniqueViolation

from payclear.db.uow import Database, UnitOfWork

_STALLED = """
SELECT j.id FROM procrastinate_jobs j LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
WHERE j.status = 'doing' AND (w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => %s))
ORDER BY j.id LIMIT 500
"""
_RETRY = "SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)"
_FORGET_FINISHED = """
DELETE FROM procrastinate_jobs j
WHERE j.status IN ('succeeded', 'failed', 'cancelled', 'aborted')
  AND NOT EXISTS (SELECT 1 FROM procrastinate_events e WHERE e.job_id = j.id AND e.at > now() - interval '7 days')
"""
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


def forget_finished(uow: UnitOfWork) -> int:
    """Delete jobs of the queue that ended more than a week ago; successful ones are deleted by the worker at once."""
    return uow.run(_FORGET_FINISHED).rowcount
