"""Changes of the catalogue by two people: one proposes a file, another approves it; then it holds from its first day on.

Called by the console and by `payclear catalogue`, which commit. What is approved is checked again against the tables as they
are then. It must never touch a reference table without an approval, nor let one person do both.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy.exc import DBAPIError

from payclear.audit.service import record
from payclear.catalogue import change_queries as queries
from payclear.catalogue.differences import Difference, RowChange, current_rows, difference
from payclear.catalogue.domain import CHANGE_STATES, ChangeState, RowAction
from payclear.catalogue.formats import FileRow, Problem, Read, read_file
from payclear.catalogue.tables import TABLES, Row, TableSpec, absent
from payclear.catalogue.writing import try_to_write, write
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.errors import Conflict, ErrorCategory, InvalidInput, NotFound, PayclearError
from payclear.kernel.ids import new_uuid

REASON_LENGTH_MAX = 500


class CatalogueChangeNotFound(NotFound):
    """No change of the catalogue has this id."""

    code = "catalogue_change_not_found"


class CatalogueChangeRefused(InvalidInput):
    """The file can not be proposed: `problems` says why, row by row."""

    code = "catalogue_change_refused"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("the file can not be proposed", problems=len(problems))
        self.problems = tuple(problems)


class CatalogueChangeEmpty(InvalidInput):
    """The file changes nothing."""

    code = "catalogue_change_empty"


class CatalogueReasonMissing(InvalidInput):
    """A change, and a refusal of one, need a reason."""

    code = "catalogue_reason_missing"


class CatalogueChangeOutdated(Conflict):
    """The catalogue is another than when the change was proposed: it must be proposed anew."""

    code = "catalogue_change_outdated"


class SecondPersonNeeded(PayclearError):
    """Who proposed a change can not decide on it."""

    code = "catalogue_second_person_needed"
    category = ErrorCategory.FORBIDDEN


class NotTheMaker(PayclearError):
    """Only who proposed a change can withdraw it."""

    code = "catalogue_not_the_maker"
    category = ErrorCategory.FORBIDDEN


class ChangeDecided(Conflict):
    """The change is decided already."""

    code = "catalogue_change_decided"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """A change as the lists show it; `rows` counts what it does."""

    id: UUID
    state: str
    version: int
    file_name: str
    digest: str
    reason: str
    made_by: str
    made_at: datetime
    checked_by: str | None
    checked_at: datetime | None
    check_reason: str | None
    rows: int


def compare(uow: UnitOfWork, name: str, content: bytes) -> Difference:
    """What a file would change, and everything that speaks against it; nothing is kept."""
    return _tried(uow, read_file(name, content))


def compare_rows(uow: UnitOfWork, read: Read) -> Difference:
    """The same for rows that are read already, from one file or several."""
    return _tried(uow, read)


def propose(uow: UnitOfWork, *, name: str, content: bytes, reason: str, made_by: str) -> ChangeView:
    """Keep what a file would change, for another person to decide.

    Raises CatalogueReasonMissing, CatalogueChangeRefused and CatalogueChangeEmpty.
    """
    return propose_rows(
        uow, read_file(name, content), name=name, content=content, reason=reason, made_by=made_by
    )


def propose_rows(
    uow: UnitOfWork, read: Read, *, name: str, content: bytes, reason: str, made_by: str
) -> ChangeView:
    """`propose` for rows that are read already; `content` is what they were read from."""
    why = _reason(reason)
    uow.run(queries.LOCK)
    found = _tried(uow, read)
    if found.problems:
        raise CatalogueChangeRefused(found.problems)
    if not found.changes:
        raise CatalogueChangeEmpty("nothing would change", unchanged=found.unchanged)
    change_id = new_uuid()
    uow.run(
        queries.INSERT_CHANGE,
        {
            "id": change_id,
            "state": ChangeState.PROPOSED,
            "file_name": name.replace("\\", "/").rpartition("/")[2][:200],
            "digest": hashlib.sha256(content).hexdigest(),
            "reason": why,
            "made_by": made_by,
            "made_at": uow.now,
        },
    )
    with uow.driver.cursor() as cursor:
        cursor.executemany(
            queries.INSERT_ROW,
            [_stored(change_id, place, each) for place, each in enumerate(found.changes, start=1)],
        )
    uow.run(
        queries.INSERT_TRANSITION, (change_id, 1, None, "propose", ChangeState.PROPOSED, made_by, uow.now)
    )
    _audit(uow, change_id, "proposed", made_by, rows=len(found.changes))
    return get_change(uow, change_id)


def approve(uow: UnitOfWork, change_id: UUID, *, checked_by: str, reason: str = "") -> ChangeView:
    """Make a change: check it against the tables as they are now, and write its rows.

    Raises CatalogueChangeNotFound, ChangeDecided, SecondPersonNeeded and CatalogueChangeOutdated.
    """
    uow.run(queries.LOCK)
    change = _undecided(uow, change_id)
    if change.made_by == checked_by:
        raise SecondPersonNeeded("the maker can not approve")
    asked = change_rows(uow, change_id)
    found = recheck(uow, change_id)
    if found.problems or _facts(found.changes) != _facts(asked):
        raise CatalogueChangeOutdated("the catalogue is another now", problems=len(found.problems))
    try:
        write(uow, asked)
    except DBAPIError as error:
        raise CatalogueChangeOutdated("the database refuses it") from error
    return _decide(uow, change, "approve", actor=checked_by, reason=reason.strip()[:REASON_LENGTH_MAX])


def recheck(uow: UnitOfWork, change_id: UUID) -> Difference:
    """What a change would do to the tables as they are now."""
    rows = [
        FileRow(table=each.table, values=each.after, file=each.file, line=each.line)
        for each in change_rows(uow, change_id)
    ]
    return _tried(uow, Read(rows=rows))


def reject(uow: UnitOfWork, change_id: UUID, *, checked_by: str, reason: str) -> ChangeView:
    """Refuse a change, with the reason. Raises as `approve`, and CatalogueReasonMissing."""
    why = _reason(reason)
    change = _undecided(uow, change_id)
    if change.made_by == checked_by:
        raise SecondPersonNeeded("the maker can not reject: withdraw it")
    return _decide(uow, change, "reject", actor=checked_by, reason=why)


def withdraw(uow: UnitOfWork, change_id: UUID, *, actor: str) -> ChangeView:
    """Take one's own change back. Raises CatalogueChangeNotFound, ChangeDecided and NotTheMaker."""
    change = _undecided(uow, change_id)
    if change.made_by != actor:
        raise NotTheMaker("somebody else proposed it")
    return _decide(uow, change, "withdraw", actor=actor, reason="")


def get_change(uow: UnitOfWork, change_id: UUID) -> ChangeView:
    """A change by its id; raises CatalogueChangeNotFound."""
    return _one(uow, queries.CHANGE, change_id)


def list_changes(uow: UnitOfWork, *, below: UUID | None = None, limit: int = 50) -> list[ChangeView]:
    """Changes, the newest first; `below` is the last one of the page before."""
    return uow.rows(ChangeView, queries.CHANGES, {"below": below, "limit": limit})


def change_rows(uow: UnitOfWork, change_id: UUID) -> list[RowChange]:
    """What a change does, in the order in which it is done."""
    found = uow.run(queries.ROWS, (change_id,))
    return [
        RowChange(
            table=table,
            row_id=row_id,
            action=RowAction(action),
            before=before and _as_now(table, before),
            after=_as_now(table, after),
            file=file,
            line=line,
        )
        for table, row_id, action, before, after, file, line in found
    ]


def _as_now(table: str, row: Row) -> Row:
    """A kept row as the table is now: a column that came later is what it is where a file does not name it."""
    columns = TABLES[table].columns
    return {name: row[name] if name in row else absent(column) for name, column in columns.items()}


def predecessors(uow: UnitOfWork, rows: Sequence[RowChange]) -> dict[tuple[str, str], Row]:
    """The rows that added rows follow, by table and id of the added one: what a checker compares it with."""
    found: dict[tuple[str, str], Row] = {}
    for table in dict.fromkeys(row.table for row in rows):
        standing = current_rows(uow, TABLES[table])
        for row in rows:
            named = row.after.get("predecessor") if row.table == table and row.before is None else None
            if named in standing:
                found[table, row.row_id] = standing[named]
    return found


def export(uow: UnitOfWork, names: Iterable[str] = ()) -> list[tuple[TableSpec, list[Row]]]:
    """Every row of some tables, or of all; an unknown name is a KeyError."""
    wanted = list(names) or list(TABLES)
    return [(TABLES[name], list(current_rows(uow, TABLES[name]).values())) for name in wanted]


def _one(uow: UnitOfWork, sql: str, change_id: UUID) -> ChangeView:
    found = uow.rows(ChangeView, sql, (change_id,))
    if not found:
        raise CatalogueChangeNotFound("no such change")
    return found[0]


def _undecided(uow: UnitOfWork, change_id: UUID) -> ChangeView:
    change = _one(uow, queries.CHANGE_LOCKED, change_id)
    if CHANGE_STATES.is_terminal(change.state):
        raise ChangeDecided("decided already", state=change.state)
    return change


def _tried(uow: UnitOfWork, read: Read) -> Difference:
    """The difference; when nothing speaks against it, the database is asked too, and forgets it."""
    found = difference(uow, read.rows, today=vietnam_date(uow.now))
    problems = [*read.problems, *found.problems]
    if found.changes and not problems:
        problems += try_to_write(uow, found.changes)
    in_turn = sorted(problems, key=lambda problem: (problem.file, problem.line))
    return Difference(changes=found.changes, unchanged=found.unchanged, problems=tuple(in_turn))


def _decide(uow: UnitOfWork, change: ChangeView, event: str, *, actor: str, reason: str) -> ChangeView:
    to = CHANGE_STATES.next(change.state, event).to
    by_checker = to != ChangeState.WITHDRAWN
    version = uow.one(
        queries.DECIDE,
        {
            "id": change.id,
            "state": to,
            "checked_by": actor if by_checker else None,
            "checked_at": uow.now if by_checker else None,
            "check_reason": reason or None,
        },
    )[0]
    uow.run(queries.INSERT_TRANSITION, (change.id, version, change.state, event, to, actor, uow.now))
    _audit(uow, change.id, to, actor, rows=change.rows)
    return get_change(uow, change.id)


def _stored(change_id: UUID, place: int, change: RowChange) -> tuple[Any, ...]:
    before = None if change.before is None else Jsonb(change.before)
    return (
        change_id,
        place,
        change.table,
        change.row_id,
        change.action,
        change.file,
        change.line,
        before,
        Jsonb(change.after),
    )


def _facts(changes: Sequence[RowChange]) -> list[tuple[Any, ...]]:
    found = [(each.table, each.row_id, each.action, each.before, each.after) for each in changes]
    return sorted(found, key=lambda each: each[:2])


def _reason(text: str) -> str:
    plain = " ".join(text.split())
    if not 5 <= len(plain) <= REASON_LENGTH_MAX:
        raise CatalogueReasonMissing("5 to 500 characters", most=REASON_LENGTH_MAX)
    return plain


def _audit(uow: UnitOfWork, change_id: UUID, what: str, actor: str, *, rows: int) -> None:
    record(
        uow,
        actor_type="staff",
        actor=actor,
        action=f"catalogue.change_{what}",
        object_type="catalogue_change",
        object_id=str(change_id),
        facts={"rows": rows},
    )
