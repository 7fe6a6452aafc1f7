"""Jobs of orders: ask about silent attempts, expire what nobody paid. The clock starts them; each step commits."""

import logging
from uuid import UUID

from payclear.jobs.queue import job
from payclear.orders import queries
from payclear.orders.inquiry import QUERY_JOB, ask_provider, hand_out_due
from payclear.orders.service import expire_order
from payclear.runtime import current

log = logging.getLogger(__name__)

BATCH = 100


@job("orders.query_due", queue="queries")
def query_due() -> str | None:
    """Hand every attempt whose time has come to a job of its own, so that a slow provider delays nobody else's."""
    handed = hand_out_due(current())
    return f"{handed} attempts to query" if handed else None


@job(QUERY_JOB, queue="queries")
def query_attempt(attempt_id: str, *, counts: bool = True) -> str | None:
    """Ask the provider about one attempt and apply the answer."""
    applied = ask_provider(current(), UUID(attempt_id), counts=counts)
    return applied.effect if applied else None


@job("orders.expire_due")
def expire_due() -> str | None:
    """Expire open orders past their time whose attempts are all decided, each in a transaction of its own."""
    runtime = current()
    with runtime.database.begin() as uow:
        due = [row[0] for row in uow.run(queries.DUE_TO_EXPIRE, (uow.now, BATCH))]
    expired = 0
    for order_id in due:
        try:
            with runtime.database.begin() as uow:
                expired += expire_order(uow, order_id)
                uow.commit()
        except Exception:  # one order must not keep the others waiting; the clock comes again
            log.exception("orders.not_expired", extra={"order_id": str(order_id)})
    return f"{expired} orders expired" if expired else None
