"""Tables of dated rows: places, codes, procedures, prices, accounts, legal parameters. Written only by `catalogue`.

A row never changes but for its end; a new row follows it. `valid_to` on the day before `valid_from` means that the row was
withdrawn before it came into force. Triggers refuse a rewritten row and two periods of one natural key that overlap.
"""

from datetime import date
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Date, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from payclear.catalogue.domain import (
    BudgetCodeKind,
    CollectionMode,
    CollectionTiming,
    RoundingName,
    TariffBasis,
    TariffType,
)
from payclear.db.base import AMOUNT_LIMIT, Base, one_of, text_pk

PERIOD = "valid_to IS NULL OR valid_to >= valid_from - 1"
FRACTION = "'^[0-9]{1,12}/[1-9][0-9]{0,11}$'"


def _period() -> CheckConstraint:
    return CheckConstraint(PERIOD, name="period")


class Dated:
    """What every dated row has."""

    id: Mapped[text_pk]
    valid_from: Mapped[date] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    predecessor: Mapped[str | None]
    legal_basis: Mapped[str]


class AgencyPlace(Dated, Base):
    """What an agency is called and whom it stands below, from a day to a day. `merged_from`: the agencies it took over."""

    __tablename__ = "agency_place"
    __table_args__ = (_period(), Index(None, "agency_code"))

    agency_code: Mapped[str]
    name_vi: Mapped[str]
    name_en: Mapped[str]
    parent_code: Mapped[str | None]
    province: Mapped[str | None]
    issuer_rank: Mapped[str | None]
    merged_from: Mapped[list[str] | None] = mapped_column(ARRAY(Text))


class TreasuryUnit(Dated, Base):
    """A unit of the State Treasury by its four digits."""

    __tablename__ = "treasury_unit"
    __table_args__ = (
        _period(),
        Index(None, "code"),
        CheckConstraint("code ~ '^[0-9]{4}$'", name="four_digits"),
    )

    code: Mapped[str]
    name_vi: Mapped[str]


class BudgetCode(Dated, Base):
    """A code of the state budget: chapter, sub-item, locality or collecting agency."""

    __tablename__ = "budget_code"
    __table_args__ = (
        _period(),
        one_of("kind", BudgetCodeKind),
        CheckConstraint("code ~ '^[0-9]{3,7}$'", name="digits"),
        Index(None, "code", "kind"),
    )

    kind: Mapped[str]
    code: Mapped[str]
    name_vi: Mapped[str]


class Procedure(Dated, Base):
    """An administrative procedure. `national_code` leads from a local code to the national one; empty on the national.

    Without `has_state_fee` it asks for no phí or lệ phí: what is paid is for the service of somebody else, such as EVN.
    """

    __tablename__ = "procedure"
    __table_args__ = (
        _period(),
        one_of("collection_mode", CollectionMode),
        one_of("collection_timing", CollectionTiming),
        CheckConstraint("code ~ '^[123][.][0-9]{6}([.][0-9A-Z.]{1,30})?$'", name="code_form"),
        Index(None, "code"),
        Index(None, "online_service_code"),
    )

    code: Mapped[str]
    national_code: Mapped[str | None]
    online_service_code: Mapped[str | None]
    agency_code: Mapped[str | None]
    name_vi: Mapped[str]
    collection_mode: Mapped[str]
    collection_timing: Mapped[str]
    has_state_fee: Mapped[bool] = mapped_column(server_default=text("true"))


class Tariff(Dated, Base):
    """One price of one item of a procedure; an empty payer class, channel or agency means: for every one.

    `rate` and `discount` are fractions such as 1/10; an exemption is the discount 1/1.
    """

    __tablename__ = "tariff"
    __table_args__ = (
        _period(),
        one_of("type", TariffType),
        one_of("basis", TariffBasis),
        one_of("rounding_mode", RoundingName),
        CheckConstraint("(basis = 'percent') = (rate IS NOT NULL)", name="rate_for_percent"),
        CheckConstraint("(basis = 'percent') = (amount IS NULL)", name="amount_unless_percent"),
        CheckConstraint(
            f"amount BETWEEN 0 AND {AMOUNT_LIMIT} AND least BETWEEN 0 AND {AMOUNT_LIMIT} "
            f"AND most BETWEEN coalesce(least, 0) AND {AMOUNT_LIMIT} AND rounding_unit BETWEEN 1 AND 1000000",
            name="figures",
        ),
        CheckConstraint(f"rate ~ {FRACTION} AND discount ~ {FRACTION}", name="fractions"),
        Index(None, "procedure_code", "item_code"),
    )

    procedure_code: Mapped[str]
    item_code: Mapped[str]
    name_vi: Mapped[str]
    type: Mapped[str]
    basis: Mapped[str]
    amount: Mapped[int | None] = mapped_column(BigInteger)
    rate: Mapped[str | None]
    least: Mapped[int | None] = mapped_column(BigInteger)
    most: Mapped[int | None] = mapped_column(BigInteger)
    discount: Mapped[str]
    payer_class: Mapped[str | None]
    channel: Mapped[str | None]
    agency_code: Mapped[str | None]
    is_optional: Mapped[bool]
    rounding_mode: Mapped[str]
    rounding_unit: Mapped[int]


class ServiceAccountRow(Dated, Base):
    """Where the money of an agency, a procedure, an item goes; an empty one means: every one."""

    __tablename__ = "service_account"
    __table_args__ = (_period(), Index(None, "agency_code"), Index(None, "procedure_code"))

    agency_code: Mapped[str | None]
    procedure_code: Mapped[str | None]
    item_code: Mapped[str | None]
    beneficiary_account: Mapped[str]
    chapter: Mapped[str | None]
    sub_item: Mapped[str | None]
    locality: Mapped[str | None]
    collecting_agency: Mapped[str | None]


class LegalParameter(Dated, Base):
    """A rule of law as data: terms, rates, thresholds. The feature that reads a kind checks its value."""

    __tablename__ = "legal_parameter"
    __table_args__ = (
        _period(),
        CheckConstraint(
            "kind ~ '^[a-z][a-z0-9_]{1,59}$' AND code ~ '^[a-z0-9][a-z0-9_-]{0,59}$'", name="names"
        ),
        CheckConstraint("jsonb_typeof(value) = 'object'", name="value_is_object"),
        Index(None, "kind"),
    )

    kind: Mapped[str]
    code: Mapped[str]
    value: Mapped[dict[str, Any]] = mapped_column(JSONB)
