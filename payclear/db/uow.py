"""The unit of work: one database transaction, rolled back unless committed at the edge (request, job step, command).

Services receive it, read and write through it, and never commit. No network call is possible while it is open.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any, TypeVar

from psycopg import Cursor
from psycopg.pq import TransactionStatus
from psycopg.rows import class_row
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from payclear.db import crash
from payclear.kernel.clock import Clock
from payclear.kernel.phase import transaction_phase

Row = TypeVar("Row")

_crash_plan: crash.Plan | None = crash.plan_from(os.environ)


def install_crash_plan(plan: crash.Plan | None) -> None:
    """Let `plan` hear of every commit of this process from here on: for the simulated day, never in a service."""
    global _crash_plan
    _crash_plan = plan


class UnitOfWork:
    """An open transaction with three doors: `session` (ORM), `connection` (Core) and `run` (a named SQL statement)."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.connection = connection
        self.clock = clock
        self.now: datetime = clock.now()
        self._place = ""
        self._session: Session | None = None
        self._before_commit: dict[str, Callable[[UnitOfWork], None]] = {}

    @property
    def session(self) -> Session:
        """The ORM session on this transaction; made on first use."""
        if self._session is None:
            self._session = Session(
                self.connection, expire_on_commit=False, join_transaction_mode="rollback_only"
            )
        return self._session

    @property
    def driver(self) -> Any:
        """The psycopg connection under this transaction, for statements and for deferring jobs on it."""
        return self.connection.connection.driver_connection

    def run(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Cursor[Any]:
        """Execute one statement of a `queries` module; plans are prepared and kept by the driver."""
        return self.driver.execute(sql, parameters or None)

    def one(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> tuple[Any, ...]:
        """Execute a query that has exactly one row; none raises LookupError."""
        row: tuple[Any, ...] | None = self.run(sql, parameters).fetchone()
        if row is None:
            raise LookupError("the row is not there")
        return row

    def rows(
        self, row_type: type[Row], sql: str, parameters: Sequence[Any] | dict[str, Any] = ()
    ) -> list[Row]:
        """Execute one query and return its rows as dataclasses whose fields are the columns."""
        with self.driver.cursor(row_factory=class_row(row_type)) as cursor:
            return cursor.execute(sql, parameters or None).fetchall()

    def before_commit(self, name: str, act: Callable[["UnitOfWork"], None]) -> None:
        """Run `act` once just before the commit; a second registration under the same name is the same act."""
        self._before_commit.setdefault(name, act)

    def commit(self) -> None:
        """Flush, run what waits for the commit, and commit. Called only at the edge."""
        while self._before_commit:
            name = next(iter(self._before_commit))
            self._before_commit.pop(name)(self)
        if self._session is not None:
            self._session.flush()
        if _crash_plan:
            _crash_plan.passes(self._place, crash.BEFORE)
        self.connection.commit()
        if _crash_plan:
            _crash_plan.passes(self._place, crash.AFTER)
        self._next()

    def rollback(self) -> None:
        """Forget everything since the last commit."""
        self._before_commit.clear()
        if self._session is not None:
            self._session.expunge_all()
        self.connection.rollback()
        self._next()

    def _next(self) -> None:
        # Statements run on the driver are unknown to SQLAlchemy: without a transaction of its own to end, a
        # second commit would do nothing.
        self.connection.begin()
        self.now = self.clock.now()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part that may fail without losing the rest."""
        # A savepoint that came first would be the driver's whole transaction, and be committed.
        if self.driver.info.transaction_status is TransactionStatus.IDLE:
            self.driver.execute("SELECT 1")
        with self.driver.transaction():
            yield


class Database:
    """Opens units of work on one engine."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.clock = clock

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        """Open a unit of work; leaving it without `commit` rolls back."""
        with ExitStack() as stack:
            stack.enter_context(transaction_phase())
            connection = stack.enter_context(self.engine.connect())
            connection.begin()
            work = UnitOfWork(connection, self.clock)
            if _crash_plan:
                work._place = crash.caller_place(3)
            try:
                yield work
            finally:
                if work._session is not None:
                    work._session.close()
                if connection.in_transaction():
                    connection.rollback()
