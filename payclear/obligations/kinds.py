"""What differs from kind to kind: how a document is checked, written and compared, and how its obligation is quoted.

Called by `service` and `quotes`; each kind is a module of its own.
"""

from datetime import date
from typing import Protocol
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.obligations import notices
from payclear.obligations.destinations import require_destinations
from payclear.obligations.domain import ObligationKind, Quote
from payclear.obligations.fees import rules as fees
from payclear.obligations.fines import rules as fines
from payclear.obligations.insurance import rules as insurance
from payclear.obligations.records import ObligationView, RegisterObligation
from payclear.security.blind_index import BlindIndex
from payclear.security.sealed import Sealer


class KindRules(Protocol):
    """The functions that the module of a kind has."""

    def check(self, uow: UnitOfWork, command: RegisterObligation, today: date) -> tuple[str, date]:
        """The document's number and date when the command can be true; raises InvalidInput."""

    def insert_document(self, uow: UnitOfWork, obligation_id: UUID, command: RegisterObligation) -> None:
        """Write the document's own rows."""

    def says_the_same(self, uow: UnitOfWork, existing: ObligationView, command: RegisterObligation) -> bool:
        """Whether the command repeats what is registered."""

    def quote(self, uow: UnitOfWork, obligation: ObligationView, *, for_date: date) -> Quote:
        """What is due on a day."""


_RULES: dict[ObligationKind, KindRules] = {
    ObligationKind.DOSSIER_FEE: fees,
    ObligationKind.TRAFFIC_FINE: fines,
    ObligationKind.HOUSEHOLD_HEALTH_INSURANCE: insurance,
    ObligationKind.VOLUNTARY_SOCIAL_INSURANCE: insurance,
    ObligationKind.TAX: notices,
    ObligationKind.LAND_OBLIGATION: notices,
    ObligationKind.CONTRIBUTION: notices,
}


def rules_of(kind: ObligationKind) -> KindRules:
    """The rules of a kind."""
    return _RULES[kind]


def with_lines(uow: UnitOfWork, command: RegisterObligation, today: date) -> RegisterObligation:
    """The command with its lines: made of facts where its kind makes them, else as stated, once they may go where they say.

    What is registered already is not asked again: the catalogue may have changed since.
    """
    if command.kind is ObligationKind.DOSSIER_FEE:
        return fees.with_lines(uow, command, today)
    if command.kind in insurance.KINDS:
        return insurance.with_lines(uow, command, today)
    if command.kind is ObligationKind.TRAFFIC_FINE:
        fines.require_lines(uow, command, today)
    else:
        require_destinations(uow, command.agency_code, command.lines, today)
    return command


def prepared(command: RegisterObligation, *, sealer: Sealer, index: BlindIndex) -> RegisterObligation:
    """The command with the people of its document sealed, where its kind names any besides who owes."""
    if command.kind in insurance.KINDS:
        return insurance.prepared(command, sealer=sealer, index=index)
    return command
