"""What registration and quotes speak of: the documents portals name, the command, the obligation as others see it."""

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from payclear.kernel.errors import Conflict, NotFound
from payclear.kernel.money import Money
from payclear.obligations.domain import Line, ObligationKind, ObligationState, ServedMethod


class ObligationNotFound(NotFound):
    """No obligation with this id belongs to this portal."""

    code = "obligation_not_found"


class DocumentAlreadyRegistered(Conflict):
    """The document is registered by another portal, or with other contents."""

    code = "document_already_registered"


@dataclass(frozen=True, slots=True, kw_only=True)
class DossierDocument:
    """The document of a dossier fee."""

    dossier_code: str
    procedure_code: str
    filed_on: date

    @property
    def kind(self) -> ObligationKind:
        """A dossier asks for its fee."""
        return ObligationKind.DOSSIER_FEE


@dataclass(frozen=True, slots=True, kw_only=True)
class FineDocument:
    """The document of a traffic fine, and where late money goes."""

    decision_no: str
    decided_on: date
    served_on: date
    served_method: ServedMethod
    surcharge_beneficiary_account: str
    surcharge_chapter: str
    surcharge_sub_item: str

    @property
    def kind(self) -> ObligationKind:
        """Only traffic fines are collected."""
        return ObligationKind.TRAFFIC_FINE


Document = DossierDocument | FineDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterObligation:
    """The command that a portal's facts become."""

    portal_code: str
    agency_code: str
    document: Document
    obligor_name: str = field(repr=False)
    obligor_id_no: str | None = field(repr=False)
    lines: tuple[Line, ...]

    @property
    def kind(self) -> ObligationKind:
        """The kind that the document implies."""
        return self.document.kind


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
