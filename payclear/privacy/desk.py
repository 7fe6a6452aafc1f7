"""What the commands `payclear subject …` and `payclear keys …` do; returns the lines to print, or the export's text.

An identity number comes by standard input or a file, never by an argument: arguments stand in histories and process lists.
"""

import json
from collections.abc import Sequence
from uuid import UUID

from payclear.identity import queries as identity_queries
from payclear.identity.domain import normal_login
from payclear.kernel.problems import OperatorProblem
from payclear.privacy import keys, subjects
from payclear.privacy.domain import Reader
from payclear.privacy.reading import read_message
from payclear.runtime import Runtime


def export(runtime: Runtime, number: str, *, by: str) -> list[str]:
    """Everything we hold on the bearer of a number as JSON; raises SubjectNotFound, PurposeRefused."""
    reader = _staff(runtime, by)
    with runtime.database.begin() as uow:
        told = subjects.export_subject(
            uow, number, reader=reader, sealer=runtime.sealer, index=runtime.blind_index
        )
        uow.commit()
    return [json.dumps(told, ensure_ascii=False, indent=1)]


def forget(runtime: Runtime, number: str, *, ground: str, by: str) -> list[str]:
    """Ask to forget the bearer of a number; raises SubjectNotFound, ForgettingRefused."""
    reader = _staff(runtime, by)
    with runtime.database.begin() as uow:
        made = subjects.request_forgetting(
            uow, number, ground=ground, reader=reader, sealer=runtime.sealer, index=runtime.blind_index
        )
        uow.commit()
    return [_waiting(made)]


def confirm_forgetting(runtime: Runtime, request_id: str, *, by: str) -> list[str]:
    """Forget whom another member of staff asked to forget; raises RequestUnknown, ForgettingRefused."""
    try:
        row_id = UUID(request_id)
    except ValueError:
        raise OperatorProblem("A request is named by its id, a UUID.") from None
    reader = _staff(runtime, by)
    with runtime.database.begin() as uow:
        gone, kept = subjects.confirm_forgetting(uow, row_id, reader=reader)
        uow.commit()
    return [
        f"Forgotten: {gone} rows. The books stay. Backups made before hold the old keys: see docs/privacy.md.",
        *(f"Kept, something is open: {each}" for each in kept),
    ]


def forgotten(runtime: Runtime) -> list[str]:
    """Who was forgotten, one row a line: to be kept apart from the backups, for after a restore."""
    with runtime.database.begin() as uow:
        return [" ".join(str(each) for each in row) for row in subjects.forgotten(uow)]


def forget_again(runtime: Runtime, lines: Sequence[str], *, by: str) -> list[str]:
    """Ask to forget again whom a restored backup brought back; raises ForgettingRefused."""
    reader = _staff(runtime, by)
    try:
        parts = [line.split() for line in lines if line.strip()]
        listed = [(UUID(row_id), ground, ground_id) for row_id, ground, ground_id in parts]
    except ValueError:
        raise OperatorProblem(
            "A line of the list is: id, ground, rule; as `payclear subject forgotten` writes it."
        ) from None
    with runtime.database.begin() as uow:
        made = subjects.request_forgetting_again(uow, listed, reader=reader)
        uow.commit()
    return [_waiting(each) for each in made]


def message(runtime: Runtime, message_id: str, *, purpose: str, by: str) -> list[str]:
    """A kept callback or collection message as it came, for a purpose; raises PurposeRefused, SubjectNotFound, RawErased."""
    try:
        row_id = UUID(message_id)
    except ValueError:
        raise OperatorProblem("A message is named by its id, a UUID.") from None
    reader = _staff(runtime, by)
    with runtime.database.begin() as uow:
        query_string, body = read_message(uow, row_id, purpose=purpose, reader=reader, sealer=runtime.sealer)
        uow.commit()
    return [part.decode("utf-8", "backslashreplace") for part in (query_string, body) if part]


def rotate(runtime: Runtime) -> list[str]:
    """Rewrap every data key under the active key-encryption key; then say which keys are still used."""
    rewrapped = keys.rotate(runtime.database, runtime.sealer)
    return [f"{rewrapped} data keys rewrapped under {runtime.sealer.active}.", *used(runtime)]


def used(runtime: Runtime) -> list[str]:
    """How many data keys each key-encryption key wraps; a known key that wraps none can be removed."""
    with runtime.database.begin() as uow:
        found = keys.uses(uow)
    lines = [f"{use.kek_id}  {use.table:<24} {use.rows:>10}" for use in found]
    idle = sorted(runtime.sealer.known - {use.kek_id for use in found} - {runtime.sealer.active})
    return [*lines, *(f"{kek_id}  wraps nothing and can be removed from the settings." for kek_id in idle)]


def _waiting(request_id: UUID) -> str:
    return f"Waits for a second person: payclear subject confirm {request_id} --by …"


def _staff(runtime: Runtime, login: str) -> Reader:
    with runtime.database.begin() as uow:
        staff = identity_queries.find_staff(uow, normal_login(login))
    if staff is None or staff.state != "active":
        raise OperatorProblem("No active member of staff has this login.")
    return Reader(login=staff.login, roles=frozenset(staff.roles))
