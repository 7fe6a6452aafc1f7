"""Reads reference data from TOML files and puts it into the catalogue; the same file again changes nothing."""

import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from payclear.catalogue.models import (
    Agency,
    BeneficiaryAccount,
    CalendarDay,
    Rate,
    RoutingRule,
    ServiceFeeProgramme,
)
from payclear.db.base import Base
from payclear.db.uow import UnitOfWork
from payclear.kernel.problems import OperatorProblem

_TABLES: dict[str, type[Base]] = {
    "agency": Agency,
    "beneficiary_account": BeneficiaryAccount,
    "rate": Rate,
    "calendar_day": CalendarDay,
    "routing_rule": RoutingRule,
    "service_fee_programme": ServiceFeeProgramme,
}
_ABSENT = {"institution": "", "fixed": 0, "per_million": 0, "vat_inclusive": True, "vat_per_mille": 0}


class CatalogueRefused(OperatorProblem):
    """A catalogue file can not be used; a plain sentence."""


def load_catalogue(uow: UnitOfWork, path: Path) -> int:
    """Insert or update every row of a file; returns how many rows it names. Raises CatalogueRefused."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CatalogueRefused(f"The catalogue file {path} can not be read: {error}.") from error
    rows = [*_rows(path, data), *_spread(data.get("calendar_range", []))]
    try:
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
    absent |= {name: default for name, default in _ABSENT.items() if name in columns}
    unknown = set(value) - set(columns)
    missing = set(columns) - set(value) - set(absent)
    if unknown or missing:
        wrong = ", ".join(sorted(unknown | missing))
        raise CatalogueRefused(
            f"The catalogue file {path} has a row of {model.__tablename__} wrong in: {wrong}."
        )
    return model(**absent | value)


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
