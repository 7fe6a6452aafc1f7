"""Dossiers whose code no national format explains: kept as sent, until a person accepts or refuses the code (F23).

What the portal sent lies sealed and is gone once it is decided. It must never drop a dossier, nor register one unseen.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from payclear.audit.service import record
from payclear.catalogue.service import require_agency
from payclear.db.uow import UnitOfWork
from payclear.kernel.errors import Conflict, InvalidInput, NotFound
from payclear.kernel.ids import new_uuid
from payclear.obligations.fees import queries
from payclear.obligations.fees.facts import QUARANTINE_STATES, QuarantineState
from payclear.obligations.fees.rules import check, digest_of, with_lines
from payclear.obligations.obligors import check_obligor, id_no_index_of
from payclear.obligations.records import DocumentAlreadyRegistered, DossierDocument, RegisterObligation
from payclear.obligations.rules.dossier_codes import Quarantined, QuarantineReason, parse_dossier_code
from payclear.obligations.speaking import require_speaks_for
from payclear.security.blind_index import BlindIndex
from payclear.security.sealed import DataKey, Sealer

LISTED_MAX: Final = 100
NOTE_MAX: Final = 500
# A code that is no code at all, or names a day to come, is a slip of the portal: it is refused, not kept.
_REFUSED: Final = frozenset({QuarantineReason.EMPTY, QuarantineReason.TOO_LONG, QuarantineReason.FUTURE_DATE})


class DossierNotQuarantined(NotFound):
    """No quarantined dossier of this id belongs to this portal."""

    code = "dossier_not_quarantined"


class DossierCodeRefused(Conflict):
    """A person refused this dossier's code before: send it with the right one."""

    code = "dossier_code_refused"


class DecisionNeedsReason(InvalidInput):
    """A refusal says why."""

    code = "decision_needs_reason"


@dataclass(frozen=True, slots=True)
class QuarantinedDossier:
    """A quarantined dossier as it stands, without what is sealed."""

    id: UUID
    portal_code: str
    agency_code: str
    code_raw: str
    code_key: str
    reason: str
    state: str
    contents_digest: bytes
    obligation_id: UUID | None
    received_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decided_note: str | None


@dataclass(frozen=True, slots=True)
class WaitingDossier:
    """A dossier that waits, with what the portal told of who owes."""

    id: UUID
    portal_code: str
    agency_code: str
    code_raw: str
    received_at: datetime
    obligor: Mapping[str, Any] = field(repr=False)


def oddity_of(dossier_code: str, today: date) -> Quarantined | None:
    """What is odd about a code that is to be kept for a person; None for a good code, and for one to be refused at once."""
    parsed = parse_dossier_code(dossier_code, today=today)
    is_kept = isinstance(parsed, Quarantined) and parsed.reason not in _REFUSED
    return parsed if is_kept and isinstance(parsed, Quarantined) else None


def hold(
    uow: UnitOfWork,
    command: RegisterObligation,
    odd: Quarantined,
    *,
    source: Mapping[str, Any],
    today: date,
    sealer: Sealer,
) -> QuarantinedDossier:
    """Keep a registration until its code is decided; the same again is the same.

    Everything but the code is checked as at a registration. `source` is the request as the portal sent it. Raises
    DocumentAlreadyRegistered for other contents, DossierCodeRefused, and what a registration raises.
    """
    check_obligor(command.obligor)
    require_agency(uow, command.agency_code, today)
    require_speaks_for(uow, command.portal_code, command.agency_code, today)
    check(uow, command, today)
    before = _found_as(uow, command, odd)
    if before is None:
        with_lines(uow, command, today)
        _insert(uow, command, odd, source, sealer)
        before = _found_as(uow, command, odd)
        assert before is not None, "it was inserted, here or at the same moment"
    if bytes(before.contents_digest) != digest_of(command):
        raise DocumentAlreadyRegistered("this dossier waits with other contents")
    if before.state == QuarantineState.REFUSED:
        raise DossierCodeRefused("a person refused this code", dossier_code=odd.key[:40])
    return before


def get(uow: UnitOfWork, quarantine_id: UUID, *, portal_code: str | None = None) -> QuarantinedDossier:
    """A quarantined dossier, of one portal or (None) of any; raises DossierNotQuarantined."""
    rows = uow.rows(QuarantinedDossier, queries.QUARANTINED, (quarantine_id,))
    if not rows or portal_code not in (None, rows[0].portal_code):
        raise DossierNotQuarantined("no such dossier")
    return rows[0]


def newest(uow: UnitOfWork) -> list[QuarantinedDossier]:
    """Those that wait first, then the newest."""
    return uow.rows(QuarantinedDossier, queries.QUARANTINE_LIST, (LISTED_MAX,))


def open_source(uow: UnitOfWork, quarantine_id: UUID, *, sealer: Sealer) -> dict[str, Any]:
    """Lock a waiting dossier and open what the portal sent; raises IllegalTransition once it is decided."""
    row = uow.run(queries.LOCK_QUARANTINED, (quarantine_id,)).fetchone()
    if row is None:
        raise DossierNotQuarantined("no such dossier")
    state, key_id, kek_id, wrapped, sealed = row
    QUARANTINE_STATES.next(state, "accepted")
    return _opened(sealer, quarantine_id, DataKey(key_id, kek_id, wrapped), sealed)


def waiting_about(uow: UnitOfWork, number: str, *, sealer: Sealer, index: BlindIndex) -> list[WaitingDossier]:
    """Every waiting dossier of the bearer of an identity number, tax code or insurance code.

    They have no index: each one that waits is opened and compared. Only `privacy` calls it, with purpose and audit.
    """
    wanted = id_no_index_of(index, number)
    found = []
    for row_id, portal, agency, code, received_at, key_id, kek_id, wrapped, sealed in uow.run(
        queries.WAITING
    ):
        told = _opened(sealer, row_id, DataKey(key_id, kek_id, wrapped), sealed)["obligor"]
        numbers = [told.get(name) for name in ("citizen_id", "tax_code", "insurance_code")]
        if any(each and id_no_index_of(index, each) == wanted for each in numbers):
            found.append(WaitingDossier(row_id, portal, agency, code, received_at, told))
    return found


def _opened(sealer: Sealer, row_id: UUID, key: DataKey, sealed: bytes) -> dict[str, Any]:
    text = sealer.open(sealed, data_key=key, table="dossier_quarantine", column="command", row=row_id)
    opened: dict[str, Any] = json.loads(text)
    return opened


def accepted(command: RegisterObligation) -> RegisterObligation:
    """The command of a dossier whose odd code a person accepted."""
    assert isinstance(command.document, DossierDocument)
    return replace(command, document=replace(command.document, is_code_accepted=True))


def decide(
    uow: UnitOfWork, quarantine_id: UUID, event: str, *, by: str, note: str, obligation_id: UUID | None = None
) -> None:
    """Accept (with the obligation that was registered) or refuse a waiting dossier; what was sealed is gone.

    Raises IllegalTransition when it is decided already, DecisionNeedsReason for a refusal without a word.
    """
    row = uow.run(queries.LOCK_QUARANTINED, (quarantine_id,)).fetchone()
    if row is None:
        raise DossierNotQuarantined("no such dossier")
    state = QUARANTINE_STATES.next(row[0], event).to
    if event == "refused" and not note.strip():
        raise DecisionNeedsReason("say why", field="note")
    uow.run(
        queries.DECIDE_QUARANTINED,
        {
            "id": quarantine_id,
            "state": state,
            "obligation_id": obligation_id,
            "by": by,
            "at": uow.now,
            "note": note.strip()[:NOTE_MAX] or None,
        },
    )
    record(
        uow,
        actor_type="staff",
        actor=by,
        action=f"dossier_quarantine.{event}",
        object_type="dossier_quarantine",
        object_id=str(quarantine_id),
        facts={"note": note.strip()[:NOTE_MAX]},
    )


def _found_as(uow: UnitOfWork, command: RegisterObligation, odd: Quarantined) -> QuarantinedDossier | None:
    key = (command.portal_code, command.agency_code, odd.key)
    rows = uow.rows(QuarantinedDossier, queries.QUARANTINED_AS, key)
    return rows[0] if rows else None


def _insert(
    uow: UnitOfWork, command: RegisterObligation, odd: Quarantined, source: Mapping[str, Any], sealer: Sealer
) -> None:
    row_id, key = new_uuid(), sealer.new_data_key()
    text = json.dumps(source, ensure_ascii=False)
    sealed = sealer.seal(text, data_key=key, table="dossier_quarantine", column="command", row=row_id)
    uow.run(
        queries.INSERT_QUARANTINED,
        {
            "id": row_id,
            "portal_code": command.portal_code,
            "agency_code": command.agency_code,
            "code_raw": odd.raw,
            "code_key": odd.key,
            "reason": odd.reason,
            "digest": digest_of(command),
            "data_key_id": key.id,
            "kek_id": key.kek_id,
            "wrapped_key": key.wrapped,
            "command_sealed": sealed,
            "at": uow.now,
        },
    )
    record(
        uow,
        actor_type="portal",
        actor=command.portal_code,
        action="dossier_quarantine.held",
        object_type="dossier_quarantine",
        object_id=str(row_id),
        facts={"reason": odd.reason.value},
    )
