"""Reads dated reference data as frozen values; each carries its legal basis. Called by features above, in their transaction.

Always from the tables, never from memory: a row that an approved change added holds from its first day without a restart.
"""

from dataclasses import dataclass
from datetime import date

from payclear.catalogue import queries
from payclear.catalogue.parameters import ParameterRecord
from payclear.db.uow import UnitOfWork

__all__ = (
    "ParameterRecord",
    "ProcedureRecord",
    "ServiceAccount",
    "TariffRecord",
    "agency_path",
    "parameters",
    "procedure_records",
    "service_accounts",
    "tariff_records",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureRecord:
    """A procedure in one period. `national_code` is its own code when it is a national one: tariffs are kept under it."""

    id: str
    code: str
    national_code: str
    online_service_code: str | None
    agency_code: str | None
    name_vi: str
    collection_mode: str
    collection_timing: str
    has_state_fee: bool
    valid_from: date
    valid_to: date | None
    legal_basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffRecord:
    """One price in one period. Amounts are whole đồng; `rate` and `discount` are fractions such as 1/10."""

    id: str
    procedure_code: str
    item_code: str
    name_vi: str
    type: str
    basis: str
    amount: int | None
    rate: str | None
    least: int | None
    most: int | None
    discount: str
    payer_class: str | None
    channel: str | None
    agency_code: str | None
    is_optional: bool
    rounding_mode: str
    rounding_unit: int
    valid_from: date
    valid_to: date | None
    legal_basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """Where money goes; a budget code that does not apply is empty."""

    account: str
    chapter: str
    sub_item: str
    locality: str
    collecting_agency: str


def procedure_records(uow: UnitOfWork, code: str) -> list[ProcedureRecord]:
    """Every period of a procedure by its national, local or online service code, oldest first; none is an empty list."""
    return uow.rows(ProcedureRecord, queries.PROCEDURES, {"code": code})


def tariff_records(uow: UnitOfWork, procedure_code: str) -> list[TariffRecord]:
    """Every price there ever was for a procedure by its national code, oldest first."""
    return uow.rows(TariffRecord, queries.TARIFFS, {"procedure_code": procedure_code})


def agency_path(uow: UnitOfWork, agency_code: str, on: date) -> tuple[str, ...]:
    """The agency and those it stands below on a day, the nearest first."""
    return tuple(row[0] for row in uow.run(queries.AGENCY_PATH, {"agency_code": agency_code, "on": on}))


def service_accounts(
    uow: UnitOfWork, *, agency_code: str, procedure_code: str | None, on: date
) -> dict[str, ServiceAccount]:
    """Where the money of each item goes on a day, by item code; under "" stands what holds for every other item.

    The nearest agency of the path wins, and at the same agency the row of the procedure before the general one.
    """
    path = agency_path(uow, agency_code, on)
    found: dict[str, ServiceAccount] = {}
    rows = uow.run(queries.SERVICE_ACCOUNTS, {"path": list(path), "procedure_code": procedure_code, "on": on})
    for item_code, account, chapter, sub_item, locality, collecting_agency in rows:
        found.setdefault(
            item_code,
            ServiceAccount(
                account=account,
                chapter=chapter,
                sub_item=sub_item,
                locality=locality,
                collecting_agency=collecting_agency,
            ),
        )
    return found


def parameters(uow: UnitOfWork, kind: str) -> list[ParameterRecord]:
    """Every legal parameter of a kind, of every day, by code and first day."""
    return uow.rows(ParameterRecord, queries.PARAMETERS, {"kind": kind})
