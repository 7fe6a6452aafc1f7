"""Answers what a rate, an agency, an account or a calendar was on a day. Every answer carries its legal basis."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from payclear.catalogue import queries
from payclear.catalogue.models import DayKind
from payclear.db.uow import UnitOfWork
from payclear.kernel.calendar import BusinessCalendar
from payclear.kernel.errors import InvalidInput, Unavailable

LATE_SURCHARGE = "late_surcharge_per_day"


class RateNotInForce(Unavailable):
    """No rate of this name is in force on the day: our catalogue lacks it, the caller can only wait."""

    code = "rate_not_in_force"


class UnknownAgency(InvalidInput):
    """The agency is not in the catalogue on this day."""

    code = "unknown_agency"


class UnknownBeneficiaryAccount(InvalidInput):
    """A beneficiary account is not in the catalogue on this day."""

    code = "unknown_beneficiary_account"


@dataclass(frozen=True, slots=True)
class RateInForce:
    """A rate as an exact fraction, with the law it rests on."""

    value: Fraction
    legal_basis: str


def rate_on(uow: UnitOfWork, code: str, on: date) -> RateInForce:
    """The rate in force on a day; raises RateNotInForce."""
    row = uow.run(queries.RATE_ON, (code, on, on)).fetchone()
    if row is None:
        raise RateNotInForce("no such rate on this day", rate=code, on=on.isoformat())
    return RateInForce(Fraction(row[0], row[1]), row[2])


def business_calendar(uow: UnitOfWork, institution: str = "") -> BusinessCalendar:
    """The calendar of everybody with an institution's own overrides on top."""
    days: dict[date, tuple[str, str]] = {}
    rows = uow.run(queries.CALENDAR, (institution,)).fetchall()
    for on_date, kind, name, _owner in sorted(rows, key=lambda row: row[3]):
        days[on_date] = (kind, name)
    return BusinessCalendar(
        holidays={on: name for on, (kind, name) in days.items() if kind == DayKind.HOLIDAY},
        working_days={on: name for on, (kind, name) in days.items() if kind == DayKind.WORKING_DAY},
    )


def require_agency(uow: UnitOfWork, code: str, on: date) -> None:
    """Raise UnknownAgency unless the agency is in the catalogue on the day."""
    if uow.run(queries.AGENCY_ON, (code, on, on)).fetchone() is None:
        raise UnknownAgency("no such agency on this day", agency_code=code[:40])


def require_accounts(uow: UnitOfWork, codes: Sequence[str], on: date) -> None:
    """Raise UnknownBeneficiaryAccount unless every account is in the catalogue on the day."""
    missing = uow.run(queries.MISSING_ACCOUNTS, (list(codes), on, on)).fetchone()
    if missing:
        raise UnknownBeneficiaryAccount("no such account on this day", beneficiary_account=missing[0][:40])


def agency_names(uow: UnitOfWork, codes: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Vietnamese and English names of agencies by code."""
    return {code: (vi, en) for code, vi, en in uow.run(queries.AGENCY_NAMES, (list(codes),))}
