"""Writes the rows of a change into the reference tables, and tries it first. Called by `changes` alone.

It must never be called for anything that was not approved, but for a trial, which the database forgets.
"""

from collections.abc import Iterator, Sequence
from datetime import date, time
from itertools import groupby
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.exc import DBAPIError

from payclear.catalogue.differences import RowChange
from payclear.catalogue.domain import RowAction
from payclear.catalogue.final_checks import sentences_of
from payclear.catalogue.formats import Problem
from payclear.catalogue.queries import SET_TODAY
from payclear.catalogue.tables import TABLES, TableSpec, type_of
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date


class _Forget(Exception):
    """Ends a trial."""


def write(uow: UnitOfWork, changes: Sequence[RowChange]) -> None:
    """Write rows in their order, additions of one table at once; raises DBAPIError for what a table refuses."""
    uow.run(SET_TODAY, (vietnam_date(uow.now).isoformat(),))
    for (name, action), rows in groupby(changes, key=lambda change: (change.table, change.action)):
        spec = TABLES[name]
        values = [{key: _typed(spec, key, value) for key, value in row.after.items()} for row in rows]
        if action is RowAction.ADD:
            uow.connection.execute(insert(spec.model), values)
            continue
        table = spec.model.__table__
        for each in values:
            here = [table.c[key] == each[key] for key in spec.identity]
            new = {"valid_to": each["valid_to"]} if action is RowAction.END else each
            uow.connection.execute(update(spec.model).where(*here).values(**new))


def try_to_write(uow: UnitOfWork, changes: Sequence[RowChange]) -> list[Problem]:
    """What the database, and the features that read the tables, have against the changes; nothing is kept."""
    try:
        return list(_trial(uow, changes))
    except DBAPIError:
        # Together they are refused without a word which one it was: one by one says it.
        return list(_first_refused(uow, changes))


def _trial(uow: UnitOfWork, changes: Sequence[RowChange]) -> Iterator[Problem]:
    sentences: list[str] = []
    try:
        with uow.savepoint():
            write(uow, changes)
            sentences = sentences_of(uow, dict.fromkeys(change.table for change in changes))
            raise _Forget
    except _Forget:
        for sentence in sentences:
            yield Problem(code="does_not_fit", file=changes[0].file, facts={"why": sentence})


def _first_refused(uow: UnitOfWork, changes: Sequence[RowChange]) -> Iterator[Problem]:
    change = changes[0]
    try:
        with uow.savepoint():
            for change in changes:
                write(uow, [change])
            raise _Forget
    except _Forget:
        raise RuntimeError("the rows are refused together, and none of them alone") from None
    except DBAPIError as error:
        constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or "type"
        yield Problem(
            code="refused_by_database",
            file=change.file,
            line=change.line,
            table=change.table,
            facts={"row": change.row_id, "constraint": constraint},
        )


def _typed(spec: TableSpec, name: str, value: Any) -> Any:
    kind = str if value is None else type_of(spec.columns[name])
    if kind is date:
        return date.fromisoformat(value)
    return time.fromisoformat(value) if kind is time else value
