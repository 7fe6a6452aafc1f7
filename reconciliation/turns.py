"""Turns: one account's night is worked on by one transaction at a time, each from the step it expects."""

from payclear.db.uow import UnitOfWork
from reconciliation.errors import RunMovedOn
from reconciliation.intake.queries import LOCK_ACCOUNT
from reconciliation.records import RunRow

_STEP = "SELECT step, passes FROM reconciliation_run WHERE id = %s"


def take_turn(uow: UnitOfWork, run: RunRow) -> None:
    """Keep every other worker of the account out until the commit; raises RunMovedOn when one was faster."""
    uow.run(LOCK_ACCOUNT, (run.provider_account,))
    if uow.run(_STEP, (run.id,)).fetchone() != (run.step, run.passes):
        raise RunMovedOn("another worker is at this run", run=str(run.id), step=run.step)
