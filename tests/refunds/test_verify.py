"""Each invariant about money that goes back turns red when, and only when, somebody plants its violation."""

from dataclasses import dataclass

import pytest

from payclear.contract.collection import CollectionVerdict
from payclear.contract.outcomes import Outcome
from payclear.orders.collecting import reverse_collected
from tests.database import TestServer
from tests.orders.test_reversal import back
from tests.refunds.bank import says
from tests.refunds.conftest import BANK, Desk


@dataclass(frozen=True)
class Plant:
    """A violation as SQL, and how to undo what emptying the tables does not."""

    invariants: tuple[str, ...]
    sql: str
    undo: str = "SELECT 1"


PLANTS = [
    Plant(("INV-18b",), "UPDATE refund SET amount = 200000 WHERE state = 'requested'"),
    Plant(
        ("INV-18b",),
        "ALTER TABLE refund DISABLE TRIGGER refund_within_capture",
        "ALTER TABLE refund ENABLE TRIGGER refund_within_capture",
    ),
    Plant(
        ("INV-08", "INV-18c", "INV-23"),
        "UPDATE refund SET state = 'done', decided_at = now() WHERE state = 'sent'",
    ),
    Plant(("INV-18c",), "UPDATE journal_entry SET natural_key = 'refund:a:X' WHERE template = 'refund_paid'"),
    Plant(("INV-13", "INV-18c"), "DELETE FROM event WHERE type = 'refund.rejected'"),
    Plant(
        ("INV-18c",),
        """UPDATE event SET body = convert_to(replace(convert_from(body, 'UTF8'), 'R01"', 'R09"'), 'UTF8')
           WHERE type = 'refund.succeeded'""",
    ),
    Plant(("INV-18c",), "UPDATE payment_attempt SET refund_asked_at = NULL"),
    Plant(("INV-18d",), "UPDATE refund SET next_query_at = NULL WHERE state = 'sent'"),
    Plant(("INV-18d",), "UPDATE refund SET next_query_at = now() + interval '2 days' WHERE state = 'sent'"),
    Plant(("INV-08",), "UPDATE refund_transition SET event = 'wished' WHERE event = 'sent'"),
    Plant(
        ("INV-03",),
        "ALTER TABLE refund_transition DISABLE TRIGGER refund_transition_append_only",
        "ALTER TABLE refund_transition ENABLE TRIGGER refund_transition_append_only",
    ),
    Plant(("INV-05",), "UPDATE journal_entry SET attempt_id = NULL WHERE template = 'payment_reversed'"),
    Plant(("INV-05",), "UPDATE payment_order_obligation SET is_live = true WHERE NOT is_live"),
    Plant(("INV-31b",), "UPDATE receipt SET cancelled_at = NULL WHERE cancelled_at IS NOT NULL"),
    Plant(("INV-31b",), "UPDATE receipt SET cancelled_at = now() WHERE cancelled_at IS NULL"),
    Plant(("INV-10", "INV-13"), "DELETE FROM event WHERE type = 'payment_order.reversed'"),
    Plant(("INV-05", "INV-08"), "UPDATE payment_attempt SET state = 'failed' WHERE state = 'reversed'"),
]


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """A done, a refused, a requested and a sent refund, and a payment that its bank took back."""
    attempt = desk.paid(200_000)
    for outcome in (Outcome.CONFIRMED, Outcome.REJECTED, Outcome.PENDING):
        desk.bank.refund_answers = [says(outcome)]
        desk.send(desk.ask(attempt, 50_000))
    desk.ask(attempt, 50_000)
    reversed_one = desk.paid()
    with desk.scene.runtime.database.begin() as uow:
        verdict = reverse_collected(uow, attempt_id=reversed_one.id, evidence=back(account=BANK), until=None)
        assert verdict is CollectionVerdict.ACCEPTED
        uow.commit()
    return desk


def test_everything_holds(busy: Desk) -> None:
    assert busy.broken() == set()


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant.invariants[0]}: {plant.sql[:50]}")
def test_planted_violation_turns_its_invariant_red(busy: Desk, postgres: TestServer, plant: Plant) -> None:
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(plant.sql)
    try:
        assert busy.broken() == set(plant.invariants)
    finally:
        with postgres.superuser() as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(plant.undo)
