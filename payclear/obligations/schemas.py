"""What portals send and get about obligations, for `obligations.api` only; it never reads the database."""

from dataclasses import dataclass, field
from datetime import date, time, timedelta
from typing import Any, Final

from marshmallow import EXCLUDE, post_load

from payclear.http.schemas import (
    Amount,
    Choice,
    Currency,
    Day,
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
from payclear.obligations.records import DossierDocument, FineDocument, ObligationView

PREFIX: Final = "obl"
LINES_MAX: Final = 50
_CODE: Final = r"[A-Za-z0-9][A-Za-z0-9.\-]*"
_DIGITS: Final = "[0-9]+"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligationRequest:
    """A registration as the portal sent it, well formed; whether it is true is the service's question."""

    agency_code: str
    document: DossierDocument | FineDocument
    obligor_name: str = field(repr=False)
    obligor_id_no: str | None = field(repr=False)
    lines: tuple[Line, ...]


class ObligorSchema(StrictSchema):
    """Who owes. Kept sealed, never shown in full."""

    name = Text(most=200, about="Name as on the identity card.", example="NGUYỄN VĂN MẪU")
    citizen_id = Text(
        most=12,
        pattern="[0-9]{12}|[0-9]{9}",
        load_default=None,
        allow_none=True,
        about="Citizen identity number (12 digits) or old identity card number (9 digits).",
        example="000000000001",
    )


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

    dossier_code = Text(most=60, pattern=_CODE, about="National dossier code.", example="H00.14-261121-0007")
    procedure_code = Text(most=40, pattern=_CODE, about="Code of the procedure.", example="1.009999")
    filed_on = Day(about="The day of filing; the fee is that of this day.", example="2026-11-21")


class FineDecisionSchema(StrictSchema):
    """The decision behind a fine. The offence is not asked for: it never leaves its agency."""

    decision_no = Text(most=60, about="Number of the decision.", example="0012345/QĐ-XPHC")
    decided_on = Day(about="Date of the decision.", example="2026-10-01")
    served_on = Day(about="The day the decision reached the violator.", example="2026-10-05")
    served_method = OneOf(ServedMethod, about="How it was served.")


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
            obligor_name=data["obligor"]["name"],
            obligor_id_no=data["obligor"]["citizen_id"],
            lines=tuple(_line(line, data["currency"]) for line in data["lines"]),
        )


class DossierFeeSchema(_ObligationSchema):
    """Registers the fee of a dossier."""

    kind = OneOf([ObligationKind.DOSSIER_FEE])
    document = Part(DossierSchema())

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> ObligationRequest:
        return self._request(data, DossierDocument(**data["document"]))


class TrafficFineSchema(_ObligationSchema):
    """Registers a road-traffic fine; late-payment surcharge is added by law, day by day."""

    kind = OneOf([ObligationKind.TRAFFIC_FINE])
    document = Part(FineDecisionSchema())
    surcharge = Part(BeneficiarySchema(), about="Where late-payment money goes.")

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> ObligationRequest:
        late = {f"surcharge_{name}": value for name, value in data["surcharge"].items()}
        return self._request(data, FineDocument(**data["document"], **late))


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


class QuotedLineSchema(BeneficiarySchema):
    """One line of what is owed, as registered or as quoted."""

    class Meta:
        unknown = EXCLUDE

    type = OneOf(LineType)
    name = Text(most=200)
    amount = Part(MoneySchema())


class QuoteSchema(ViewSchema):
    """What is due on a day, by law."""

    for_date = Day(about="The day in Viet Nam the quote is for.")
    late_days = Whole(least=0, most=100_000, about="Days of late payment.")
    surcharge = Part(MoneySchema(), about="Late-payment surcharge, already among the lines.")
    total = Part(MoneySchema())
    lines = Items(Part(QuotedLineSchema()), most=LINES_MAX + 1)
    valid_until = Instant(
        allow_none=True, about="Midnight in Viet Nam when the amount grows by day, else null."
    )
    legal_basis = Text(most=1000, least=0, about="The law the surcharge rests on; empty without one.")


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
    lines = Items(Part(QuotedLineSchema()), most=LINES_MAX)
    quote = Part(QuoteSchema(), allow_none=True, about="What is due today; null when nothing is.")


def obligation_json(view: ObligationView, quote: Quote | None) -> dict[str, Any]:
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
        "lines": [_line_json(line) for line in view.lines],
        "quote": _quote_json(quote) if quote is not None else None,
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


def _quote_json(quote: Quote) -> dict[str, Any]:
    return {
        "for_date": quote.for_date.isoformat(),
        "late_days": quote.late_days,
        "surcharge": money_json(quote.surcharge),
        "total": money_json(quote.total),
        "lines": [_line_json(line) for line in quote.lines],
        "valid_until": _end_of(quote.for_date) if quote.depends_on_day else None,
        "legal_basis": quote.legal_basis,
    }


def _end_of(day: date) -> str:
    return instant_json(at_vietnam(day + timedelta(days=1), time.min))
