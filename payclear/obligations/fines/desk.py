"""What an authority says about its fine after the decision: versions, shelters, instalments, payment elsewhere, papers.

Called by the portal API and by uploads. Every change locks the order that collects the fine, then the fine; writes what
was said; brings the state to where the history stands; withdraws what was promised before. Saying it again changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from payclear.audit.service import record
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.errors import Conflict, InvalidInput
from payclear.kernel.ids import public_id
from payclear.kernel.money import Money
from payclear.obligations import claims, service
from payclear.obligations.announcements import PREFIX, announce_change
from payclear.obligations.domain import (
    PAYABLE_STATES,
    ObligationKind,
    ServedMethod,
    normalise_document_no,
)
from payclear.obligations.fines import queries as fine_queries
from payclear.obligations.fines.domain import FineEventKind
from payclear.obligations.fines.history import FineHistory, VersionRow, history_of
from payclear.obligations.fines.parameters import instalment_rules, surcharge_rules, term_rules
from payclear.obligations.fines.payments import append_event, follow
from payclear.obligations.locking import lock_with_claims
from payclear.obligations.obligors import add_document_key
from payclear.obligations.records import ObligationView
from payclear.obligations.rules.corrections import InvalidCorrection, VersionKind, check_versions
from payclear.obligations.rules.dated import in_force
from payclear.obligations.rules.fines import Service, due_on
from payclear.obligations.rules.instalments import (
    Instalment,
    InstalmentPlan,
    InvalidInstalmentPlan,
    ObligorKind,
    PlanState,
    Turn,
    check_plan,
    propose_plan,
)
from payclear.obligations.rules.surcharge import ShelterKind
from payclear.security.blind_index import BlindIndex
from payclear.security.sealed import Sealer


class NotAFine(Conflict):
    """Only a fine has versions, shelters, instalments and papers."""

    code = "not_a_fine"


class FineNotPayable(Conflict):
    """The fine is paid, cancelled or paid elsewhere: this can not be said of it any more."""

    code = "fine_not_payable"


class InvalidShelter(InvalidInput):
    """A deferral or a request for reduction that can not be opened or closed so; `reason` says why."""

    code = "invalid_shelter"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A version as the authority made it. `effective_on` None: its own date; `amount` is the whole fine from then on.

    Service is told of a replacement only, which brings a term of its own.
    """

    kind: VersionKind
    decision_no: str
    decided_on: date
    amount: Money
    effective_on: date | None = None
    served_on: date | None = None
    served_method: ServedMethod | None = None
    written_term_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanGrant:
    """A plan as the authority granted it. `counted_from` None: the day of the decision."""

    decision_ref: str
    granted_on: date
    turn: Turn
    parts: tuple[tuple[date, Money], ...]
    counted_from: date | None = None


def add_version(
    uow: UnitOfWork,
    obligation_id: UUID,
    version: NewVersion,
    *,
    portal_code: str,
    by: str,
    sealer: Sealer,
    index: BlindIndex,
) -> ObligationView:
    """Add a version to a decision, which is found by its number, too, from then on.

    Raises ObligationNotFound, NotAFine, InvalidCorrection, InvalidDecision.
    """
    fine, history = begin(uow, obligation_id, portal_code)
    row = _version_row(uow, history, version)
    if _same_version(history, row):
        return fine
    append_version(uow, obligation_id, history, row, by=by)
    if row.document_key not in {each.document_key for each in history.versions}:
        (obligor_id,) = uow.one(fine_queries.OBLIGOR, (obligation_id,))
        add_document_key(uow, obligor_id, row.document_key, sealer=sealer, index=index)
    facts = {"version": row.version_no, "kind": row.kind, "amount": row.amount}
    return finish(uow, fine, row.kind, by=by, facts=facts)


def append_version(
    uow: UnitOfWork, obligation_id: UUID, history: FineHistory, row: VersionRow, *, by: str
) -> None:
    """Write a version behind those of a locked fine; raises InvalidCorrection when it can not follow them."""
    check_versions(FineHistory(currency=history.currency, versions=(*history.versions, row)).decisions)
    uow.run(
        fine_queries.APPEND_VERSION,
        {
            "id": obligation_id,
            "kind": row.kind,
            "decision_no": row.decision_no,
            "document_key": row.document_key,
            "decided_on": row.decided_on,
            "effective_on": row.effective_on,
            "amount": row.amount,
            "served_on": row.served_on,
            "served_method": row.served_method,
            "written_term_days": row.written_term_days,
            "due_on": row.due_on,
            "at": row.recorded_at,
            "by": by,
        },
    )


def open_shelter(
    uow: UnitOfWork,
    obligation_id: UUID,
    *,
    ref: str,
    kind: ShelterKind,
    on: date,
    portal_code: str,
    by: str,
) -> ObligationView:
    """From this day no surcharge runs; raises ObligationNotFound, NotAFine, FineNotPayable, InvalidShelter."""
    fine, history = begin(uow, obligation_id, portal_code)
    opened = [each for each in history.events if each.kind == FineEventKind.SHELTER_OPENED]
    same = [each for each in opened if each.ref == ref]
    if same:
        if (same[0].shelter_kind, same[0].on_date) == (kind.value, on):
            return fine
        raise InvalidShelter("this reference is another's", reason="ref_used")
    _require_payable(fine)
    _require_day(uow, history, on)
    append_event(uow, obligation_id, FineEventKind.SHELTER_OPENED, on=on, ref=ref, shelter_kind=kind, by=by)
    return finish(uow, fine, "shelter_opened", by=by, facts={"kind": kind.value})


def close_shelter(
    uow: UnitOfWork, obligation_id: UUID, *, ref: str, on: date, portal_code: str, by: str
) -> ObligationView:
    """From this day surcharge runs again; raises ObligationNotFound, NotAFine, InvalidShelter."""
    fine, history = begin(uow, obligation_id, portal_code)
    told = [
        each
        for each in history.events
        if each.ref == ref and each.kind in (FineEventKind.SHELTER_OPENED, FineEventKind.SHELTER_CLOSED)
    ]
    if not told:
        raise InvalidShelter("no such shelter", reason="unknown")
    if told[-1].kind == FineEventKind.SHELTER_CLOSED:
        if told[-1].on_date == on:
            return fine
        raise InvalidShelter("it is closed", reason="closed")
    if on < told[-1].on_date:
        raise InvalidShelter("it can not end before it began", reason="before_opening")
    _require_day(uow, history, on)
    append_event(uow, obligation_id, FineEventKind.SHELTER_CLOSED, on=on, ref=ref, by=by)
    return finish(uow, fine, "shelter_closed", by=by)


def propose_instalments(
    uow: UnitOfWork, fine: ObligationView, due_dates: Sequence[date]
) -> tuple[Instalment, ...]:
    """The parts the law would allow over these dates, of what is unpaid today; nothing is written.

    Raises NotAFine, FineNotPayable, InvalidInstalmentPlan, RuleNotInForce.
    """
    _require_fine(fine)
    _require_payable(fine)
    today = vietnam_date(uow.now)
    unpaid = history_of(uow, fine).position(surcharge_rules(uow), on=today).unpaid
    rule = in_force(instalment_rules(uow), today, kind="instalments")
    return propose_plan(unpaid, due_on=due_dates, rule=rule)


def grant_plan(
    uow: UnitOfWork, obligation_id: UUID, grant: PlanGrant, *, portal_code: str, by: str
) -> ObligationView:
    """Write a plan that keeps to the law; raises ObligationNotFound, NotAFine, FineNotPayable, InvalidInstalmentPlan."""
    fine, history = begin(uow, obligation_id, portal_code)
    plan = _plan(uow, fine, history, grant)
    known = {each.decision_ref: each for each in history.plans}
    if plan.decision_ref in known:
        if known[plan.decision_ref] == plan:
            return fine
        raise InvalidInstalmentPlan("this decision granted another plan", reason="ref_used", rule="")
    _require_payable(fine)
    today = vietnam_date(uow.now)
    standing = history.plan_on(today)
    if standing is not None and standing.state is PlanState.KEPT:
        raise InvalidInstalmentPlan("a plan is in force", reason="in_force", rule="")
    if not history.first_day <= plan.granted_on <= today:
        raise InvalidInstalmentPlan("granted on no such day", reason="granted_on", rule="")
    position = history.position(surcharge_rules(uow), on=today)
    if plan.total != position.unpaid:
        raise InvalidInstalmentPlan("the parts are not what is unpaid", reason="not_the_unpaid", rule="")
    rule = check_plan(plan, instalment_rules(uow))
    uow.run(
        fine_queries.INSERT_PLAN,
        {
            "id": obligation_id,
            "decision_ref": plan.decision_ref,
            "granted_on": plan.granted_on,
            "counted_from": plan.counted_from,
            "obligor_kind": plan.obligor,
            "total": plan.total.amount,
            "turn": plan.turn,
            "rule_id": rule.id,
            "dues": [part.due_on for part in plan.instalments],
            "amounts": [part.amount.amount for part in plan.instalments],
            "at": uow.now,
            "by": by,
        },
    )
    append_event(
        uow,
        obligation_id,
        FineEventKind.PLAN_GRANTED,
        on=plan.granted_on,
        ref=plan.decision_ref,
        by=by,
    )
    return finish(uow, fine, "plan_granted", by=by, facts={"parts": len(plan.instalments)})


def note_paid_elsewhere(
    uow: UnitOfWork, obligation_id: UUID, *, proof_ref: str, paid_on: date, portal_code: str, by: str
) -> ObligationView:
    """The authority says that the fine was paid without us; raises ObligationNotFound, NotAFine, FineNotPayable."""
    fine, history = begin(uow, obligation_id, portal_code)
    if history.is_paid_elsewhere:
        return fine
    _require_payable(fine)
    _require_day(uow, history, paid_on)
    append_event(uow, obligation_id, FineEventKind.PAID_ELSEWHERE, on=paid_on, ref=proof_ref, by=by)
    return finish(uow, fine, "paid_elsewhere", by=by)


def undo_paid_elsewhere(uow: UnitOfWork, obligation_id: UUID, *, portal_code: str, by: str) -> ObligationView:
    """It was not paid elsewhere after all: what is owed is owed again; raises ObligationNotFound, NotAFine."""
    fine, history = begin(uow, obligation_id, portal_code)
    if not history.is_paid_elsewhere:
        return fine
    append_event(uow, obligation_id, FineEventKind.NOT_PAID_ELSEWHERE, on=vietnam_date(uow.now), by=by)
    return finish(uow, fine, "not_paid_elsewhere", by=by)


def note_papers_returned(
    uow: UnitOfWork, obligation_id: UUID, *, on: date, portal_code: str, by: str
) -> ObligationView:
    """The authority gave back every paper it kept; raises ObligationNotFound, NotAFine."""
    fine, history = begin(uow, obligation_id, portal_code)
    _require_day(uow, history, on)
    if uow.run(fine_queries.RETURN_PAPERS, (on, obligation_id)).rowcount:
        _audit(uow, fine, "papers_returned", by, {})
    return fine


def begin(uow: UnitOfWork, obligation_id: UUID, portal_code: str) -> tuple[ObligationView, FineHistory]:
    fine = lock_with_claims(uow, obligation_id, portal_code=portal_code)
    _require_fine(fine)
    return fine, history_of(uow, fine)


def finish(
    uow: UnitOfWork,
    fine: ObligationView,
    change: str,
    *,
    by: str,
    facts: dict[str, object] | None = None,
) -> ObligationView:
    state = follow(uow, fine)
    claims.give_up(uow, fine.id, state)
    _audit(uow, fine, change, by, facts or {})
    now = service.find_many(uow, [fine.id])[0]
    announce_change(uow, now, change)
    return now


def _audit(uow: UnitOfWork, fine: ObligationView, change: str, by: str, facts: dict[str, object]) -> None:
    record(
        uow,
        actor_type="portal",
        actor=by,
        action=f"obligation.{change}",
        object_type="obligation",
        object_id=public_id(PREFIX, fine.id),
        facts=facts,
    )


def _require_fine(obligation: ObligationView) -> None:
    if obligation.kind is not ObligationKind.TRAFFIC_FINE:
        raise NotAFine("only a fine has this", kind=obligation.kind.value)


def _require_payable(fine: ObligationView) -> None:
    if fine.state not in PAYABLE_STATES:
        raise FineNotPayable("not payable any more", state=fine.state.value)


def _require_day(uow: UnitOfWork, history: FineHistory, on: date) -> None:
    if not history.first_day <= on <= vietnam_date(uow.now):
        raise InvalidInput("the day lies before the decision or in the future", field="on")


def _version_row(uow: UnitOfWork, history: FineHistory, version: NewVersion) -> VersionRow:
    before = history.versions[-1]
    today = vietnam_date(uow.now)
    effective_on = version.effective_on or version.decided_on
    if not normalise_document_no(version.decision_no):
        raise InvalidCorrection("the decision number is empty", reason="no_decision", no=0)
    if max(version.decided_on, effective_on, version.served_on or effective_on) > today:
        raise InvalidCorrection("it lies in the future", reason="in_future", no=before.version_no + 1)
    is_replaced = version.kind is VersionKind.REPLACED
    method = version.served_method or ServedMethod(before.served_method or ServedMethod.HANDED)
    term_ends_on = None
    if is_replaced:
        service_of = Service(
            decided_on=version.decided_on,
            method=method,
            served_on=version.served_on,
            written_term_days=version.written_term_days,
        )
        term_ends_on = due_on(service_of, term_rules(uow))
    return VersionRow(
        version_no=before.version_no + 1,
        kind=version.kind.value,
        decision_no=version.decision_no.strip(),
        document_key=normalise_document_no(version.decision_no),
        decided_on=version.decided_on,
        effective_on=effective_on,
        amount=version.amount.amount,
        served_on=version.served_on if is_replaced else None,
        served_method=method.value if is_replaced else None,
        written_term_days=version.written_term_days if is_replaced else None,
        due_on=term_ends_on,
        recorded_at=uow.now,
    )


def _same_version(history: FineHistory, told: VersionRow) -> bool:
    # A proof of service that came in between changes nothing of what was said.
    last = [each for each in history.versions if each.kind != VersionKind.SERVED][-1]

    def said(row: VersionRow) -> tuple[object, ...]:
        return (row.kind, row.document_key, row.decided_on, row.effective_on, row.amount, row.due_on)

    return last.version_no > 1 and said(last) == said(told)


def _plan(uow: UnitOfWork, fine: ObligationView, history: FineHistory, grant: PlanGrant) -> InstalmentPlan:
    currency = fine.principal.currency
    (obligor_kind,) = uow.one(fine_queries.OBLIGOR_KIND, (fine.id,))
    parts = tuple(
        Instalment(no=no, due_on=day, amount=amount) for no, (day, amount) in enumerate(grant.parts, start=1)
    )
    return InstalmentPlan(
        decision_ref=grant.decision_ref.strip(),
        granted_on=grant.granted_on,
        counted_from=grant.counted_from or history.first_day,
        obligor=ObligorKind(obligor_kind),
        total=sum((part.amount for part in parts), Money.zero(currency)),
        turn=grant.turn,
        instalments=parts,
    )
