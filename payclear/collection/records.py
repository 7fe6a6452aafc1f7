"""Rows of collection as frozen values; what `queries` return."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from payclear.contract.collection import CollectionAnswer
from payclear.kernel.money import Money


@dataclass(frozen=True, slots=True)
class BillRow:
    """A bill as it was handed out."""

    provider_account: str
    bill_id: str
    obligation_id: UUID | None
    order_id: UUID | None
    amount: int
    currency: str
    quoted_on: date
    valid_until: datetime

    @property
    def money(self) -> Money:
        """What the bill asks."""
        return Money(self.amount, self.currency)


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A payment at a counter as it stands."""

    id: UUID
    bank_ref: str
    bill_id: str
    order_id: UUID | None
    attempt_id: UUID | None
    amount: int
    currency: str
    state: str
    fingerprint: str
    accepted_at: datetime
    reversible_until: datetime
    reversed_at: datetime | None
    reversal_ref: str | None

    @property
    def money(self) -> Money:
        """What was paid."""
        return Money(self.amount, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a call is answered; `in_doubt` is an attempt elsewhere whose outcome stands in the way."""

    answer: CollectionAnswer
    in_doubt: UUID | None = None
