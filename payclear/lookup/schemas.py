"""What portals send and get about look-ups and clearance, for `lookup.api` only; it never reads the database."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from marshmallow import post_load

from payclear.http.schemas import (
    Day,
    Instant,
    Items,
    MoneySchema,
    OneOf,
    Part,
    StrictSchema,
    Text,
    ViewSchema,
    Whole,
    instant_json,
    money_json,
)
from payclear.i18n.texts import translate
from payclear.lookup.domain import (
    RESULTS_MAX,
    Clearance,
    ClearancePurpose,
    ClearanceStatus,
    LookupStatus,
    UnknownReason,
)
from payclear.lookup.records import Result
from payclear.obligations.domain import ObligationKind

_CODE: Final = r"[A-Za-z0-9][A-Za-z0-9.\-]*"
_LATE_DAYS_MAX: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupRequest:
    """A question as the portal sent it, well formed."""

    document_no: str = field(repr=False)
    second_factor: str = field(repr=False)
    agency_code: str | None
    document_on: date | None


class LookupSchema(StrictSchema):
    """A document and one thing that only who owes is likely to know."""

    document_no = Text(
        most=60, about="Number of the decision or notice, or dossier code.", example="0012345/QĐ-XPHC"
    )
    second_factor = Text(
        most=40,
        about="The last four digits of the identity number, or the whole plate of the vehicle.",
        example="0001",
    )
    agency_code = Text(
        most=40, pattern=_CODE, load_default=None, allow_none=True, about="Who issued it, when known."
    )
    document_on = Day(
        load_default=None, allow_none=True, about="Date of the decision or notice, or of filing, when known."
    )

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> LookupRequest:
        return LookupRequest(**data)


class LookupResultSchema(ViewSchema):
    """One answer; every field is always there, and null where nothing may or can be said."""

    status = OneOf(LookupStatus, about="A wrong second factor is `not_found`, too.")
    next_step_vi = Text(most=600, about="What the citizen does next, in Vietnamese.")
    next_step_en = Text(most=600, about="The same in English.")
    kind = OneOf(ObligationKind, allow_none=True)
    agency_code = Text(most=40, allow_none=True)
    agency_name_vi = Text(most=500, allow_none=True)
    agency_name_en = Text(most=500, allow_none=True)
    document_no = Text(most=60, allow_none=True, about="As it was registered.")
    document_on = Day(allow_none=True)
    due_on = Day(allow_none=True, about="Last day to pay without surcharge.")
    amount = Part(MoneySchema(), allow_none=True, about="What is to be paid today, surcharge included.")
    surcharge = Part(MoneySchema(), allow_none=True, about="Surcharge of late payment so far.")
    late_days = Whole(least=0, most=_LATE_DAYS_MAX, allow_none=True)
    given_back = Part(
        MoneySchema(), allow_none=True, about="The part of its payment that went back to the payer since."
    )
    name_masked = Text(most=200, least=0, allow_none=True, about="Who owes, masked.")
    plate_masked = Text(most=40, least=0, allow_none=True, about="The vehicle's plate, masked.")


class LookupAnswerSchema(ViewSchema):
    """What is known, as of an instant."""

    as_of = Instant()
    results = Items(
        Part(LookupResultSchema()),
        most=RESULTS_MAX,
        about="One, unless several authorities gave the same number: then name authority and date.",
    )


class ClearanceQuerySchema(StrictSchema):
    """What the service asks for."""

    purpose = OneOf(ClearancePurpose, about="Written into the audit trail.", example="licence_exchange")


class ClearanceSchema(ViewSchema):
    """The answer; it holds no amount, no document and no offence."""

    status = OneOf(ClearanceStatus)
    as_of = Instant()
    count = Whole(least=0, most=_LATE_DAYS_MAX, about="Decisions that are not paid.")
    reasons = Items(OneOf(UnknownReason), most=len(UnknownReason), least=0, about="Why it is UNKNOWN.")


def lookup_json(results: tuple[Result, ...]) -> dict[str, Any]:
    """Results as `LookupAnswerSchema` describes them."""
    return {
        "as_of": instant_json(results[0].as_of),
        "results": [_result_json(result) for result in results],
    }


def _result_json(result: Result) -> dict[str, Any]:
    owed, quote = result.obligation, result.quote
    return {
        "status": result.status.value,
        "next_step_vi": translate(f"lookup.next_{result.status}", "vi"),
        "next_step_en": translate(f"lookup.next_{result.status}", "en"),
        "kind": owed.kind.value if owed else None,
        "agency_code": owed.agency_code if owed else None,
        "agency_name_vi": owed.agency_name_vi if owed else None,
        "agency_name_en": owed.agency_name_en if owed else None,
        "document_no": owed.document_no if owed else None,
        "document_on": owed.document_on.isoformat() if owed else None,
        "due_on": owed.due_on.isoformat() if owed and owed.due_on else None,
        "amount": money_json(quote.total) if quote else None,
        "surcharge": money_json(quote.surcharge) if quote else None,
        "late_days": quote.late_days if quote else None,
        "given_back": money_json(result.given_back) if result.given_back else None,
        "name_masked": result.masked_name if owed else None,
        "plate_masked": result.masked_plate if owed else None,
    }


def clearance_json(answer: Clearance, as_of: datetime) -> dict[str, Any]:
    """An answer as `ClearanceSchema` describes it."""
    return {
        "status": answer.status.value,
        "as_of": instant_json(as_of),
        "count": answer.count,
        "reasons": [reason.value for reason in answer.reasons],
    }
