"""Effective-dated reference data with its legal basis. Written only by `catalogue`."""

from datetime import date
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Date
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, one_of, text_pk


class Agency(Base):
    """An agency that charges a fee or issues a decision."""

    __tablename__ = "agency"

    code: Mapped[text_pk]
    name_vi: Mapped[str]
    name_en: Mapped[str]
    valid_from: Mapped[date] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    legal_basis: Mapped[str]


class BeneficiaryKind(StrEnum):
    """Who holds the account that the money must reach."""

    TREASURY = "treasury"
    AGENCY = "agency"
    INSURANCE = "insurance"
    NON_STATE = "non_state"


class BeneficiaryAccount(Base):
    """The account a line of an obligation is collected for; account numbers are text, checked by table, never by maths."""

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
    legal_basis: Mapped[str]


class Rate(Base):
    """A rate as an exact fraction, for example 5/10000 a day for the late-payment surcharge."""

    __tablename__ = "rate"
    __table_args__ = (
        CheckConstraint("numerator >= 0 AND denominator > 0", name="fraction"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="period"),
    )

    code: Mapped[text_pk]
    valid_from: Mapped[date] = mapped_column(Date, primary_key=True)
    valid_to: Mapped[date | None] = mapped_column(Date)
    numerator: Mapped[int] = mapped_column(BigInteger)
    denominator: Mapped[int] = mapped_column(BigInteger)
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
