"""Locks an obligation with the order that claims it, in the one order of locks, for whoever changes what is owed."""

from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.obligations import claims, service
from payclear.obligations.records import ObligationView


class _ClaimedMeanwhile(Exception):
    """An order came between the look at the claims and the lock of the obligation."""


def lock_with_claims(uow: UnitOfWork, obligation_id: UUID, *, portal_code: str) -> ObligationView:
    """Lock whatever claims an obligation of a portal, then the obligation; raises ObligationNotFound."""
    while True:
        try:
            with uow.savepoint():
                return _locked(uow, obligation_id, portal_code)
        except _ClaimedMeanwhile:
            continue  # the savepoint let the obligation go: the order is locked first


def _locked(uow: UnitOfWork, obligation_id: UUID, portal_code: str) -> ObligationView:
    before = claims.claims_on(uow, obligation_id)
    claims.hold(uow, obligation_id)
    found = service.lock(uow, obligation_id, portal_code=portal_code)
    if not claims.claims_on(uow, obligation_id) <= before:
        raise _ClaimedMeanwhile
    return found
