"""The trail keeps every entry, and the sequencer chains each exactly once, however late it commits."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from payclear.audit import queries, service
from payclear.audit.checks import find_broken_chain
from payclear.audit.jobs import seal, seal_whole_trail
from payclear.audit.service import LATE_COMMIT_MAX, first_id_to_look_at, record
from payclear.db.uow import Database, UnitOfWork
from payclear.kernel.clock import FixedClock, SystemClock
from payclear.kernel.ids import new_uuid
from payclear.runtime import Runtime, install
from payclear.security.signatures import Ed25519Signer
from tests.database import TestServer

SIGNER = Ed25519Signer.generate()


def note(uow: UnitOfWork, number: int = 1) -> UUID:
    return record(
        uow,
        actor_type="portal",
        actor="key-1",
        action="payment_order.created",
        object_type="payment_order",
        object_id=f"PC{number:011d}",
        facts={"amount": number, "types": ["a", "b"], "note": "phí", "is_final": True, "nothing": None},
    )


def note_and_commit(database: Database, count: int = 1) -> None:
    with database.begin() as uow:
        for number in range(count):
            note(uow, number)
        uow.commit()


def sealed_ids(database: Database) -> list[UUID]:
    with database.begin() as uow:
        return [row.entry_id for row in queries.sealed_rows(uow)]


def run_seal(database: Database, *, whole_trail: bool = False) -> service.Sealed:
    with database.begin() as uow:
        done = service.seal(uow, SIGNER, whole_trail=whole_trail)
        uow.commit()
    return done


def with_previous_keys(runtime: Runtime, *keys: str) -> None:
    """Let the settings of this process name earlier audit keys."""
    security = replace(runtime.settings.security, audit_previous_keys=keys)
    install(replace(runtime, settings=replace(runtime.settings, security=security)))


def test_checkpoint_of_an_earlier_key_is_good_while_the_settings_name_it(runtime: Runtime) -> None:
    note_and_commit(runtime.database)
    run_seal(runtime.database)  # under SIGNER, the key of last year
    note_and_commit(runtime.database)
    seal()
    with runtime.database.begin() as uow:
        assert [each["fault"] for each in find_broken_chain(uow)] == ["checkpoint_signature_wrong"]
    with_previous_keys(runtime, Ed25519Signer.generate().public_raw_base64, SIGNER.public_raw_base64)
    with runtime.database.begin() as uow:
        assert find_broken_chain(uow) == []


def test_checkpoint_signed_wrongly_is_told_whatever_earlier_keys_there_are(
    runtime: Runtime, postgres: TestServer
) -> None:
    note_and_commit(runtime.database)
    run_seal(runtime.database)
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE audit_checkpoint SET signature = sha256('x')")
    with_previous_keys(runtime, SIGNER.public_raw_base64)
    with runtime.database.begin() as uow:
        assert [each["fault"] for each in find_broken_chain(uow)] == ["checkpoint_signature_wrong"]


@pytest.mark.parametrize("fact", [1.5, b"x", object(), {"a": 1}, [1.5]])
def test_record_fact_that_is_not_plain_is_refused(database: Database, fact: object) -> None:
    with database.begin() as uow, pytest.raises(TypeError, match="amount"):
        record(
            uow,
            actor_type="system",
            actor="payclear",
            action="a.b",
            object_type="c",
            object_id="d",
            facts={"amount": fact},
        )


@pytest.mark.parametrize("statement", ["UPDATE audit_entry SET actor = 'x'", "DELETE FROM audit_entry"])
def test_entry_never_changes(database: Database, statement: str) -> None:
    note_and_commit(database)
    with database.begin() as uow, pytest.raises(psycopg.errors.InsufficientPrivilege):
        uow.run(statement)


def test_seal_of_nothing_writes_nothing(database: Database) -> None:
    assert run_seal(database) == service.Sealed(0, 0)


def test_seal_entry_that_commits_after_a_later_one_was_sealed_is_sealed_next(database: Database) -> None:
    """Ids are made before commits happen: a cursor at the last sealed id would lose the slow one for ever."""
    with database.begin() as slow:
        slow_id = note(slow, 1)
        with database.begin() as fast:
            fast_id = note(fast, 2)
            fast.commit()
        assert run_seal(database).entries == 1
        assert sealed_ids(database) == [fast_id]
        slow.commit()
    assert slow_id < fast_id
    assert run_seal(database).entries == 1
    assert sealed_ids(database) == [fast_id, slow_id]


def test_seal_entry_that_commits_very_late_is_found_by_the_whole_trail(
    database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.set(SystemClock().now())
    note_and_commit(database)
    run_seal(database)
    made_at_ms = int((clock.now() - 2 * LATE_COMMIT_MAX).timestamp() * 1000)
    monkeypatch.setattr(service, "new_uuid", lambda: UUID(int=made_at_ms << 80))
    note_and_commit(database)
    assert run_seal(database).entries == 0
    assert run_seal(database, whole_trail=True) == service.Sealed(1, 2)


def test_seal_two_sequencers_take_turns_and_chain_each_entry_once(database: Database) -> None:
    note_and_commit(database, 5)
    with database.begin() as first:
        assert service.seal(first, SIGNER).entries == 5
        with database.begin() as second:
            second.run("SET LOCAL lock_timeout = '50ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                service.seal(second, SIGNER)
        first.commit()
    assert run_seal(database).entries == 0
    assert len(sealed_ids(database)) == 5


def test_seal_more_entries_than_one_batch_seals_them_all(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SEAL_BATCH", 3)
    note_and_commit(runtime.database, 8)
    assert seal() == "8 entries sealed"
    assert seal() == "0 entries sealed"
    assert seal_whole_trail() == "0 entries sealed"
    with runtime.database.begin() as uow:
        assert find_broken_chain(uow) == []


def test_seal_goes_by_the_time_entries_were_recorded(database: Database, clock: FixedClock) -> None:
    clock.advance(timedelta(seconds=5))
    with database.begin() as uow:
        later = note(uow)
        uow.commit()
    clock.set(clock.now() - timedelta(seconds=5))
    with database.begin() as uow:
        earlier = note(uow)
        uow.commit()
    run_seal(database)
    assert sealed_ids(database) == [earlier, later]


def test_first_id_to_look_at_never_lies_ahead_of_the_machine(clock: FixedClock) -> None:
    """A sealer whose clock runs ahead must not step over entries that are still to come."""
    ahead = clock.now() + timedelta(days=36500)
    assert first_id_to_look_at(ahead, ahead) < new_uuid()
    assert (
        new_uuid().int - first_id_to_look_at(ahead, ahead).int >> 80
        >= LATE_COMMIT_MAX.total_seconds() * 1000 - 5
    )


@pytest.mark.parametrize(
    ("plant", "fault"),
    [
        ("UPDATE audit_entry SET actor = 'somebody'", "entry_changed"),
        (
            "UPDATE audit_entry SET facts = facts || '{\"amount\": 1}' WHERE facts->>'amount' = '2'",
            "entry_changed",
        ),
        ("UPDATE audit_seal SET chain_hash = sha256('x') WHERE sequence = 2", "chain_broken"),
        ("DELETE FROM audit_seal WHERE sequence = 2", "sequence_gap"),
        ("DELETE FROM audit_seal WHERE sequence = 4", "checkpoint_beyond_the_chain"),
        ("DELETE FROM audit_checkpoint", "head_not_signed"),
        ("UPDATE audit_checkpoint SET signature = sha256('x')", "checkpoint_signature_wrong"),
        ("UPDATE audit_checkpoint SET key_id = 'unknown'", "checkpoint_signature_wrong"),
        ("DELETE FROM audit_entry WHERE facts->>'amount' = '0'", "entry_missing"),
    ],
)
def test_check_planted_change_is_told(runtime: Runtime, postgres: TestServer, plant: str, fault: str) -> None:
    note_and_commit(runtime.database, 4)
    seal()
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(plant)
    with runtime.database.begin() as uow:
        assert fault in {each["fault"] for each in find_broken_chain(uow)}


def test_check_entry_that_the_sequencer_passed_over_is_told(
    runtime: Runtime, postgres: TestServer, clock: FixedClock
) -> None:
    note_and_commit(runtime.database, 2)
    clock.advance(timedelta(hours=1))
    note_and_commit(runtime.database, 1)
    seal()
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM audit_seal WHERE sequence = 3")
        connection.execute("DELETE FROM audit_checkpoint")
        connection.execute("UPDATE audit_seal SET sealed_at = sealed_at + interval '2 hours'")
    with runtime.database.begin() as uow:
        assert "not_sealed" in {each["fault"] for each in find_broken_chain(uow)}


def test_unsealed_look_up_at_many_sealed_entries_touches_few(
    database: Database, postgres: TestServer
) -> None:
    """The plan of the frequent look-up reads the stretch behind its floor, not the whole trail."""
    with postgres.superuser() as connection:
        connection.execute(
            "INSERT INTO audit_entry SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,"
            " now(), 'a', 'b', 'c', 'd', 'e', '{}' FROM generate_series(1, 50000) n"
        )
        connection.execute(
            "INSERT INTO audit_seal SELECT row_number() OVER (), id, '', '', now() FROM audit_entry"
        )
        connection.execute("ANALYZE audit_entry, audit_seal")
    note_and_commit(database, 3)
    with database.begin() as uow:
        floor = first_id_to_look_at(uow.now + timedelta(days=36500), uow.now + timedelta(days=36500))
        rows = uow.run(
            "EXPLAIN (ANALYZE, FORMAT JSON) " + queries.UNSEALED, {"floor": floor, "limit": 5000}
        ).fetchone()[0]
        assert len(queries.unsealed(uow, floor=floor, limit=5000)) == 3
    assert rows_read(rows[0]["Plan"]) < 20


def rows_read(node: dict) -> int:
    own = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) if "Scan" in node["Node Type"] else 0
    return int(own * node["Actual Loops"]) + sum(rows_read(each) for each in node.get("Plans", ()))
