"""Registers what is owed, quotes it for a day, locks it for an order and marks it paid. Never commits."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from payclear.catalogue.service import require_accounts, require_agency
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.errors import InvalidInput
from payclear.kernel.ids import new_uuid
from payclear.kernel.money import Money, sum_money
from payclear.obligations import queries
from payclear.obligations.domain import (
    OBLIGATION_STATES,
    Line,
    LineType,
    ObligationKind,
    ObligationState,
    Quote,
    normalise_document_no,
)
from payclear.obligations.kinds import rules_of
from payclear.obligations.records import (
    DocumentAlreadyRegistered,
    ObligationNotFound,
    ObligationView,
    RegisterObligation,
)
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
    agency_name_vi: str
    agency_name_en: str


def register(
    uow: UnitOfWork, command: RegisterObligation, *, sealer: Sealer, index: BlindIndex
) -> ObligationView:
    """Register what one document asks; the same document with the same contents again is the same obligation.

    Raises InvalidInput for what can not be true, DocumentAlreadyRegistered for other contents.
    """
    return register_once(uow, command, sealer=sealer, index=index)[0]


def register_once(
    uow: UnitOfWork, command: RegisterObligation, *, sealer: Sealer, index: BlindIndex
) -> tuple[ObligationView, bool]:
    """Register as `register` does; the second value says whether the obligation is new."""
    document_no, document_on = _check(uow, command)
    before = _registered_before(uow, command, document_no, document_on)
    if before is not None:
        return before, False
    obligation_id, obligor_id = new_uuid(), new_uuid()
    currency = command.lines[0].amount.currency
    _insert_obligor(uow, obligor_id, command, sealer=sealer, index=index)
    made = uow.run(
        queries.INSERT_OBLIGATION,
        {
            "id": obligation_id,
            "kind": command.kind,
            "portal_code": command.portal_code,
            "agency_code": command.agency_code,
            "document_no": document_no,
            "document_key": normalise_document_no(document_no),
            "document_on": document_on,
            "principal": sum_money((line.amount for line in command.lines), currency).amount,
            "currency": currency,
            "obligor_id": obligor_id,
            "at": uow.now,
        },
    ).rowcount
    if not made:
        raise DocumentAlreadyRegistered("this document was registered at the same moment")
    rules_of(command.kind).insert_document(uow, obligation_id, command)
    _insert_lines(uow, obligation_id, command.lines, currency)
    return get(uow, obligation_id, portal_code=command.portal_code), True


def get(uow: UnitOfWork, obligation_id: UUID, *, portal_code: str) -> ObligationView:
    """Return an obligation of a portal; a foreign one is not found (INV-26)."""
    views = _views(uow, queries.FIND, [obligation_id])
    if not views or views[0].portal_code != portal_code:
        raise ObligationNotFound("no such obligation")
    return views[0]


def find_many(uow: UnitOfWork, ids: Sequence[UUID]) -> list[ObligationView]:
    """Return obligations by id, in id order; for pages that come through an order of theirs."""
    return _views(uow, queries.FIND, list(ids))


def find_by_number(uow: UnitOfWork, number: str) -> list[ObligationView]:
    """Return what bears a dossier code or decision number at any agency, NUMBER_MATCHES_MAX at most, the oldest first.

    Case and white space do not matter; a decision number may come without the stroke of its Đ, as bank systems write it.
    """
    key = normalise_document_no(number)
    if not key:
        return []
    keys = [key, key.replace("/QD", "/QĐ")]
    return _with_lines(uow, uow.rows(_Row, queries.FIND_BY_NUMBER, (keys, NUMBER_MATCHES_MAX)))


def lock_for_order(uow: UnitOfWork, ids: Sequence[UUID], *, portal_code: str) -> list[ObligationView]:
    """Lock the obligations an order is to collect; raises ObligationNotFound for unknown or foreign ones."""
    views = _views(uow, queries.LOCK, sorted(set(ids)))
    if len(views) != len(set(ids)) or any(view.portal_code != portal_code for view in views):
        raise ObligationNotFound("no such obligation")
    return views


def quote(uow: UnitOfWork, obligation: ObligationView, *, for_date: date) -> Quote:
    """What is due on a day, with its legal basis; the same answer for the same day, whenever asked."""
    return rules_of(obligation.kind).quote(uow, obligation, for_date=for_date)


def mark_paid(uow: UnitOfWork, ids: Sequence[UUID], *, order_id: UUID) -> None:
    """Mark obligations paid by an order, with their history."""
    _move(uow, ids, ObligationState.OPEN, "paid", order_id=order_id)


def reopen(uow: UnitOfWork, ids: Sequence[UUID], *, order_id: UUID) -> None:
    """Make obligations payable again whose payment by an order was taken back, with their history."""
    _move(uow, ids, ObligationState.PAID, "reopened", order_id=order_id)


def _move(
    uow: UnitOfWork, ids: Sequence[UUID], state: ObligationState, event: str, *, order_id: UUID
) -> None:
    target = OBLIGATION_STATES.next(state, event).to
    values = {"ids": list(ids), "from": state, "to": target, "event": event}
    uow.run(queries.MOVE, values | {"order_id": order_id, "at": uow.now})


def _check(uow: UnitOfWork, command: RegisterObligation) -> tuple[str, date]:
    today = vietnam_date(uow.now)
    require_agency(uow, command.agency_code, today)
    document_no, document_on = rules_of(command.kind).check(uow, command, today)
    if document_on > today:
        raise InvalidInput("the document's date lies in the future", field="document")
    require_accounts(uow, [line.beneficiary_account for line in command.lines], today)
    return document_no, document_on


def _registered_before(
    uow: UnitOfWork, command: RegisterObligation, document_no: str, document_on: date
) -> ObligationView | None:
    key = normalise_document_no(document_no)
    values = {"kind": command.kind, "agency_code": command.agency_code, "key": key, "on": document_on}
    rows = uow.rows(_Row, queries.FIND_BY_DOCUMENT, values)
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


def _insert_obligor(
    uow: UnitOfWork, obligor_id: UUID, command: RegisterObligation, *, sealer: Sealer, index: BlindIndex
) -> None:
    key = sealer.new_data_key()
    name = sealer.seal(command.obligor_name, data_key=key, table="obligor", column="name", row=obligor_id)
    id_no = id_no_index = None
    if command.obligor_id_no:
        id_no = sealer.seal(
            command.obligor_id_no, data_key=key, table="obligor", column="id_no", row=obligor_id
        )
        id_no_index = index.of("obligor.id_no", command.obligor_id_no)
    uow.run(
        queries.INSERT_OBLIGOR,
        (obligor_id, key.id, key.kek_id, key.wrapped, name, id_no, id_no_index, uow.now),
    )


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


def _views(uow: UnitOfWork, sql: str, ids: list[UUID]) -> list[ObligationView]:
    return _with_lines(uow, uow.rows(_Row, sql, (ids,)))


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
    )
