"""Ends what was paid once all of its money went back. Called when a refund is done, under its order's lock; never commits.

A refund names no obligation: those of an order that are no fines are paid until all of their money went back together.
A fine is owed again instead (`fines.payments`). What was refunded frees its number, like what was cancelled.
"""

from collections.abc import Sequence
from uuid import UUID

from payclear.audit.service import record
from payclear.db.uow import UnitOfWork
from payclear.kernel.ids import public_id
from payclear.kernel.money import Money
from payclear.obligations import claims, queries
from payclear.obligations.announcements import PREFIX, announce_change
from payclear.obligations.domain import OBLIGATION_STATES, ObligationState
from payclear.obligations.insurance.covers import uncover_months
from payclear.obligations.records import PaidPart
from payclear.obligations.service import find_many


def end_refunded(
    uow: UnitOfWork, parts: Sequence[PaidPart], *, order_id: UUID, given: Money, by: str
) -> None:
    """Write that what an order paid is refunded, once `given`, all that went back of the order, is all of its money."""
    whole = [part for part in parts if not part.is_fine and part.total.is_positive]
    of_fines = uow.one(queries.GIVEN_BACK_OF_FINES, (order_id,))[0] if len(whole) < len(parts) else 0
    if not whole or given.amount - of_fines < sum(part.total.amount for part in whole):
        return
    ids = [part.obligation_id for part in whole]
    state, event = ObligationState.PAID, "refunded"
    values = {"from": state, "to": OBLIGATION_STATES.next(state, event).to, "event": event}
    if not uow.run(queries.MOVE, values | {"ids": ids, "order_id": order_id, "at": uow.now}).rowcount:
        return  # refunded before: what goes back now is its fines' money
    if any(part.is_insurance for part in whole):
        uncover_months(uow, order_id)
    for obligation in find_many(uow, ids):
        claims.give_up(uow, obligation.id, obligation.state)
        record(
            uow,
            actor_type="provider",
            actor=by,
            action="obligation.refunded",
            object_type="obligation",
            object_id=public_id(PREFIX, obligation.id),
        )
        announce_change(uow, obligation, event)
