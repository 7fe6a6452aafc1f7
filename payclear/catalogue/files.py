"""Reads reference data from TOML files and puts it into the catalogue; the same file again changes nothing.

For what the service is born with: the national rules, and the demonstration. Everything later is a change by two people.
"""

import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

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
from payclear.catalogue.queries import SET_TODAY
from payclear.db.base import Base
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.problems import OperatorProblem

_TABLES: dict[str, type[Base]] = {
    "agency": Agency,
    "agency_place": AgencyPlace,
    "treasury_unit": TreasuryUnit,
    "beneficiary_account": BeneficiaryAccount,
    "budget_code": BudgetCode,
    "procedure": Procedure,
    "tariff": Tariff,
    "service_account": ServiceAccountRow,
    "legal_parameter": LegalParameter,
    "calendar_day": CalendarDay,
    "routing_rule": RoutingRule,
    "service_fee_programme": ServiceFeeProgramme,
}
# What a column is when a file does not name it.
ABSENT: dict[str, Any] = {
    "institution": "",
    "fixed": 0,
    "per_million": 0,
    "vat_inclusive": True,
    "vat_per_mille": 0,
    "has_state_fee": True,
    "discount": "0/1",
    "is_optional": False,
    "rounding_mode": "half_up",
    "rounding_unit": 1,
}


class CatalogueRefused(OperatorProblem):
    """A catalogue file can not be used; a plain sentence."""


def load_catalogue(uow: UnitOfWork, path: Path) -> int:
    """Insert or update every row of a file; returns how many rows it names. Raises CatalogueRefused."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CatalogueRefused(f"The catalogue file {path} can not be read: {error}.") from error
    rows = [*_rows(path, data), *_spread(data.get("calendar_range", []))]
    _require_rules(path, rows)
    try:
        uow.run(SET_TODAY, (vietnam_date(uow.now).isoformat(),))
        for row in rows:
            uow.session.merge(row)
        uow.session.flush()
    except DBAPIError as error:
        # The figures of a fee programme may not change, and every CHECK of the tables holds.
        raise CatalogueRefused(
            f"The catalogue file {path} is refused by the database: {error.orig}."
        ) from error
    return len(rows)


def _rows(path: Path, data: dict[str, Any]) -> list[Base]:
    rows: list[Base] = []
    for name, values in data.items():
        if name == "calendar_range":
            continue
        model = _TABLES.get(name)
        if model is None:
            raise CatalogueRefused(f"The catalogue file {path} has a table {name} that is not known.")
        rows += [_row(path, model, value) for value in values]
    return rows


def _row(path: Path, model: type[Base], value: dict[str, Any]) -> Base:
    columns = {column.key: column for column in model.__mapper__.columns}
    absent: dict[str, Any] = {name: None for name, column in columns.items() if column.nullable}
    absent |= {name: default for name, default in ABSENT.items() if name in columns}
    unknown = set(value) - set(columns)
    missing = set(columns) - set(value) - set(absent)
    if unknown or missing:
        wrong = ", ".join(sorted(unknown | missing))
        raise CatalogueRefused(
            f"The catalogue file {path} has a row of {model.__tablename__} wrong in: {wrong}."
        )
    return model(**absent | value)


def _require_rules(path: Path, rows: list[Base]) -> None:
    for row in rows:
        if isinstance(row, LegalParameter):
            fields = ("id", "kind", "code", "valid_from", "valid_to", "legal_basis", "value")
            problem = problem_of(ParameterRecord(**{name: getattr(row, name) for name in fields}))
            if problem:
                raise CatalogueRefused(f"The catalogue file {path} is refused: {row.id}: {problem}.")


def _spread(ranges: list[dict[str, Any]]) -> list[Base]:
    days: list[Base] = []
    for value in ranges:
        on: date = value["from_date"]
        while on <= value["to_date"]:
            days.append(
                CalendarDay(
                    institution=value.get("institution", ""),
                    on_date=on,
                    kind=value["kind"],
                    name_vi=value["name_vi"],
                    legal_basis=value["legal_basis"],
                )
            )
            on += timedelta(days=1)
    return days
