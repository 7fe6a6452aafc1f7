"""What the database itself refuses, whoever asks: unbalanced, late or changed bookings."""

from datetime import date

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payclear.kernel.ids import new_uuid
from payclear.kernel.money import Money
from payclear.ledger.domain import CREDIT, DEBIT, Entry, Leg, capture_legs, suspense_legs
from payclear.ledger.service import book, trial_balance
from payclear.runtime import Runtime
from tests.database import TestServer
from tests.scenes import Scene


def entry(key: str, legs: tuple[Leg, ...]) -> Entry:
    return Entry(
        template="payment_captured",
        natural_key=key,
        provider_account="vnpay-demo",
        business_on=date(2026, 11, 21),
        legs=legs,
    )


def insert_entry(connection: psycopg.Connection, legs: list[tuple[str, int]]) -> None:
    entry_id = new_uuid()
    connection.execute(
        "INSERT INTO journal_entry (id, template, natural_key, provider_account, business_on, recorded_at)"
        " VALUES (%s, 'x', %s, 'p', '2026-11-21', now())",
        (entry_id, str(entry_id)),
    )
    for number, (side, amount) in enumerate(legs, 1):
        connection.execute(
            "INSERT INTO posting (entry_id, line_no, account_code, side, amount, currency, provider_account)"
            " VALUES (%s, %s, 'suspense', %s, %s, 'VND', 'p')",
            (entry_id, number, side, amount),
        )


@pytest.mark.parametrize(
    "legs",
    [[], [("D", 5)], [("D", 5), ("C", 4)], [("D", 5), ("D", 5)]],
    ids=["no leg", "one", "uneven", "one side"],
)
def test_entry_that_does_not_balance_is_refused_at_commit(
    runtime: Runtime, legs: list[tuple[str, int]]
) -> None:
    with runtime.database.begin() as uow:
        insert_entry(uow.driver, legs)
        with pytest.raises(psycopg.errors.CheckViolation, match="does not balance"):
            uow.driver.commit()


def test_balanced_entry_is_taken_also_inside_a_savepoint(runtime: Runtime) -> None:
    with runtime.database.begin() as uow:
        with uow.savepoint():
            insert_entry(uow.driver, [("D", 5), ("C", 2), ("C", 3)])
        uow.commit()
    with runtime.database.begin() as uow:
        assert uow.run("SELECT count(*) FROM posting").fetchone() == (3,)


def test_balanced_pair_added_to_an_old_entry_is_refused(scene: Scene) -> None:
    scene.paid_order()
    with scene.runtime.database.begin() as uow:
        (entry_id,) = uow.run("SELECT id FROM journal_entry").fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is closed"):
            uow.run(
                "INSERT INTO posting (entry_id, line_no, account_code, side, amount, currency, provider_account)"
                " VALUES (%s, 8, 'suspense', 'D', 5, 'VND', 'p'), (%s, 9, 'suspense', 'C', 5, 'VND', 'p')",
                (entry_id, entry_id),
            )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE posting SET amount = amount + 1",
        "DELETE FROM posting",
        "TRUNCATE posting",
        "UPDATE journal_entry SET business_on = '2020-01-01'",
        "DELETE FROM audit_entry",
        "UPDATE payment_evidence SET amount = 1",
        "UPDATE inbound_callback SET body = ''",
        "UPDATE event SET body = ''",
        "ALTER TABLE posting DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "DROP TABLE posting",
    ],
)
def test_application_role_may_not_touch_what_is_append_only(scene: Scene, statement: str) -> None:
    scene.paid_order()
    with scene.runtime.database.begin() as uow, pytest.raises(psycopg.errors.InsufficientPrivilege):
        uow.run(statement)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE posting SET amount = amount + 1", "DELETE FROM event", "TRUNCATE audit_entry CASCADE"],
)
def test_even_the_owner_is_stopped_by_the_triggers(
    scene: Scene, postgres: TestServer, statement: str
) -> None:
    scene.paid_order()
    with (
        postgres.superuser() as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"),
    ):
        connection.execute(statement)


def test_same_fact_is_booked_once(runtime: Runtime) -> None:
    with runtime.database.begin() as uow:
        assert book(uow, entry("k", suspense_legs(Money(5)))) is not None
        assert book(uow, entry("k", suspense_legs(Money(5)))) is None
        uow.commit()
    with runtime.database.begin() as uow:
        assert uow.run("SELECT count(*) FROM posting").fetchone() == (2,)


def test_unbalanced_template_is_a_programmers_error(runtime: Runtime) -> None:
    legs = (Leg("suspense", DEBIT, Money(5)), Leg("suspense", CREDIT, Money(4)))
    with runtime.database.begin() as uow, pytest.raises(AssertionError):
        book(uow, entry("k", legs))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.integers(1, 10**12), min_size=1, max_size=8))
def test_any_capture_keeps_the_trial_balance_at_zero(runtime: Runtime, lines: list[int]) -> None:
    total = Money(sum(lines))
    legs = capture_legs(total, ((Money(line), "TK") for line in lines))
    with runtime.database.begin() as uow:
        book(uow, entry(str(new_uuid()), legs))
        uow.commit()
    with runtime.database.begin() as uow:
        rows = trial_balance(uow)
    assert sum(row.debit for row in rows) == sum(row.credit for row in rows)
