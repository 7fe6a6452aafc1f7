"""Reading a person in full: for a purpose that the reader's role may have, written into the trail without the value.

Called by the commands `payclear subject export` and `payclear message`. `read_subject` is the door for a page that shows one
person: there is none yet, and a page that a mask is enough for must never come here.
"""

from typing import Final
from uuid import UUID

from payclear.audit.service import record
from payclear.db.uow import UnitOfWork
from payclear.kernel.ids import new_uuid
from payclear.obligations.obligors import read_obligor
from payclear.privacy import queries
from payclear.privacy.domain import Purpose, Reader, only
from payclear.privacy.errors import PurposeRefused, SubjectForgotten, SubjectNotFound
from payclear.privacy.rules import purposes
from payclear.sealing.service import open_raw
from payclear.security.sealed import Sealer

MESSAGE_PURPOSE: Final = "message_investigation"


def read_subject(
    uow: UnitOfWork, obligor_id: UUID, *, purpose: str, reader: Reader, sealer: Sealer
) -> dict[str, str]:
    """What the purpose lets this reader see of a subject. The read is in the trail when the transaction commits.

    Raises PurposeRefused, SubjectNotFound, SubjectForgotten.
    """
    chosen = require_purpose(uow, purpose, reader)
    row = uow.run(queries.SUBJECT_STATE, (obligor_id,)).fetchone()
    if row is None:
        raise SubjectNotFound("no such subject")
    facts = read_obligor(uow, obligor_id, sealer=sealer)
    if facts is None:
        raise SubjectForgotten("this person was forgotten")
    note_read(uow, obligor_id, chosen, reader)
    return only(facts, chosen.fields)


def require_purpose(uow: UnitOfWork, code: str, reader: Reader) -> Purpose:
    """The purpose when the reader may have it; raises PurposeRefused. The refusal is in the log of the caller, not here."""
    chosen = purposes(uow).get(code)
    if chosen is None or not chosen.roles & reader.roles:
        raise PurposeRefused("this purpose is not for these roles, or not in force", purpose=code[:60])
    return chosen


def note_read(uow: UnitOfWork, obligor_id: UUID, purpose: Purpose, reader: Reader) -> None:
    """Write that a subject was read, and for what; never what was read."""
    entry_id = record(
        uow,
        actor_type="staff",
        actor=reader.login,
        action="personal_data.read",
        object_type="obligor",
        object_id=str(obligor_id),
        facts={"purpose": purpose.code, "rule": purpose.id, "fields": list(purpose.fields)},
    )
    uow.run(
        queries.INSERT_READ,
        {
            "id": new_uuid(),
            "obligor_id": obligor_id,
            "purpose": purpose.code,
            "purpose_id": purpose.id,
            "fields": list(purpose.fields),
            "reader": reader.login,
            "at": uow.now,
            "audit_entry_id": entry_id,
        },
    )


def note_waiting_read(uow: UnitOfWork, quarantine_id: UUID, purpose: Purpose, reader: Reader) -> None:
    """Write that what a portal told in a waiting dossier was read, and for what; never what was read."""
    record(
        uow,
        actor_type="staff",
        actor=reader.login,
        action="dossier_quarantine.read",
        object_type="dossier_quarantine",
        object_id=str(quarantine_id),
        facts={"purpose": purpose.code, "rule": purpose.id},
    )


def read_message(
    uow: UnitOfWork, message_id: UUID, *, purpose: str, reader: Reader, sealer: Sealer
) -> tuple[bytes, bytes]:
    """Query string and body of a kept callback or collection message; raises PurposeRefused, SubjectNotFound, RawErased."""
    if purpose != MESSAGE_PURPOSE:
        raise PurposeRefused("a message is read whole: this purpose names fields", purpose=purpose[:60])
    require_purpose(uow, purpose, reader)
    kept = [
        (table, row)
        for table, sql in queries.MESSAGES.items()
        for row in uow.run(sql, (message_id,)).fetchall()
    ]
    if not kept:
        raise SubjectNotFound("no such message")
    table, (query_string, body, day_on) = kept[0]
    opened = tuple(
        open_raw(uow, sealer, sealed, day_on=day_on, table=table, column=column, row=message_id)
        for column, sealed in (("query_string", query_string), ("body", body))
    )
    record(
        uow,
        actor_type="staff",
        actor=reader.login,
        action="raw_message.read",
        object_type=table,
        object_id=str(message_id),
        facts={"purpose": purpose},
    )
    return opened[0], opened[1]
