"""Rows of orders and attempts as frozen values; what `queries` return and services pass on."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from payclear.kernel.money import Money
from payclear.obligations.domain import ObligationState
from payclear.orders.domain import LIVE_STATES, AttemptState, OrderState, PublicStatus, public_status


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A payment order as it stands."""

    id: UUID
    order_ref: str
    payment_code: str
    pay_token: str
    portal_code: str
    portal_ref: str
    state: str
    version: int
    event_sequence: int
    amount: int
    currency: str
    quoted_on: date
    expires_at: datetime
    return_url: str
    locale: str
    created_at: datetime
    closed_at: datetime | None
    paid_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """A payment attempt as it stands."""

    id: UUID
    order_id: UUID
    number: int
    attempt_ref: str
    provider_account: str
    state: str
    version: int
    amount: int
    currency: str
    merchant_account: str
    provider_ref: str | None
    redirect_url: str | None
    evidence_rank: int
    queries: int
    next_query_at: datetime | None
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    paid_at: datetime | None
    channel: str | None
    instrument: str | None
    qr_text: str | None = None  # the QR that the provider gave for the page, as it was given

    @property
    def money(self) -> Money:
        """What the attempt is to take."""
        return Money(self.amount, self.currency)

    @property
    def is_live(self) -> bool:
        """Its outcome is not known yet."""
        return self.state in LIVE_STATES

    @property
    def is_in_doubt(self) -> bool:
        """The provider did not say what became of it."""
        return self.state == AttemptState.IN_DOUBT


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of an order's quote."""

    obligation_id: UUID
    type: str
    name_vi: str
    amount: Money
    beneficiary_account: str
    chapter: str
    sub_item: str
    instalment_no: int | None = None  # of a fine's plan
    obligation_state: str = ObligationState.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentView:
    """The document behind an obligation of an order, without anything personal."""

    obligation_id: UUID
    kind: str
    document_no: str
    document_on: date
    agency_code: str
    agency_name_vi: str
    agency_name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """An order with its lines, documents and attempts, for the API and the pages."""

    id: UUID
    order_ref: str
    payment_code: str
    pay_token: str
    portal_code: str
    portal_ref: str
    state: OrderState
    amount: Money
    quoted_on: date
    expires_at: datetime
    return_url: str
    locale: str
    created_at: datetime
    paid_at: datetime | None
    lines: tuple[LineView, ...]
    documents: tuple[DocumentView, ...]
    attempts: tuple[AttemptView, ...]

    @property
    def live_attempt(self) -> AttemptView | None:
        """The attempt whose outcome is not known yet; at most one."""
        return next((attempt for attempt in self.attempts if attempt.is_live), None)

    @property
    def public_status(self) -> PublicStatus:
        """What a portal and a citizen are told."""
        return public_status(self.state, has_live_attempt=self.live_attempt is not None)
