"""An officer accepts or refuses a proposal to give money of a fine back. Called by the console; the caller commits.

Accepted money is asked back from the provider that took it; where that can not be, the agency gives it back itself. The
proposal is done when the refund is.
"""

from uuid import UUID

from payclear.audit.service import record
from payclear.db.uow import UnitOfWork
from payclear.kernel.errors import Conflict, NotFound
from payclear.kernel.ids import public_id
from payclear.kernel.money import Money
from payclear.obligations import queries as obligation_queries
from payclear.obligations.announcements import PREFIX
from payclear.obligations.fines import queries as fine_queries
from payclear.obligations.fines.domain import PROPOSAL_STATES, ProposalCarrier
from payclear.obligations.fines.views import Proposal, proposal_of
from payclear.orders.domain import AttemptState
from payclear.orders.service import attempts_of, lock_order
from payclear.refunds import queries
from payclear.refunds.domain import REASON_LENGTH_MAX
from payclear.refunds.errors import (
    NothingToRefund,
    RefundExceedsCapture,
    RefundReasonMissing,
    RefundUnsupported,
)
from payclear.refunds.service import request_refund
from payclear.runtime import Runtime

REASON_TO_PROVIDER = "Hoan tien phat thua"


class ProposalNotFound(NotFound):
    """There is no such proposal."""

    code = "refund_proposal_not_found"


class RefundsNeedTwoPeople(Conflict):
    """In production a refund needs the approval of two people, which is not built yet."""

    code = "refunds_need_two_people"


def accept(runtime: Runtime, uow: UnitOfWork, proposal_id: UUID, *, by: str, note: str) -> ProposalCarrier:
    """Accept a proposal and ask for its refund; who gives the money back.

    Raises ProposalNotFound, RefundReasonMissing, IllegalTransition, RefundsNeedTwoPeople.
    """
    if runtime.settings.is_production:
        raise RefundsNeedTwoPeople("not built yet")
    proposal = _locked(uow, proposal_id)
    to = PROPOSAL_STATES.next(proposal.state, "accepted").to
    carrier = ProposalCarrier.PROVIDER
    try:
        with uow.savepoint():
            _ask(runtime, uow, proposal, by=by)
    except (RefundUnsupported, RefundExceedsCapture, NothingToRefund):
        carrier = ProposalCarrier.AGENCY
    _decide(uow, proposal, "accepted", to, by=by, note=note, carrier=carrier)
    return carrier


def refuse(uow: UnitOfWork, proposal_id: UUID, *, by: str, note: str) -> None:
    """Refuse a proposal; raises ProposalNotFound, RefundReasonMissing, IllegalTransition."""
    proposal = _locked(uow, proposal_id)
    to = PROPOSAL_STATES.next(proposal.state, "refused").to
    _decide(uow, proposal, "refused", to, by=by, note=note, carrier=None)


def _locked(uow: UnitOfWork, proposal_id: UUID) -> Proposal:
    """The proposal under the locks of the orders that paid its fine, and of the fine, in the one order of locks."""
    found = proposal_of(uow, proposal_id)
    if found is None:
        raise ProposalNotFound("no such proposal")
    orders = uow.run(fine_queries.PAID_ORDERS, (found.obligation_id,)).fetchall()
    for order_id, _stands in sorted(orders):
        lock_order(uow, order_id)
    uow.run(obligation_queries.LOCK, ([found.obligation_id],))
    now = proposal_of(uow, proposal_id)
    assert now is not None, "a proposal is never deleted"
    return now


def _ask(runtime: Runtime, uow: UnitOfWork, proposal: Proposal, *, by: str) -> None:
    """Ask for the money, the newest payment first, without what is on its way already."""
    rest = proposal.amount
    for order_id, stands in uow.run(fine_queries.PAID_ORDERS, (proposal.obligation_id,)).fetchall():
        attempt = next(
            (each for each in attempts_of(uow, order_id) if each.state == AttemptState.SUCCEEDED), None
        )
        if attempt is None:
            continue
        (on_its_way,) = uow.one(queries.ON_ITS_WAY, (attempt.id,))
        share = min(rest, stands)
        rest -= share
        if share > on_its_way:
            request_refund(
                uow,
                providers=runtime.providers,
                attempt_ref=attempt.attempt_ref,
                amount=Money(share - on_its_way, proposal.currency),
                reason=REASON_TO_PROVIDER,
                requested_by=by,
            )
    if rest:
        raise NothingToRefund("no payment holds all of it", amount=rest)


def _decide(
    uow: UnitOfWork,
    proposal: Proposal,
    event: str,
    to: str,
    *,
    by: str,
    note: str,
    carrier: ProposalCarrier | None,
) -> None:
    if not 1 <= len(note.strip()) <= REASON_LENGTH_MAX:
        raise RefundReasonMissing("say why", field="note")
    values = {"id": proposal.id, "to": to, "at": uow.now, "by": by, "note": note.strip(), "carrier": carrier}
    uow.run(fine_queries.DECIDE_PROPOSAL, values)
    record(
        uow,
        actor_type="staff",
        actor=by,
        action=f"refund_proposal.{event}",
        object_type="obligation",
        object_id=public_id(PREFIX, proposal.obligation_id),
        facts={"amount": proposal.amount, "carrier": carrier.value if carrier else None},
    )
