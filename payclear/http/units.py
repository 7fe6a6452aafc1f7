"""Runs one request's work as whole units: commits at the edge, repeats what was surely not committed.

Called by `http.operations`; never repeats when a commit may have happened.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import psycopg
from psycopg import errors as pg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from payclear.db.uow import Database, UnitOfWork
from payclear.http.statuses import is_database_away
from payclear.kernel.errors import Unavailable

Result = TypeVar("Result")

TRIES: Final = 3
RETRY_AFTER_S: Final = 2
_COLLISIONS: Final = (pg.SerializationFailure, pg.DeadlockDetected, pg.LockNotAvailable)


def in_unit(database: Database, work: Callable[[UnitOfWork], Result]) -> Result:
    """Run `work` in a unit of work and commit it, three whole times at most when it collides with others.

    A connection that died before the commit is replaced likewise. Raises Unavailable when the database does
    not answer, when the collisions do not end, and when the connection is lost during the commit: then nobody
    knows, and the caller's repetition under the same idempotency key finds out.
    """
    for last in (False,) * (TRIES - 1) + (True,):
        stage = _Stage()
        try:
            return _once(database, work, stage)
        except (psycopg.Error, DBAPIError, PoolExhausted) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            if not is_database_away(error):  # a broken constraint or statement is our mistake
                raise
            if last or not stage.may_repeat(cause):
                raise Unavailable("the database does not answer", retry_after_s=RETRY_AFTER_S) from error
    raise AssertionError("the last try returns or raises")  # pragma: no cover


class _Stage:
    """How far a unit got."""

    def __init__(self) -> None:
        self.is_open = False
        self.is_committing = False

    def may_repeat(self, cause: BaseException | None) -> bool:
        if isinstance(cause, _COLLISIONS):
            return True
        # A statement that took too long would take too long again; a server that is down stays down.
        return self.is_open and not self.is_committing and not isinstance(cause, pg.QueryCanceled)


def _once(database: Database, work: Callable[[UnitOfWork], Result], stage: _Stage) -> Result:
    with database.begin() as uow:
        stage.is_open = True
        result = work(uow)
        stage.is_committing = True
        uow.commit()
        return result
