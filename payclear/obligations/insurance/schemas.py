"""What portals send and get about insurance contributions, for `obligations.api` only; it never reads the database."""

from typing import Any, Final

from marshmallow import post_load

from payclear.http.schemas import (
    Amount,
    Day,
    Items,
    OneOf,
    Part,
    StrictSchema,
    Text,
    Whole,
)
from payclear.kernel.money import Money
from payclear.obligations.domain import Line, ObligationKind
from payclear.obligations.insurance.records import ContributionDocument, MemberFacts, NoticeDocument
from payclear.obligations.insurance.rules import CURRENCY
from payclear.obligations.schemas import LINES_MAX, LineSchema, ObligationRequest, ObligorSchema

_CODE: Final = r"[A-Za-z0-9][A-Za-z0-9.\-]*"
_CATEGORY: Final = "[a-z0-9][a-z0-9_-]*"
_INSURANCE_CODE: Final = "[0-9]{10}|[0-9]{12}|[A-Z]{2}[0-9]{13}"
_REF: Final = r"[A-Za-z0-9][A-Za-z0-9._\-]*"
MEMBERS_MOST: Final = 30
MONTHS_MOST: Final = 600


class _InsuredSchema(StrictSchema):
    ref = Text(
        most=40,
        pattern=_REF,
        about="Your own opaque reference of the person; never a name or a number of theirs.",
        example="M1",
    )
    insurance_code = Text(
        most=15,
        pattern=_INSURANCE_CODE,
        about="The existing social insurance code (10 digits), the number of the card that ends in it, or the personal "
        "number (12 digits) that takes its place. Kept sealed.",
        example="0099000001",
    )
    covered_through = Day(
        load_default=None,
        allow_none=True,
        about="The last day the person is insured already; months until then are not charged.",
    )


class MemberSchema(_InsuredSchema):
    """One member of the household. Name also those who are insured already: they count for the order."""

    order = Whole(least=1, most=MEMBERS_MOST, about="Place in the household: 1 for the first.", example=1)
    support_category = Text(
        most=60,
        pattern=_CATEGORY,
        load_default=None,
        allow_none=True,
        about="Category of people whose contribution the state supports, as the catalogue names it.",
        example="near_poor",
    )

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> MemberFacts:
        category = data.pop("support_category")
        return MemberFacts(place=data.pop("order"), categories=(category,) if category else (), **data)


class _PeriodSchema(StrictSchema):
    notice_no = Text(most=60, about="Number of the notice or declaration.", example="TB-00000-2026-000123")
    issued_on = Day(about="Its date.", example="2026-08-10")
    from_on = Day(about="First day of the period to be paid for.", example="2026-09-01")
    months = Whole(least=1, most=MONTHS_MOST, about="Length of the period in months.", example=12)


class HouseholdDocumentSchema(_PeriodSchema):
    """The notice by which a household's insurance continues."""

    members = Items(Part(MemberSchema()), most=MEMBERS_MOST, about="The household, everybody in it.")

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> ContributionDocument:
        return ContributionDocument(kind=ObligationKind.HOUSEHOLD_HEALTH_INSURANCE, **data)


class VoluntaryDocumentSchema(_InsuredSchema, _PeriodSchema):
    """The declaration by which a person's voluntary insurance continues."""

    income = Amount(about="The chosen income of a month, whole đồng.", example=1_500_000)
    categories = Items(
        Text(most=60, pattern=_CATEGORY),
        most=10,
        least=0,
        unique=True,
        load_default=(),
        about="Categories of people whose contribution the state supports; the best one counts, alone.",
    )
    months_supported = Whole(
        least=0, most=MONTHS_MOST, load_default=0, about="How many months the state has supported before."
    )

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> ContributionDocument:
        person = MemberFacts(
            place=1,
            **{name: data.pop(name) for name in ("ref", "insurance_code", "covered_through", "categories")},
            months_supported=data.pop("months_supported"),
        )
        income = Money(data.pop("income"), CURRENCY)
        return ContributionDocument(
            kind=ObligationKind.VOLUNTARY_SOCIAL_INSURANCE, members=(person,), income=income, **data
        )


class _ContributionSchema(StrictSchema):
    agency_code = Text(most=40, pattern=_CODE, about="The insurance office.", example="G24.00")
    obligor = Part(ObligorSchema())
    currency = OneOf([CURRENCY], load_default=CURRENCY)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> ObligationRequest:
        return ObligationRequest(
            agency_code=data["agency_code"], document=data["document"], obligor=data["obligor"], lines=()
        )


class HouseholdHealthInsuranceSchema(_ContributionSchema):
    """Registers months of a household's health insurance; the amounts are computed at the day of payment."""

    kind = OneOf([ObligationKind.HOUSEHOLD_HEALTH_INSURANCE])
    document = Part(HouseholdDocumentSchema())


class VoluntarySocialInsuranceSchema(_ContributionSchema):
    """Registers months of voluntary social insurance; the amount is computed at the day of payment."""

    kind = OneOf([ObligationKind.VOLUNTARY_SOCIAL_INSURANCE])
    document = Part(VoluntaryDocumentSchema())


class NoticeSchema(StrictSchema):
    """A notice whose amounts the agency states."""

    notice_no = Text(most=60, about="Number of the notice.", example="TB-2026-000045")
    issued_on = Day(about="Its date.", example="2026-08-10")
    due_on = Day(load_default=None, allow_none=True, about="Last day to pay; nothing is added here after it.")
    legal_basis = Text(most=500, about="The law or resolution the amounts rest on.")


class _OtherNoticeSchema(StrictSchema):
    agency_code = Text(most=40, pattern=_CODE, about="The agency that is owed.", example="G12.18")
    obligor = Part(ObligorSchema())
    document = Part(NoticeSchema())
    lines = Items(Part(LineSchema()), most=LINES_MAX, about="At least one line; their sum is owed.")
    currency = OneOf([CURRENCY], load_default=CURRENCY)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> ObligationRequest:
        return ObligationRequest(
            agency_code=data["agency_code"],
            document=NoticeDocument(kind=data["kind"], **data["document"]),
            obligor=data["obligor"],
            lines=tuple(
                Line(
                    type=line["type"],
                    name_vi=line["name"],
                    amount=Money(line["amount"], data["currency"]),
                    beneficiary_account=line["beneficiary_account"],
                    chapter=line["chapter"],
                    sub_item=line["sub_item"],
                )
                for line in data["lines"]
            ),
        )


class TaxSchema(_OtherNoticeSchema):
    """Registers a tax; lines of type tax, and other_service beside them."""

    kind = OneOf([ObligationKind.TAX])


class LandObligationSchema(_OtherNoticeSchema):
    """Registers a financial obligation on land; lines of type land, with tax and other_service beside them."""

    kind = OneOf([ObligationKind.LAND_OBLIGATION])


class ContributionSchema(_OtherNoticeSchema):
    """Registers a contribution that the law asks for; lines of type contribution, and other_service beside them."""

    kind = OneOf([ObligationKind.CONTRIBUTION])


SCHEMAS: Final[dict[str, StrictSchema]] = {
    ObligationKind.HOUSEHOLD_HEALTH_INSURANCE: HouseholdHealthInsuranceSchema(),
    ObligationKind.VOLUNTARY_SOCIAL_INSURANCE: VoluntarySocialInsuranceSchema(),
    ObligationKind.TAX: TaxSchema(),
    ObligationKind.LAND_OBLIGATION: LandObligationSchema(),
    ObligationKind.CONTRIBUTION: ContributionSchema(),
}
