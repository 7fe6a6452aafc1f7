"""Two officers who take a step for a portal together, as every step of a portal is taken."""

from payclear.db.uow import UnitOfWork
from payclear.identity import activation
from payclear.identity.domain import StaffRole
from payclear.identity.service import approve_step
from payclear.identity.sessions import create_staff

MAKER, CHECKER = "lap", "duyet"


def take_step(uow: UnitOfWork, portal: str, event: str) -> None:
    """Propose and approve one step; the officers are new."""
    for login in (MAKER, CHECKER):
        create_staff(
            uow,
            login=login,
            display_name=login,
            password="mat-khau-rat-dai-2026",
            roles=[StaffRole.OFFICER],
        )
    activation.propose(uow, portal, event, reason="Công văn 12/VPCP", maker=MAKER)
    approve_step(uow, portal, checker=CHECKER)
