"""What registration and quotes speak of: the documents portals name, the command, the obligation as others see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from payclear.kernel.errors import Conflict, NotFound
from payclear.kernel.money import Money
from payclear.obligations.domain import Line, ObligationKind, ObligationState, ServedMethod
from payclear.obligations.fees.facts import FeeFacts, PricedDossier
from payclear.obligations.fines.domain import FINE_LINE_NAME_VI, IssuerRank, PaperType
from payclear.obligations.insurance.records import ContributionDocument, NoticeDocument
from payclear.obligations.obligors import ObligorFacts


class ObligationNotFound(NotFound):
    """No obligation with this id belongs to this portal."""

    code = "obligation_not_found"


class DocumentAlreadyRegistered(Conflict):
    """The document is registered by another portal, or with other contents."""

    code = "document_already_registered"


class ObligationNotPayable(Conflict):
    """An obligation is paid, refunded or cancelled."""

    code = "obligation_not_payable"


@dataclass(frozen=True, slots=True, kw_only=True)
class DossierDocument:
    """The document of a dossier fee, as written. Without `facts` the portal states the lines.

    `is_code_accepted`: a person accepted a code of no known form. `priced` is what the catalogue made of the facts.
    """

    dossier_code: str
    procedure_code: str
    filed_on: date
    facts: FeeFacts | None = None
    is_code_accepted: bool = False
    priced: PricedDossier | None = field(default=None, compare=False)

    @property
    def kind(self) -> ObligationKind:
        """A dossier asks for its fee."""
        return ObligationKind.DOSSIER_FEE


@dataclass(frozen=True, slots=True, kw_only=True)
class FineDocument:
    """The document of a traffic fine, and where late money goes. `served_on` is None without proof of service."""

    decision_no: str
    decided_on: date
    served_on: date | None
    served_method: ServedMethod
    surcharge_beneficiary_account: str
    surcharge_chapter: str
    surcharge_sub_item: str
    written_term_days: int | None = None
    issuer_rank: IssuerRank | None = None
    violation_record_no: str | None = None
    violation_on: date | None = None
    withheld_papers: tuple[PaperType, ...] = ()

    @property
    def kind(self) -> ObligationKind:
        """Only traffic fines are collected."""
        return ObligationKind.TRAFFIC_FINE


Document = DossierDocument | FineDocument | ContributionDocument | NoticeDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterObligation:
    """The command that a portal's facts become."""

    portal_code: str
    agency_code: str
    document: Document
    obligor: ObligorFacts = field(repr=False)
    lines: tuple[Line, ...]

    def __post_init__(self) -> None:
        # A portal may name the offence in the line of a fine: its words come no further than this.
        if self.kind is ObligationKind.TRAFFIC_FINE:
            plain = tuple(replace(line, name_vi=FINE_LINE_NAME_VI) for line in self.lines)
            object.__setattr__(self, "lines", plain)

    @property
    def kind(self) -> ObligationKind:
        """The kind that the document implies."""
        return self.document.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class FineHead:
    """The decision as its newest version has it, and how much history it has."""

    served_on: date | None
    served_method: ServedMethod
    written_term_days: int | None
    issuer_rank: IssuerRank | None
    violation_record_no: str | None
    violation_on: date | None
    versions: int
    events: int

    @property
    def is_plain(self) -> bool:
        """Whether nothing happened to the fine since it was registered."""
        return self.versions == 1 and self.events == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligationView:
    """An obligation as services above see it, with its own lines (without surcharge)."""

    id: UUID
    kind: ObligationKind
    portal_code: str
    agency_code: str
    agency_name_vi: str
    agency_name_en: str
    document_no: str
    document_on: date
    due_on: date | None
    principal: Money
    state: ObligationState
    created_at: datetime
    lines: tuple[Line, ...]
    surcharge: tuple[str, str, str] | None  # beneficiary account, chapter, sub-item
    fine: FineHead | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """The receipt that was shown for what was paid without us, and when that was said."""

    proof_ref: str
    paid_on: date
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidPart:
    """What an order collects of one obligation: the fine and its surcharge apart, or all of it as principal.

    `state`: where the obligation stood when the order's lines were read.
    """

    obligation_id: UUID
    principal: Money
    surcharge: Money
    is_fine: bool
    state: ObligationState = ObligationState.OPEN
    is_insurance: bool = False
    instalment_no: int | None = None

    @property
    def total(self) -> Money:
        """Both together."""
        return self.principal + self.surcharge


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundedPart:
    """What of a refund one fine gave back, and whether it is still paid."""

    obligation_id: UUID
    principal: Money
    surcharge: Money
    is_paid: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Whether obligations can take the money of an order; `waived` is the surcharge that the policy lets go, by obligation.

    `owed` is what was locked to judge: all of the order when a fine is in it, else nothing.
    """

    is_refused: bool = False
    waived: Mapping[UUID, Money] = field(default_factory=dict)
    owed: Mapping[UUID, ObligationView] = field(default_factory=dict)
