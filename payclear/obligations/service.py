"""Registers what is owed, quotes it for a day, locks it for an order and marks it paid. Never commits."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from payclear.catalogue.service import require_agency
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.errors import InvalidInput
from payclear.kernel.ids import new_uuid
from payclear.kernel.money import Money, sum_money
from payclear.obligations import queries
from payclear.obligations.domain import (
    OBLIGATION_STATES,
    PAYABLE_STATES,
    Line,
    LineType,
    ObligationKind,
    ObligationState,
    Quote,
    ServedMethod,
    normalise_document_no,
)
from payclear.obligations.fines import payments as fine_payments
from payclear.obligations.fines import rules as fines
from payclear.obligations.fines.domain import IssuerRank
from payclear.obligations.insurance import covers as insurance_covers
from payclear.obligations.kinds import prepared, rules_of, with_lines
from payclear.obligations.obligors import check_obligor, insert_obligor, require_nobody_in
from payclear.obligations.records import (
    Arrival,
    DocumentAlreadyRegistered,
    FineHead,
    ObligationNotFound,
    ObligationView,
    PaidPart,
    RefundedPart,
    RegisterObligation,
)
from payclear.obligations.rules.instalments import InstalmentNotPayable
from payclear.obligations.speaking import require_speaks_for
from payclear.security.blind_index import BlindIndex
from payclear.security.sealed import Sealer

NUMBER_MATCHES_MAX = 20


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    kind: str
    portal_code: str
    agency_code: str
    document_no: str
    document_on: date
    principal: int
    currency: str
    state: str
    version: int
    created_at: datetime
    served_on: date | None
    due_on: date | None
    surcharge_beneficiary_account: str | None
    surcharge_chapter: str | None
    surcharge_sub_item: str | None
    served_method: str | None
    written_term_days: int | None
    issuer_rank: str | None
    violation_record_no: str | None
    violation_on: date | None
    versions: int | None
    events: int | None
    agency_name_vi: str
    agency_name_en: str


def register(
    uow: UnitOfWork, command: RegisterObligation, *, sealer: Sealer, index: BlindIndex
) -> ObligationView:
    """Register what one document asks; the same document with the same contents again is the same obligation.

    Raises InvalidInput for what can not be true, AgencyNotOfPortal, DocumentAlreadyRegistered for other contents.
    """
    return register_once(uow, command, sealer=sealer, index=index)[0]


def register_once(
    uow: UnitOfWork, command: RegisterObligation, *, sealer: Sealer, index: BlindIndex
) -> tuple[ObligationView, bool]:
    """Register as `register` does; the second value says whether the obligation is new."""
    command = prepared(command, sealer=sealer, index=index)
    document_no, document_on = _check(uow, command)
    before = _registered_before(uow, command, document_no, document_on)
    if before is not None:
        return before, False
    command = with_lines(uow, command, vietnam_date(uow.now))
    obligation_id = new_uuid()
    currency = command.lines[0].amount.currency
    document_key = normalise_document_no(document_no)
    obligor_id = insert_obligor(uow, command.obligor, document_key=document_key, sealer=sealer, index=index)
    made = uow.run(
        queries.INSERT_OBLIGATION,
        {
            "id": obligation_id,
            "kind": command.kind,
            "portal_code": command.portal_code,
            "agency_code": command.agency_code,
            "document_no": document_no,
            "document_key": document_key,
            "document_on": document_on,
            "principal": sum_money((line.amount for line in command.lines), currency).amount,
            "currency": currency,
            "obligor_id": obligor_id,
            "at": uow.now,
        },
    ).rowcount
    if not made:
        raise DocumentAlreadyRegistered("this document was registered at the same moment")
    _insert_lines(uow, obligation_id, command.lines, currency)
    rules_of(command.kind).insert_document(uow, obligation_id, command)
    return get(uow, obligation_id, portal_code=command.portal_code), True


def get(uow: UnitOfWork, obligation_id: UUID, *, portal_code: str) -> ObligationView:
    """Return an obligation of a portal; a foreign one is not found (INV-26)."""
    views = find_many(uow, [obligation_id])
    if not views or views[0].portal_code != portal_code:
        raise ObligationNotFound("no such obligation")
    return views[0]


def find_many(uow: UnitOfWork, ids: Sequence[UUID], *, named_on: date | None = None) -> list[ObligationView]:
    """Return obligations by id, in id order; for pages that come through an order of theirs.

    Agencies have the name of a day, or today's.
    """
    return _with_lines(uow, _found(uow, ids, named_on=named_on))


def find_by_number(uow: UnitOfWork, number: str) -> list[ObligationView]:
    """Return what bears a dossier code or decision number at any agency, NUMBER_MATCHES_MAX at most, the oldest first.

    Case and white space do not matter; a decision number may come without the stroke of its Đ, as bank systems write it.
    """
    key = normalise_document_no(number)
    if not key:
        return []
    keys = [key, key.replace("/QD", "/QĐ")]
    return _with_lines(
        uow,
        uow.rows(
            _Row,
            queries.FIND_BY_NUMBER,
            {"keys": keys, "most": NUMBER_MATCHES_MAX, "named_on": vietnam_date(uow.now)},
        ),
    )


def lock_for_order(uow: UnitOfWork, ids: Sequence[UUID], *, portal_code: str) -> list[ObligationView]:
    """Lock the obligations an order is to collect; raises ObligationNotFound for unknown or foreign ones."""
    views = _locked_views(uow, sorted(set(ids)))
    if len(views) != len(set(ids)) or any(view.portal_code != portal_code for view in views):
        raise ObligationNotFound("no such obligation")
    return views


def quote(uow: UnitOfWork, obligation: ObligationView, *, for_date: date) -> Quote:
    """What is due on a day, with its legal basis; the same answer for the same day, whenever asked."""
    return rules_of(obligation.kind).quote(uow, obligation, for_date=for_date)


def quote_as_of(uow: UnitOfWork, obligation: ObligationView, *, for_date: date, as_of: datetime) -> Quote:
    """What was due on a day as it was known at an instant: an old quote comes out the same."""
    if obligation.kind is ObligationKind.TRAFFIC_FINE:
        return fines.quote_as_of(uow, obligation, for_date=for_date, as_of=as_of)
    return quote(uow, obligation, for_date=for_date)


def quote_instalment(uow: UnitOfWork, obligation: ObligationView, no: int, *, for_date: date) -> Quote:
    """One instalment of a fine's plan; raises InstalmentNotPayable."""
    if obligation.kind is not ObligationKind.TRAFFIC_FINE:
        raise InstalmentNotPayable("only fines are paid in parts", reason="no_plan", no=no)
    return fines.quote_instalment(uow, obligation, no, for_date=for_date)


def judge_arrival(uow: UnitOfWork, parts: Sequence[PaidPart], *, quoted_on: date, paid_on: date) -> Arrival:
    """Whether obligations can take the money of an order that was quoted for a day and paid on one; locks the fines.

    What is no fine was not locked: whoever changes what an order collects holds the order's lock first.
    """
    if any(part.state not in PAYABLE_STATES for part in parts if not part.is_fine and part.total.is_positive):
        return Arrival(is_refused=True)
    asked = [part for part in parts if part.is_fine and part.total.is_positive]
    if not asked:
        return Arrival()
    owed = _locked(uow, parts)
    arrived = [(owed[part.obligation_id], part) for part in asked]
    judged = fine_payments.judge_arrival(uow, arrived, quoted_on=quoted_on, paid_on=paid_on)
    return replace(judged, owed=owed)


def take_payment(
    uow: UnitOfWork,
    parts: Sequence[PaidPart],
    *,
    order_id: UUID,
    paid_on: date,
    arrival: Arrival,
    by: str,
) -> list[UUID]:
    """Write what an order paid, with its history; the obligations of which something is still owed.

    `paid_on` is the bank's day, `arrival` what `judge_arrival` said in this transaction, `by` the provider account.
    """
    asked = [part for part in parts if part.is_fine and part.total.is_positive]
    whole = [part.obligation_id for part in parts if not part.is_fine]
    if whole:
        _move(uow, whole, ObligationState.OPEN, "paid", order_id=order_id)
    if any(part.is_insurance for part in parts):
        insurance_covers.cover_months(uow, order_id)
    states = {
        part.obligation_id: fine_payments.record_paid(
            uow,
            arrival.owed[part.obligation_id],
            part,
            order_id=order_id,
            paid_on=paid_on,
            waived=arrival.waived.get(part.obligation_id),
            by=by,
        )
        for part in asked
    }
    return [each for each, state in states.items() if state is not ObligationState.PAID]


def take_back(uow: UnitOfWork, parts: Sequence[PaidPart], *, order_id: UUID, by: str) -> None:
    """Write that the payment of an order was taken back by its bank: what it paid is owed again."""
    asked = [part for part in parts if part.is_fine and part.total.is_positive]
    owed = _locked(uow, parts) if asked else {}
    whole = [part.obligation_id for part in parts if not part.is_fine]
    if whole:
        _move(uow, whole, ObligationState.PAID, "reopened", order_id=order_id)
    if any(part.is_insurance for part in parts):
        insurance_covers.uncover_months(uow, order_id)
    for part in asked:
        fine_payments.record_reversed(uow, owed[part.obligation_id], part, order_id=order_id, by=by)


def record_refund(
    uow: UnitOfWork,
    parts: Sequence[PaidPart],
    *,
    order_id: UUID,
    amount: Money,
    given_before: Money,
    by: str,
) -> list[RefundedPart]:
    """Write that money of a paid order went back; what of it each fine gave back. For the rest see `giving_back`.

    `given_before` is what earlier refunds of the order gave back.
    """
    asked = [part for part in parts if part.is_fine and part.total.is_positive]
    if not asked:
        return []
    owed = _locked(uow, parts)
    fines = {part.obligation_id: owed[part.obligation_id] for part in asked}
    return fine_payments.record_refund(
        uow, fines, parts, order_id=order_id, amount=amount, given_before=given_before, by=by
    )


def return_proposals(uow: UnitOfWork, parts: Sequence[PaidPart]) -> None:
    """The provider refused a refund of an order: an officer looks at its fines' proposals again."""
    asked = [part for part in parts if part.is_fine]
    if asked:
        _locked(uow, asked)
        fine_payments.return_proposals(uow, [part.obligation_id for part in asked])


def lock(uow: UnitOfWork, obligation_id: UUID, *, portal_code: str) -> ObligationView:
    """Lock one obligation of a portal; raises ObligationNotFound."""
    return lock_for_order(uow, [obligation_id], portal_code=portal_code)[0]


def _locked(uow: UnitOfWork, parts: Sequence[PaidPart]) -> dict[UUID, ObligationView]:
    """Lock everything an order collects, in the one order of locks, where a fine is among it."""
    ids = sorted({part.obligation_id for part in parts})
    return {view.id: view for view in _locked_views(uow, ids)}


def _locked_views(uow: UnitOfWork, ids: list[UUID]) -> list[ObligationView]:
    rows = uow.rows(_Row, queries.LOCK, {"ids": ids, "named_on": vietnam_date(uow.now)})
    if any(row.versions is not None for row in rows):
        # The lock is the obligation's. The decision beside it is as old as the statement that waited for the lock.
        rows = _found(uow, ids)
    return _with_lines(uow, rows)


def _move(
    uow: UnitOfWork, ids: Sequence[UUID], state: ObligationState, event: str, *, order_id: UUID
) -> None:
    target = OBLIGATION_STATES.next(state, event).to
    values = {"ids": list(ids), "from": state, "to": target, "event": event}
    uow.run(queries.MOVE, values | {"order_id": order_id, "at": uow.now})


def _check(uow: UnitOfWork, command: RegisterObligation) -> tuple[str, date]:
    today = vietnam_date(uow.now)
    check_obligor(command.obligor)
    if command.kind is not ObligationKind.TRAFFIC_FINE:  # whose lines get a name of ours
        require_nobody_in(command.obligor, [line.name_vi for line in command.lines])
    require_agency(uow, command.agency_code, today)
    require_speaks_for(uow, command.portal_code, command.agency_code, today)
    document_no, document_on = rules_of(command.kind).check(uow, command, today)
    if document_on > today:
        raise InvalidInput("the document's date lies in the future", field="document")
    return document_no, document_on


def _registered_before(
    uow: UnitOfWork, command: RegisterObligation, document_no: str, document_on: date
) -> ObligationView | None:
    key = normalise_document_no(document_no)
    values = {"kind": command.kind, "agency_code": command.agency_code, "key": key, "on": document_on}
    rows = uow.rows(_Row, queries.FIND_BY_DOCUMENT, values | {"named_on": vietnam_date(uow.now)})
    if not rows:
        return None
    existing = _with_lines(uow, rows)[0]
    if existing.portal_code != command.portal_code or not _says_the_same(uow, existing, command):
        raise DocumentAlreadyRegistered(
            "this document is registered by another portal or with other contents"
        )
    return existing


def _says_the_same(uow: UnitOfWork, existing: ObligationView, command: RegisterObligation) -> bool:
    return rules_of(command.kind).says_the_same(uow, existing, command)


def _insert_lines(uow: UnitOfWork, obligation_id: UUID, lines: Sequence[Line], currency: str) -> None:
    uow.run(
        queries.INSERT_LINES,
        (
            obligation_id,
            currency,
            [line.type for line in lines],
            [line.name_vi for line in lines],
            [line.amount.amount for line in lines],
            [line.beneficiary_account for line in lines],
            [line.chapter for line in lines],
            [line.sub_item for line in lines],
        ),
    )


def _found(uow: UnitOfWork, ids: Sequence[UUID], *, named_on: date | None = None) -> list[_Row]:
    values = {"ids": list(ids), "named_on": named_on or vietnam_date(uow.now)}
    return uow.rows(_Row, queries.FIND, values)


def _with_lines(uow: UnitOfWork, rows: list[_Row]) -> list[ObligationView]:
    lines: dict[UUID, list[Line]] = defaultdict(list)
    for obligation_id, type_, name, amount, currency, account, chapter, sub_item in uow.run(
        queries.LINES, ([row.id for row in rows],)
    ):
        lines[obligation_id].append(
            Line(
                type=LineType(type_),
                name_vi=name,
                amount=Money(amount, currency),
                beneficiary_account=account,
                chapter=chapter,
                sub_item=sub_item,
            )
        )
    return [_view(row, tuple(lines[row.id])) for row in rows]


def _view(row: _Row, lines: tuple[Line, ...]) -> ObligationView:
    surcharge = None
    if row.surcharge_beneficiary_account is not None:
        surcharge = (
            row.surcharge_beneficiary_account,
            row.surcharge_chapter or "",
            row.surcharge_sub_item or "",
        )
    return ObligationView(
        id=row.id,
        kind=ObligationKind(row.kind),
        portal_code=row.portal_code,
        agency_code=row.agency_code,
        agency_name_vi=row.agency_name_vi,
        agency_name_en=row.agency_name_en,
        document_no=row.document_no,
        document_on=row.document_on,
        due_on=row.due_on,
        principal=Money(row.principal, row.currency),
        state=ObligationState(row.state),
        created_at=row.created_at,
        lines=lines,
        surcharge=surcharge,
        fine=_fine_head(row),
    )


def _fine_head(row: _Row) -> FineHead | None:
    if row.versions is None or row.events is None or row.served_method is None:
        return None
    return FineHead(
        served_on=row.served_on,
        served_method=ServedMethod(row.served_method),
        written_term_days=row.written_term_days,
        issuer_rank=IssuerRank(row.issuer_rank) if row.issuer_rank else None,
        violation_record_no=row.violation_record_no,
        violation_on=row.violation_on,
        versions=row.versions,
        events=row.events,
    )
