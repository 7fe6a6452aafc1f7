"""Withdraws an obligation that was registered by mistake and that nobody has paid or is asked to pay. Never commits.

A decision is cancelled by a version of its own (`fines.desk`): its history is the authority's. What was cancelled frees
its number, so that the right facts can be registered under it.
"""

from uuid import UUID

from payclear.audit.service import record
from payclear.db.uow import UnitOfWork
from payclear.kernel.errors import Conflict
from payclear.kernel.ids import public_id
from payclear.obligations import claims, queries, service
from payclear.obligations.announcements import announce_change
from payclear.obligations.domain import OBLIGATION_STATES, ObligationKind, ObligationState
from payclear.obligations.records import ObligationView


class ObligationNotCancellable(Conflict):
    """It is a decision, an order collects it, or it was paid; `reason` says which."""

    code = "obligation_not_cancellable"


def cancel(uow: UnitOfWork, obligation_id: UUID, *, portal_code: str, by: str) -> ObligationView:
    """Cancel an open obligation of a portal; again changes nothing. Raises ObligationNotFound, ObligationNotCancellable."""
    found = service.lock(uow, obligation_id, portal_code=portal_code)
    if found.state is ObligationState.CANCELLED:
        return service.find_many(uow, [found.id])[0]
    reason = _hindrance(uow, found)
    if reason:
        raise ObligationNotCancellable("can not be cancelled", reason=reason)
    values = {
        "ids": [found.id],
        "from": found.state,
        "to": OBLIGATION_STATES.next(found.state, "cancelled").to,
        "event": "cancelled",
        "order_id": None,
        "at": uow.now,
    }
    uow.run(queries.MOVE, values)
    record(
        uow,
        actor_type="portal",
        actor=by,
        action="obligation.cancelled",
        object_type="obligation",
        object_id=public_id("obl", found.id),
    )
    (now,) = service.find_many(uow, [found.id])
    announce_change(uow, now, "cancelled")
    return now


def _hindrance(uow: UnitOfWork, found: ObligationView) -> str:
    if found.kind is ObligationKind.TRAFFIC_FINE:
        return "decision"
    if claims.claims_on(uow, found.id):
        return "in_order"
    return "" if found.state is ObligationState.OPEN else str(found.state)
