"""The tables that changes by maker and checker may touch: their keys, what they refer to, what may begin in the past.

Called by `formats`, `differences` and `changes`. A row is a plain dict of its columns as JSON keeps them: days are ISO text.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import Any

from sqlalchemy import Boolean, Column, Date, Integer, Time
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from payclear.catalogue.domain import BudgetCodeKind
from payclear.catalogue.files import ABSENT
from payclear.catalogue.models import (
    Agency,
    AgencyPlace,
    BeneficiaryAccount,
    BudgetCode,
    CalendarDay,
    LegalParameter,
    Procedure,
    RoutingRule,
    ServiceAccountRow,
    ServiceFeeProgramme,
    Tariff,
    TreasuryUnit,
)
from payclear.catalogue.parameters import ParameterRecord, problem_of
from payclear.db.base import AMOUNT_LIMIT, Base

Row = dict[str, Any]


class Past(StrEnum):
    """Whether a new row may begin on a day that has passed, or today."""

    FREE = "free"  # names and codes: no figure depends on them
    NEW_CASE = "new_case"  # only where nothing was there before: no figure of a past day changes
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A column that names a row of another table by its code; `where` are words that the row must have."""

    column: str
    table: str
    where: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """One table. `identity` names a row; periods of one `natural_key` never overlap; `case` is for Past.NEW_CASE."""

    model: type[Base]
    identity: tuple[str, ...] = ("id",)
    natural_key: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    past: Past = Past.FREE
    case: tuple[str, ...] = ()
    is_dated: bool = True
    check: Callable[[Row], str] = lambda _row: ""

    @property
    def name(self) -> str:
        """The table's name in the database and in files."""
        return self.model.__tablename__

    @cached_property
    def columns(self) -> dict[str, "Column[Any]"]:
        """Every column, what names the row first."""
        every: dict[str, Any] = {column.key: column for column in self.model.__table__.columns}
        first = [*self.identity, *self.natural_key]
        last = ["valid_from", "valid_to", "predecessor", "legal_basis"]
        middle = [name for name in every if name not in (*first, *last)]
        return {name: every[name] for name in dict.fromkeys([*first, *middle, *last]) if name in every}

    def id_of(self, row: Row) -> str:
        """What names a row: its id, or the columns that do."""
        return "@".join(str(row[name]) for name in self.identity)


def type_of(column: "Column[Any]") -> type:
    """The kind of value a column holds: str, int, bool, date, time, list or dict."""
    kinds: tuple[tuple[type, type], ...] = (
        (ARRAY, list),
        (JSONB, dict),
        (Date, date),
        (Time, time),
        (Boolean, bool),
        (Integer, int),
    )
    return next((python for sql, python in kinds if isinstance(column.type, sql)), str)


def absent(column: "Column[Any]") -> Any:
    """What a column is when a file does not name it; KeyError when it must."""
    return None if column.nullable else ABSENT[column.key]


def _tariff_problem(row: Row) -> str:
    try:
        discount = Fraction(row["discount"])
        Fraction(row["rate"] or 0)
    except (ValueError, ZeroDivisionError):
        return "not_a_fraction"
    least, most = row["least"] or 0, AMOUNT_LIMIT if row["most"] is None else row["most"]
    problems = {
        "discount_range": not 0 <= discount <= 1,
        "percent_by_rate": row["basis"] == "percent" and (row["rate"] is None or row["amount"] is not None),
        "price_by_amount": row["basis"] != "percent" and (row["amount"] is None or row["rate"] is not None),
        "amount_range": min(row["amount"] or 0, least) < 0 or (row["amount"] or 0) > AMOUNT_LIMIT,
        "bounds_crossed": least > most,
        "rounding_unit": row["rounding_unit"] < 1,
    }
    return next((problem for problem, is_so in problems.items() if is_so), "")


def _parameter_problem(row: Row) -> str:
    to = row["valid_to"]
    return problem_of(
        ParameterRecord(
            id=row["id"],
            kind=row["kind"],
            code=row["code"],
            valid_from=date.fromisoformat(row["valid_from"]),
            valid_to=None if to is None else date.fromisoformat(to),
            legal_basis=row["legal_basis"],
            value=row["value"],
        )
    )


def _budget(column: str, kind: BudgetCodeKind) -> Reference:
    return Reference(column=column, table="budget_code", where={"kind": kind.value})


_AGENCY = Reference(column="agency_code", table="agency")

# In the order in which rows must be there before others can name them.
TABLES: dict[str, TableSpec] = {
    spec.name: spec
    for spec in (
        TableSpec(model=Agency, identity=("code",)),
        TableSpec(
            model=AgencyPlace,
            natural_key=("agency_code",),
            references=(_AGENCY, Reference(column="parent_code", table="agency")),
            past=Past.NEW_CASE,
            case=("agency_code",),
        ),
        TableSpec(model=TreasuryUnit, natural_key=("code",)),
        TableSpec(
            model=BeneficiaryAccount,
            identity=("code",),
            references=(_AGENCY, Reference(column="treasury_unit", table="treasury_unit")),
        ),
        TableSpec(model=BudgetCode, natural_key=("kind", "code")),
        TableSpec(
            model=Procedure,
            natural_key=("code",),
            references=(_AGENCY, Reference(column="national_code", table="procedure")),
            past=Past.NEW_CASE,
            case=("code",),
        ),
        TableSpec(
            model=Tariff,
            natural_key=("procedure_code", "item_code", "payer_class", "channel", "agency_code"),
            references=(_AGENCY, Reference(column="procedure_code", table="procedure")),
            past=Past.NEW_CASE,
            case=("procedure_code",),
            check=_tariff_problem,
        ),
        TableSpec(
            model=ServiceAccountRow,
            natural_key=("agency_code", "procedure_code", "item_code"),
            references=(
                _AGENCY,
                Reference(column="procedure_code", table="procedure"),
                Reference(column="beneficiary_account", table="beneficiary_account"),
                _budget("chapter", BudgetCodeKind.CHAPTER),
                _budget("sub_item", BudgetCodeKind.SUB_ITEM),
                _budget("locality", BudgetCodeKind.LOCALITY),
                _budget("collecting_agency", BudgetCodeKind.COLLECTING_AGENCY),
            ),
            past=Past.NEVER,
        ),
        TableSpec(
            model=LegalParameter,
            natural_key=("kind", "code"),
            past=Past.NEW_CASE,
            case=("kind",),
            check=_parameter_problem,
        ),
        TableSpec(model=CalendarDay, identity=("institution", "on_date"), past=Past.NEVER, is_dated=False),
        TableSpec(
            model=RoutingRule,
            identity=("code", "valid_from"),
            references=(_AGENCY, Reference(column="procedure_code", table="procedure")),
            past=Past.NEVER,
        ),
        TableSpec(
            model=ServiceFeeProgramme,
            identity=("code", "valid_from"),
            references=(_AGENCY,),
            past=Past.NEVER,
        ),
    )
}
