"""Counts our observations by the hour, and forgets single calls after a week. Called by the clock's jobs.

Counting again gives the same figures: an hour is replaced, never added to.
"""

from datetime import datetime, timedelta
from typing import Final

from payclear.db.uow import UnitOfWork
from payclear.gateway import queries
from payclear.runtime import Runtime

KEEP_CALLS: Final = timedelta(days=7)
# Callbacks may come days after the payment: until then an hour's payments are counted again each night.
SETTLES_IN: Final = timedelta(days=7)
FRESH: Final = timedelta(hours=2)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


def count_fresh(runtime: Runtime, uow: UnitOfWork) -> int:
    """Count the present hour and those before it that may have changed; returns the rows written."""
    last = uow.run(queries.LAST_HOUR).fetchone()
    fresh_from, kept_from = _hour_of(uow.now) - FRESH, uow.now - KEEP_CALLS
    begin = max(min(last[0], fresh_from), kept_from) if last and last[0] else kept_from
    return _count(runtime, uow, begin=_hour_of(begin), payments_from=fresh_from)


def count_settled(runtime: Runtime, uow: UnitOfWork) -> int:
    """Count again how the payments of the last days became known, now that late callbacks are in."""
    begin = _hour_of(uow.now) - FRESH
    return _count(runtime, uow, begin=begin, payments_from=_hour_of(uow.now - SETTLES_IN))


def forget_calls(uow: UnitOfWork) -> int:
    """Delete single calls that are counted and old."""
    return uow.run(queries.FORGET_CALLS, (_hour_of(uow.now - KEEP_CALLS),)).rowcount


def _count(runtime: Runtime, uow: UnitOfWork, *, begin: datetime, payments_from: datetime) -> int:
    end = _hour_of(uow.now) + _HOUR
    accounts = [line.code for line in runtime.providers]
    rows = uow.run(queries.ROLL_UP_CALLS, {"begin": begin, "end": end, "now": uow.now}).rowcount
    while payments_from < end:
        until = min(payments_from + _DAY, end)  # one day a statement, so that none runs into its time limit
        values = {"begin": payments_from, "end": until, "now": uow.now, "accounts": accounts}
        rows += uow.run(queries.ROLL_UP_PAYMENTS, values).rowcount
        payments_from = until
    return rows


def _hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
