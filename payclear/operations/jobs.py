"""The nightly tidying: every feature forgets what it need not keep; and the counting of our calls. Started by the clock."""

from payclear.gateway.observations import count_fresh, count_settled, forget_calls
from payclear.http.idempotency import forget_old_keys
from payclear.jobs.housekeeping import forget_finished
from payclear.jobs.queue import job
from payclear.jobs.records import forget_old
from payclear.lookup.meters import forget as forget_meters
from payclear.runtime import current

BATCHES_MAX = 200


@job("operations.tidy")
def tidy() -> str | None:
    """Delete old run records and claims, finished jobs, counted calls, and answers of idempotency keys past their time."""
    runtime = current()
    database = runtime.database
    with database.begin() as uow:
        count_fresh(runtime, uow)
        count_settled(runtime, uow)
        gone = forget_old(uow) + forget_finished(uow) + forget_calls(uow) + forget_meters(uow)
        uow.commit()
    for _ in range(BATCHES_MAX):
        with database.begin() as uow:
            forgotten = forget_old_keys(uow)
            uow.commit()
        gone += forgotten
        if not forgotten:
            break
    return f"{gone} old rows deleted" if gone else None


@job("operations.count_calls")
def count_calls() -> str | None:
    """Count our calls of providers by the hour, for health reports."""
    runtime = current()
    with runtime.database.begin() as uow:
        rows = count_fresh(runtime, uow)
        uow.commit()
    return f"{rows} hours counted" if rows else None
