"""Each invariant of fines turns red when somebody plants its violation past every guard."""

from datetime import date, timedelta

import pytest
from psycopg.errors import InsufficientPrivilege

from payclear.operations.verify import verify
from tests.database import TestServer
from tests.obligations.fines.desk import Desk
from tests.obligations.fines.test_shelters_and_plans import PLAN, SERVED
from tests.scenes import Scene

# The invariant, the violation, and other invariants that it may break too.
PLANTS = [
    ("INV-65", "UPDATE obligation SET state = 'paid' WHERE state = 'open'", ("INV-08", "INV-65b")),
    ("INV-65", "UPDATE obligation SET state = 'open' WHERE state = 'cancelled'", ("INV-08",)),
    ("INV-65", "UPDATE fine_event SET surcharge = surcharge - 1 WHERE surcharge > 0", ("INV-66", "INV-65b")),
    (
        "INV-65b",
        "UPDATE payment_order_obligation l SET is_live = true FROM payment_order o "
        "WHERE o.id = l.order_id AND o.state = 'paid'",
        (),
    ),
    ("INV-66", "UPDATE fine_event SET principal = principal + 1 WHERE kind = 'paid'", ("INV-65",)),
    ("INV-66", "DELETE FROM fine_event WHERE kind = 'paid'", ("INV-65", "INV-68", "INV-65b")),
    (
        "INV-66",
        "INSERT INTO fine_event SELECT obligation_id, event_no + 100, 'refunded', on_date, '', NULL, principal + 1, 0, "
        "order_id, NULL, recorded_at, 'x' FROM fine_event WHERE kind = 'paid'",
        ("INV-65", "INV-65b", "INV-68"),
    ),
    ("INV-67", "UPDATE instalment SET amount = amount + 1 WHERE instalment_no = 2", ("INV-65",)),
    ("INV-67", "UPDATE instalment_plan SET total = total + 1", ()),
    ("INV-67", "DELETE FROM fine_event WHERE kind = 'plan_granted'", ("INV-68", "INV-65")),
    ("INV-68", "UPDATE fine_version SET version_no = 9 WHERE version_no = 2", ("INV-65",)),
    ("INV-68", "UPDATE fine_decision SET versions = versions + 1", ("INV-65",)),
    ("INV-68", "UPDATE fine_decision SET due_on = due_on + 1", ()),
    ("INV-68", "UPDATE fine_version SET amount = amount + 1 WHERE version_no = 1", ("INV-65",)),
    (
        "INV-69",
        "UPDATE fine_version v SET recorded_at = o.created_at + interval '1 hour' FROM payment_order o "
        "JOIN payment_order_obligation l ON l.order_id = o.id "
        "WHERE o.state = 'open' AND v.obligation_id = l.obligation_id AND v.version_no = 2",
        (),
    ),
]


@pytest.fixture
def fines(free_desk: Desk, scene: Scene, today: date) -> Scene:
    """Fines of every kind of history: plain, paid late, in parts, corrected and ordered again, cancelled."""
    desk = free_desk
    scene.fine(1_000_000)
    late = scene.fine(1_000_000, served_on=today - timedelta(days=28))
    desk.pay(desk.order(late))
    parts = scene.fine(20_000_000, served_on=SERVED)
    desk.say(parts, "instalment-plan", **PLAN)
    desk.pay(desk.order(parts, 1))
    corrected = scene.fine(500_000)
    desk.version(corrected, "corrected", 700_000, on="2026-11-20")
    desk.order(corrected)
    desk.version(scene.fine(300_000), "cancelled", 0, on="2026-11-20")
    return scene


def broken(scene: Scene) -> set[str]:
    return {finding.check.id for finding in verify(scene.runtime.database) if not finding.holds}


def test_everything_holds_for_fines_of_every_kind(fines: Scene) -> None:
    assert broken(fines) == set()


@pytest.mark.parametrize(("invariant", "sql", "also"), PLANTS, ids=lambda value: str(value)[:60])
def test_planted_violation_turns_its_invariant_red(
    fines: Scene, postgres: TestServer, invariant: str, sql: str, also: tuple[str, ...]
) -> None:
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(sql).rowcount
    found = broken(fines)
    assert invariant in found
    assert found <= {invariant, *also}


@pytest.mark.parametrize("table", ["fine_version", "fine_event", "instalment_plan", "instalment"])
def test_history_of_a_fine_never_changes(fines: Scene, table: str) -> None:
    with fines.runtime.database.begin() as uow, pytest.raises(InsufficientPrivilege):
        uow.run(f"UPDATE {table} SET obligation_id = obligation_id")
