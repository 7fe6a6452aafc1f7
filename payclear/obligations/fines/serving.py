"""The proof of service that comes after its decision was registered: a version of its own, from which the term follows.

Called by the portal API and by uploads. What was quoted before it reproduces; what is due from now on follows the new term.
"""

from datetime import date
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.obligations.domain import PAYABLE_STATES, InvalidDecision, ServedMethod
from payclear.obligations.fines.desk import FineNotPayable, append_version, begin, finish
from payclear.obligations.fines.history import FineHistory, VersionRow, history_of
from payclear.obligations.fines.parameters import term_rules
from payclear.obligations.records import ObligationView
from payclear.obligations.rules.corrections import VersionKind
from payclear.obligations.rules.fines import Service, due_on


def note_served(
    uow: UnitOfWork,
    obligation_id: UUID,
    *,
    served_on: date,
    served_method: ServedMethod | None = None,
    portal_code: str,
    by: str,
) -> ObligationView:
    """Add the proof of service that a decision in force lacked; the same proof again changes nothing.

    Raises ObligationNotFound, NotAFine, InvalidDecision (also for another day than the proven one), FineNotPayable.
    """
    fine, history = begin(uow, obligation_id, portal_code)
    term = history.term
    if term.served_on is not None:
        if term.served_on == served_on and served_method in (None, term.served_method):
            return fine
        raise InvalidDecision("the service is proven already", field="served_on")
    if fine.state not in PAYABLE_STATES:
        raise FineNotPayable("not payable any more", state=fine.state.value)
    if served_on > vietnam_date(uow.now):
        raise InvalidDecision("a decision can not be served in the future", field="served_on")
    row = _proof(uow, history, served_on, served_method)
    append_version(uow, obligation_id, history, row, by=by)
    return finish(uow, fine, row.kind, by=by, facts={"version": row.version_no})


def note_proof_of(
    uow: UnitOfWork,
    fine: ObligationView,
    *,
    served_on: date | None,
    served_method: ServedMethod | None,
    portal_code: str,
    by: str,
) -> ObligationView:
    """Take the proof of service from a decision that is registered again; what needs none is left as it is.

    Raises InvalidDecision for another day than the proven one.
    """
    if served_on is None:
        return fine
    term = history_of(uow, fine).term
    if term.kind == VersionKind.SERVED and term.served_on != served_on:
        raise InvalidDecision("the service is proven already", field="served_on")
    if term.version_no != 1 or term.served_on is not None or fine.state not in PAYABLE_STATES:
        return fine
    return note_served(
        uow,
        fine.id,
        served_on=served_on,
        served_method=served_method,
        portal_code=portal_code,
        by=by,
    )


def _proof(
    uow: UnitOfWork, history: FineHistory, served_on: date, served_method: ServedMethod | None
) -> VersionRow:
    term, last = history.term, history.versions[-1]
    method = served_method or ServedMethod(term.served_method or ServedMethod.HANDED)
    service = Service(
        decided_on=term.decided_on,
        method=method,
        served_on=served_on,
        written_term_days=term.written_term_days,
    )
    return VersionRow(
        version_no=last.version_no + 1,
        kind=VersionKind.SERVED.value,
        decision_no=term.decision_no,
        document_key=term.document_key or history.versions[0].document_key,
        decided_on=term.decided_on,
        effective_on=last.effective_on,
        amount=last.amount,
        served_on=served_on,
        served_method=method.value,
        written_term_days=term.written_term_days,
        due_on=due_on(service, term_rules(uow)),
        recorded_at=uow.now,
    )
