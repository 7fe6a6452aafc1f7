"""Insurance contributions: what is asked of their notice, and what each person pays on a day by the rules of that day.

The state's share is told with the quote and kept with the order; it is nobody's debt and never a line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from uuid import UUID

from payclear.catalogue.reading import service_accounts
from payclear.catalogue.service import require_accounts
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import at_vietnam
from payclear.kernel.errors import PayclearError
from payclear.kernel.money import Money
from payclear.obligations.domain import (
    Line,
    LineType,
    ObligationKind,
    ObligorField,
    Quote,
    normalise_document_no,
)
from payclear.obligations.insurance import queries as queries
from payclear.obligations.insurance.parameters import (
    change_days,
    household_book,
    last_day_of_quotes,
    voluntary_book,
)
from payclear.obligations.insurance.records import (
    ContributionAccountMissing,
    ContributionDocument,
    ContributionRow,
    CoverRow,
    MemberRow,
    MonthsInAnotherNotice,
    SealedPeople,
)
from payclear.obligations.obligors import ObligorFacts, field_index_of, insert_rows, obligor_rows
from payclear.obligations.records import ObligationView, RegisterObligation
from payclear.obligations.rules.dated import add_months
from payclear.obligations.rules.insurance import (
    Contribution,
    InvalidContribution,
    Member,
    VoluntaryChoice,
    household_contribution,
    voluntary_contribution,
)
from payclear.security.blind_index import BlindIndex
from payclear.security.sealed import Sealer

CURRENCY = "VND"
KINDS = frozenset({ObligationKind.HOUSEHOLD_HEALTH_INSURANCE, ObligationKind.VOLUNTARY_SOCIAL_INSURANCE})
_DAY = timedelta(days=1)
_NAMES = {
    ObligationKind.HOUSEHOLD_HEALTH_INSURANCE: "BHYT hộ gia đình, người thứ {place}, {months} tháng",
    ObligationKind.VOLUNTARY_SOCIAL_INSURANCE: "BHXH tự nguyện, {months} tháng",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    """A member with the last day that is paid for, by the portal's word and by our own books."""

    place: int
    ref: str
    categories: tuple[str, ...]
    covered_through: date | None
    months_supported: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a notice asks to be priced."""

    kind: ObligationKind
    from_on: date
    months: int
    income: Money | None
    people: tuple[_Person, ...]


def prepared(command: RegisterObligation, *, sealer: Sealer, index: BlindIndex) -> RegisterObligation:
    """The command with its people sealed, each under a key of their own and found again by the insurance code only."""
    document = _document(command)
    people = [(ObligorFacts(name=each.ref, insurance_code=each.code), "") for each in document.members]
    sealed = SealedPeople(
        rows=obligor_rows(people, sealer=sealer, index=index),
        code_indexes=tuple(
            field_index_of(index, ObligorField.INSURANCE_CODE, each.code) for each in document.members
        ),
    )
    return replace(command, document=replace(document, people=sealed))


def check(uow: UnitOfWork, command: RegisterObligation, today: date) -> tuple[str, date]:
    """The notice's number and date; raises InvalidContribution for a household or period that can not be."""
    document = _document(command)
    if not normalise_document_no(document.notice_no):
        raise InvalidContribution("the number of the notice is empty", reason="notice_no")
    codes = [member.code for member in document.members]
    if len(set(codes)) != len(codes):
        raise InvalidContribution("two members have one insurance code", reason="repeated_member")
    refs = [member.ref for member in document.members]
    if len(set(refs)) != len(refs):
        raise InvalidContribution("a member is named twice", reason="repeated_member")
    if command.lines:
        raise InvalidContribution("a contribution is computed here, not stated", reason="lines")
    return document.notice_no.strip(), document.issued_on


def with_lines(uow: UnitOfWork, command: RegisterObligation, today: date) -> RegisterObligation:
    """The command with what is to be paid by the rules of today.

    Raises InvalidContribution, RuleNotInForce, ContributionAccountMissing.
    """
    document = _document(command)
    asked = _Asked(
        kind=document.kind,
        from_on=document.from_on,
        months=document.months,
        income=document.income,
        people=tuple(
            _Person(
                place=member.place,
                ref=member.ref,
                categories=member.categories,
                covered_through=member.covered_through,
                months_supported=member.months_supported,
            )
            for member in document.members
        ),
    )
    contribution = _contribution_on(uow, asked)[0](today)
    lines = _lines(uow, document.kind, command.agency_code, contribution)
    require_accounts(uow, [line.beneficiary_account for line in lines], today)
    return replace(command, lines=lines)


def insert_document(uow: UnitOfWork, obligation_id: UUID, command: RegisterObligation) -> None:
    """Write the notice and its people; raises MonthsInAnotherNotice."""
    document = _document(command)
    assert document.people is not None, "the people were sealed before"
    income = document.income.amount if document.income else None
    to_on = add_months(document.from_on, document.months) - _DAY
    uow.run(queries.INSERT_NOTICE, (obligation_id, document.from_on, to_on, document.months, income))
    insert_rows(uow, document.people.rows)
    members = document.members
    uow.run(
        queries.INSERT_MEMBERS,
        (
            obligation_id,
            [member.place for member in members],
            [member.ref for member in members],
            list(document.people.rows.ids),
            [",".join(member.categories) for member in members],
            [member.covered_through for member in members],
            [member.months_supported for member in members],
        ),
    )
    require_months_free(uow, [obligation_id])


def says_the_same(uow: UnitOfWork, existing: ObligationView, command: RegisterObligation) -> bool:
    """Whether the same months of the same people are registered under the notice."""
    document = _document(command)
    assert document.people is not None, "the people were sealed before"
    notice, members = _kept(uow, existing.id)
    asked = (document.issued_on, document.from_on, document.months, document.income)
    income = Money(notice.income, CURRENCY) if notice.income is not None else None
    if asked != (existing.document_on, notice.from_on, notice.months, income):
        return False
    told = {
        (m.place, m.ref, m.categories, m.covered_through, m.months_supported): code
        for m, code in zip(document.members, document.people.code_indexes, strict=True)
    }
    kept = {
        (m.place, m.ref, tuple(m.categories), m.covered_through, m.months_supported): m.code_index
        for m in members
    }
    return told.keys() == kept.keys() and all(kept[key] in (None, code) for key, code in told.items())


def quote(uow: UnitOfWork, obligation: ObligationView, *, for_date: date) -> Quote:
    """What is paid on a day, with who pays what and the last day on which the same results.

    Raises InvalidContribution (also when nothing is left to be paid), RuleNotInForce, ContributionAccountMissing.
    """
    on_day, days = _contribution_on(uow, _asked(uow, obligation, for_date))
    contribution = on_day(for_date)
    return Quote(
        for_date=for_date,
        lines=_lines(uow, obligation.kind, obligation.agency_code, contribution),
        late_days=0,
        surcharge=Money.zero(CURRENCY),
        depends_on_day=False,
        legal_basis="; ".join(
            dict.fromkeys(basis for line in contribution.lines for basis in line.legal_basis)
        ),
        holds_through=_holds_through(contribution, on_day, days, limit=last_day_of_quotes(uow, for_date)),
        contribution=contribution,
    )


def require_months_free(uow: UnitOfWork, obligation_ids: Sequence[UUID]) -> None:
    """Raise MonthsInAnotherNotice when a month of a person stands in two notices that are still to be paid.

    Holds the people until the transaction ends, so that two who ask at one moment see each other.
    """
    ids = list(obligation_ids)
    uow.run(queries.LOCK_PEOPLE, (ids,))
    twice = uow.run(queries.ASKED_TWICE, (ids,)).fetchone()
    if twice is not None:
        raise MonthsInAnotherNotice("another notice to be paid asks for these months", ref=twice[0])


def _asked(uow: UnitOfWork, obligation: ObligationView, for_date: date) -> _Asked:
    notice, members = _kept(uow, obligation.id)
    until = at_vietnam(for_date + _DAY, time.min)
    values = {
        "obligation_id": obligation.id,
        "from_on": notice.from_on,
        "to_on": notice.to_on,
        "until": until,
    }
    covers = uow.rows(CoverRow, queries.COVERS, values)
    return _Asked(
        kind=obligation.kind,
        from_on=notice.from_on,
        months=notice.months,
        income=Money(notice.income, CURRENCY) if notice.income is not None else None,
        people=tuple(
            _Person(
                place=member.place,
                ref=member.ref,
                categories=tuple(member.categories),
                covered_through=_covered_through(member, covers, from_on=notice.from_on),
                months_supported=member.months_supported,
            )
            for member in members
        ),
    )


def _covered_through(member: MemberRow, covers: Sequence[CoverRow], *, from_on: date) -> date | None:
    """The last day paid for without a gap; days in the midst that are paid for make the period impossible."""
    covered = member.covered_through
    for cover in (each for each in covers if each.code_index == member.code_index):
        last = max(covered, from_on - _DAY) if covered is not None else from_on - _DAY
        if cover.from_on > last + _DAY:
            raise InvalidContribution(
                "months in the midst are paid for",
                reason="overlaps",
                begin_on=(cover.to_on + _DAY).isoformat(),
            )
        covered = max(last, cover.to_on)
    return covered


def _contribution_on(uow: UnitOfWork, asked: _Asked) -> tuple[Callable[[date], Contribution], list[date]]:
    """What is paid as a function of the day, by every rule the catalogue has, and the days on which a rule changes."""
    if asked.kind is ObligationKind.HOUSEHOLD_HEALTH_INSURANCE:
        household = household_book(uow)
        members = tuple(
            Member(
                ref=person.ref,
                order=person.place,
                covered_through=person.covered_through,
                category=person.categories[0] if person.categories else None,
            )
            for person in asked.people
        )

        def of_household(on: date) -> Contribution:
            return household_contribution(
                members,
                from_on=asked.from_on,
                months=asked.months,
                paid_on=on,
                levels=household.levels,
                rules=household.rules,
                supports=household.supports,
            )

        return of_household, change_days(household)
    voluntary = voluntary_book(uow)
    (person,) = asked.people
    assert asked.income is not None, "voluntary insurance has a chosen income"
    choice = VoluntaryChoice(
        ref=person.ref,
        income=asked.income,
        from_on=asked.from_on,
        months=asked.months,
        categories=frozenset(person.categories),
        months_supported=person.months_supported,
        covered_through=person.covered_through,
    )

    def of_person(on: date) -> Contribution:
        return voluntary_contribution(
            choice,
            paid_on=on,
            levels=voluntary.levels,
            rules=voluntary.rules,
            supports=voluntary.supports,
        )

    return of_person, change_days(voluntary)


def _holds_through(
    contribution: Contribution,
    on_day: Callable[[date], Contribution],
    days: Sequence[date],
    *,
    limit: date | None,
) -> date | None:
    if contribution.last_day is not None:
        limit = min(limit or contribution.last_day, contribution.last_day)
    for day in days:
        if day <= contribution.paid_on:
            continue
        if limit is not None and day > limit:
            break
        try:
            same = on_day(day).lines == contribution.lines
        except PayclearError:
            same = False
        if not same:
            return day - _DAY
    return limit


def _lines(
    uow: UnitOfWork, kind: ObligationKind, agency_code: str, contribution: Contribution
) -> tuple[Line, ...]:
    if not contribution.own.is_positive:
        raise InvalidContribution("nothing is to be paid", reason="nothing_to_pay")
    accounts = service_accounts(uow, agency_code=agency_code, procedure_code=None, on=contribution.paid_on)
    account = accounts.get(kind) or accounts.get(LineType.INSURANCE) or accounts.get("")
    # An agency that is no insurance office may have an account for everything: not for this money.
    if account is None or not uow.run(queries.INSURANCE_ACCOUNT, (account.account,)).fetchone():
        raise ContributionAccountMissing("no account of this office on this day", agency_code=agency_code)
    return tuple(
        Line(
            type=LineType.INSURANCE,
            name_vi=_NAMES[kind].format(place=place, months=line.months),
            amount=line.own,
            beneficiary_account=account.account,
            chapter=account.chapter,
            sub_item=account.sub_item,
        )
        for place, line in enumerate(contribution.lines, start=1)
        if line.own.is_positive
    )


def _kept(uow: UnitOfWork, obligation_id: UUID) -> tuple[ContributionRow, list[MemberRow]]:
    (notice,) = uow.rows(ContributionRow, queries.NOTICE, (obligation_id,))
    return notice, uow.rows(MemberRow, queries.MEMBERS, (obligation_id,))


def _document(command: RegisterObligation) -> ContributionDocument:
    assert isinstance(command.document, ContributionDocument)
    return command.document
