"""Records of job runs and claims of periods; each writes in a transaction of its own."""

import os
import socket
from datetime import timedelta
from uuid import UUID

from payclear.db.uow import Database, UnitOfWork
from payclear.kernel.ids import new_uuid

KEEP_RUNS = timedelta(days=2)
KEEP_PERIODS = timedelta(days=45)


def worker_name() -> str:
    """Who we are, for records: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def start(database: Database, job: str) -> UUID:
    """Record that a run began and return its id."""
    run_id = new_uuid()
    with database.begin() as uow:
        uow.run(
            "INSERT INTO job_run (id, job, started_at, outcome, detail) VALUES (%s, %s, %s, 'running', '')",
            (run_id, job, uow.now),
        )
        uow.commit()
    return run_id


def finish(database: Database, run_id: UUID, *, outcome: str, detail: str) -> None:
    """Record how a run ended."""
    with database.begin() as uow:
        uow.run(
            "UPDATE job_run SET finished_at = %s, outcome = %s, detail = %s WHERE id = %s",
            (uow.now, outcome, detail[:2000], run_id),
        )
        uow.commit()


def claim_period(uow: UnitOfWork, job: str, period: str) -> bool:
    """Claim one period of a periodic job; False when another scheduler has it (INV-29)."""
    row = uow.run(
        "INSERT INTO job_period (job, period, claimed_by, claimed_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING RETURNING 1",
        (job, period, worker_name(), uow.now),
    ).fetchone()
    return row is not None


def forget_old(uow: UnitOfWork) -> int:
    """Delete run records and claims that nobody reads any more."""
    runs = uow.run("DELETE FROM job_run WHERE started_at < %s", (uow.now - KEEP_RUNS,)).rowcount
    claims = uow.run("DELETE FROM job_period WHERE claimed_at < %s", (uow.now - KEEP_PERIODS,)).rowcount
    return runs + claims
