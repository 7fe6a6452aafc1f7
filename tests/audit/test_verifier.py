"""The verifier stands alone: rows made by hand, its own arithmetic, an outside witness."""

import ast
import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from payclear.audit import verifier
from payclear.audit.verifier import CheckpointRow, SealedRow, verify_chain

AT = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()
KEYS = {"k1": base64.b64encode(KEY.public_key().public_bytes_raw()).decode()}


def rows(count: int) -> list[SealedRow]:
    made: list[SealedRow] = []
    last = bytes(32)
    for sequence in range(1, count + 1):
        entry_id = UUID(int=sequence)
        text = json.dumps(
            [str(entry_id), "2026-11-21T03:30:00.000000Z", "system", "a", "b.c", "d", "e", {"ơ": sequence}],
            ensure_ascii=False,
            separators=(",", ":"),
        )
        own = hashlib.sha256(text.encode()).digest()
        last = hashlib.sha256(last + own).digest()
        made.append(
            SealedRow(
                sequence=sequence,
                entry_id=entry_id,
                entry_hash=own,
                chain_hash=last,
                recorded_at=AT,
                actor_type="system",
                actor="a",
                action="b.c",
                object_type="d",
                object_id="e",
                facts={"ơ": sequence},
            )
        )
    return made


def checkpoint(row: SealedRow, key: Ed25519PrivateKey = KEY) -> CheckpointRow:
    text = (
        f"payclear audit checkpoint 1\n{row.sequence}\n{row.chain_hash.hex()}\n2026-11-21T03:30:00.000000Z\n"
    )
    return CheckpointRow(
        sequence=row.sequence,
        chain_hash=row.chain_hash,
        key_id="k1",
        signature=key.sign(text.encode()),
        signed_at=AT,
    )


def faults(found: list[verifier.Finding]) -> set[str]:
    return {each.fault for each in found}


def test_verify_chain_checkpoint_by_another_key_is_told() -> None:
    chain = rows(2)
    other = checkpoint(chain[1], Ed25519PrivateKey.generate())
    assert faults(verify_chain(chain, [other], KEYS)) == {"checkpoint_signature_wrong"}


def test_verify_chain_tail_cut_with_its_checkpoint_is_told_by_the_witness() -> None:
    chain = rows(5)
    kept = [checkpoint(chain[2])]
    assert verify_chain(chain[:3], kept, KEYS) == []
    told = verify_chain(chain[:3], kept, KEYS, witnessed=[checkpoint(chain[4])])
    assert faults(told) == {"witness_beyond_the_chain"}


def test_verify_chain_rewritten_history_differs_from_the_witness() -> None:
    old, new = rows(3), rows(3)
    new[0] = replace(new[0], actor="somebody")
    rewritten: list[SealedRow] = []
    last = bytes(32)
    for row in new:
        last = hashlib.sha256(last + row.entry_hash).digest()
        rewritten.append(replace(row, chain_hash=last))
    altered = hashlib.sha256(b"other").digest()
    rewritten[2] = replace(
        rewritten[2],
        entry_hash=altered,
        chain_hash=hashlib.sha256(rewritten[1].chain_hash + altered).digest(),
    )
    told = verify_chain(rewritten, [checkpoint(rewritten[2])], KEYS, witnessed=[checkpoint(old[2])])
    assert "witness_differs" in faults(told)


def test_verify_chain_tells_at_most_a_hundred_faults() -> None:
    broken = [replace(row, actor="x") for row in rows(150)]
    assert len(verify_chain(broken, [], KEYS)) == verifier.FINDINGS_MAX


@pytest.mark.parametrize("count", [0, 1, 4])
def test_verify_chain_sound_chain_is_sound(count: int) -> None:
    chain = rows(count)
    signed = [checkpoint(chain[-1])] if chain else []
    assert verify_chain(chain, signed, KEYS) == []


def test_verifier_imports_nothing_of_ours_and_fits_150_lines() -> None:
    text = Path(verifier.__file__).read_text(encoding="utf-8")
    imported = {
        name
        for node in ast.walk(ast.parse(text))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [a.name for a in getattr(node, "names", ())]
        )
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert not [name for name in imported if name.startswith(("payclear", "providers", "reconciliation"))]
    assert len(text.splitlines()) <= 150
