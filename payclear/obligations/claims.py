"""Who holds a claim on an obligation: an order that collects it. Orders stand above and make themselves known here.

Called when what is owed changes: the holder locks first (an order comes before its obligations in the order of locks),
and afterwards gives up what does not hold any more. It must never take money back.
"""

from typing import Protocol
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.obligations.domain import ObligationState


class ClaimHolder(Protocol):
    """What a holder of claims does."""

    def hold(self, uow: UnitOfWork, obligation_id: UUID) -> None:
        """Lock whatever claims the obligation."""

    def claims(self, uow: UnitOfWork, obligation_id: UUID) -> set[UUID]:
        """What claims the obligation now, without a lock."""

    def holds_money(self, uow: UnitOfWork, obligation_id: UUID) -> bool:
        """Whether money that came for the obligation waits for a decision, in a claim that is none any more."""

    def give_up(self, uow: UnitOfWork, obligation_id: UUID, state: ObligationState) -> None:
        """What is owed changed: withdraw what was promised before; `state` is where the obligation stands now."""


_holders: list[ClaimHolder] = []


def register_holder(holder: ClaimHolder) -> None:
    """Tell `holder` of every change; twice is the same."""
    if holder not in _holders:
        _holders.append(holder)


def hold(uow: UnitOfWork, obligation_id: UUID) -> None:
    """Let every holder lock its claims on an obligation, before the obligation itself is locked."""
    for holder in _holders:
        holder.hold(uow, obligation_id)


def claims_on(uow: UnitOfWork, obligation_id: UUID) -> set[UUID]:
    """What claims an obligation now: it may be more than was held, until the obligation itself is locked."""
    return {each for holder in _holders for each in holder.claims(uow, obligation_id)}


def holds_money(uow: UnitOfWork, obligation_id: UUID) -> bool:
    """Whether money that came late for an obligation waits for a decision: nobody should be asked to pay it again."""
    return any(holder.holds_money(uow, obligation_id) for holder in _holders)


def give_up(uow: UnitOfWork, obligation_id: UUID, state: ObligationState) -> None:
    """Let every holder give up what a change has overtaken."""
    for holder in _holders:
        holder.give_up(uow, obligation_id, state)
