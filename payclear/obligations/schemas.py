"""What portals send and get about obligations, for `obligations.api` only; it never reads the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, time, timedelta
from typing import Any, Final

from marshmallow import EXCLUDE, ValidationError, post_load

from payclear.http.schemas import (
    Amount,
    Choice,
    Currency,
    Day,
    Flag,
    Instant,
    Items,
    MoneySchema,
    OneOf,
    Part,
    PublicId,
    StrictSchema,
    Text,
    ViewSchema,
    Whole,
    instant_json,
    money_json,
)
from payclear.kernel.clock import at_vietnam
from payclear.kernel.ids import public_id
from payclear.kernel.money import Money
from payclear.obligations.domain import (
    Line,
    LineType,
    ObligationKind,
    ObligationState,
    Quote,
    ServedMethod,
)
from payclear.obligations.fees.facts import FeePricing
from payclear.obligations.fees.schemas import FeeSchema, PricingSchema, pricing_json
from payclear.obligations.fines.domain import (
    PAPER_NUMBER,
    PAPER_NUMBER_LENGTH_MAX,
    IssuerRank,
    PaperType,
)
from payclear.obligations.insurance.records import NoticeRow, PaidLine
from payclear.obligations.insurance.views import (
    ContributionViewSchema,
    NoticeViewSchema,
    contribution_json,
    notice_json,
)
from payclear.obligations.obligors import ObligorFacts
from payclear.obligations.records import Document, DossierDocument, FineDocument, ObligationView, Proof
from payclear.obligations.rules.identity_numbers import (
    PERSONAL,
    is_id_no,
    normalise_id_no,
    personal_type_of,
)
from payclear.obligations.rules.instalments import ObligorKind
from payclear.obligations.rules.plates import PlateColour

PREFIX: Final = "obl"
LINES_MAX: Final = 50
_CODE: Final = r"[A-Za-z0-9][A-Za-z0-9.\-]*"
_DIGITS: Final = "[0-9]+"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligationRequest:
    """A registration as the portal sent it, well formed; whether it is true is the service's question."""

    agency_code: str
    document: Document
    obligor: ObligorFacts = field(repr=False)
    lines: tuple[Line, ...]
    source: Mapping[str, Any] = field(default_factory=dict, repr=False)  # as it was sent


class ObligorSchema(StrictSchema):
    """Who owes. Kept sealed, never shown in full."""

    name = Text(most=200, about="Name as on the identity card.", example="NGUYỄN VĂN MẪU")
    citizen_id = Text(
        most=20,
        pattern="[0-9A-Za-z]{6,20}",
        load_default=None,
        allow_none=True,
        about="Citizen identity number (12 digits), old identity card number (9 digits), or passport number.",
        example="000000000001",
    )
    id_type = OneOf(
        PERSONAL,
        load_default=None,
        allow_none=True,
        about="What `citizen_id` is; it follows from 12 or 9 digits, and letters with digits are a passport's. State it "
        "for a passport whose number has digits only.",
    )
    kind = OneOf(ObligorKind, load_default=ObligorKind.PERSON, about="A person, or an organisation.")
    tax_code = Text(
        most=14,
        pattern="[0-9]{10}(?:-[0-9]{3})?",
        load_default=None,
        allow_none=True,
        about="Tax code of an organisation, in place of a citizen's number.",
    )
    phone = Text(
        most=16, pattern=r"(?:\+|0)[0-9]{8,14}", load_default=None, allow_none=True, about="Never needed."
    )
    plate = Text(most=20, load_default=None, allow_none=True, about="Number plate, with its separators.")
    plate_colour = OneOf(
        PlateColour, load_default=None, allow_none=True, about="The same number on another colour is another."
    )
    licence_no = Text(
        most=20, pattern="[0-9A-Za-z]+", load_default=None, allow_none=True, about="Driving licence."
    )
    insurance_code = Text(
        most=15, pattern="[0-9A-Za-z]+", load_default=None, allow_none=True, about="Social insurance code."
    )
    address = Text(most=300, load_default=None, allow_none=True, about="Where post reaches who owes.")

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> ObligorFacts:
        tax_code = data.pop("tax_code")
        citizen_id, id_type = data.pop("citizen_id"), data.pop("id_type")
        if tax_code is not None and (citizen_id is not None or data["kind"] is ObligorKind.PERSON):
            raise ValidationError({"tax_code": ["not_allowed_here"]})
        if citizen_id is None:
            return ObligorFacts(id_no=tax_code, **data)
        number = normalise_id_no(citizen_id)
        kind = id_type or personal_type_of(number)
        if kind is None or not is_id_no(number, kind):
            raise ValidationError({"citizen_id": ["invalid_format"]})
        return ObligorFacts(id_no=number, **data)


class BeneficiarySchema(StrictSchema):
    """Where money must go."""

    beneficiary_account = Text(
        most=40, pattern=_CODE, about="Code of the beneficiary account.", example="TK-H00-PHI"
    )
    chapter = Text(most=3, least=3, pattern=_DIGITS, about="Budget chapter.", example="000")
    sub_item = Text(most=4, least=4, pattern=_DIGITS, about="Budget sub-item.", example="0000")


class LineSchema(BeneficiarySchema):
    """One line of what is owed."""

    type = OneOf(
        [kind for kind in LineType if kind is not LineType.LATE_SURCHARGE], about="What the line is."
    )
    name = Text(most=200, about="Vietnamese name of the line.", example="Phí mẫu")
    amount = Amount(about="Whole đồng.", example=150_000)


class DossierSchema(StrictSchema):
    """The dossier behind a fee."""

    dossier_code = Text(
        most=60,
        about="National dossier code, of either generation. An odd one is kept and a person decides: 202.",
        example="H00.14-261121-0007",
    )
    procedure_code = Text(
        most=40,
        pattern=_CODE,
        about="Code of the procedure: national, local, or of the online service (`.01`).",
        example="1.009999",
    )
    filed_on = Day(about="The day of filing; the fee is that of this day.", example="2026-11-21")


class FineDecisionSchema(StrictSchema):
    """The decision behind a fine. The offence is not asked for: it never leaves its agency."""

    decision_no = Text(most=60, about="Number of the decision.", example="0012345/QĐ-XPHC")
    decided_on = Day(about="Date of the decision.", example="2026-10-01")
    served_on = Day(
        load_default=None,
        allow_none=True,
        about="The day the decision reached the violator; null while nobody can prove it.",
        example="2026-10-05",
    )
    served_method = OneOf(ServedMethod, about="How it was served.")
    written_term_days = Whole(
        least=1,
        most=3650,
        load_default=None,
        allow_none=True,
        about="The term that the decision itself grants; only a longer one counts.",
    )
    issuer_rank = OneOf(IssuerRank, load_default=None, allow_none=True, about="Who signed it.")
    violation_record_no = Text(
        most=60, load_default=None, allow_none=True, about="Number of the violation record."
    )
    violation_on = Day(load_default=None, allow_none=True, about="Date of the violation record.")
    withheld_papers = Items(
        OneOf(PaperType),
        least=0,
        most=10,
        load_default=(),
        about="What the authority keeps until the decision is carried out; no numbers.",
    )


class _ObligationSchema(StrictSchema):
    agency_code = Text(most=40, pattern=_CODE, about="The agency that is owed.", example="H00.14")
    obligor = Part(ObligorSchema())
    lines = Items(Part(LineSchema()), most=LINES_MAX, about="At least one line; their sum is owed.")
    currency = Currency(load_default="VND")

    @staticmethod
    def _request(data: dict[str, Any], document: DossierDocument | FineDocument) -> ObligationRequest:
        return ObligationRequest(
            agency_code=data["agency_code"],
            document=document,
            obligor=data["obligor"],
            lines=tuple(_line(line, data["currency"]) for line in data["lines"]),
        )


class DossierFeeSchema(_ObligationSchema):
    """Registers the fee of a dossier: the facts it is priced by, or its lines for a procedure the catalogue does not know."""

    kind = OneOf([ObligationKind.DOSSIER_FEE])
    document = Part(DossierSchema())
    fee = Part(
        FeeSchema(), load_default=None, about="The facts that the fee is priced by; in place of `lines`."
    )
    lines = Items(
        Part(LineSchema()),
        most=LINES_MAX,
        least=0,
        load_default=(),
        about="Only for a procedure that the catalogue does not know, and not in production; in place of `fee`.",
    )

    @post_load(pass_original=True)
    def _make(self, data: dict[str, Any], source: dict[str, Any], **_: Any) -> ObligationRequest:
        facts = data.pop("fee")
        if (facts is None) == (not data["lines"]):
            raise ValidationError({"lines": ["missing" if facts is None else "not_allowed_here"]})
        made = self._request(data, DossierDocument(**data["document"], facts=facts))
        return replace(made, source=source)


class TrafficFineSchema(_ObligationSchema):
    """Registers a road-traffic fine; late-payment surcharge is added by law, day by day."""

    kind = OneOf([ObligationKind.TRAFFIC_FINE])
    document = Part(FineDecisionSchema())
    surcharge = Part(BeneficiarySchema(), about="Where late-payment money goes.")

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> ObligationRequest:
        late = {f"surcharge_{name}": value for name, value in data["surcharge"].items()}
        told = data["document"] | {"withheld_papers": tuple(data["document"]["withheld_papers"])}
        return self._request(data, FineDocument(**told, **late))


REGISTRATION: Final = Choice(
    "kind",
    {ObligationKind.DOSSIER_FEE: DossierFeeSchema(), ObligationKind.TRAFFIC_FINE: TrafficFineSchema()},
)


def _line(data: dict[str, Any], currency: str) -> Line:
    return Line(
        type=data["type"],
        name_vi=data["name"],
        amount=Money(data["amount"], currency),
        beneficiary_account=data["beneficiary_account"],
        chapter=data["chapter"],
        sub_item=data["sub_item"],
    )


class PaidElsewhereSchema(StrictSchema):
    """What is owed was paid without us."""

    proof_ref = Text(
        most=PAPER_NUMBER_LENGTH_MAX, pattern=PAPER_NUMBER, about="Number of the receipt that was shown."
    )
    paid_on = Day(about="The day it was paid.")


class ProofSchema(ViewSchema):
    """The receipt that was shown."""

    proof_ref = Text(most=PAPER_NUMBER_LENGTH_MAX)
    paid_on = Day()
    recorded_at = Instant(about="When the agency said so.")


class QuotedLineSchema(BeneficiarySchema):
    """One line of what is owed, as registered or as quoted."""

    class Meta:
        unknown = EXCLUDE

    type = OneOf(LineType)
    name = Text(most=200)
    amount = Part(MoneySchema())
    chapter = Text(most=3, least=0, about="Budget chapter; empty for money that is not the state's.")
    sub_item = Text(most=4, least=0, about="Budget sub-item; empty for money that is not the state's.")


class QuoteSchema(ViewSchema):
    """What is due on a day, by law."""

    for_date = Day(about="The day in Viet Nam the quote is for.")
    late_days = Whole(least=0, most=100_000, about="Days of late payment.")
    surcharge = Part(MoneySchema(), about="Late-payment surcharge, already among the lines.")
    total = Part(MoneySchema())
    lines = Items(Part(QuotedLineSchema()), most=LINES_MAX + 1)
    valid_until = Instant(
        allow_none=True,
        about="The end of the last day on which the same is due; null while nothing is known that would change it.",
    )
    legal_basis = Text(most=1000, least=0, about="The law the surcharge rests on; empty without one.")
    contribution = Part(
        ContributionViewSchema(),
        allow_none=True,
        about="Who pays what of an insurance; null for other kinds.",
    )


class ObligationSchema(ViewSchema):
    """An obligation, with what is due today while it is open."""

    id = PublicId(PREFIX)
    kind = OneOf(ObligationKind)
    status = OneOf(ObligationState)
    agency_code = Text(most=40)
    agency_name_vi = Text(most=500)
    agency_name_en = Text(most=500)
    document_no = Text(most=60)
    document_on = Day()
    due_on = Day(allow_none=True, about="Last day to pay a fine without surcharge.")
    principal = Part(MoneySchema(), about="The sum of the registered lines.")
    created_at = Instant()
    can_be_looked_up = Flag(
        about="Whether the public look-up can find it. False when neither a number of who owes nor a plate is known: there "
        "is no second factor then, and a citizen comes through your link only."
    )
    holds_money = Flag(
        about="Money came for it after its order had ended. It waits in suspense until a person gives it back: do not ask for "
        "it again."
    )
    lines = Items(Part(QuotedLineSchema()), most=LINES_MAX)
    quote = Part(QuoteSchema(), allow_none=True, about="What is due today; null when nothing is.")
    paid_for = Part(
        ContributionViewSchema(),
        allow_none=True,
        about="Who paid what of an insurance; null while it is not paid.",
    )
    paid_elsewhere = Part(
        ProofSchema(), allow_none=True, about="What was shown when it was paid without us; else null."
    )
    notice = Part(
        NoticeViewSchema(), allow_none=True, about="Of a tax, land or contribution notice; else null."
    )
    pricing = Part(
        PricingSchema(), allow_none=True, about="How a dossier's fee came about; null for other kinds."
    )


def obligation_json(
    view: ObligationView,
    quote: Quote | None,
    *,
    can_be_looked_up: bool,
    holds_money: bool,
    pricing: FeePricing | None = None,
    notice: NoticeRow | None = None,
    paid_for: Sequence[PaidLine] = (),
    proof: Proof | None = None,
) -> dict[str, Any]:
    """An obligation as `ObligationSchema` describes it."""
    return {
        "id": public_id(PREFIX, view.id),
        "kind": view.kind.value,
        "status": view.state.value,
        "agency_code": view.agency_code,
        "agency_name_vi": view.agency_name_vi,
        "agency_name_en": view.agency_name_en,
        "document_no": view.document_no,
        "document_on": view.document_on.isoformat(),
        "due_on": view.due_on.isoformat() if view.due_on else None,
        "principal": money_json(view.principal),
        "created_at": instant_json(view.created_at),
        "can_be_looked_up": can_be_looked_up,
        "holds_money": holds_money,
        "lines": [_line_json(line) for line in view.lines],
        "quote": quote_json(quote) if quote is not None else None,
        "pricing": pricing_json(pricing) if pricing is not None else None,
        "paid_for": contribution_json(paid_for) if paid_for else None,
        "paid_elsewhere": _proof_json(proof) if proof is not None else None,
        "notice": notice_json(notice) if notice is not None else None,
    }


def _proof_json(proof: Proof) -> dict[str, Any]:
    return {
        "proof_ref": proof.proof_ref,
        "paid_on": proof.paid_on.isoformat(),
        "recorded_at": instant_json(proof.recorded_at),
    }


def _line_json(line: Line) -> dict[str, Any]:
    return {
        "type": line.type.value,
        "name": line.name_vi,
        "amount": money_json(line.amount),
        "beneficiary_account": line.beneficiary_account,
        "chapter": line.chapter,
        "sub_item": line.sub_item,
    }


def quote_json(quote: Quote) -> dict[str, Any]:
    return {
        "for_date": quote.for_date.isoformat(),
        "late_days": quote.late_days,
        "surcharge": money_json(quote.surcharge),
        "total": money_json(quote.total),
        "lines": [_line_json(line) for line in quote.lines],
        "valid_until": _end_of(quote.last_day) if quote.last_day is not None else None,
        "legal_basis": quote.legal_basis,
        "contribution": contribution_json(quote.contribution.lines)
        if quote.contribution is not None
        else None,
    }


def _end_of(day: date) -> str:
    return instant_json(at_vietnam(day + timedelta(days=1), time.min))
