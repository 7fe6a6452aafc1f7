"""Jobs of orders: ask about silent attempts, expire what nobody paid. The clock starts them; each step commits."""

import logging
from datetime import timedelta
from uuid import UUID

from payclear.jobs.queue import defer, job
from payclear.orders import queries
from payclear.orders.inquiry import ask_provider
from payclear.orders.service import expire_order
from payclear.runtime import current

log = logging.getLogger(__name__)

BATCH = 100
LEASE = timedelta(minutes=2)


@job("orders.query_due", queue="queries")
def query_due() -> str | None:
    """Hand every attempt whose time has come to a job of its own, so that a slow provider delays nobody else's."""
    runtime = current()
    with runtime.database.begin() as uow:
        due = uow.run(queries.CLAIM_DUE_QUERIES, (uow.now + LEASE, uow.now, BATCH)).fetchall()
        for (attempt_id,) in due:
            defer(uow, "orders.query_attempt", attempt_id=str(attempt_id))
        uow.commit()
    return f"{len(due)} attempts to query" if due else None


@job("orders.query_attempt", queue="queries")
def query_attempt(attempt_id: str) -> str | None:
    """Ask the provider about one attempt and apply the answer."""
    applied = ask_provider(current(), UUID(attempt_id))
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
