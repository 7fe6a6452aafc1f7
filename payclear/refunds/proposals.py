"""An officer accepts or refuses a proposal to give money of a fine back. Called by the console; the caller commits.

Accepted money is asked back from the provider that took it; where that can not be, the agency gives it back itself and says
so with the number of its paper. The proposal is done when the money went back.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from payclear.audit.service import record
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.errors import Conflict, NotFound
from payclear.kernel.ids import public_id
from payclear.kernel.money import Money
from payclear.obligations import queries as obligation_queries
from payclear.obligations.announcements import PREFIX
from payclear.obligations.fines import queries as fine_queries
from payclear.obligations.fines.domain import (
    PAPER_NUMBER,
    PAPER_NUMBER_LENGTH_MAX,
    PROPOSAL_STATES,
    ProposalCarrier,
)
from payclear.obligations.fines.history import read_history
from payclear.obligations.fines.parameters import surcharge_rules
from payclear.obligations.fines.payments import follow, record_given_back
from payclear.obligations.fines.views import Proposal, proposal_of
from payclear.obligations.service import find_many
from payclear.orders.domain import AttemptState
from payclear.orders.records import AttemptView
from payclear.orders.service import attempts_of, lock_order, note_refund
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


class AgencyRefundRefused(Conflict):
    """It is not the agency's to give back, not all of it yet, or its paper has no number; `reason` says which."""

    code = "agency_refund_refused"


def accept(runtime: Runtime, uow: UnitOfWork, proposal_id: UUID, *, by: str, note: str) -> ProposalCarrier:
    """Accept a proposal and ask for its refund; who gives the money back.

    Raises ProposalNotFound, RefundReasonMissing, IllegalTransition, RefundsNeedTwoPeople.
    """
    if runtime.settings.is_production:
        raise RefundsNeedTwoPeople("not built yet")
    proposal = _brought_up_to_date(uow, _locked(uow, proposal_id))
    to = PROPOSAL_STATES.next(proposal.state, "accepted").to
    carrier = ProposalCarrier.PROVIDER
    sources = _sources(uow, proposal)
    try:
        with uow.savepoint():
            _ask(runtime, uow, proposal, sources, by=by)
    except (RefundUnsupported, RefundExceedsCapture, NothingToRefund):
        carrier = ProposalCarrier.AGENCY
        for each in sources:  # the citizen gets it once: no bank takes its payment back from now on
            note_refund(uow, each.attempt.id)
    _decide(uow, proposal, "accepted", to, by=by, note=note, carrier=carrier)
    return carrier


def refuse(uow: UnitOfWork, proposal_id: UUID, *, by: str, note: str) -> None:
    """Refuse a proposal; raises ProposalNotFound, RefundReasonMissing, IllegalTransition."""
    proposal = _locked(uow, proposal_id)
    to = PROPOSAL_STATES.next(proposal.state, "refused").to
    _decide(uow, proposal, "refused", to, by=by, note=note, carrier=None)


def note_given_back(uow: UnitOfWork, proposal_id: UUID, *, by: str, reference: str) -> None:
    """The agency gave the money of an accepted proposal back itself, under a paper of this number.

    Raises ProposalNotFound, AgencyRefundRefused, IllegalTransition. Our books stay: they say what the agency is sent.
    """
    proposal = _locked(uow, proposal_id)
    PROPOSAL_STATES.next(proposal.state, "done")
    if proposal.carrier != ProposalCarrier.AGENCY:
        raise AgencyRefundRefused("the provider gives it back", reason="not_the_agencys")
    reference = reference.strip()
    if len(reference) > PAPER_NUMBER_LENGTH_MAX or not re.fullmatch(PAPER_NUMBER, reference):
        raise AgencyRefundRefused("no number of a paper", reason="no_reference")
    if any(each.on_its_way for each in _sources(uow, proposal)):
        raise AgencyRefundRefused("the provider is giving some of it back", reason="on_its_way")
    (fine,) = find_many(uow, [proposal.obligation_id])
    if record_given_back(uow, fine, reference=reference, by=by) != proposal.money:
        raise AgencyRefundRefused("another amount is too much now", reason="overtaken")
    _audit(uow, proposal, "done", by, {"reference": reference})


def _locked(uow: UnitOfWork, proposal_id: UUID) -> Proposal:
    """The proposal under the locks of the orders that paid its fine, and of the fine, in the one order of locks."""
    found = proposal_of(uow, proposal_id)
    if found is None:
        raise ProposalNotFound("no such proposal")
    for (order_id,) in uow.run(fine_queries.PAID_ORDERS, (found.obligation_id,)).fetchall():
        lock_order(uow, order_id)
    values = {"ids": [found.obligation_id], "named_on": vietnam_date(uow.now)}
    uow.run(obligation_queries.LOCK, values)
    now = proposal_of(uow, proposal_id)
    assert now is not None, "a proposal is never deleted"
    return now


def _brought_up_to_date(uow: UnitOfWork, proposal: Proposal) -> Proposal:
    """The proposal of what is too much by the rules of today: they may have changed since it was made."""
    (fine,) = find_many(uow, [proposal.obligation_id])
    follow(uow, fine)
    return proposal_of(uow, proposal.id) or proposal


@dataclass(frozen=True, slots=True)
class _Source:
    """A payment that holds money of a proposal, and what of it a provider is giving back already."""

    attempt: AttemptView
    amount: int
    on_its_way: int


def _sources(uow: UnitOfWork, proposal: Proposal) -> list[_Source]:
    """Which payments hold the money of a proposal, the newest first; less than all of it when one was taken back."""
    rest = proposal.amount
    sources = []
    history = read_history(uow, proposal.obligation_id, proposal.currency)
    found = history.excess_by_order(surcharge_rules(uow), today=vietnam_date(uow.now))
    for order_id, principal, surcharge in found:
        share = min(rest, (principal + surcharge).amount)
        attempt = next(
            (each for each in attempts_of(uow, order_id) if each.state == AttemptState.SUCCEEDED), None
        )
        if attempt is None or not share:
            continue
        rest -= share
        values = {"attempt": attempt.id, "order": order_id, "obligation": proposal.obligation_id}
        (on_its_way,) = uow.one(queries.ON_ITS_WAY_FOR, values)
        sources.append(_Source(attempt, share, on_its_way))
    return sources


def _ask(
    runtime: Runtime, uow: UnitOfWork, proposal: Proposal, sources: Sequence[_Source], *, by: str
) -> None:
    """Ask for the money from the payments that hold it, without what is on its way already."""
    for each in sources:
        if each.amount > each.on_its_way:
            request_refund(
                uow,
                providers=runtime.providers,
                attempt_ref=each.attempt.attempt_ref,
                amount=Money(each.amount - each.on_its_way, proposal.currency),
                reason=REASON_TO_PROVIDER,
                requested_by=by,
            )
    rest = proposal.amount - sum(each.amount for each in sources)
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
    _audit(uow, proposal, event, by, {"carrier": carrier.value if carrier else None})


def _audit(uow: UnitOfWork, proposal: Proposal, event: str, by: str, facts: dict[str, str | None]) -> None:
    record(
        uow,
        actor_type="staff",
        actor=by,
        action=f"refund_proposal.{event}",
        object_type="obligation",
        object_id=public_id(PREFIX, proposal.obligation_id),
        facts={"amount": proposal.amount} | facts,
    )
