"""Traffic fines: what is asked of their decision, and what is due on a day with the surcharge of late payment."""

from datetime import date
from uuid import UUID

from payclear.catalogue.service import LATE_SURCHARGE, rate_on, require_accounts
from payclear.db.uow import UnitOfWork
from payclear.kernel.errors import InvalidInput
from payclear.obligations import queries
from payclear.obligations.domain import (
    InvalidDecision,
    LineType,
    Quote,
    SurchargeRule,
    fine_due_on,
    normalise_document_no,
    quote_fine,
)
from payclear.obligations.records import FineDocument, ObligationView, RegisterObligation


def check(uow: UnitOfWork, command: RegisterObligation, today: date) -> tuple[str, date]:
    """The decision's number and date; raises InvalidInput, InvalidDecision, UnknownBeneficiaryAccount."""
    document = _document(command)
    if any(line.type is not LineType.FINE for line in command.lines):
        raise InvalidInput("a fine has lines of type fine only", field="lines")
    if not normalise_document_no(document.decision_no):
        raise InvalidInput("the decision number is empty", field="decision_no")
    if document.served_on > today:
        raise InvalidDecision("a decision can not be served in the future", field="document.served_on")
    require_accounts(uow, [document.surcharge_beneficiary_account], today)
    return document.decision_no.strip(), document.decided_on


def insert_document(uow: UnitOfWork, obligation_id: UUID, command: RegisterObligation) -> None:
    """Write the decision."""
    document = _document(command)
    uow.run(
        queries.INSERT_FINE,
        (
            obligation_id,
            document.decision_no,
            document.decided_on,
            document.served_on,
            document.served_method,
            fine_due_on(served_on=document.served_on, decided_on=document.decided_on),
            document.surcharge_beneficiary_account,
            document.surcharge_chapter,
            document.surcharge_sub_item,
        ),
    )


def says_the_same(uow: UnitOfWork, existing: ObligationView, command: RegisterObligation) -> bool:
    """Whether the same fine is registered for the decision."""
    document = _document(command)
    due_on = fine_due_on(served_on=document.served_on, decided_on=document.decided_on)
    surcharge = (
        document.surcharge_beneficiary_account,
        document.surcharge_chapter,
        document.surcharge_sub_item,
    )
    known = (existing.lines, existing.document_on, existing.due_on, existing.surcharge)
    return known == (command.lines, document.decided_on, due_on, surcharge)


def quote(uow: UnitOfWork, obligation: ObligationView, *, for_date: date) -> Quote:
    """The fine and its surcharge on a day; raises RateNotInForce."""
    assert obligation.surcharge is not None
    assert obligation.due_on is not None
    rate = rate_on(uow, LATE_SURCHARGE, for_date)
    account, chapter, sub_item = obligation.surcharge
    rule = SurchargeRule(
        per_day=rate.value,
        legal_basis=rate.legal_basis,
        beneficiary_account=account,
        chapter=chapter,
        sub_item=sub_item,
    )
    return quote_fine(obligation.lines, due_on=obligation.due_on, for_date=for_date, rule=rule)


def _document(command: RegisterObligation) -> FineDocument:
    assert isinstance(command.document, FineDocument)
    return command.document
