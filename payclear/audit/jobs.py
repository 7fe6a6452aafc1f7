"""The sequencer's jobs. Scheduled by the clock every few seconds, and once a day over the whole trail."""

from payclear.audit import service
from payclear.jobs.queue import job
from payclear.runtime import current
from payclear.security.signatures import Ed25519Signer

BATCHES_MAX = 200


@job("audit.seal")
def seal() -> str:
    """Chain what was recorded lately."""
    return _seal(whole_trail=False)


@job("audit.seal_whole_trail")
def seal_whole_trail() -> str:
    """Chain also what committed so late that the frequent run no longer looks there."""
    return _seal(whole_trail=True)


def _seal(*, whole_trail: bool) -> str:
    runtime = current()
    signer = Ed25519Signer.from_pem(runtime.settings.security.audit_signing_key)
    total = 0
    for _ in range(BATCHES_MAX):
        with runtime.database.begin() as uow:
            sealed = service.seal(uow, signer, whole_trail=whole_trail)
            uow.commit()
        total += sealed.entries
        if sealed.entries < service.SEAL_BATCH:
            break
    return f"{total} entries sealed"
