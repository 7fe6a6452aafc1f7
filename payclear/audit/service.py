"""The audit trail: one row in the transaction of the act, chained and signed afterwards by one sequencer.

Every feature calls `record`; the job `audit.seal` calls `seal`.
Nothing here ever changes or deletes an entry, and no entry may carry personal data.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from payclear.audit import queries
from payclear.audit.domain import GENESIS, Entry, chain, checkpoint_content, key_id, require_plain
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import unix_time_ns
from payclear.kernel.ids import new_uuid
from payclear.security.signatures import Ed25519Signer

SEAL_BATCH = 5_000
# A transaction may commit this long after it made its entry's id, clocks of two machines apart included.
LATE_COMMIT_MAX = timedelta(minutes=15)
NO_FLOOR = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one run of the sequencer did: entries chained, and the sequence of the head."""

    entries: int
    head: int


def record(
    uow: UnitOfWork,
    *,
    actor_type: str,
    actor: str,
    action: str,
    object_type: str,
    object_id: str,
    facts: dict[str, Any] | None = None,
) -> UUID:
    """Say who did what to which object, in the transaction that does it. Returns the entry's id.

    `facts` are plain scalars or lists of them, never names, identity numbers or secrets; a float, bytes or
    an object is a TypeError.
    """
    plain = facts or {}
    require_plain(plain)
    entry = Entry(new_uuid(), uow.now, actor_type, actor, action, object_type, object_id, plain)
    queries.insert_entry(uow, entry)
    return entry.id


def seal(uow: UnitOfWork, signer: Ed25519Signer, *, whole_trail: bool = False) -> Sealed:
    """Chain up to SEAL_BATCH entries in the order they were recorded, and sign the new head.

    Looks at entries made since LATE_COMMIT_MAX before the previous run; with `whole_trail` at every entry
    there is, which finds the ones that committed later still. Two sequencers take turns.
    """
    queries.lock_sequencer(uow)
    head = queries.head(uow)
    sequence, chain_hash = (head[0], head[1]) if head else (0, GENESIS)
    floor = NO_FLOOR if whole_trail or head is None else first_id_to_look_at(head[2], uow.now)
    entries = queries.unsealed(uow, floor=floor, limit=SEAL_BATCH)
    if not entries:
        return Sealed(0, sequence)
    seals = chain(entries, last_sequence=sequence, last_hash=chain_hash)
    queries.insert_seals(uow, seals, uow.now)
    last = seals[-1]
    queries.insert_checkpoint(
        uow,
        sequence=last.sequence,
        chain_hash=last.chain_hash,
        key_id=key_id(signer.public_raw_base64),
        signature=signer.sign(checkpoint_content(last.sequence, last.chain_hash, uow.now)),
        signed_at=uow.now,
    )
    return Sealed(len(seals), last.sequence)


def first_id_to_look_at(last_sealed_at: datetime, now: datetime) -> UUID:
    """The smallest id an unsealed entry can have, if it committed within LATE_COMMIT_MAX of being made.

    The previous run saw all that was committed when it began. What it missed committed later, so it was made
    at most LATE_COMMIT_MAX before that run. Ids are version 7: their first 48 bits are milliseconds.
    """
    machine_ms = unix_time_ns() // 1_000_000
    seen_ms = min(int(min(last_sealed_at, now).timestamp() * 1000), machine_ms)
    return UUID(int=max(seen_ms - int(LATE_COMMIT_MAX.total_seconds() * 1000), 0) << 80)
