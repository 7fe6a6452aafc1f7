"""Numbers receipts; woken by the transaction that made an order paid, and by the clock."""

from payclear.jobs.queue import job
from payclear.receipts.service import issue_waiting
from payclear.runtime import current

BATCHES_MAX = 200


@job("receipts.issue")
def issue() -> str:
    """Number every receipt that waits."""
    total = 0
    for _ in range(BATCHES_MAX):
        with current().database.begin() as uow:
            issued = issue_waiting(uow)
            uow.commit()
        total += issued
        if not issued:
            break
    return f"{total} receipts issued"
