"""Effective-dated reference data with its legal basis. Written only by `catalogue`."""

from datetime import date, time
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Date, Text, Time
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from payclear.catalogue.change_models import (
    CatalogueChange,
    CatalogueChangeRow,
    CatalogueChangeTransition,
)
from payclear.catalogue.domain import DayCondition, FeeBearer, Method, RuleEffect
from payclear.catalogue.reference_models import (
    AgencyPlace,
    BudgetCode,
    LegalParameter,
    Procedure,
    ServiceAccountRow,
    Tariff,
    TreasuryUnit,
)
from payclear.db.base import Base, one_of, text_pk

__all__ = (
    "Agency",
    "AgencyPlace",
    "BeneficiaryAccount",
    "BeneficiaryKind",
    "BudgetCode",
    "CalendarDay",
    "CatalogueChange",
    "CatalogueChangeRow",
    "CatalogueChangeTransition",
    "DayKind",
    "LegalParameter",
    "Procedure",
    "RoutingRule",
    "ServiceAccountRow",
    "ServiceFeeProgramme",
    "Tariff",
    "TreasuryUnit",
)


class Agency(Base):
    """An agency that charges a fee or issues a decision; `agency_place` says what it is called and whom it stands below."""

    __tablename__ = "agency"

    code: Mapped[text_pk]
    name_vi: Mapped[str]
    name_en: Mapped[str]
    valid_from: Mapped[date] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    predecessor: Mapped[str | None]
    legal_basis: Mapped[str]


class BeneficiaryKind(StrEnum):
    """Who holds the account that the money must reach."""

    TREASURY = "treasury"
    AGENCY = "agency"
    INSURANCE = "insurance"
    NON_STATE = "non_state"


class BeneficiaryAccount(Base):
    """The account a line of an obligation is collected for. One code is one account for ever: a new number is a new row.

    Account numbers are text, checked by table, never by maths.
    """

    __tablename__ = "beneficiary_account"
    __table_args__ = (one_of("kind", BeneficiaryKind),)

    code: Mapped[text_pk]
    agency_code: Mapped[str]
    kind: Mapped[str]
    name_vi: Mapped[str]
    account_no: Mapped[str]
    bank_bin: Mapped[str | None]
    treasury_unit: Mapped[str | None]
    valid_from: Mapped[date] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    predecessor: Mapped[str | None]
    legal_basis: Mapped[str]


class DayKind(StrEnum):
    """An exception to Monday–Friday: a holiday, or a make-up working day."""

    HOLIDAY = "holiday"
    WORKING_DAY = "working_day"


class CalendarDay(Base):
    """One exceptional day; `institution` is empty for everybody, or a provider account's or agency's own override."""

    __tablename__ = "calendar_day"
    __table_args__ = (one_of("kind", DayKind),)

    institution: Mapped[text_pk]
    on_date: Mapped[date] = mapped_column(Date, primary_key=True)
    kind: Mapped[str]
    name_vi: Mapped[str]
    legal_basis: Mapped[str]


class RoutingRule(Base):
    """When an account is offered, withheld or named first; what the columns mean stands in `domain.Rule`."""

    __tablename__ = "routing_rule"
    __table_args__ = (
        one_of("effect", RuleEffect),
        one_of("method", Method),
        one_of("day", DayCondition),
        CheckConstraint(
            "health <@ ARRAY['good', 'slow', 'failing'] AND cardinality(health) > 0", name="health_known"
        ),
        CheckConstraint("(time_from IS NULL) = (time_to IS NULL)", name="times_whole"),
    )

    code: Mapped[text_pk]
    valid_from: Mapped[date] = mapped_column(Date, primary_key=True)
    valid_to: Mapped[date | None] = mapped_column(Date)
    rank: Mapped[int]
    effect: Mapped[str]
    provider_account: Mapped[str | None]
    method: Mapped[str | None]
    kind: Mapped[str | None]
    agency_code: Mapped[str | None]
    portal_code: Mapped[str | None]
    procedure_code: Mapped[str | None]
    amount_from: Mapped[int | None] = mapped_column(BigInteger)
    amount_to: Mapped[int | None] = mapped_column(BigInteger)
    payer_fee_above: Mapped[int | None] = mapped_column(BigInteger)
    health: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    cut_off_within_minutes: Mapped[int | None]
    day: Mapped[str | None]
    time_from: Mapped[time | None] = mapped_column(Time)
    time_to: Mapped[time | None] = mapped_column(Time)
    reason_vi: Mapped[str]
    reason_en: Mapped[str]
    legal_basis: Mapped[str]


class ServiceFeeProgramme(Base):
    """What a provider charges for its service, and who bears it. Its figures never change: a new row follows the old."""

    __tablename__ = "service_fee_programme"
    __table_args__ = (
        one_of("borne_by", FeeBearer),
        CheckConstraint(
            "fixed BETWEEN 0 AND 1000000000 AND per_million BETWEEN 0 AND 1000000 "
            "AND vat_per_mille BETWEEN 0 AND 1000 AND fee_min >= 0 "
            "AND fee_max BETWEEN coalesce(fee_min, 0) AND 1000000000",
            name="figures",
        ),
    )

    code: Mapped[text_pk]
    valid_from: Mapped[date] = mapped_column(Date, primary_key=True)
    valid_to: Mapped[date | None] = mapped_column(Date)
    provider_account: Mapped[str]
    kind: Mapped[str | None]
    agency_code: Mapped[str | None]
    borne_by: Mapped[str]
    fixed: Mapped[int] = mapped_column(BigInteger)
    per_million: Mapped[int]
    fee_min: Mapped[int | None] = mapped_column(BigInteger)
    fee_max: Mapped[int | None] = mapped_column(BigInteger)
    vat_inclusive: Mapped[bool]
    vat_per_mille: Mapped[int]
    legal_basis: Mapped[str]
