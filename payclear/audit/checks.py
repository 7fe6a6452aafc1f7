"""The audit trail's invariant for `payclear verify` (INV-20). Read-only."""

from typing import Any

from payclear.audit import queries
from payclear.audit.service import LATE_COMMIT_MAX, key_id
from payclear.audit.verifier import verify_chain
from payclear.contract.modules import Check
from payclear.db.uow import UnitOfWork
from payclear.runtime import current
from payclear.security.signatures import Ed25519Signer


def find_broken_chain(uow: UnitOfWork) -> list[dict[str, Any]]:
    """Faults of the chain and its checkpoints, and entries that the sequencer passed over."""
    signer = Ed25519Signer.from_pem(current().settings.security.audit_signing_key)
    keys = {key_id(signer): signer.public_raw_base64}
    findings = verify_chain(queries.sealed_rows(uow), queries.checkpoint_rows(uow), keys)
    return [
        *({"sequence": each.sequence, "fault": each.fault} for each in findings),
        *({**row, "fault": "not_sealed"} for row in queries.passed_over(uow, LATE_COMMIT_MAX)),
    ]


CHECKS = (
    Check(
        id="INV-20",
        title="The audit chain is gapless, every hash is right and every checkpoint is signed",
        find=find_broken_chain,
    ),
)
