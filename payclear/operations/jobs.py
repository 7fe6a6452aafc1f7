"""The nightly tidying: every feature forgets what it need not keep. Started by the clock."""

from payclear.http.idempotency import forget_old_keys
from payclear.jobs.housekeeping import forget_finished
from payclear.jobs.queue import job
from payclear.jobs.records import forget_old
from payclear.runtime import current

BATCHES_MAX = 200


@job("operations.tidy")
def tidy() -> str | None:
    """Delete old run records and claims, finished jobs, and answers of idempotency keys past their time."""
    database = current().database
    with database.begin() as uow:
        gone = forget_old(uow) + forget_finished(uow)
        uow.commit()
    for _ in range(BATCHES_MAX):
        with database.begin() as uow:
            forgotten = forget_old_keys(uow)
            uow.commit()
        gone += forgotten
        if not forgotten:
            break
    return f"{gone} old rows deleted" if gone else None
