"""The agency says that what is owed was paid without us: at its own desk, by post, at the treasury; or takes that back.

Called by the portal API; never commits. An open order is withdrawn; money that is on its way then comes to suspense and is
proposed for refund. A fine keeps what was said in its history (`fines.desk`), everything else beside its transitions.
"""

from datetime import date
from uuid import UUID

from payclear.audit.service import record
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.errors import InvalidInput
from payclear.kernel.ids import public_id
from payclear.obligations import claims, queries, service
from payclear.obligations.announcements import PREFIX, announce_change
from payclear.obligations.domain import (
    OBLIGATION_STATES,
    PAYABLE_STATES,
    ObligationKind,
    ObligationState,
)
from payclear.obligations.fines import desk as fine_desk
from payclear.obligations.insurance import rules as insurance
from payclear.obligations.locking import lock_with_claims
from payclear.obligations.records import ObligationNotPayable, ObligationView, Proof


def note_paid_elsewhere(
    uow: UnitOfWork, obligation_id: UUID, *, proof_ref: str, paid_on: date, portal_code: str, by: str
) -> ObligationView:
    """Write that something was paid without us; again changes nothing.

    Raises ObligationNotFound, InvalidInput, ObligationNotPayable, and FineNotPayable for a fine.
    """
    if service.get(uow, obligation_id, portal_code=portal_code).kind is ObligationKind.TRAFFIC_FINE:
        return fine_desk.note_paid_elsewhere(
            uow, obligation_id, proof_ref=proof_ref, paid_on=paid_on, portal_code=portal_code, by=by
        )
    owed = lock_with_claims(uow, obligation_id, portal_code=portal_code)
    if owed.state is ObligationState.PAID_ELSEWHERE:
        return owed
    if owed.state not in PAYABLE_STATES:
        raise ObligationNotPayable("not open", document_no=owed.document_no, state=owed.state.value)
    if not owed.document_on <= paid_on <= vietnam_date(uow.now):
        raise InvalidInput("the day lies before the document or in the future", field="paid_on")
    now = _moved(uow, owed, "paid_elsewhere", "paid_elsewhere", by=by)
    shown = {"id": owed.id, "proof_ref": proof_ref, "paid_on": paid_on, "at": uow.now, "by": by}
    uow.run(queries.SHOW_PROOF, shown)
    claims.give_up(uow, owed.id, now.state)
    return now


def undo_paid_elsewhere(uow: UnitOfWork, obligation_id: UUID, *, portal_code: str, by: str) -> ObligationView:
    """It was not paid elsewhere after all: it is owed again. Raises ObligationNotFound, MonthsInAnotherNotice."""
    if service.get(uow, obligation_id, portal_code=portal_code).kind is ObligationKind.TRAFFIC_FINE:
        return fine_desk.undo_paid_elsewhere(uow, obligation_id, portal_code=portal_code, by=by)
    owed = lock_with_claims(uow, obligation_id, portal_code=portal_code)
    if owed.state is not ObligationState.PAID_ELSEWHERE:
        return owed
    now = _moved(uow, owed, "reopened", "not_paid_elsewhere", by=by)
    if owed.kind in insurance.KINDS:
        insurance.require_months_free(uow, [owed.id])
    return now


def proof_of(uow: UnitOfWork, obligation: ObligationView) -> Proof | None:
    """The receipt that was shown for what stands as paid elsewhere; None for anything else."""
    if obligation.state is not ObligationState.PAID_ELSEWHERE:
        return None
    is_fine = obligation.kind is ObligationKind.TRAFFIC_FINE
    sql = queries.PROOF_OF_FINE if is_fine else queries.PROOF
    (proof,) = uow.rows(Proof, sql, (obligation.id,))
    return proof


def _moved(uow: UnitOfWork, owed: ObligationView, event: str, change: str, *, by: str) -> ObligationView:
    values = {
        "ids": [owed.id],
        "from": owed.state,
        "to": OBLIGATION_STATES.next(owed.state, event).to,
        "event": event,
        "order_id": None,
        "at": uow.now,
    }
    uow.run(queries.MOVE, values)
    record(
        uow,
        actor_type="portal",
        actor=by,
        action=f"obligation.{change}",
        object_type="obligation",
        object_id=public_id(PREFIX, owed.id),
    )
    (now,) = service.find_many(uow, [owed.id])
    announce_change(uow, now, change)
    return now
