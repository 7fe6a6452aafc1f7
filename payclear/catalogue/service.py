"""Answers what an agency, an account, a rule of routing or a calendar was on a day."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from payclear.catalogue import queries
from payclear.catalogue.domain import (
    BudgetCodeKind,
    DayCondition,
    FeeBearer,
    FeeProgramme,
    Method,
    Rule,
    RuleEffect,
)
from payclear.catalogue.models import BeneficiaryKind, DayKind
from payclear.db.uow import UnitOfWork
from payclear.kernel.calendar import BusinessCalendar
from payclear.kernel.errors import InvalidInput


class UnknownAgency(InvalidInput):
    """The agency is not in the catalogue on this day."""

    code = "unknown_agency"


class UnknownBudgetCode(InvalidInput):
    """A code of the state budget is not in the catalogue on this day."""

    code = "unknown_budget_code"


class UnknownBeneficiaryAccount(InvalidInput):
    """A beneficiary account is not in the catalogue on this day."""

    code = "unknown_beneficiary_account"


class BeneficiaryAccountRefused(InvalidInput):
    """This money may not go to this account: it is another agency's, or the state's and the money is not; `reason` says."""

    code = "beneficiary_account_refused"


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


def require_accounts_of(
    uow: UnitOfWork, agency_code: str, codes: Sequence[str], on: date, *, is_state_money: bool
) -> None:
    """Raise UnknownBeneficiaryAccount or BeneficiaryAccountRefused unless this money of an agency may go to every account.

    An account is the agency's own, or of one above it, or a `service_account` row names it for one of them on the day.
    The state's money never goes to a non-state account, money of somebody else never to another.
    """
    values = {"agency_code": agency_code, "codes": list(codes), "on": on}
    found = {code: (kind, is_ours) for code, kind, is_ours in uow.run(queries.ACCOUNTS_OF, values)}
    for code in codes:
        if code not in found:
            raise UnknownBeneficiaryAccount("no such account on this day", beneficiary_account=code[:40])
        kind, is_ours = found[code]
        reason = "" if is_ours else "another_agency"
        if (kind == BeneficiaryKind.NON_STATE) == is_state_money:
            reason = "not_of_the_state" if is_state_money else "state_account"
        if reason:
            raise BeneficiaryAccountRefused(
                "not for this money", beneficiary_account=code, agency_code=agency_code[:40], reason=reason
            )


def require_budget_codes(uow: UnitOfWork, codes: Sequence[tuple[BudgetCodeKind, str]], on: date) -> None:
    """Raise UnknownBudgetCode unless every code of its kind is in the catalogue on the day."""
    kinds, values = [kind for kind, _ in codes], [code for _, code in codes]
    missing = uow.run(queries.MISSING_BUDGET_CODES, (kinds, values, on, on)).fetchone()
    if missing:
        raise UnknownBudgetCode(
            "no such budget code on this day", kind=missing[0], budget_code=missing[1][:10]
        )


@dataclass(frozen=True, slots=True)
class Beneficiary:
    """An account that money must reach; empty where the catalogue does not know."""

    name_vi: str
    account_no: str
    bank_bin: str
    treasury_unit: str


def beneficiary_of(uow: UnitOfWork, code: str) -> Beneficiary:
    """A beneficiary account by its code; raises UnknownBeneficiaryAccount."""
    row = uow.run(queries.BENEFICIARY, (code,)).fetchone()
    if row is None:
        raise UnknownBeneficiaryAccount("no such account", beneficiary_account=code[:40])
    return Beneficiary(row[0], row[1], row[2] or "", row[3] or "")


def agency_names(uow: UnitOfWork, codes: Sequence[str], *, on: date) -> dict[str, tuple[str, str]]:
    """What agencies are called on a day, in Vietnamese and English, by code."""
    named = uow.run(queries.AGENCY_NAMES, {"codes": list(codes), "named_on": on})
    return {code: (vi, en) for code, vi, en in named}


def routing_rules(uow: UnitOfWork, on: date | None = None) -> list[Rule]:
    """Every routing rule, or those in force on a day; the lowest rank first."""
    rows = uow.rows(Rule, queries.RULES_ON, {"on": on}) if on else uow.rows(Rule, queries.RULES)
    return [_rule(row) for row in rows]


def fee_programmes(uow: UnitOfWork, on: date | None = None) -> list[FeeProgramme]:
    """Every service fee programme, or those in force on a day."""
    rows = (
        uow.rows(FeeProgramme, queries.PROGRAMMES_ON, {"on": on})
        if on
        else uow.rows(FeeProgramme, queries.PROGRAMMES)
    )
    return [replace(row, borne_by=FeeBearer(row.borne_by)) for row in rows]


def agency_codes(uow: UnitOfWork) -> list[str]:
    """The codes of every agency there ever was."""
    return [row[0] for row in uow.run(queries.AGENCY_CODES)]


def procedure_codes(uow: UnitOfWork) -> dict[str, str]:
    """The national code behind every code there ever was of a procedure or its online service."""
    return dict(uow.run(queries.PROCEDURE_CODES).fetchall())


def is_business_day_for(uow: UnitOfWork, institutions: Sequence[str], on: date) -> dict[str, bool]:
    """Whether a day is a business day of each institution: its own calendar before everybody's."""
    days = {owner: (kind, name) for owner, kind, name in uow.run(queries.DAYS_ON, (on,))}
    answers = {}
    for institution in institutions:
        kind, name = days.get(institution) or days.get("") or ("", "")
        calendar = BusinessCalendar(
            holidays={on: name} if kind == DayKind.HOLIDAY else {},
            working_days={on: name} if kind == DayKind.WORKING_DAY else {},
        )
        answers[institution] = calendar.is_business_day(on)
    return answers


def _rule(row: Rule) -> Rule:
    """The words of a row as members of their enumerations."""
    return replace(
        row,
        effect=RuleEffect(row.effect),
        method=Method(row.method) if row.method else None,
        health=tuple(row.health) if row.health else None,
        day=DayCondition(row.day) if row.day else None,
    )
