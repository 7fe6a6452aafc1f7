"""Whole units are repeated when nothing was committed, and never when something may have been."""

from collections.abc import Callable

import psycopg
import pytest
from psycopg import errors as pg

from payclear.db.uow import Database, UnitOfWork
from payclear.http.units import in_unit
from payclear.kernel.errors import Conflict, Unavailable
from tests.database import TestServer

INSERT = (
    "INSERT INTO idempotency_key (portal_code, key, fingerprint, status, content_type, body, created_at) "
    "VALUES ('p', %s, '', 201, 'x', '', now())"
)


def failing(times: int, error: Callable[[], BaseException], tries: list[int]) -> Callable[[UnitOfWork], str]:
    def work(uow: UnitOfWork) -> str:
        tries.append(len(tries))
        uow.run(INSERT, (f"try-{len(tries)}",))
        if len(tries) <= times:
            raise error()
        return "done"

    return work


def keys(database: Database) -> list[str]:
    with database.begin() as uow:
        return [key for (key,) in uow.run("SELECT key FROM idempotency_key ORDER BY key")]


@pytest.mark.parametrize("kind", [pg.SerializationFailure, pg.DeadlockDetected, pg.LockNotAvailable])
def test_collision_is_repeated_as_a_whole_unit(database: Database, kind: type[psycopg.Error]) -> None:
    tries: list[int] = []
    assert in_unit(database, failing(2, lambda: kind("x"), tries)) == "done"
    assert keys(database) == ["try-3"]  # what the first two wrote is gone


def test_collision_without_end_is_unavailable_after_three(database: Database) -> None:
    tries: list[int] = []
    with pytest.raises(Unavailable) as refused:
        in_unit(database, failing(9, lambda: pg.DeadlockDetected("x"), tries))
    assert len(tries) == 3
    assert refused.value.facts["retry_after_s"] == 2
    assert keys(database) == []


def test_statement_that_took_too_long_is_not_repeated(database: Database) -> None:
    tries: list[int] = []
    with pytest.raises(Unavailable):
        in_unit(database, failing(9, lambda: pg.QueryCanceled("x"), tries))
    assert len(tries) == 1


@pytest.mark.parametrize("error", [Conflict("x"), pg.UndefinedTable("x"), ZeroDivisionError()])
def test_refusals_and_mistakes_pass_through_once(database: Database, error: Exception) -> None:
    tries: list[int] = []
    with pytest.raises(type(error)):
        in_unit(database, failing(9, lambda: error, tries))
    assert len(tries) == 1


def test_connection_killed_before_the_commit_is_replaced(database: Database, postgres: TestServer) -> None:
    tries: list[int] = []

    def work(uow: UnitOfWork) -> str:
        tries.append(0)
        uow.run(INSERT, (f"try-{len(tries)}",))
        if len(tries) == 1:
            _kill(postgres, uow)
        uow.run("SELECT 1")
        return "done"

    assert in_unit(database, work) == "done"
    assert keys(database) == ["try-2"]


def test_connection_killed_during_the_commit_is_not_repeated(
    database: Database, postgres: TestServer
) -> None:
    tries: list[int] = []

    def work(uow: UnitOfWork) -> None:
        tries.append(0)
        uow.run(INSERT, ("once",))
        _kill(postgres, uow)

    with pytest.raises(Unavailable):
        in_unit(database, work)
    assert len(tries) == 1
    assert keys(database) == []


def _kill(postgres: TestServer, uow: UnitOfWork) -> None:
    pid = uow.driver.info.backend_pid
    with postgres.superuser() as superuser:
        superuser.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
