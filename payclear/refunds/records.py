"""A refund as a frozen value; what `queries` return and services pass on."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from payclear.kernel.money import Money
from payclear.refunds.domain import RefundEffect, RefundState


@dataclass(frozen=True, slots=True)
class RefundView:
    """A refund as it stands."""

    id: UUID
    refund_ref: str
    attempt_id: UUID
    order_id: UUID
    provider_account: str
    amount: int
    currency: str
    state: str
    version: int
    reason: str
    requested_by: str
    evidence_rank: int
    asked_at: datetime | None
    provider_ref: str | None
    queries: int
    next_query_at: datetime | None
    requested_at: datetime
    decided_at: datetime | None
    detail_code: str | None
    attempt_ref: str
    order_ref: str

    @property
    def money(self) -> Money:
        """What is given back."""
        return Money(self.amount, self.currency)

    @property
    def standing(self) -> RefundState:
        """Its state as a word of the state table."""
        return RefundState(self.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundApplied:
    """What one piece of evidence did to a refund."""

    effect: RefundEffect
    refund: RefundView
