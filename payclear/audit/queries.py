"""SQL of the audit trail, its chain and its checkpoints. Called by `audit.service` and `audit.checks`."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from payclear.audit.domain import Entry, Seal
from payclear.audit.verifier import CheckpointRow, SealedRow
from payclear.db.uow import UnitOfWork

LOCK_KEY = 7_401_620_041

# Hot path: one prepared statement per entry; chaining is the sequencer's work.
INSERT_ENTRY = """
INSERT INTO audit_entry (id, recorded_at, actor_type, actor, action, object_type, object_id, facts)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""

# The floor keeps the anti-join to a stretch of both primary-key-ordered indexes; without it the whole trail
# is joined. Never `id > last sealed`: entries commit in another order than they are made.
UNSEALED = """
SELECT e.id, e.recorded_at, e.actor_type, e.actor, e.action, e.object_type, e.object_id, e.facts
  FROM audit_entry e
 WHERE e.id >= %(floor)s
   AND NOT EXISTS (SELECT 1 FROM audit_seal s WHERE s.entry_id = e.id AND s.entry_id >= %(floor)s)
 ORDER BY e.recorded_at, e.id
 LIMIT %(limit)s
"""

HEAD = "SELECT sequence, chain_hash, sealed_at FROM audit_seal ORDER BY sequence DESC LIMIT 1"

INSERT_SEALS = """
INSERT INTO audit_seal (sequence, entry_id, entry_hash, chain_hash, sealed_at)
SELECT sequence, entry_id, entry_hash, chain_hash, %s
  FROM unnest(%s::bigint[], %s::uuid[], %s::bytea[], %s::bytea[])
       AS made(sequence, entry_id, entry_hash, chain_hash)
"""

INSERT_CHECKPOINT = """
INSERT INTO audit_checkpoint (sequence, chain_hash, key_id, signature, signed_at) VALUES (%s, %s, %s, %s, %s)
"""

SEALED = """
SELECT s.sequence, s.entry_id, s.entry_hash, s.chain_hash, e.recorded_at, e.actor_type, e.actor, e.action,
       e.object_type, e.object_id, e.facts
  FROM audit_seal s LEFT JOIN audit_entry e ON e.id = s.entry_id
 ORDER BY s.sequence
"""

CHECKPOINTS = (
    "SELECT sequence, chain_hash, key_id, signature, signed_at FROM audit_checkpoint ORDER BY sequence"
)

# A stopped service leaves a short tail unsealed: that is no fault. What the sequencer passed over is.
PASSED_OVER = """
SELECT e.id FROM audit_entry e
 WHERE e.recorded_at < COALESCE((SELECT max(sealed_at) FROM audit_seal), %(now)s) - %(age)s
   AND NOT EXISTS (SELECT 1 FROM audit_seal s WHERE s.entry_id = e.id)
 ORDER BY e.recorded_at LIMIT 100
"""


def insert_entry(uow: UnitOfWork, entry: Entry) -> None:
    """Write one entry of the trail."""
    uow.run(
        INSERT_ENTRY,
        (
            entry.id,
            entry.recorded_at,
            entry.actor_type,
            entry.actor,
            entry.action,
            entry.object_type,
            entry.object_id,
            Jsonb(entry.facts),
        ),
    )


def lock_sequencer(uow: UnitOfWork) -> None:
    """Wait until this transaction alone may append to the chain."""
    uow.run("SELECT pg_advisory_xact_lock(%s)", (LOCK_KEY,))


def head(uow: UnitOfWork) -> tuple[int, bytes, datetime] | None:
    """Sequence, chain hash and sealing time of the last sealed entry."""
    row: tuple[int, bytes, datetime] | None = uow.run(HEAD).fetchone()
    return row


def unsealed(uow: UnitOfWork, *, floor: UUID, limit: int) -> list[Entry]:
    """Entries with an id from `floor` on that stand in no seal, in the order they were recorded."""
    return uow.rows(Entry, UNSEALED, {"floor": floor, "limit": limit})


def insert_seals(uow: UnitOfWork, seals: list[Seal], sealed_at: datetime) -> None:
    """Append to the chain."""
    uow.run(
        INSERT_SEALS,
        (
            sealed_at,
            [seal.sequence for seal in seals],
            [seal.entry_id for seal in seals],
            [seal.entry_hash for seal in seals],
            [seal.chain_hash for seal in seals],
        ),
    )


def insert_checkpoint(
    uow: UnitOfWork, *, sequence: int, chain_hash: bytes, key_id: str, signature: bytes, signed_at: datetime
) -> None:
    """Write the signed head of the chain."""
    uow.run(INSERT_CHECKPOINT, (sequence, chain_hash, key_id, signature, signed_at))


def sealed_rows(uow: UnitOfWork) -> Iterator[SealedRow]:
    """The whole chain in order with its entries, streamed from the server a few thousand rows at a time."""
    with uow.driver.cursor("audit_chain", row_factory=class_row(SealedRow)) as cursor:
        cursor.itersize = 5000
        cursor.execute(SEALED)
        yield from cursor


def checkpoint_rows(uow: UnitOfWork) -> list[CheckpointRow]:
    """Every checkpoint in order."""
    return uow.rows(CheckpointRow, CHECKPOINTS)


def passed_over(uow: UnitOfWork, age: timedelta) -> list[dict[str, Any]]:
    """Entries older by `age` than the last run of the sequencer that stand in no seal."""
    rows = uow.run(PASSED_OVER, {"now": uow.now, "age": age}).fetchall()
    return [{"entry_id": str(row[0])} for row in rows]
