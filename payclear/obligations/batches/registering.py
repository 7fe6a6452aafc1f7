"""Turns the rows of one chunk into obligations, set by set, and says what became of each.

Called by `service` inside the chunk's transaction. It must register exactly what `obligations.service.register` would:
the same checks, the same rows, the same seals.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from payclear.catalogue.reading import ServiceAccount, service_accounts
from payclear.catalogue.service import (
    BeneficiaryAccountRefused,
    UnknownAgency,
    UnknownBeneficiaryAccount,
    require_accounts_of,
    require_agency,
)
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.errors import PayclearError
from payclear.kernel.ids import new_uuid
from payclear.kernel.money import Money
from payclear.obligations.batches import queries
from payclear.obligations.batches.domain import Column, DecisionRow, RefusedRow, Row, RowResult
from payclear.obligations.domain import (
    InvalidDecision,
    LineType,
    ObligorField,
    ServedMethod,
    normalise_document_no,
)
from payclear.obligations.fines.desk import NewVersion, add_version
from payclear.obligations.fines.domain import FINE_LINE_NAME_VI
from payclear.obligations.fines.parameters import term_rules
from payclear.obligations.fines.serving import note_proof_of
from payclear.obligations.obligors import (
    ObligorFacts,
    PersonalDataInText,
    field_index_of,
    id_no_index_of,
    insert_obligors,
    is_placeholder,
    plate_keys,
    require_nobody_in,
)
from payclear.obligations.rules.corrections import InvalidCorrection, VersionKind
from payclear.obligations.rules.fines import Service, TermRule, due_on
from payclear.obligations.rules.identity_numbers import IdType
from payclear.obligations.rules.instalments import ObligorKind
from payclear.obligations.service import get
from payclear.obligations.speaking import AgencyNotOfPortal, require_speaks_for
from payclear.security.blind_index import BlindIndex
from payclear.security.sealed import DataKey, Sealer

# Without a word on how it was served a decision counts as handed over: the shorter way to a term that is written.
_METHOD: Final = ServedMethod.HANDED
Key = tuple[str, str, date]


class ChunkCollides(Exception):
    """Somebody registered one of these decisions at the same moment: the chunk is taken once more, and knows it then."""


@dataclass(frozen=True, slots=True)
class Uploader:
    """Who uploads, with which tools, and the day that counts as today for the whole batch, but for where money goes."""

    portal_code: str
    today: date
    sealer: Sealer
    index: BlindIndex


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row; `column` and `code` for a refused one, the obligation for every other."""

    row_no: int
    decision_no: str
    result: RowResult
    column: str | None = None
    code: str | None = None
    obligation_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Accounts:
    fine: ServiceAccount
    late: ServiceAccount


@dataclass(frozen=True, slots=True)
class _Known:
    id: UUID
    portal_code: str
    obligor_id: UUID
    amount: int
    served_on: date | None
    served_method: str | None
    written_term_days: int | None
    violation_record_no: str | None
    id_no_index: bytes | None
    key: DataKey | None
    name_sealed: bytes | None = field(repr=False)
    plates: frozenset[bytes] = frozenset()
    licences: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class _New:
    row: DecisionRow
    due_on: date
    accounts: _Accounts


class _Refused(Exception):
    def __init__(self, column: str, code: str) -> None:
        super().__init__(code)
        self.column = column
        self.code = code


def key_of(row: DecisionRow) -> Key:
    """What makes a decision one: its authority, its number as it is compared, its day."""
    return row.agency_code, normalise_document_no(row.decision_no), row.decided_on


def take_rows(uow: UnitOfWork, uploader: Uploader, rows: Sequence[Row]) -> list[Outcome]:
    """Register what is new, compare what is known, add versions; one outcome for each row. No decision is there twice.

    Raises ChunkCollides when another transaction registered one of them meanwhile.
    """
    decisions = [row for row in rows if isinstance(row, DecisionRow)]
    outcomes = [_refusal(row) for row in rows if isinstance(row, RefusedRow)]
    assert len({key_of(row) for row in decisions}) == len(decisions), "a wave holds each decision once"
    places = _Places(uow, uploader)
    terms = term_rules(uow)
    known = _known(uow, decisions)
    new: list[_New] = []
    for row in sorted(decisions, key=key_of):  # two files lock the same decisions in the same order
        try:
            before = known.get(key_of(row))
            is_new = before is None and row.version_kind is VersionKind.ISSUED
            if not is_new and (before is None or before.portal_code != uploader.portal_code):
                places.require_spoken_for(row.agency_code)
            if row.version_kind is not VersionKind.ISSUED:
                outcomes.append(_version(uow, uploader, row, before))
            elif before is not None:
                _require_same(uploader, row, before)
                outcomes.append(_proof(uow, uploader, row, before))
            else:
                new.append(_checked(row, places, terms))
        except _Refused as refused:
            outcomes.append(_refused(row, refused))
    outcomes += _register(uow, uploader, new)
    return sorted(outcomes, key=lambda outcome: outcome.row_no)


def _checked(row: DecisionRow, places: "_Places", terms: Sequence[TermRule]) -> _New:
    try:
        require_nobody_in(_facts(row), [row.decision_no, row.violation_record_no or ""])
    except PersonalDataInText as error:
        raise _Refused(Column.DECISION_NO, error.code) from error
    if row.id_no is not None and is_placeholder(row.id_no):
        raise _Refused(Column.ID_NO, "placeholder")
    places.require_spoken_for(row.agency_code)
    accounts = places.of(row.agency_code)
    service = Service(
        decided_on=row.decided_on,
        method=row.served_method or _METHOD,
        served_on=row.served_on,
        written_term_days=row.term_days,
    )
    try:
        return _New(row, due_on(service, terms), accounts)
    except InvalidDecision as error:
        raise _Refused(str(error.facts.get("field", "")), "invalid_fine_decision") from error
    except PayclearError as error:  # the catalogue has no rule for the day of this decision
        raise _Refused(Column.DECIDED_ON, error.code) from error


class _Places:
    """The accounts of each authority in a chunk, and whether the uploader speaks for it, looked up once."""

    def __init__(self, uow: UnitOfWork, uploader: Uploader) -> None:
        self._uow = uow
        self._uploader = uploader
        self._today = uploader.today
        self._found: dict[str, _Accounts | str] = {}
        self._refusals: dict[str, str] = {}

    def require_spoken_for(self, agency_code: str) -> None:
        if agency_code not in self._refusals:
            self._refusals[agency_code] = self._refusal(agency_code)
        if self._refusals[agency_code]:
            raise _Refused(Column.AGENCY_CODE, self._refusals[agency_code])

    def _refusal(self, agency_code: str) -> str:
        try:
            require_agency(self._uow, agency_code, self._today)
            require_speaks_for(self._uow, self._uploader.portal_code, agency_code, self._today)
        except (UnknownAgency, AgencyNotOfPortal) as error:
            return error.code
        return ""

    def of(self, agency_code: str) -> _Accounts:
        if agency_code not in self._found:
            self._found[agency_code] = self._look_up(agency_code)
        found = self._found[agency_code]
        if isinstance(found, str):
            raise _Refused(Column.AGENCY_CODE, found)
        return found

    def _look_up(self, agency_code: str) -> "_Accounts | str":
        on = vietnam_date(self._uow.now)  # a file may wait over midnight, and an account end with the day
        try:
            items = service_accounts(self._uow, agency_code=agency_code, procedure_code=None, on=on)
            fine = items.get(LineType.FINE) or items.get("")
            late = items.get(LineType.LATE_SURCHARGE) or items.get("")
            if fine is None or late is None:
                return UnknownBeneficiaryAccount.code
            require_accounts_of(self._uow, agency_code, [fine.account, late.account], on, is_state_money=True)
        except (UnknownBeneficiaryAccount, BeneficiaryAccountRefused) as error:
            return error.code
        return _Accounts(fine, late)


def _known(uow: UnitOfWork, rows: Sequence[DecisionRow]) -> dict[Key, _Known]:
    keys = [key_of(row) for row in rows]
    if not keys:
        return {}
    found = uow.run(queries.KNOWN, _columns(keys)).fetchall()
    plates = _indexes(uow, [row[3] for row in found], ObligorField.PLATE)
    licences = _indexes(uow, [row[3] for row in found], ObligorField.LICENCE_NO)
    known: dict[Key, _Known] = {}
    for (
        at,
        id_,
        portal,
        obligor,
        amount,
        served,
        method,
        term,
        record,
        index,
        key_id,
        kek_id,
        wrapped,
        name,
    ) in found:
        known[keys[at - 1]] = _Known(
            id=id_,
            portal_code=portal,
            obligor_id=obligor,
            amount=amount,
            served_on=served,
            served_method=method,
            written_term_days=term,
            violation_record_no=record,
            id_no_index=index,
            key=DataKey(key_id, kek_id, wrapped) if wrapped is not None else None,
            name_sealed=name,
            plates=plates.get(obligor, frozenset()),
            licences=licences.get(obligor, frozenset()),
        )
    return known


def _indexes(uow: UnitOfWork, obligors: list[UUID], field_: ObligorField) -> dict[UUID, frozenset[bytes]]:
    found: dict[UUID, frozenset[bytes]] = {}
    if obligors:
        for obligor, index in uow.run(queries.PLATES, ([field_], obligors)):
            found[obligor] = found.get(obligor, frozenset()) | {index}
    return found


def _require_same(uploader: Uploader, row: DecisionRow, known: _Known) -> None:
    """Refuse a repeated decision that says anything else than the first time; what it leaves out contradicts nothing."""
    if known.portal_code != uploader.portal_code:
        raise _Refused(Column.DECISION_NO, "registered_by_another_portal")
    for column, said, was in (
        (Column.AMOUNT, row.amount, known.amount),
        # A proof of service that was missing is no other fact: `_proof` looks at it.
        (Column.SERVED_ON, row.served_on, known.served_on or row.served_on),
        (
            Column.SERVED_METHOD,
            row.served_method,
            known.served_method if known.served_on else row.served_method,
        ),
        (Column.TERM_DAYS, row.term_days, known.written_term_days),
        (Column.VIOLATION_RECORD_NO, row.violation_record_no, known.violation_record_no),
    ):
        if said is not None and said != was:
            raise _Refused(column, "other_facts")
    _require_same_person(uploader, row, known)


def _require_same_person(uploader: Uploader, row: DecisionRow, known: _Known) -> None:
    if known.key is None or known.name_sealed is None:
        return  # the person was forgotten: nothing is left to compare with
    name = uploader.sealer.open(
        known.name_sealed, data_key=known.key, table="obligor", column="name", row=known.obligor_id
    )
    if _spelling(name) != _spelling(row.violator_name):
        raise _Refused(Column.VIOLATOR_NAME, "other_facts")
    if row.id_no is not None and id_no_index_of(uploader.index, row.id_no) != known.id_no_index:
        raise _Refused(Column.ID_NO, "other_facts")
    if row.plate is not None:
        searched = plate_keys(row.plate, row.plate_colour)
        if {field_index_of(uploader.index, ObligorField.PLATE, key) for key in searched} != known.plates:
            raise _Refused(Column.PLATE, "other_facts")
    if row.licence_no is None:
        return
    if {field_index_of(uploader.index, ObligorField.LICENCE_NO, row.licence_no)} != known.licences:
        raise _Refused(Column.LICENCE_NO, "other_facts")


def _proof(uow: UnitOfWork, uploader: Uploader, row: DecisionRow, known: _Known) -> Outcome:
    """Add the proof of service that the first upload lacked; a fine that is paid or replaced needs none any more."""
    if row.served_on is None or known.served_on is not None:
        return _outcome(row, RowResult.UNCHANGED, known.id)
    before = get(uow, known.id, portal_code=uploader.portal_code)
    try:
        with uow.savepoint():
            after = note_proof_of(
                uow,
                before,
                served_on=row.served_on,
                served_method=row.served_method,
                portal_code=uploader.portal_code,
                by=f"batch:{uploader.portal_code}",
            )
    except PayclearError as error:  # served before it was decided, or on another day than the proven one
        raise _Refused(Column.SERVED_ON, "other_facts") from error
    changed = after.fine != before.fine
    return _outcome(row, RowResult.VERSION if changed else RowResult.UNCHANGED, known.id)


def _version(uow: UnitOfWork, uploader: Uploader, row: DecisionRow, known: _Known | None) -> Outcome:
    """Add one version, as the API would; what was said before is unchanged. Locks the order that collects the fine."""
    if known is None:
        raise _Refused(Column.DECISION_NO, "decision_unknown")
    if known.portal_code != uploader.portal_code:
        raise _Refused(Column.DECISION_NO, "registered_by_another_portal")
    assert row.version_on is not None, "a version has its day"
    number = row.version_no or row.decision_no
    said = (row.version_kind.value, normalise_document_no(number), row.version_on, row.amount)
    if said in uow.run(queries.VERSIONS, (known.id,)).fetchall():
        return _outcome(row, RowResult.UNCHANGED, known.id)
    version = NewVersion(
        kind=row.version_kind,
        decision_no=number,
        decided_on=row.version_on,
        amount=Money(row.amount),
        served_on=row.served_on,
        served_method=row.served_method,
        written_term_days=row.term_days,
    )
    try:
        with uow.savepoint():
            add_version(
                uow,
                known.id,
                version,
                portal_code=uploader.portal_code,
                by=f"batch:{uploader.portal_code}",
                sealer=uploader.sealer,
                index=uploader.index,
            )
    except InvalidCorrection as error:
        raise _Refused(Column.VERSION_KIND, error.code) from error
    except InvalidDecision as error:
        raise _Refused(Column.VERSION_ON, error.code) from error
    except (
        PayclearError
    ) as error:  # no rule for its day, a fine that moved on: this row's matter, not the file's
        raise _Refused(Column.VERSION_KIND, "version_refused") from error
    return _outcome(row, RowResult.VERSION, known.id)


def _register(uow: UnitOfWork, uploader: Uploader, new: Sequence[_New]) -> list[Outcome]:
    if not new:
        return []
    ordered = sorted(new, key=lambda each: key_of(each.row))
    people = [(_facts(each.row), key_of(each.row)[1]) for each in ordered]
    obligors = insert_obligors(uow, people, sealer=uploader.sealer, index=uploader.index)
    ids = [new_uuid() for _ in ordered]
    rows = [each.row for each in ordered]
    shared: dict[str, Any] = {
        "ids": ids,
        "agencies": [row.agency_code for row in rows],
        "numbers": [row.decision_no for row in rows],
        "keys": [key_of(row)[1] for row in rows],
        "days": [row.decided_on for row in rows],
        "amounts": [row.amount for row in rows],
        "currency": Money.zero().currency,
        "portal_code": uploader.portal_code,
        "at": uow.now,
        "by": uploader.portal_code,
    }
    made = uow.run(queries.REGISTER, shared | {"obligors": list(obligors)}).rowcount
    if made != len(ordered):
        raise ChunkCollides
    fines = [each.accounts.fine for each in ordered]
    uow.run(
        queries.LINES,
        shared
        | {
            "name": FINE_LINE_NAME_VI,
            "accounts": [account.account for account in fines],
            "chapters": [account.chapter for account in fines],
            "sub_items": [account.sub_item for account in fines],
        },
    )
    uow.run(queries.DECISIONS, shared | _decision_columns(ordered))
    return [_outcome(row, RowResult.REGISTERED, id_) for row, id_ in zip(rows, ids, strict=True)]


def _decision_columns(new: Sequence[_New]) -> dict[str, Any]:
    late = [each.accounts.late for each in new]
    rows = [each.row for each in new]
    return {
        "served": [row.served_on for row in rows],
        "methods": [row.served_method or _METHOD for row in rows],
        "terms": [row.term_days for row in rows],
        "dues": [each.due_on for each in new],
        "late_accounts": [account.account for account in late],
        "late_chapters": [account.chapter for account in late],
        "late_sub_items": [account.sub_item for account in late],
        "records": [row.violation_record_no for row in rows],
        "papers": [row.withheld for row in rows],
    }


def _facts(row: DecisionRow) -> ObligorFacts:
    return ObligorFacts(
        name=row.violator_name,
        id_no=row.id_no,
        kind=ObligorKind.ORGANISATION if row.id_type is IdType.TAX_CODE else ObligorKind.PERSON,
        phone=row.phone,
        plate=row.plate,
        plate_colour=row.plate_colour,
        licence_no=row.licence_no,
    )


def _spelling(name: str) -> str:
    return unicodedata.normalize("NFC", " ".join(name.split())).casefold()


def _columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _outcome(row: DecisionRow, result: RowResult, obligation_id: UUID) -> Outcome:
    return Outcome(row.row_no, row.decision_no, result, obligation_id=obligation_id)


def _refused(row: DecisionRow, refused: _Refused) -> Outcome:
    shown = "" if refused.code == PersonalDataInText.code else row.decision_no
    return Outcome(row.row_no, shown, RowResult.REFUSED, refused.column, refused.code)


def _refusal(row: RefusedRow) -> Outcome:
    return Outcome(row.row_no, row.decision_no, RowResult.REFUSED, row.column, row.code)
