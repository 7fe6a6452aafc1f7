"""Recomputes the audit chain and its checkpoints from the rows alone, and names every fault.

Independent on purpose: it imports nothing of payclear, so it can be read and run by an outside auditor.
It must never write, and never trust a stored hash it can compute.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_FIRST = bytes(32)
FINDINGS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRow:
    """A seal with the entry it points to; the entry's columns are None when the entry is gone."""

    sequence: int
    entry_id: UUID
    entry_hash: bytes
    chain_hash: bytes
    recorded_at: datetime | None
    actor_type: str | None
    actor: str | None
    action: str | None
    object_type: str | None
    object_id: str | None
    facts: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRow:
    """A signed head of the chain: ours from the table, or the copy a witness kept."""

    sequence: int
    chain_hash: bytes
    key_id: str
    signature: bytes
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, at the place in the chain where it shows."""

    sequence: int
    fault: str


def verify_chain(
    rows: Iterable[SealedRow],
    checkpoints: Iterable[CheckpointRow],
    public_keys: Mapping[str, str],
    *,
    witnessed: Iterable[CheckpointRow] = (),
) -> list[Finding]:
    """Check every hash, the gapless sequence, and each checkpoint against the chain; empty means sound.

    `rows` come in the order of their sequence and are read once. `public_keys` maps key ids to Ed25519 keys
    as base64 of 32 bytes. `witnessed` are checkpoints kept elsewhere: they show a tail that was cut off.
    At most FINDINGS_MAX faults are told, the first ones.
    """
    signed = [*((each, "checkpoint") for each in checkpoints), *((each, "witness") for each in witnessed)]
    heads: dict[int, list[tuple[CheckpointRow, str]]] = {}
    for checkpoint, origin in signed:
        heads.setdefault(checkpoint.sequence, []).append((checkpoint, origin))
    findings: list[Finding] = []
    expected, last_hash = 1, _FIRST
    for row in rows:
        if row.sequence != expected:
            findings.append(Finding(row.sequence, "sequence_gap"))
            expected = row.sequence
        findings += _entry_faults(row)
        last_hash = hashlib.sha256(last_hash + row.entry_hash).digest()
        if last_hash != row.chain_hash:
            findings.append(Finding(row.sequence, "chain_broken"))
            last_hash = row.chain_hash
        for checkpoint, origin in heads.pop(row.sequence, ()):
            if checkpoint.chain_hash != row.chain_hash:
                findings.append(Finding(row.sequence, f"{origin}_differs"))
        expected += 1
        if len(findings) >= FINDINGS_MAX:
            return findings[:FINDINGS_MAX]
    for sequence, group in sorted(heads.items()):
        findings += [Finding(sequence, f"{origin}_beyond_the_chain") for _, origin in group]
    if expected > 1 and max((each.sequence for each, _ in signed), default=0) < expected - 1:
        findings.append(Finding(expected - 1, "head_not_signed"))
    for checkpoint, origin in signed:
        if not _is_signed(checkpoint, public_keys):
            findings.append(Finding(checkpoint.sequence, f"{origin}_signature_wrong"))
    return sorted(findings, key=lambda each: each.sequence)[:FINDINGS_MAX]


def _entry_faults(row: SealedRow) -> list[Finding]:
    if row.recorded_at is None:
        return [Finding(row.sequence, "entry_missing")]
    canonical = json.dumps(
        [
            str(row.entry_id),
            _instant(row.recorded_at),
            row.actor_type,
            row.actor,
            row.action,
            row.object_type,
            row.object_id,
            row.facts,
        ],
        ensure_ascii=False,
        separators=(",", ":"),
        sort_keys=True,
    )
    if hashlib.sha256(canonical.encode()).digest() != row.entry_hash:
        return [Finding(row.sequence, "entry_changed")]
    return []


def _is_signed(checkpoint: CheckpointRow, public_keys: Mapping[str, str]) -> bool:
    key = public_keys.get(checkpoint.key_id)
    if key is None:
        return False
    content = (
        f"payclear audit checkpoint 1\n{checkpoint.sequence}\n{checkpoint.chain_hash.hex()}\n"
        f"{_instant(checkpoint.signed_at)}\n"
    )
    try:
        raw = Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
        raw.verify(checkpoint.signature, content.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
