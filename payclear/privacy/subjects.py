"""What a person may ask of us: everything we hold on them, and to be forgotten. The books stay: amounts, entries, receipts.

Called by commands, and by the nightly retention. It must never log what it opens, nor forget while anything is open.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from payclear.audit.service import record
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.ids import new_uuid, public_id
from payclear.obligations.domain import ObligorField
from payclear.obligations.fees.quarantine import WaitingDossier, waiting_about
from payclear.obligations.obligors import ObligorFacts, field_index_of, id_no_index_of, read_obligor
from payclear.privacy import queries
from payclear.privacy.domain import REQUEST_LASTS, Ground, Reader, Record
from payclear.privacy.errors import ForgettingRefused, RequestUnknown, SubjectNotFound
from payclear.privacy.reading import note_read, note_waiting_read, require_purpose
from payclear.privacy.rules import grounds, retention_rules
from payclear.security.blind_index import BlindIndex
from payclear.security.sealed import Sealer

EXPORT_PURPOSE = "subject_request"


def find_subjects(
    uow: UnitOfWork, number: str, *, sealer: Sealer, index: BlindIndex
) -> tuple[list[UUID], list[WaitingDossier]]:
    """Every row about the bearer of an identity number or a social insurance code, and the dossiers that wait in quarantine.

    Raises SubjectNotFound when there is neither.
    """
    if not any(each.isalnum() for each in number):
        raise SubjectNotFound("no number was given")
    by = (id_no_index_of(index, number), field_index_of(index, ObligorField.INSURANCE_CODE, number))
    found = [row[0] for row in uow.run(queries.SUBJECTS, by)]
    waiting = waiting_about(uow, number, sealer=sealer, index=index)
    if not found and not waiting:
        raise SubjectNotFound("we hold nothing about the bearer of this number")
    return found, waiting


def export_subject(
    uow: UnitOfWork, number: str, *, reader: Reader, sealer: Sealer, index: BlindIndex
) -> dict[str, Any]:
    """Everything we hold on the bearer of a number, for them; each row that is opened is in the trail.

    Raises SubjectNotFound, and PurposeRefused when the reader may not answer such requests.
    """
    purpose = require_purpose(uow, EXPORT_PURPOSE, reader)
    ids, waiting = find_subjects(uow, number, sealer=sealer, index=index)
    people = []
    for obligor_id in ids:
        facts = read_obligor(uow, obligor_id, sealer=sealer)
        assert facts is not None, "only who is not forgotten is found"
        note_read(uow, obligor_id, purpose, reader)
        people.append(_told(facts))
    for dossier in waiting:
        note_waiting_read(uow, dossier.id, purpose, reader)
    concerned: dict[str, Any] = {"ids": ids, "named_on": vietnam_date(uow.now)}
    return {
        "as_of": _instant(uow.now),
        "told_by_portals": people,
        "waiting_dossiers": [_waiting(dossier) for dossier in waiting],
        "obligations": [_owed(row) for row in uow.run(queries.OWED, concerned)],
        "payments": [_paid(row) for row in uow.run(queries.PAID, concerned)],
        "read_by": [
            {"at": _instant(at), "reader": login, "purpose": purpose_code, "fields": names}
            for at, login, purpose_code, names in uow.run(queries.READS, (ids,))
        ],
        "clearance_asked_by": [
            {"at": _instant(at), "portal": portal, "purpose": asked_for, "named_by": kind}
            for at, portal, asked_for, kind in uow.run(
                queries.CLEARANCES, concerned | {"number": id_no_index_of(index, number)}
            )
        ],
    }


def request_forgetting(
    uow: UnitOfWork, number: str, *, ground: str, reader: Reader, sealer: Sealer, index: BlindIndex
) -> UUID:
    """Ask to forget the bearer of a number on a ground of the catalogue; another person must `confirm_forgetting`.

    Raises SubjectNotFound, and ForgettingRefused with what stands in the way, the reader's roles included.
    """
    chosen = _ground(uow, ground, reader)
    ids, waiting = find_subjects(uow, number, sealer=sealer, index=index)
    if waiting:
        raise ForgettingRefused("a dossier waits to be decided", reason="dossier_waits", count=len(waiting))
    _refuse_hindered(uow, ids, chosen)
    return _ask(uow, ids, ground=chosen, reader=reader, is_again=False)


def request_forgetting_again(
    uow: UnitOfWork, listed: Sequence[tuple[UUID, str, str]], *, reader: Reader
) -> list[UUID]:
    """Ask to forget again whom a restored backup brought back; one request for each ground of the list.

    Raises ForgettingRefused when the reader's roles may not forget on any ground.
    """
    _require_role(reader, frozenset[str]().union(*(each.roles for each in grounds(uow).values())))
    by_ground: dict[tuple[str, str], list[UUID]] = {}
    for obligor_id, code, ground_id in listed:
        by_ground.setdefault((code, ground_id), []).append(obligor_id)
    return [
        _ask(uow, ids, ground=_as_it_was(code, ground_id), reader=reader, is_again=True)
        for (code, ground_id), ids in sorted(by_ground.items())
    ]


def confirm_forgetting(uow: UnitOfWork, request_id: UUID, *, reader: Reader) -> tuple[int, list[UUID]]:
    """Forget whom another asked to forget; how many rows, and those kept because something is open again.

    Nothing is kept of a request by number: it is refused as a whole. Raises RequestUnknown, ForgettingRefused.
    """
    row = uow.run(queries.LOCK_REQUEST, (request_id, uow.now - REQUEST_LASTS)).fetchone()
    if row is None:
        raise RequestUnknown("no such request waits")
    ids, code, ground_id, is_again, maker = row
    if reader.login == maker:
        raise ForgettingRefused("another person must confirm it", reason="own_request")
    if is_again:
        _require_role(reader, frozenset[str]().union(*(each.roles for each in grounds(uow).values())))
        ground = _as_it_was(code, ground_id)
        uow.run(queries.CONFIRM_REQUEST, (reader.login, uow.now, request_id))
        return _forget_each(uow, ids, ground=ground, by=maker, request_id=request_id)
    ground = _ground(uow, code, reader)
    uow.run(queries.CONFIRM_REQUEST, (reader.login, uow.now, request_id))
    everything = [each[0] for each in uow.run(queries.SAME_PEOPLE, {"ids": ids})]
    return forget(uow, everything, ground=ground, by=maker, request_id=request_id), []


def forget(
    uow: UnitOfWork, ids: Sequence[UUID], *, ground: Ground, by: str, request_id: UUID | None = None
) -> int:
    """Destroy the keys, indexes and sealed cells of subjects; how many there were. Without a request only retention may.

    Raises ForgettingRefused when one of them still owes, is being paid or refunded, or must be kept.
    """
    locked = [row[0] for row in uow.run(queries.LOCK_SUBJECTS, (list(ids),))]
    if not locked:
        return 0
    _refuse_hindered(uow, locked, ground)
    for obligor_id in locked:
        entry_id = record(
            uow,
            actor_type="system" if request_id is None else "staff",
            actor=by,
            action="personal_data.forgotten",
            object_type="obligor",
            object_id=str(obligor_id),
            facts={"ground": ground.code, "rule": ground.id, "request": request_id and str(request_id)},
        )
        values = (obligor_id, ground.code, ground.id, by, uow.now, entry_id, request_id)
        uow.run(queries.INSERT_FORGETTING, values)
    uow.run(queries.FORGET_FIELDS, (locked,))
    return uow.run(queries.FORGET, (uow.now, locked)).rowcount


def forgotten(uow: UnitOfWork) -> list[tuple[UUID, str, str]]:
    """Every subject that was forgotten with its ground and the ground's row; names nobody, and is kept apart from backups."""
    return [tuple(row) for row in uow.run(queries.FORGOTTEN)]


def _forget_each(
    uow: UnitOfWork, ids: Sequence[UUID], *, ground: Ground, by: str, request_id: UUID
) -> tuple[int, list[UUID]]:
    gone, kept = 0, []
    for obligor_id in ids:
        try:
            with uow.savepoint():
                gone += forget(uow, [obligor_id], ground=ground, by=by, request_id=request_id)
        except ForgettingRefused:
            kept.append(obligor_id)
    return gone, kept


def _ask(uow: UnitOfWork, ids: Sequence[UUID], *, ground: Ground, reader: Reader, is_again: bool) -> UUID:
    request_id = new_uuid()
    uow.run(
        queries.INSERT_REQUEST,
        (request_id, list(ids), ground.code, ground.id, is_again, reader.login, uow.now),
    )
    record(
        uow,
        actor_type="staff",
        actor=reader.login,
        action="personal_data.forgetting_requested",
        object_type="forgetting_request",
        object_id=str(request_id),
        facts={"ground": ground.code, "rule": ground.id, "subjects": len(ids)},
    )
    return request_id


def _ground(uow: UnitOfWork, code: str, reader: Reader) -> Ground:
    chosen = grounds(uow).get(code)
    if chosen is None:
        raise ForgettingRefused("no such ground is in force", reason="no_ground")
    _require_role(reader, chosen.roles)
    return chosen


def _require_role(reader: Reader, roles: frozenset[str]) -> None:
    if not roles & reader.roles:
        raise ForgettingRefused("these roles may not forget on this ground", reason="role")


def _as_it_was(code: str, ground_id: str) -> Ground:
    """The ground on which somebody was forgotten before, whether it is still in force or not."""
    return Ground(
        id=ground_id,
        code=code,
        legal_basis="",
        roles=frozenset(),
        despite_retention=True,
        name_vi="",
        name_en="",
    )


def _refuse_hindered(uow: UnitOfWork, ids: Sequence[UUID], ground: Ground) -> None:
    reason, count = hindrance(uow, ids, despite_retention=ground.despite_retention)
    if reason:
        raise ForgettingRefused("this person can not be forgotten yet", reason=reason, count=count)


def hindrance(uow: UnitOfWork, ids: Sequence[UUID], *, despite_retention: bool) -> tuple[str, int]:
    """What keeps these subjects from being forgotten and how many times; an empty reason when nothing does."""
    for reason, count in uow.run(queries.HINDRANCES, {"ids": list(ids)}):
        if count:
            return reason, count
    if despite_retention:
        return "", 0
    rule = retention_rules(uow).get(Record.OBLIGOR)
    if rule is None:
        return "no_retention_rule", 1
    (last_use,) = uow.one(queries.LAST_USE, {"ids": list(ids)})
    return ("under_retention", 1) if last_use >= rule.until(uow.now) else ("", 0)


def _told(facts: ObligorFacts) -> dict[str, str]:
    known = {each.name: getattr(facts, each.name) for each in fields(facts)}
    return {name: str(value) for name, value in known.items() if value is not None}


def _waiting(dossier: WaitingDossier) -> dict[str, Any]:
    return {
        "id": public_id("dsq", dossier.id),
        "portal": dossier.portal_code,
        "agency": dossier.agency_code,
        "dossier_code": dossier.code_raw,
        "received_at": _instant(dossier.received_at),
        "told": {name: value for name, value in dossier.obligor.items() if value is not None},
    }


def _owed(row: tuple[Any, ...]) -> dict[str, Any]:
    row_id, kind, portal, agency, agency_name, number, on, principal, currency, state, created_at = row
    return {
        "id": public_id("obl", row_id),
        "kind": kind,
        "portal": portal,
        "agency": agency,
        "agency_name": agency_name,
        "document_no": number,
        "document_on": on.isoformat(),
        "principal": principal,
        "currency": currency,
        "state": state,
        "registered_at": _instant(created_at),
    }


def _paid(row: tuple[Any, ...]) -> dict[str, Any]:
    obligation_id, order_ref, state, amount, currency, created_at, paid_at, series, number = row
    return {
        "obligation": public_id("obl", obligation_id),
        "order_ref": order_ref,
        "state": state,
        "amount": amount,
        "currency": currency,
        "ordered_at": _instant(created_at),
        "paid_at": _instant(paid_at) if paid_at else None,
        "receipt": f"{series}-{number}" if number else None,
    }


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
