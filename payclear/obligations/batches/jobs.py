"""Takes uploaded batches. The upload defers the job of its batch; the clock starts again what a dead worker left."""

from uuid import UUID

from payclear.jobs.queue import defer, job
from payclear.obligations.batches import service
from payclear.runtime import current

# Batches have places of their own at a worker: however many rows wait, receipts, webhooks and queries go on.
QUEUE = "batches"


@job(service.TAKE_JOB, queue=QUEUE)
def take_batch(batch_id: str) -> str:
    """Take what is left of one batch."""
    return service.take_batch(current(), UUID(batch_id))


@job("decisions.take_due", queue=QUEUE)
def take_due() -> str | None:
    """Have every unfinished batch taken that no job takes."""
    with current().database.begin() as uow:
        started = [
            defer(uow, service.TAKE_JOB, batch_id=str(batch_id)) for batch_id in service.unfinished(uow)
        ]
        uow.commit()
    return f"{sum(started)} batches started" if any(started) else None
