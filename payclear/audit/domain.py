"""How an audit entry is hashed, chained and signed. Pure; called by `audit.service`.

`audit.verifier` computes the same from its own code, so that a mistake here is seen there.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

GENESIS = bytes(32)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the trail."""

    id: UUID
    recorded_at: datetime
    actor_type: str
    actor: str
    action: str
    object_type: str
    object_id: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seal:
    """The place of one entry in the chain."""

    sequence: int
    entry_id: UUID
    entry_hash: bytes
    chain_hash: bytes


def require_plain(facts: dict[str, Any]) -> None:
    """Raise TypeError unless each fact is a text, a whole number, a truth value, None, or a list of these."""
    for name, value in facts.items():
        for each in value if isinstance(value, list | tuple) else (value,):
            if each is not None and not isinstance(each, str | int | bool):
                raise TypeError(f"the audit fact {name} is a {type(each).__name__}")


def entry_hash(entry: Entry) -> bytes:
    """SHA-256 of an entry as canonical JSON: one array in the order of the columns, sorted keys, UTF-8."""
    canonical = json.dumps(
        [
            str(entry.id),
            instant(entry.recorded_at),
            entry.actor_type,
            entry.actor,
            entry.action,
            entry.object_type,
            entry.object_id,
            entry.facts,
        ],
        ensure_ascii=False,
        separators=(",", ":"),
        sort_keys=True,
    )
    return hashlib.sha256(canonical.encode()).digest()


def chain(entries: list[Entry], *, last_sequence: int, last_hash: bytes) -> list[Seal]:
    """Chain entries behind the last sealed one, in the order given."""
    seals: list[Seal] = []
    for sequence, entry in enumerate(entries, last_sequence + 1):
        own_hash = entry_hash(entry)
        last_hash = hashlib.sha256(last_hash + own_hash).digest()
        seals.append(Seal(sequence, entry.id, own_hash, last_hash))
    return seals


def checkpoint_content(sequence: int, chain_hash: bytes, signed_at: datetime) -> bytes:
    """The bytes a checkpoint signs."""
    return f"payclear audit checkpoint 1\n{sequence}\n{chain_hash.hex()}\n{instant(signed_at)}\n".encode()


def key_id(public_key: str) -> str:
    """The name of a checkpoint key: 16 hexadecimal digits of the SHA-256 of its public key, raw, as base64 text."""
    return hashlib.sha256(public_key.encode()).hexdigest()[:16]


def instant(at: datetime) -> str:
    """An instant in UTC with microseconds, as it is hashed and signed."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
