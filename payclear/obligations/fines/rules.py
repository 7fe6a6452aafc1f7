"""Traffic fines: what is asked of their decision, and what is due on a day with the surcharge of late payment."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import takewhile
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.kernel.errors import InvalidInput
from payclear.kernel.money import Money, sum_money
from payclear.obligations.destinations import require_destinations
from payclear.obligations.domain import (
    InvalidDecision,
    Line,
    LineType,
    Quote,
    normalise_document_no,
)
from payclear.obligations.fines import queries as fine_queries
from payclear.obligations.fines.domain import SURCHARGE_LINE_NAME_VI
from payclear.obligations.fines.history import VersionRow, history_of
from payclear.obligations.fines.parameters import surcharge_rules, term_rules
from payclear.obligations.obligors import require_nobody_in
from payclear.obligations.records import FineDocument, ObligationView, RegisterObligation
from payclear.obligations.rules.corrections import VersionKind
from payclear.obligations.rules.fines import Service, due_on, quote_fine
from payclear.obligations.rules.instalments import InstalmentNotPayable, require_payable


def check(uow: UnitOfWork, command: RegisterObligation, today: date) -> tuple[str, date]:
    """The decision's number and date; raises InvalidInput, InvalidDecision, PersonalDataInText."""
    document = _document(command)
    if any(line.type is not LineType.FINE for line in command.lines):
        raise InvalidInput("a fine has lines of type fine only", field="lines")
    if not all(line.amount.is_positive for line in command.lines):
        raise InvalidInput("a fine asks for money", field="lines")
    if not normalise_document_no(document.decision_no):
        raise InvalidInput("the decision number is empty", field="decision_no")
    require_nobody_in(command.obligor, [document.decision_no, document.violation_record_no or ""])
    if document.served_on is not None and document.served_on > today:
        raise InvalidDecision("a decision can not be served in the future", field="document.served_on")
    if document.violation_on is not None and document.violation_on > document.decided_on:
        raise InvalidDecision("a violation comes before its decision", field="document.violation_record.on")
    if document.decided_on <= today:
        _due_on(uow, document)
    return document.decision_no.strip(), document.decided_on


def require_lines(uow: UnitOfWork, command: RegisterObligation, today: date) -> None:
    """Raise what `require_destinations` raises unless the fine, and money that comes late, may go where the command says."""
    late = _late_line(_late_place(_document(command)), Money.zero())
    require_destinations(uow, command.agency_code, [*command.lines, late], today)


def insert_document(uow: UnitOfWork, obligation_id: UUID, command: RegisterObligation) -> None:
    """Write the decision, its first version and the papers that are withheld."""
    document = _document(command)
    uow.run(
        fine_queries.INSERT_FINE,
        {
            "id": obligation_id,
            "decision_no": document.decision_no,
            "document_key": normalise_document_no(document.decision_no),
            "decided_on": document.decided_on,
            "served_on": document.served_on,
            "served_method": document.served_method,
            "due_on": _due_on(uow, document),
            "account": document.surcharge_beneficiary_account,
            "chapter": document.surcharge_chapter,
            "sub_item": document.surcharge_sub_item,
            "written_term_days": document.written_term_days,
            "issuer_rank": document.issuer_rank,
            "violation_record_no": document.violation_record_no,
            "violation_on": document.violation_on,
            "papers": list(document.withheld_papers),
            "amount": sum_money(
                (line.amount for line in command.lines), command.lines[0].amount.currency
            ).amount,
            "at": uow.now,
            "by": command.portal_code,
        },
    )


def says_the_same(uow: UnitOfWork, existing: ObligationView, command: RegisterObligation) -> bool:
    """Whether the same fine is registered for the decision, whatever happened to it since."""
    document = _document(command)
    first, *later = history_of(uow, existing).versions
    known = (existing.lines, existing.surcharge, first.decided_on, first.written_term_days)
    told = (command.lines, _late_place(document), document.decided_on, document.written_term_days)
    return known == told and _served_the_same(first, later, document)


def _served_the_same(first: VersionRow, later: Sequence[VersionRow], document: FineDocument) -> bool:
    """Whether the service is the known one, or the proof that was missing: it may come with a later upload."""
    if first.served_on is not None or document.served_on is None:
        return (first.served_on, first.served_method) == (document.served_on, document.served_method)
    proofs = [
        (each.served_on, each.served_method)
        for each in takewhile(lambda each: each.kind != VersionKind.REPLACED, later)
        if each.kind == VersionKind.SERVED
    ]
    return not proofs or proofs[0] == (document.served_on, document.served_method)


def quote(uow: UnitOfWork, obligation: ObligationView, *, for_date: date) -> Quote:
    """The fine and its surcharge on a day; raises RuleNotInForce."""
    return quote_as_of(uow, obligation, for_date=for_date, as_of=None)


def quote_as_of(
    uow: UnitOfWork, obligation: ObligationView, *, for_date: date, as_of: datetime | None
) -> Quote:
    """The quote of a day as it was given at an instant; None: as it is given now."""
    rules = surcharge_rules(uow)
    history = history_of(uow, obligation)
    asked_for = max(for_date, history.first_day)
    quoted = quote_fine(history.facts(as_of), for_date=asked_for, rules=rules, as_of=as_of)
    lines = (
        *spread(quoted.unpaid, obligation.lines),
        *_surcharge_lines(obligation, quoted.surcharge),
    ) or _nothing(obligation)
    return Quote(
        for_date=for_date,
        lines=lines,
        late_days=quoted.late_days,
        surcharge=quoted.surcharge,
        depends_on_day=True,
        legal_basis="; ".join(quoted.legal_basis),
    )


def quote_instalment(uow: UnitOfWork, obligation: ObligationView, no: int, *, for_date: date) -> Quote:
    """One instalment of the plan in force, when the plan lets it be paid on the day; raises InstalmentNotPayable."""
    history = history_of(uow, obligation)
    if history.plan is None:
        raise InstalmentNotPayable("there is no plan", reason="no_plan", no=no)
    part = require_payable(history.plan, no, history.held_instalments(), on=for_date)
    rules = surcharge_rules(uow)
    # A correction may have left less than the plan's own part, and a refund may have taken some of it only.
    unpaid = history.position(rules, on=for_date).unpaid
    if not unpaid.is_positive:
        raise InstalmentNotPayable("the fine is paid", reason="paid", no=no)
    return Quote(
        for_date=for_date,
        lines=spread(min(part.amount - history.kept_of(part), unpaid), obligation.lines),
        late_days=0,
        surcharge=Money.zero(unpaid.currency),
        depends_on_day=True,
        legal_basis="",
    )


def spread(amount: Money, lines: Sequence[Line]) -> tuple[Line, ...]:
    """An amount of the fine over its lines in their own proportion; the lines themselves when it is all of them."""
    weights = [line.amount.amount for line in lines]
    if amount.amount == sum(weights):
        return tuple(lines)
    parts = amount.allocate(weights)
    return tuple(
        replace(line, amount=part) for line, part in zip(lines, parts, strict=True) if part.is_positive
    )


def _surcharge_lines(obligation: ObligationView, surcharge: Money) -> tuple[Line, ...]:
    if not surcharge.is_positive:
        return ()
    assert obligation.surcharge is not None
    return (_late_line(obligation.surcharge, surcharge),)


def _late_line(place: tuple[str, str, str], amount: Money) -> Line:
    account, chapter, sub_item = place
    return Line(
        type=LineType.LATE_SURCHARGE,
        name_vi=SURCHARGE_LINE_NAME_VI,
        amount=amount,
        beneficiary_account=account,
        chapter=chapter,
        sub_item=sub_item,
    )


def _late_place(document: FineDocument) -> tuple[str, str, str]:
    return (
        document.surcharge_beneficiary_account,
        document.surcharge_chapter,
        document.surcharge_sub_item,
    )


def _nothing(obligation: ObligationView) -> tuple[Line, ...]:
    return (replace(obligation.lines[0], amount=Money.zero(obligation.principal.currency)),)


def _due_on(uow: UnitOfWork, document: FineDocument) -> date:
    return due_on(
        Service(
            decided_on=document.decided_on,
            method=document.served_method,
            served_on=document.served_on,
            written_term_days=document.written_term_days,
        ),
        term_rules(uow),
    )


def _document(command: RegisterObligation) -> FineDocument:
    assert isinstance(command.document, FineDocument)
    return command.document
