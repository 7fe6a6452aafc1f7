"""The documents of insurance and of the other notices, as portals state them. Codes of people are kept out of every text."""

from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from payclear.kernel.errors import Conflict, InvalidInput, Unavailable
from payclear.kernel.money import Money
from payclear.obligations.domain import ObligationKind
from payclear.obligations.obligors import ObligorRows

CODE_DIGITS = 10
PERSONAL_DIGITS = 12


class MonthsInAnotherNotice(Conflict):
    """Another notice that is still to be paid asks for the same months of the same person; `ref` is the caller's own."""

    code = "months_in_another_notice"


class ContributionAccountMissing(Unavailable):
    """The catalogue knows no account of the insurance office on the day: the caller can only wait."""

    code = "contribution_account_missing"


class InvalidNotice(InvalidInput):
    """A notice whose number, dates or lines can not be true; `reason` says why."""

    code = "invalid_notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFacts:
    """One insured person by the portal's opaque `ref`.

    `place`: the place in the household, 1 for the first. `covered_through`: the last day that is paid for already.
    `insurance_code`: ten digits, a card's number that ends in them, or a personal number of twelve.
    `categories` are those the state supports.
    """

    ref: str
    place: int
    insurance_code: str = field(repr=False)
    covered_through: date | None = None
    categories: tuple[str, ...] = ()
    months_supported: int = 0

    @property
    def code(self) -> str:
        """What names the person with the insurance: ten digits, or the twelve of a personal number."""
        is_personal = len(self.insurance_code) == PERSONAL_DIGITS
        return self.insurance_code if is_personal else self.insurance_code[-CODE_DIGITS:]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPeople:
    """The members as they are written: a sealed row for each, and the index of each insurance code."""

    rows: ObligorRows = field(repr=False)
    code_indexes: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionDocument:
    """A notice or declaration that continues an insurance; `income` is that chosen for voluntary insurance."""

    kind: ObligationKind
    notice_no: str
    issued_on: date
    from_on: date
    months: int
    members: tuple[MemberFacts, ...]
    income: Money | None = None
    people: SealedPeople | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeDocument:
    """A notice whose amounts are the agency's own, with the law it states for them."""

    kind: ObligationKind
    notice_no: str
    issued_on: date
    due_on: date | None
    legal_basis: str


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member as it is kept; `code_index` is None once the person was forgotten."""

    place: int
    ref: str
    categories: list[str]
    covered_through: date | None
    months_supported: int
    obligor_id: UUID
    code_index: bytes | None


@dataclass(frozen=True, slots=True)
class ContributionRow:
    """A contribution notice as it is kept."""

    from_on: date
    to_on: date
    months: int
    income: int | None


@dataclass(frozen=True, slots=True)
class CoverRow:
    """Days of one person that an order has paid for."""

    code_index: bytes
    from_on: date
    to_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidLine:
    """What one person's months cost when they were paid for."""

    ref: str
    months: int
    from_on: date
    to_on: date
    monthly: Money
    own: Money
    state: Money
    rule_ids: tuple[str, ...]
    legal_basis: tuple[str, ...]

    @property
    def full(self) -> Money:
        """Both shares."""
        return self.own + self.state


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A notice of another kind as it is kept."""

    due_on: date | None
    legal_basis: str
