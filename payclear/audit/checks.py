"""The audit trail's invariant for `payclear verify` (INV-20). Read-only."""

from typing import Any

from payclear.audit import queries
from payclear.audit.domain import key_id
from payclear.audit.service import LATE_COMMIT_MAX
from payclear.audit.verifier import verify_chain
from payclear.contract.modules import Check
from payclear.db.uow import UnitOfWork
from payclear.runtime import current
from payclear.security.signatures import Ed25519Signer


def find_broken_chain(uow: UnitOfWork) -> list[dict[str, Any]]:
    """Faults of the chain and its checkpoints, and entries that the sequencer passed over.

    A checkpoint is good by the key in force or by an earlier one that the settings still name.
    """
    security = current().settings.security
    in_force = Ed25519Signer.from_pem(security.audit_signing_key).public_raw_base64
    keys = {key_id(key): key for key in (*security.audit_previous_keys, in_force)}
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
