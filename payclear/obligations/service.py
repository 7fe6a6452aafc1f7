"""Registers what is owed, quotes it for a day, locks it for an order and marks it paid. Never commits."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from payclear.catalogue.service import LATE_SURCHARGE, rate_on, require_accounts, require_agency
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.errors import Conflict, InvalidInput, NotFound
from payclear.kernel.ids import new_uuid
from payclear.kernel.money import Money, sum_money
from payclear.obligations import queries
from payclear.obligations.domain import (
    OBLIGATION_STATES,
    InvalidDecision,
    Line,
    LineType,
    ObligationKind,
    ObligationState,
    Quote,
    ServedMethod,
    SurchargeRule,
    check_dossier_code,
    check_procedure_code,
    fine_due_on,
    normalise_document_no,
    quote_fee,
    quote_fine,
)
from payclear.security.blind_index import BlindIndex
from payclear.security.sealed import Sealer

NUMBER_MATCHES_MAX = 20


class ObligationNotFound(NotFound):
    """No obligation with this id belongs to this portal."""

    code = "obligation_not_found"


class DocumentAlreadyRegistered(Conflict):
    """The document is registered by another portal, or with other contents."""

    code = "document_already_registered"


@dataclass(frozen=True, slots=True, kw_only=True)
class DossierDocument:
    """The document of a dossier fee."""

    dossier_code: str
    procedure_code: str
    filed_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class FineDocument:
    """The document of a traffic fine, and where late money goes."""

    decision_no: str
    decided_on: date
    served_on: date
    served_method: ServedMethod
    surcharge_beneficiary_account: str
    surcharge_chapter: str
    surcharge_sub_item: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterObligation:
    """The command that a portal's facts become."""

    portal_code: str
    agency_code: str
    document: DossierDocument | FineDocument
    obligor_name: str = field(repr=False)
    obligor_id_no: str | None = field(repr=False)
    lines: tuple[Line, ...]

    @property
    def kind(self) -> ObligationKind:
        """The kind that the document implies."""
        is_fine = isinstance(self.document, FineDocument)
        return ObligationKind.TRAFFIC_FINE if is_fine else ObligationKind.DOSSIER_FEE


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligationView:
    """An obligation as services above see it, with its own lines (without surcharge)."""

    id: UUID
    kind: ObligationKind
    portal_code: str
    agency_code: str
    agency_name_vi: str
    agency_name_en: str
    document_no: str
    document_on: date
    due_on: date | None
    principal: Money
    state: ObligationState
    created_at: datetime
    lines: tuple[Line, ...]
    surcharge: tuple[str, str, str] | None  # beneficiary account, chapter, sub-item


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
    before = _registered_before(uow, command, document_no)
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
    _insert_document(uow, obligation_id, command.document)
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
    if obligation.kind is ObligationKind.DOSSIER_FEE:
        return quote_fee(obligation.lines, for_date=for_date)
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
    accounts = [line.beneficiary_account for line in command.lines]
    document = command.document
    if isinstance(document, FineDocument):
        if any(line.type is not LineType.FINE for line in command.lines):
            raise InvalidInput("a fine has lines of type fine only", field="lines")
        accounts.append(document.surcharge_beneficiary_account)
        if not normalise_document_no(document.decision_no):
            raise InvalidInput("the decision number is empty", field="decision_no")
        result = document.decision_no.strip(), document.decided_on
    else:
        if any(line.type in (LineType.FINE, LineType.LATE_SURCHARGE) for line in command.lines):
            raise InvalidInput("a dossier fee has no line of a fine", field="lines")
        check_procedure_code(document.procedure_code)
        result = check_dossier_code(document.dossier_code), document.filed_on
    if isinstance(document, FineDocument) and document.served_on > today:
        raise InvalidDecision("a decision can not be served in the future", field="document.served_on")
    if result[1] > today:
        raise InvalidInput("the document's date lies in the future", field="document")
    require_accounts(uow, accounts, today)
    return result


def _registered_before(
    uow: UnitOfWork, command: RegisterObligation, document_no: str
) -> ObligationView | None:
    key = normalise_document_no(document_no)
    rows = uow.rows(_Row, queries.FIND_BY_DOCUMENT, (command.kind, command.agency_code, key))
    if not rows:
        return None
    existing = _with_lines(uow, rows)[0]
    if existing.portal_code != command.portal_code or not _says_the_same(existing, command):
        raise DocumentAlreadyRegistered(
            "this document is registered by another portal or with other contents"
        )
    return existing


def _says_the_same(existing: ObligationView, command: RegisterObligation) -> bool:
    document = command.document
    if isinstance(document, DossierDocument):
        return (existing.lines, existing.document_on) == (command.lines, document.filed_on)
    due_on = fine_due_on(served_on=document.served_on, decided_on=document.decided_on)
    surcharge = (
        document.surcharge_beneficiary_account,
        document.surcharge_chapter,
        document.surcharge_sub_item,
    )
    known = (existing.lines, existing.document_on, existing.due_on, existing.surcharge)
    return known == (command.lines, document.decided_on, due_on, surcharge)


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


def _insert_document(uow: UnitOfWork, obligation_id: UUID, document: DossierDocument | FineDocument) -> None:
    if isinstance(document, DossierDocument):
        values = (obligation_id, document.dossier_code, document.procedure_code, document.filed_on)
        uow.run(queries.INSERT_DOSSIER, values)
        return
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
