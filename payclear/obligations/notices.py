"""Taxes, financial obligations on land and contributions: notices whose amounts are the agency's own, line by line."""

from datetime import date
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.obligations.domain import LineType, ObligationKind, Quote, normalise_document_no, quote_fee
from payclear.obligations.insurance import queries as queries
from payclear.obligations.insurance.records import InvalidNotice, NoticeDocument, NoticeRow
from payclear.obligations.records import ObligationView, RegisterObligation

KINDS = frozenset({ObligationKind.TAX, ObligationKind.LAND_OBLIGATION, ObligationKind.CONTRIBUTION})

# The first is what the notice is about: one such line at least.
_LINES = {
    ObligationKind.TAX: (LineType.TAX, LineType.OTHER_SERVICE),
    ObligationKind.LAND_OBLIGATION: (LineType.LAND, LineType.TAX, LineType.OTHER_SERVICE),
    ObligationKind.CONTRIBUTION: (LineType.CONTRIBUTION, LineType.OTHER_SERVICE),
}


def check(uow: UnitOfWork, command: RegisterObligation, today: date) -> tuple[str, date]:
    """The notice's number and date; raises InvalidNotice."""
    document = _document(command)
    if not normalise_document_no(document.notice_no):
        raise InvalidNotice("the number of the notice is empty", reason="notice_no")
    if document.due_on is not None and document.due_on < document.issued_on:
        raise InvalidNotice("due before it was issued", reason="due_on")
    allowed = _LINES[document.kind]
    types = {line.type for line in command.lines}
    if allowed[0] not in types or not types <= set(allowed):
        raise InvalidNotice("not the lines of such a notice", reason="lines", allowed=", ".join(allowed))
    return document.notice_no.strip(), document.issued_on


def insert_document(uow: UnitOfWork, obligation_id: UUID, command: RegisterObligation) -> None:
    """Write the notice."""
    document = _document(command)
    uow.run(queries.INSERT_OTHER_NOTICE, (obligation_id, document.due_on, document.legal_basis))


def says_the_same(uow: UnitOfWork, existing: ObligationView, command: RegisterObligation) -> bool:
    """Whether the same lines are registered under the notice."""
    document = _document(command)
    kept = notice_of(uow, existing.id)
    known = (existing.lines, existing.document_on, kept.due_on, kept.legal_basis)
    return known == (command.lines, document.issued_on, document.due_on, document.legal_basis)


def quote(uow: UnitOfWork, obligation: ObligationView, *, for_date: date) -> Quote:
    """The lines as the agency stated them."""
    return quote_fee(obligation.lines, for_date=for_date)


def notice_of(uow: UnitOfWork, obligation_id: UUID) -> NoticeRow:
    """The notice as it is kept."""
    (row,) = uow.rows(NoticeRow, queries.OTHER_NOTICE, (obligation_id,))
    return row


def _document(command: RegisterObligation) -> NoticeDocument:
    assert isinstance(command.document, NoticeDocument)
    return command.document
