"""One unit of work may commit and roll back more than once; leaving it forgets what was not committed."""

from contextlib import suppress

import pytest

from payclear.db.uow import Database

INSERT = (
    "INSERT INTO idempotency_key (portal_code, key, fingerprint, status, content_type, body, created_at) "
    "VALUES ('p', %s, '', 201, 'x', '', now())"
)


def keys(database: Database) -> list[str]:
    with database.begin() as uow:
        return [key for (key,) in uow.run("SELECT key FROM idempotency_key ORDER BY key")]


def test_unit_left_without_commit_forgets_its_work(database: Database) -> None:
    with database.begin() as uow:
        uow.run(INSERT, ("a",))
    assert keys(database) == []


def test_unit_left_by_an_error_forgets_its_work(database: Database) -> None:
    def broken() -> None:
        with database.begin() as uow:
            uow.run(INSERT, ("a",))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert keys(database) == []


def test_second_commit_keeps_what_came_after_the_first(database: Database) -> None:
    with database.begin() as uow:
        uow.run(INSERT, ("a",))
        uow.commit()
        uow.run(INSERT, ("b",))
        uow.commit()
        uow.run(INSERT, ("c",))
    assert keys(database) == ["a", "b"]


def test_commit_after_a_rollback_keeps_what_came_after_it(database: Database) -> None:
    with database.begin() as uow:
        uow.run(INSERT, ("a",))
        uow.rollback()
        uow.run(INSERT, ("b",))
        uow.commit()
    assert keys(database) == ["b"]


def test_before_commit_acts_run_once_in_the_same_transaction(database: Database) -> None:
    ran: list[str] = []
    with database.begin() as uow:
        uow.before_commit("act", lambda unit: (ran.append("act"), unit.run(INSERT, ("late",))))
        uow.before_commit("act", lambda unit: ran.append("again"))
        uow.commit()
        uow.commit()
    assert ran == ["act"]
    assert keys(database) == ["late"]


def test_before_commit_acts_are_forgotten_by_a_rollback(database: Database) -> None:
    with database.begin() as uow:
        uow.before_commit("act", lambda unit: unit.run(INSERT, ("late",)))
        uow.rollback()
        uow.commit()
    assert keys(database) == []


def test_savepoint_that_fails_loses_only_itself(database: Database) -> None:
    with database.begin() as uow:
        uow.run(INSERT, ("a",))
        with suppress(ZeroDivisionError), uow.savepoint():
            uow.run(INSERT, ("b",))
            raise ZeroDivisionError
        uow.commit()
    assert keys(database) == ["a"]


def test_savepoint_that_comes_first_commits_nothing_by_itself(database: Database) -> None:
    with database.begin() as uow:
        with uow.savepoint():
            uow.run(INSERT, ("a",))
        uow.rollback()
    assert keys(database) == []
