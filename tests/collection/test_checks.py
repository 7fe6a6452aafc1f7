"""Each invariant of collection turns red when somebody plants its violation past every guard."""

import pytest
from psycopg.errors import InsufficientPrivilege

from payclear.operations.verify import verify
from tests.collection.bank import Bank
from tests.database import TestServer
from tests.scenes import Scene

# The invariant, the violation, and other invariants that it may break too.
PLANTS = [
    ("INV-42", "UPDATE collection_payment SET reversal_ref = 'FT2' WHERE bank_ref = 'FT1'", ()),
    ("INV-43", "UPDATE collection_payment SET state = 'suspended' WHERE bank_ref = 'FT2'", ()),
    (
        "INV-43",
        "UPDATE payment_attempt SET state = 'surplus' WHERE provider_ref = 'FT2'",
        ("INV-05", "INV-08", "INV-17"),
    ),
    ("INV-43", "UPDATE collection_payment SET bank_ref = 'FT9' WHERE bank_ref = 'FT3'", ()),
    ("INV-44", "UPDATE collection_bill SET amount = amount + 1 WHERE order_id IS NOT NULL", ()),
    ("INV-44", "UPDATE collection_bill SET order_id = NULL WHERE order_id IS NOT NULL", ()),
    (
        "INV-43",
        """INSERT INTO collection_early_reversal
           SELECT provider_account, bank_ref, 'RV9', true, message_id, accepted_at FROM collection_payment
           WHERE bank_ref = 'FT2'""",
        (),
    ),
    ("INV-17", "DELETE FROM suspense_case WHERE provider_ref = 'FT3'", ()),
    ("INV-15", "DELETE FROM collection_payment WHERE bank_ref = 'FT2'", ()),
]


@pytest.fixture
def collected(app, scene: Scene) -> Scene:
    """A morning at a counter: one payment taken back, one that stands, one for an unknown bill."""
    bank = Bank(app, scene.runtime.clock)
    first, second = bank.bill(scene.fee().document_no), bank.bill(scene.fee().document_no)
    unknown = {"bill_id": "123456789012334", "amount": 5_000, "currency": "VND"}
    words = [bank.pay(first, "FT1"), bank.reverse("FT1"), bank.pay(second, "FT2")]
    words.append(bank.pay(unknown, "FT3", money_moved=True))
    assert [heard.word for heard in words] == ["accepted"] * 3 + ["suspended"]
    return scene


def broken(scene: Scene) -> set[str]:
    return {finding.check.id for finding in verify(scene.runtime.database) if not finding.holds}


def test_everything_holds_after_a_morning(collected: Scene) -> None:
    assert broken(collected) == set()


@pytest.mark.parametrize(("invariant", "sql", "also"), PLANTS, ids=lambda value: str(value)[:60])
def test_planted_violation_turns_its_invariant_red(
    collected: Scene, postgres: TestServer, invariant: str, sql: str, also: tuple[str, ...]
) -> None:
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(sql)
    found = broken(collected)
    assert invariant in found
    assert found <= {invariant, *also}


@pytest.mark.parametrize("sql", ["UPDATE collection_message SET body = ''", "DELETE FROM collection_message"])
def test_kept_messages_never_change(collected: Scene, postgres: TestServer, sql: str) -> None:
    with collected.runtime.database.begin() as uow, pytest.raises(InsufficientPrivilege):
        uow.run(sql)
    with postgres.superuser() as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(sql)
