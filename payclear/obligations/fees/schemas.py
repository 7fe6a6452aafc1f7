"""What portals send about a fee and get about its price and about quarantined dossiers; it never reads the database."""

from fractions import Fraction
from typing import Any, Final

from marshmallow import post_load

from payclear.catalogue.domain import CollectionMode, CollectionTiming
from payclear.http.schemas import (
    Amount,
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
from payclear.kernel.ids import public_id
from payclear.kernel.money import Money
from payclear.obligations.fees.facts import (
    Channel,
    ExemptionReason,
    ExplainedLine,
    FeeFacts,
    FeePricing,
    OverrideState,
    OverrideView,
    PricedBy,
    QuarantineState,
)
from payclear.obligations.fees.quarantine import QuarantinedDossier
from payclear.obligations.rules.dossier_codes import QuarantineReason
from payclear.obligations.rules.fees import FeeItem, PayerClaim, ServiceCharge
from payclear.obligations.rules.tariffs import STATE_REVENUE, PriceType

QUARANTINE_PREFIX: Final = "dsq"
ITEMS_MAX: Final = 30
CHARGES_MAX: Final = 10
_CODE: Final = r"[A-Za-z0-9][A-Za-z0-9._\-]*"
_FRACTION: Final = "[0-9]+(/[0-9]+)?"


class FeeItemSchema(StrictSchema):
    """One item of the tariff, with the facts that it is multiplied by."""

    item_code = Text(most=40, pattern=_CODE, about="Code of the item in the tariff.", example="P01")
    quantity = Whole(
        least=1, most=100_000, load_default=1, about="How many; only for items that are counted."
    )
    years = Whole(least=1, most=100, load_default=1, about="How many years; only for items paid by the year.")
    declared_value = Amount(
        load_default=None, allow_none=True, about="Whole đồng; only for items that are a percentage."
    )

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> FeeItem:
        value = data.pop("declared_value")
        return FeeItem(declared_value=None if value is None else Money(value), **data)


class PayerClaimSchema(StrictSchema):
    """A class of payers that pay less, and where you keep the evidence. Send neither the evidence nor a personal number."""

    payer_class = Text(
        most=40, pattern=_CODE, about="Code of the class in the tariff.", example="poor_household"
    )
    evidence_ref = Text(
        most=60,
        pattern=r"[A-Za-z0-9][A-Za-z0-9._:/\-]*",
        about="Your own reference of the evidence.",
        example="HS-2026-0007-GT1",
    )

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> PayerClaim:
        return PayerClaim(**data)


class ServiceChargeSchema(StrictSchema):
    """A service of somebody else beside the dossier, such as delivery of the result by post; never the state's money."""

    type = OneOf([kind for kind in PriceType if kind not in STATE_REVENUE])
    code = Text(most=40, pattern=_CODE, about="Your code of the charge.", example="BCCI")
    name = Text(most=200, about="Vietnamese name.", example="Cước bưu chính công ích")
    amount = Amount(about="Whole đồng.", example=26_000)
    beneficiary_account = Text(most=40, pattern=_CODE, about="Whose money it is.", example="TK-BUUCHINH")
    rule = Text(most=60, about="The price list or contract it comes from.", example="VNPOST-2026-01")
    legal_basis = Text(most=500, about="What the charge rests on.")

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> ServiceCharge:
        return ServiceCharge(
            type=data["type"],
            code=data["code"],
            name_vi=data["name"],
            amount=Money(data["amount"]),
            beneficiary_account=data["beneficiary_account"],
            rule_id=data["rule"],
            legal_basis=data["legal_basis"],
        )


class FeeSchema(StrictSchema):
    """The facts that the fee is priced by, at the tariff in force on the filing date."""

    channel = OneOf(Channel, about="Where the dossier was filed.")
    items = Items(
        Part(FeeItemSchema()),
        most=ITEMS_MAX,
        least=0,
        load_default=(),
        about="Items that need facts, and optional ones that are wanted; all others are charged by themselves.",
    )
    claim = Part(PayerClaimSchema(), load_default=None, allow_none=True)
    charges = Items(Part(ServiceChargeSchema()), most=CHARGES_MAX, least=0, load_default=())
    declared_total = Whole(
        least=0,
        most=10**15,
        load_default=None,
        allow_none=True,
        about="What you expect the total to be. When it differs nothing is registered.",
    )

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> FeeFacts:
        declared = data.pop("declared_total")
        return FeeFacts(declared_total=None if declared is None else Money(declared), **data)


class OverrideSchema(ViewSchema):
    """Another price for a line, set by one officer and checked by another."""

    line = Whole(least=1, most=100, about="Number of the line, from 1.")
    status = OneOf(OverrideState)
    from_amount = Part(MoneySchema())
    to_amount = Part(MoneySchema())
    reason = Text(most=500)


class ExplainedLineSchema(ViewSchema):
    """Why a line costs what it costs."""

    line = Whole(least=1, most=100, about="Number of the line, from 1.")
    item_code = Text(most=40)
    rule = Text(most=200, about="Id of the tariff's row, or the rule you stated for a charge.")
    legal_basis = Text(most=1000)
    quantity = Whole(least=1, most=100_000)
    years = Whole(least=1, most=100)
    declared_value = Part(MoneySchema(), allow_none=True)
    full_amount = Part(MoneySchema(), about="By the tariff, before discount.")
    priced_amount = Part(MoneySchema(), about="By the tariff, after discount; an override may differ.")
    discount = Text(
        most=20, pattern=_FRACTION, about="The part taken off: `1/10`, `1` for an exemption, `0`."
    )
    payer_class = Text(most=40, allow_none=True, about="The class that the price is for.")
    evidence_ref = Text(most=60, allow_none=True)
    locality = Text(most=20, least=0, about="Budget locality code; empty where none applies.")
    collecting_agency = Text(most=20, least=0)


class ExemptionSchema(ViewSchema):
    """Why nothing is to be paid."""

    reason = OneOf(ExemptionReason)
    legal_basis = Text(most=4000)


class PricingSchema(ViewSchema):
    """How the fee came about: fixed at the filing date, and never moved by a later tariff."""

    priced_by = OneOf(
        PricedBy, about="`portal`: the catalogue does not know the procedure; the lines are yours."
    )
    dossier_code_as_sent = Text(most=60)
    code_on = Day(
        allow_none=True, about="The date within the dossier code; it may differ from the filing date."
    )
    procedure_code = Text(most=60)
    filed_on = Day()
    channel = OneOf(Channel, allow_none=True)
    collection_mode = OneOf(
        CollectionMode,
        allow_none=True,
        about="Where the fee may be paid today. `counter`: no bank or wallet is offered online, the payment code is paid at "
        "a bank's counter. Null when the catalogue does not know the procedure.",
    )
    collection_timing = OneOf(
        CollectionTiming, allow_none=True, about="Paid with the dossier, or when its result is handed over."
    )
    unused_claim = Text(most=40, allow_none=True, about="A payer class that no row of the tariff rewards.")
    lines = Items(Part(ExplainedLineSchema()), least=0, most=ITEMS_MAX + CHARGES_MAX + 60)
    exemption = Part(ExemptionSchema(), allow_none=True)
    overrides = Items(Part(OverrideSchema()), least=0, most=100, about="Every other price, oldest first.")


class QuarantinedDossierSchema(ViewSchema):
    """A dossier whose code no national format explains: a person decides whether it is accepted."""

    id = PublicId(QUARANTINE_PREFIX)
    status = OneOf(QuarantineState)
    agency_code = Text(most=40)
    dossier_code_as_sent = Text(most=60)
    reason = OneOf(QuarantineReason, about="What is odd about the code.")
    received_at = Instant()
    decided_at = Instant(allow_none=True)
    obligation = PublicId("obl", allow_none=True, about="The obligation, once the code is accepted.")


def pricing_json(pricing: FeePricing) -> dict[str, Any]:
    """A price as `PricingSchema` describes it."""
    return {
        "priced_by": pricing.priced_by.value,
        "dossier_code_as_sent": pricing.dossier_code_raw,
        "code_on": pricing.code_on.isoformat() if pricing.code_on else None,
        "procedure_code": pricing.procedure_code,
        "filed_on": pricing.filed_on.isoformat(),
        "channel": pricing.channel.value if pricing.channel else None,
        "collection_mode": pricing.collection.mode.value if pricing.collection else None,
        "collection_timing": pricing.collection.timing.value if pricing.collection else None,
        "unused_claim": pricing.unused_claim,
        "lines": [_line_json(line) for line in pricing.lines],
        "exemption": None
        if pricing.exemption is None
        else {"reason": pricing.exemption.reason.value, "legal_basis": pricing.exemption.legal_basis},
        "overrides": [_override_json(line_no, each) for line_no, each in pricing.overrides],
    }


def quarantined_json(held: QuarantinedDossier) -> dict[str, Any]:
    """A quarantined dossier as `QuarantinedDossierSchema` describes it."""
    return {
        "id": public_id(QUARANTINE_PREFIX, held.id),
        "status": held.state,
        "agency_code": held.agency_code,
        "dossier_code_as_sent": held.code_raw,
        "reason": held.reason,
        "received_at": instant_json(held.received_at),
        "decided_at": instant_json(held.decided_at) if held.decided_at else None,
        "obligation": public_id("obl", held.obligation_id) if held.obligation_id else None,
    }


def _line_json(line: ExplainedLine) -> dict[str, Any]:
    return {
        "line": line.line_no,
        "item_code": line.item_code,
        "rule": line.rule_id,
        "legal_basis": line.legal_basis,
        "quantity": line.quantity,
        "years": line.years,
        "declared_value": None if line.declared_value is None else money_json(line.declared_value),
        "full_amount": money_json(line.full_amount),
        "priced_amount": money_json(line.priced_amount),
        "discount": str(Fraction(line.discount)),
        "payer_class": None if line.relief is None else line.relief.payer_class,
        "evidence_ref": None if line.relief is None else line.relief.evidence_ref,
        "locality": line.locality,
        "collecting_agency": line.collecting_agency,
    }


def _override_json(line_no: int, override: OverrideView) -> dict[str, Any]:
    return {
        "line": line_no,
        "status": override.state,
        "from_amount": money_json(override.from_amount),
        "to_amount": money_json(override.to_amount),
        "reason": override.reason,
    }
