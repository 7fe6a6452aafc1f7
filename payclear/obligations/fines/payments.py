"""Money and fines: may an order's money be taken, what it pays, what is owed after it. Called by `service` under the lock.

It must never lose money: what a fine can not take is refused here, and the order's money goes to suspense.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.ids import new_uuid
from payclear.kernel.money import Money
from payclear.obligations import queries
from payclear.obligations.announcements import announce_change
from payclear.obligations.domain import OBLIGATION_STATES, PAYABLE_STATES, ObligationState
from payclear.obligations.fines import queries as fine_queries
from payclear.obligations.fines.domain import (
    PROPOSAL_STATES,
    FineEventKind,
    ProposalReason,
    ProposalState,
)
from payclear.obligations.fines.history import history_of, read_history
from payclear.obligations.fines.parameters import late_quote_policies, surcharge_rules
from payclear.obligations.records import Arrival, ObligationView, PaidPart, RefundedPart
from payclear.obligations.rules.fines import QuotedOutcome, judge_quoted_payment

_EVENT_OF = {
    ObligationState.OPEN: "reopened",
    ObligationState.PARTIALLY_PAID: "part_paid",
    ObligationState.PAID: "paid",
    ObligationState.EXEMPTED: "exempted",
    ObligationState.PAID_ELSEWHERE: "paid_elsewhere",
    ObligationState.CANCELLED: "cancelled",
}


def judge_arrival(
    uow: UnitOfWork, arrived: Sequence[tuple[ObligationView, PaidPart]], *, quoted_on: date, paid_on: date
) -> Arrival:
    """Whether every fine can take its part, by its state and by the policy for late quotes."""
    waived: dict[UUID, Money] = {}
    for obligation, part in arrived:
        if obligation.state not in PAYABLE_STATES:
            return Arrival(is_refused=True)
        # A part of a plan is a part whatever happened to the plan: what is missing stays due.
        if part.instalment_no is not None:
            continue
        shortfall = _judge(uow, obligation, part, quoted_on=quoted_on, paid_on=paid_on)
        if shortfall is None:
            return Arrival(is_refused=True)
        if shortfall.is_positive:
            waived[obligation.id] = shortfall
    return Arrival(waived=waived)


def _judge(
    uow: UnitOfWork, obligation: ObligationView, part: PaidPart, *, quoted_on: date, paid_on: date
) -> Money | None:
    """The surcharge that is let go (mostly nothing); None when the money must wait in suspense."""
    zero = Money.zero(part.total.currency)
    head = obligation.fine
    if head is not None and head.is_plain and paid_on <= quoted_on:
        return zero
    history = history_of(uow, obligation)
    position = history.position(surcharge_rules(uow), on=paid_on)
    due = position.unpaid + position.surcharge
    # More than is due is taken too: what a decision no longer asks is proposed for refund, not refused.
    if part.total >= due:
        return zero
    judged = judge_quoted_payment(
        quoted=part.total,
        quoted_for=quoted_on,
        paid=part.total,
        paid_on=paid_on,
        due=due,
        policies=late_quote_policies(uow, on=paid_on) if paid_on > quoted_on else (),
    )
    # Only surcharge is ever let go: a fine that grew is no shortfall of a late quote.
    lets_go = judged.outcome is QuotedOutcome.SHORTFALL_WAIVED and part.principal >= position.unpaid
    if judged.outcome is QuotedOutcome.SUSPENDED:
        return None
    return judged.waived if lets_go else zero


def record_paid(
    uow: UnitOfWork,
    obligation: ObligationView,
    part: PaidPart,
    *,
    order_id: UUID,
    paid_on: date,
    waived: Money | None,
    by: str,
) -> ObligationState:
    """Write what an order paid of a fine and follow it; the state after it."""
    ref = ""
    if part.instalment_no is not None:
        plan = history_of(uow, obligation).plan
        ref = plan.decision_ref if plan else ""
    append_event(
        uow,
        obligation.id,
        FineEventKind.PAID,
        on=paid_on,
        ref=ref,
        principal=part.principal,
        surcharge=part.surcharge,
        order_id=order_id,
        instalment_no=part.instalment_no,
        by=by,
    )
    if waived is not None:
        zero = Money.zero(waived.currency)
        append_event(
            uow,
            obligation.id,
            FineEventKind.WAIVED,
            on=paid_on,
            principal=zero,
            surcharge=waived,
            order_id=order_id,
            by=by,
        )
    return follow(uow, obligation, order_id=order_id)


def record_reversed(
    uow: UnitOfWork, obligation: ObligationView, part: PaidPart, *, order_id: UUID, by: str
) -> ObligationState:
    """Write that the bank took a payment back, and follow it; the state after it."""
    append_event(
        uow,
        obligation.id,
        FineEventKind.REVERSED,
        on=vietnam_date(uow.now),
        principal=part.principal,
        surcharge=part.surcharge,
        order_id=order_id,
        by=by,
    )
    return follow(uow, obligation, order_id=order_id, is_refund=True)


def record_refund(
    uow: UnitOfWork,
    owed: Mapping[UUID, ObligationView],
    parts: Sequence[PaidPart],
    *,
    order_id: UUID,
    amount: Money,
    given_before: Money,
    by: str,
) -> list[RefundedPart]:
    """Write what of a refund concerns each fine of its order.

    What a fine no longer asks goes back first, the rest is borne in proportion to what is left of each part.
    """
    fines = [part for part in parts if part.obligation_id in owed]
    histories = {part.obligation_id: read_history(uow, part.obligation_id, amount.currency) for part in fines}
    rules, today = surcharge_rules(uow), vietnam_date(uow.now)
    total = sum(part.total.amount for part in parts)
    left = {each: max(0, histories[each].net_paid(order_id).amount) for each in histories}
    by_agencies = sum(history.given_by_agency(order_id).amount for history in histories.values())
    others = max(0, total - given_before.amount - by_agencies - sum(left.values()))
    too_much = {
        each: _too_much(history.excess_by_order(rules, today=today), order_id)
        for each, history in histories.items()
    }
    shares = _shares(amount, {each: sum(too_much[each]) for each in histories}, left, others)
    given = []
    for obligation_id, share in shares.items():
        if not share:
            continue
        held = histories[obligation_id].net_parts(order_id)[0].amount
        first, late = _split(share, too_much[obligation_id], held=held)
        principal, surcharge = Money(first, amount.currency), Money(late, amount.currency)
        plan_ref, instalment_no = "", None
        if first > too_much[obligation_id][0]:
            plan_ref, instalment_no = histories[obligation_id].instalment_of(order_id)
        append_event(
            uow,
            obligation_id,
            FineEventKind.REFUNDED,
            on=today,
            ref=plan_ref,
            principal=principal,
            surcharge=surcharge,
            order_id=order_id,
            instalment_no=instalment_no,
            by=by,
        )
        state = follow(uow, owed[obligation_id], order_id=order_id, is_refund=True)
        given.append(
            RefundedPart(
                obligation_id=obligation_id,
                principal=principal,
                surcharge=surcharge,
                is_paid=state is ObligationState.PAID,
            )
        )
    return given


def record_given_back(uow: UnitOfWork, obligation: ObligationView, *, reference: str, by: str) -> Money:
    """Write that the agency itself gave back what was paid too much, and follow the fine; how much that was.

    The order keeps its claim: what goes back here is not owed.
    """
    history = read_history(uow, obligation.id, obligation.principal.currency)
    today = vietnam_date(uow.now)
    total = Money.zero(history.currency)
    for order_id, principal, surcharge in history.excess_by_order(surcharge_rules(uow), today=today):
        if not (principal + surcharge).is_positive:
            continue
        total += principal + surcharge
        append_event(
            uow,
            obligation.id,
            FineEventKind.REFUNDED,
            on=today,
            ref=reference,
            principal=principal,
            surcharge=surcharge,
            order_id=order_id,
            by=by,
        )
    follow(uow, obligation, is_refund=True)
    return total


def _too_much(found: Sequence[tuple[UUID, Money, Money]], order_id: UUID) -> tuple[int, int]:
    """What of an order's money a fine asks no more, principal and surcharge."""
    for each, principal, surcharge in found:
        if each == order_id:
            return principal.amount, surcharge.amount
    return 0, 0


def _split(share: int, too_much: tuple[int, int], *, held: int) -> tuple[int, int]:
    """What of a share is principal, and what surcharge: what is too much of either goes first, then the principal."""
    principal = min(share, too_much[0])
    surcharge = min(share - principal, too_much[1])
    more = min(share - principal - surcharge, max(0, held - principal))
    return principal + more, share - principal - more


def _shares(
    amount: Money, too_much: Mapping[UUID, int], left: dict[UUID, int], others: int
) -> dict[UUID, int]:
    rest = amount.amount
    shares = dict.fromkeys(too_much, 0)
    for each, over in too_much.items():
        first = min(rest, over, left[each])
        shares[each] += first
        rest -= first
    weights = [left[each] - shares[each] for each in too_much]
    if rest and sum(weights) + others:
        for each, more in zip(
            too_much, Money(rest, amount.currency).allocate([*weights, others]), strict=False
        ):
            shares[each] += more.amount
    return shares


def append_event(
    uow: UnitOfWork,
    obligation_id: UUID,
    kind: FineEventKind,
    *,
    on: date,
    by: str,
    ref: str = "",
    shelter_kind: str | None = None,
    principal: Money | None = None,
    surcharge: Money | None = None,
    order_id: UUID | None = None,
    instalment_no: int | None = None,
) -> None:
    """Write what happened to a fine; the caller holds the lock of its obligation."""
    uow.run(
        fine_queries.APPEND_EVENT,
        {
            "id": obligation_id,
            "kind": kind,
            "on": on,
            "ref": ref,
            "shelter_kind": shelter_kind,
            "principal": principal.amount if principal else 0,
            "surcharge": surcharge.amount if surcharge else 0,
            "order_id": order_id,
            "instalment_no": instalment_no,
            "at": uow.now,
            "by": by,
        },
    )


def follow(
    uow: UnitOfWork,
    obligation: ObligationView,
    *,
    order_id: UUID | None = None,
    is_refund: bool = False,
) -> ObligationState:
    """Bring the state of a locked fine to where its history says it stands, and propose what was paid too much.

    Raises IllegalTransition for an end that the state does not allow.
    """
    history = read_history(uow, obligation.id, obligation.principal.currency)
    rules, today = surcharge_rules(uow), vietnam_date(uow.now)
    target = history.state(rules, today=today)
    _move_to(uow, obligation, target, order_id)
    excess = history.excess(rules, today=today)
    _propose(uow, replace(obligation, state=target), excess, is_refund=is_refund)
    return target


def _move_to(
    uow: UnitOfWork, obligation: ObligationView, target: ObligationState, order_id: UUID | None
) -> None:
    state = obligation.state
    if state is target:
        return
    direct = (state.value, _EVENT_OF[target])
    if (
        direct not in OBLIGATION_STATES.transitions
        and (state.value, "reopened") in OBLIGATION_STATES.transitions
    ):
        _step(uow, obligation.id, state, "reopened", order_id)
        state = ObligationState.OPEN
    if state is not target:
        _step(uow, obligation.id, state, _EVENT_OF[target], order_id)


def _step(
    uow: UnitOfWork, obligation_id: UUID, state: ObligationState, event: str, order_id: UUID | None
) -> None:
    to = OBLIGATION_STATES.next(state, event).to
    values = {"ids": [obligation_id], "from": state, "to": to, "event": event}
    moved = uow.run(queries.MOVE, values | {"order_id": order_id, "at": uow.now}).rowcount
    assert moved == 1, "the obligation is locked and stands where it was read"


def return_proposals(uow: UnitOfWork, obligation_ids: Sequence[UUID]) -> None:
    """The provider refused to give money back: what was accepted for it waits for an officer again."""
    for proposal_id, state in uow.run(fine_queries.ACCEPTED_OF, (list(obligation_ids),)).fetchall():
        _return(uow, proposal_id, state)


def _return(uow: UnitOfWork, proposal_id: UUID, state: str) -> None:
    uow.run(fine_queries.RETURN_PROPOSAL, (PROPOSAL_STATES.next(state, "returned").to, proposal_id))


def _propose(
    uow: UnitOfWork, obligation: ObligationView, parts: tuple[Money, Money], *, is_refund: bool
) -> None:
    principal, surcharge = parts
    excess = principal + surcharge
    reason = ProposalReason.REDUCED if principal.is_positive else ProposalReason.SURCHARGE
    if obligation.state is ObligationState.CANCELLED:
        reason = ProposalReason.CANCELLED
    row = uow.run(fine_queries.OPEN_PROPOSAL, (obligation.id,)).fetchone()
    if row is not None:
        proposal_id, amount, state = row
        if not excess.is_positive:
            event = "done" if is_refund else "withdrawn"
            to = PROPOSAL_STATES.next(state, event).to
            uow.run(fine_queries.END_PROPOSAL, {"id": proposal_id, "to": to, "at": uow.now})
        elif excess.amount != amount:
            uow.run(fine_queries.CHANGE_PROPOSAL, (excess.amount, proposal_id))
            # A refund that went through leaves the rest of what was accepted on its way.
            if state == ProposalState.ACCEPTED and not is_refund:
                _return(uow, proposal_id, state)
    elif excess.is_positive and not is_refund:
        proposed = (new_uuid(), obligation.id, excess.amount, excess.currency, reason, uow.now)
        uow.run(fine_queries.PROPOSE, proposed)
        announce_change(uow, obligation, "refund_proposed", amount=excess)
