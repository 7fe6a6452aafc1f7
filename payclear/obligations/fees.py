"""Dossier fees: what is asked of their document, and their quote. The price was fixed at the filing date."""

from datetime import date
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.kernel.errors import InvalidInput
from payclear.obligations import queries
from payclear.obligations.domain import (
    LineType,
    Quote,
    check_dossier_code,
    check_procedure_code,
    quote_fee,
)
from payclear.obligations.records import DossierDocument, ObligationView, RegisterObligation

_FINE_LINES = (LineType.FINE, LineType.LATE_SURCHARGE)


def check(uow: UnitOfWork, command: RegisterObligation, today: date) -> tuple[str, date]:
    """The dossier's code and filing date; raises InvalidInput, InvalidDossierCode."""
    document = _document(command)
    if any(line.type in _FINE_LINES for line in command.lines):
        raise InvalidInput("a dossier fee has no line of a fine", field="lines")
    check_procedure_code(document.procedure_code)
    return check_dossier_code(document.dossier_code), document.filed_on


def insert_document(uow: UnitOfWork, obligation_id: UUID, command: RegisterObligation) -> None:
    """Write the dossier."""
    document = _document(command)
    values = (obligation_id, document.dossier_code, document.procedure_code, document.filed_on)
    uow.run(queries.INSERT_DOSSIER, values)


def says_the_same(uow: UnitOfWork, existing: ObligationView, command: RegisterObligation) -> bool:
    """Whether the same fee is registered for the dossier."""
    return (existing.lines, existing.document_on) == (command.lines, _document(command).filed_on)


def quote(uow: UnitOfWork, obligation: ObligationView, *, for_date: date) -> Quote:
    """The fee as it was fixed."""
    return quote_fee(obligation.lines, for_date=for_date)


def _document(command: RegisterObligation) -> DossierDocument:
    assert isinstance(command.document, DossierDocument)
    return command.document
