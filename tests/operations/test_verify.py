"""Each invariant turns red when, and only when, somebody plants its violation past every guard."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from payclear.assembly import load_modules
from payclear.callbacks.service import receive
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.db.embedded import OWNER_ROLE, SUPERUSER
from payclear.db.engine import make_engine
from payclear.db.uow import Database
from payclear.operations.verify import report, verify
from payclear.orders.service import cancel_order
from payclear.receipts.service import issue_waiting
from payclear.webhooks.service import register_endpoint
from tests.callbacks.vnpay_messages import ipn
from tests.database import TestServer
from tests.scenes import Scene


@dataclass(frozen=True)
class Plant:
    """A violation as SQL, and how to undo what emptying the tables does not."""

    invariant: str
    sql: str
    undo: str = ""
    also: tuple[str, ...] = ()


PLANTS = [
    Plant("INV-01", "UPDATE posting SET amount = amount + 1 WHERE side = 'C'", also=("INV-02",)),
    Plant(
        "INV-02",
        "INSERT INTO posting (entry_id, line_no, account_code, side, amount, currency, provider_account)"
        " SELECT id, 99, 'suspense', 'D', 7, 'VND', provider_account FROM journal_entry LIMIT 1",
        also=("INV-01",),
    ),
    Plant(
        "INV-03",
        "ALTER TABLE posting DISABLE TRIGGER posting_append_only",
        "ALTER TABLE posting ENABLE TRIGGER posting_append_only",
    ),
    Plant(
        "INV-03b",
        "ALTER TABLE journal_entry DISABLE TRIGGER journal_entry_balances",
        "ALTER TABLE journal_entry ENABLE TRIGGER journal_entry_balances",
    ),
    Plant(
        "INV-03c",
        "ALTER TABLE statement_line DISABLE TRIGGER ALL",
        "ALTER TABLE statement_line ENABLE TRIGGER ALL",
    ),
    Plant("INV-03", "GRANT DELETE ON event TO payclear_app", "REVOKE DELETE ON event FROM payclear_app"),
    Plant(
        "INV-04",
        "UPDATE payment_attempt SET provider_ref = (SELECT min(provider_ref) FROM payment_attempt"
        " WHERE state = 'succeeded') WHERE state = 'surplus'",
        also=("INV-05",),
    ),
    Plant("INV-05", "DELETE FROM posting; DELETE FROM journal_entry", also=("INV-23",)),
    Plant("INV-05", "UPDATE obligation SET state = 'open' WHERE state = 'paid'", also=("INV-08",)),
    Plant(
        "INV-07", "UPDATE payment_attempt SET next_query_at = now() + interval '3 days' WHERE state = 'sent'"
    ),
    Plant("INV-07", "UPDATE payment_attempt SET next_query_at = now() WHERE state = 'succeeded'"),
    Plant("INV-08", "UPDATE order_transition SET event = 'wished' WHERE event = 'paid'"),
    Plant("INV-08", "UPDATE payment_order SET version = 9 WHERE state = 'cancelled'"),
    Plant(
        "INV-09",
        "INSERT INTO idempotency_key VALUES ('demoportal', 'k', '', 201, 'application/json', NULL,"
        ' \'{"order_ref": "PCGONE"}\', now())',
    ),
    Plant("INV-10", "DELETE FROM webhook_delivery"),
    Plant("INV-11", "UPDATE webhook_delivery SET state = 'delivered'"),
    Plant(
        "INV-12",
        "INSERT INTO webhook_attempt (delivery_id, number, sent_at, duration_ms, status, body_hash)"
        " SELECT id, 1, now(), 5, 200, 'other' FROM webhook_delivery LIMIT 1",
    ),
    Plant("INV-13", "UPDATE event SET sequence = 7 WHERE sequence = 2"),
    Plant("INV-14", "DELETE FROM callback_processing", also=("INV-15",)),
    Plant("INV-15", "UPDATE callback_processing SET evidence_id = NULL"),
    Plant(
        "INV-16",
        "INSERT INTO payment_evidence (id, attempt_id, provider_account, attempt_ref, source, outcome, effect, amount,"
        " provider_ref, currency, recorded_at) SELECT gen_random_uuid(), attempt_id, provider_account, attempt_ref, 'status_query',"
        " outcome, effect, amount, provider_ref, currency, now() FROM payment_evidence WHERE effect = 'captured'",
    ),
    Plant("INV-17", "UPDATE payment_evidence SET amount = amount + 1 WHERE effect = 'captured'"),
    Plant("INV-17", "DELETE FROM suspense_case"),
    Plant("INV-17b", "UPDATE payment_attempt SET channel = NULL WHERE state = 'succeeded'"),
    Plant("INV-17b", "UPDATE payment_attempt SET instrument = NULL WHERE state = 'surplus'"),
    Plant(
        "INV-18",
        "WITH e AS (INSERT INTO journal_entry (id, template, natural_key, provider_account, order_id, business_on,"
        " recorded_at) SELECT gen_random_uuid(), 'refund_sent', 'r' || id, 'vnpay-demo', id, '2026-11-21', now()"
        " FROM payment_order WHERE state = 'paid' RETURNING id)"
        " INSERT INTO posting (entry_id, line_no, account_code, side, amount, currency, provider_account)"
        " SELECT id, n, CASE n WHEN 1 THEN 'refund_payable' ELSE 'provider_receivable' END,"
        " CASE n WHEN 1 THEN 'D' ELSE 'C' END, 900000000, 'VND', 'vnpay-demo' FROM e, generate_series(1, 2) n",
        also=("INV-23",),
    ),
    Plant(
        "INV-25",
        "CREATE TABLE local_time (at timestamp without time zone)",
        "DROP TABLE local_time",
    ),
    Plant(
        "INV-29",
        "ALTER TABLE job_period DROP CONSTRAINT pk_job_period;"
        " INSERT INTO job_period VALUES ('j', 'p', 'a', now()), ('j', 'p', 'b', now())",
        "DELETE FROM job_period; ALTER TABLE job_period ADD CONSTRAINT pk_job_period PRIMARY KEY (job, period)",
    ),
    Plant(
        "INV-30",
        "ALTER TABLE obligation DROP CONSTRAINT ck_obligation_principal_in_range;"
        " UPDATE obligation SET principal = -5",
        "UPDATE obligation SET principal = 5; ALTER TABLE obligation ADD CONSTRAINT ck_obligation_principal_in_range"
        " CHECK (principal >= 0 AND principal <= 1000000000000000)",
    ),
]


@pytest.fixture
def busy(scene: Scene) -> Scene:
    """A province after a busy hour: paid, refused, doubled, cancelled and live orders, and a subscribed portal."""
    with scene.runtime.database.begin() as uow:
        types = ["payment_order.paid", "payment_order.cancelled"]
        register_endpoint(uow, scene.runtime.sealer, scene.portal_code, "https://portal.example/hooks", types)
        uow.commit()
    scene.runtime.clock.advance(timedelta(minutes=2))
    pay_by_callback(scene)
    doubled = scene.order()
    first = scene.attempt(doubled)
    scene.apply(scene.evidence(first, Outcome.REJECTED, source=EvidenceSource.STATUS_QUERY))
    scene.apply(scene.evidence(scene.attempt(doubled), source=EvidenceSource.STATUS_QUERY))
    scene.apply(scene.evidence(first, source=EvidenceSource.STATEMENT))
    cancelled = scene.order()
    with scene.runtime.database.begin() as uow:
        cancel_order(uow, portal_code=scene.portal_code, order_ref=cancelled.order_ref, actor="key-1")
        uow.commit()
    scene.attempt(scene.order())
    with scene.runtime.database.begin() as uow:
        issue_waiting(uow)
        uow.commit()
    return scene


def pay_by_callback(scene: Scene) -> None:
    attempt = scene.attempt(scene.order())
    answer = receive(scene.runtime, "vnpay-demo", ipn(scene.runtime, attempt))
    assert b'"00"' in answer.body


def broken(scene: Scene) -> set[str]:
    checks = load_modules(scene.runtime.settings).checks
    return {f.check.id for f in verify(scene.runtime.database, checks) if not f.holds}


def test_everything_holds_after_a_busy_hour(busy: Scene) -> None:
    checks = load_modules(busy.runtime.settings).checks
    findings = verify(busy.runtime.database, checks)
    assert not any(not finding.holds for finding in findings), report(findings)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant.invariant}: {plant.sql[:40]}")
def test_planted_violation_turns_its_invariant_red(busy: Scene, postgres: TestServer, plant: Plant) -> None:
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(plant.sql)
    try:
        assert broken(busy) == {plant.invariant, *plant.also}
    finally:
        with postgres.superuser() as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(plant.undo or "SELECT 1")


@pytest.mark.parametrize(
    ("role", "fault"), [(OWNER_ROLE, "owns it, or may act as its owner"), (SUPERUSER, "is a superuser")]
)
def test_work_as_a_role_that_could_change_the_books_is_an_offence(
    scene: Scene, postgres: TestServer, role: str, fault: str
) -> None:
    runtime = scene.runtime
    engine = make_engine(postgres.server.url(role), runtime.settings)
    try:
        findings = verify(Database(engine, runtime.clock), load_modules(runtime.settings).checks)
    finally:
        engine.dispose()
    broken_ids = {finding.check.id for finding in findings if not finding.holds}
    assert broken_ids == {"INV-03", "INV-03c"}
    for finding in findings:
        if finding.check.id in broken_ids:
            faults = {offender["fault"] for offender in finding.offenders}
            assert any(fault in each for each in faults)
            assert f"{role} holds UPDATE" in faults


def test_report_names_the_broken_invariant_and_its_rows(busy: Scene, postgres: TestServer) -> None:
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM suspense_case")
    lines = report(verify(busy.runtime.database))
    assert any(line.startswith("INV-17") and "BROKEN" in line for line in lines)
    assert any("surplus without a case" in line for line in lines)
