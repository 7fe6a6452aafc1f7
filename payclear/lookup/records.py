"""What look-up asks and answers, as frozen values; a person appears masked only."""

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from payclear.kernel.errors import ErrorCategory, NotFound, PayclearError
from payclear.kernel.money import Money
from payclear.lookup.domain import LinkPurpose, LookupStatus
from payclear.obligations.domain import Quote
from payclear.obligations.records import ObligationView


class LinkUnknown(NotFound):
    """No link has this token."""

    code = "lookup_link_not_found"


class LinkEnded(PayclearError):
    """The link's time is over, or it was taken back."""

    code = "lookup_link_ended"
    category = ErrorCategory.GONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody asks. `asked_by` is a visitor's address or a portal's code: only to meter tries, never kept."""

    number: str = field(repr=False)
    factor: str = field(repr=False)
    agency_code: str | None = None
    document_on: date | None = None
    portal_code: str | None = None  # None: the public page
    asked_by: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One answer. Everything but status and time is empty when nothing was found."""

    status: LookupStatus
    as_of: datetime
    obligation: ObligationView | None = None
    quote: Quote | None = None
    masked_name: str = ""
    masked_plate: str = ""
    given_back: Money | None = None  # a part of the payment of what is paid

    @property
    def amount(self) -> Money | None:
        """What is to be paid today; None when nothing is, or it can not be said."""
        return self.quote.total if self.quote is not None else None


@dataclass(frozen=True, slots=True)
class FoundRow:
    """What fits a question, with what is sealed of its obligor."""

    id: UUID
    obligor_id: UUID
    data_key_id: UUID
    kek_id: str
    wrapped_key: bytes | None = field(repr=False)
    name_sealed: bytes | None = field(repr=False)
    plate_sealed: bytes | None = field(repr=False)
    holds_money: bool
    is_counter_only: bool
    given_back: int  # of the payment that stands


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link as it stands."""

    id: UUID
    obligation_id: UUID
    purpose: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A new link; `token` is shown once and never stored."""

    row: LinkRow
    token: str = field(repr=False)
    purpose: LinkPurpose
