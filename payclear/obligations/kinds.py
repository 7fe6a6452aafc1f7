"""What differs from kind to kind: how a document is checked, written and compared, and how its obligation is quoted.

Called by `service` and `quotes`; each kind is a module of its own.
"""

from datetime import date
from typing import Protocol
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.obligations import fees, fines
from payclear.obligations.domain import ObligationKind, Quote
from payclear.obligations.records import ObligationView, RegisterObligation


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
}


def rules_of(kind: ObligationKind) -> KindRules:
    """The rules of a kind."""
    return _RULES[kind]
