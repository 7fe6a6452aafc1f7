"""Tries kept callbacks again; started by the clock."""

from datetime import timedelta

from payclear.callbacks.service import claim_pending, retry
from payclear.jobs.queue import job
from payclear.runtime import current

BATCH = 50
LEASE = timedelta(minutes=5)


@job("callbacks.retry_due")
def retry_due() -> str | None:
    """Apply every kept callback whose next try has come, each in a transaction of its own."""
    runtime = current()
    with runtime.database.begin() as uow:
        due = claim_pending(uow, limit=BATCH, lease=LEASE)
        uow.commit()
    for callback_id in due:
        retry(runtime, callback_id)
    return f"{len(due)} callbacks tried again" if due else None
