"""What the rows of a file would change, and everything that speaks against it. Reads only; called by `changes`.

Additions, ends, days to come that are changed; what stands already is counted. A row is never rewritten, and what a past
day's figures rest on stays as it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations
from typing import Any

from payclear.catalogue.change_queries import ROWS_OF
from payclear.catalogue.domain import RowAction
from payclear.catalogue.formats import FileRow, Problem
from payclear.catalogue.parameters import known_kinds
from payclear.catalogue.tables import TABLES, Past, Reference, Row, TableSpec
from payclear.db.uow import UnitOfWork

_DAY = timedelta(days=1)
_FOREVER = date.max
_PATH_MAX = 20

Tables = dict[str, dict[str, Row]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """One row that is added, ended or changed."""

    table: str
    row_id: str
    action: RowAction
    before: Row | None
    after: Row
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a file would do: its changes in the order in which they can be made, and what speaks against them."""

    changes: tuple[RowChange, ...]
    unchanged: int
    problems: tuple[Problem, ...]


def current_rows(uow: UnitOfWork, spec: TableSpec) -> dict[str, Row]:
    """Every row of a table as it stands, by what names it, in that order."""
    cursor = uow.run(ROWS_OF[spec.name])
    found = (_row(spec, row[0]) for row in cursor)
    return {spec.id_of(row): row for row in sorted(found, key=spec.id_of)}


def _row(spec: TableSpec, value: Mapping[str, Any]) -> Row:
    return {name: value[name] for name in spec.columns}


def difference(uow: UnitOfWork, rows: Sequence[FileRow], *, today: date) -> Difference:
    """Compare rows of files with the catalogue as it stands in this transaction."""
    standing: Tables = {name: current_rows(uow, spec) for name, spec in TABLES.items()}
    problems = [*_repeated(rows), *_unsound(rows)]
    bad = {(problem.table, problem.facts["row"]) for problem in problems}
    changes: dict[tuple[str, str], RowChange] = {}
    unchanged = 0
    for row in rows:
        if (row.table, row.id) in bad:
            continue
        change, problem = _compared(row, standing[row.table].get(row.id), today, standing)
        problems += [problem] if problem else []
        if change is not None:
            changes[row.table, row.id] = change
        unchanged += change is None and problem is None
    for change in [*changes.values()]:
        ended = _ended_predecessor(change, changes, standing, today)
        if ended is not None:
            before_count = any((row.table, row.id) == (ended.table, ended.row_id) for row in rows)
            unchanged -= before_count
            changes[ended.table, ended.row_id] = ended
    then = _Then(standing, changes.values())
    for change in changes.values():
        problems += _missing(change, then)
        problems += _still_used(change, then)
        problems += _circles(change, then)
        problems += _unknown_kind(change, standing)
    problems += _overlaps(changes.values(), then)
    order = list(TABLES)
    in_turn = sorted(
        changes.values(),
        key=lambda change: (
            change.action is RowAction.ADD,
            order.index(change.table),
            change.line,
            change.row_id,
        ),
    )
    return Difference(changes=tuple(in_turn), unchanged=unchanged, problems=tuple(problems))


def _repeated(rows: Sequence[FileRow]) -> list[Problem]:
    seen: dict[tuple[str, str], FileRow] = {}
    problems = []
    for row in rows:
        first = seen.setdefault((row.table, row.id), row)
        if first is not row:
            problems.append(row.problem("repeated_row", line=str(first.line)))
    return problems


def _unsound(rows: Sequence[FileRow]) -> list[Problem]:
    problems = []
    for row in rows:
        values, spec = row.values, TABLES[row.table]
        first, last = values.get("valid_from"), values.get("valid_to")
        if first and last and _day(last) < _day(first) - _DAY:
            problems.append(row.problem("ends_before_it_begins"))
        elif not values["legal_basis"].strip():
            problems.append(row.problem("missing_value", column="legal_basis"))
        elif why := spec.check(values):
            problems.append(row.problem("no_rule", why=why[:200]))
    return problems


def _compared(
    row: FileRow, before: Row | None, today: date, standing: Tables
) -> tuple[RowChange | None, Problem | None]:
    spec = TABLES[row.table]
    if before == row.values:
        return None, None
    change = RowChange(
        table=row.table,
        row_id=row.id,
        action=RowAction.ADD if before is None else RowAction.END if spec.is_dated else RowAction.CHANGE,
        before=before,
        after=row.values,
        file=row.file,
        line=row.line,
    )
    if before is None:
        begins = _day(row.values["valid_from" if spec.is_dated else "on_date"])
        is_past = begins <= today and not (
            _may_begin_in_the_past(spec, row.values, standing[row.table].values())
            and _keeps_its_name(row, standing)
        )
        return (None, row.problem("rewrites_the_past", day=begins.isoformat())) if is_past else (change, None)
    if not spec.is_dated:
        is_past = _day(row.values["on_date"]) <= today
        return (
            (None, row.problem("rewrites_the_past", day=row.values["on_date"])) if is_past else (change, None)
        )
    others = [name for name in spec.columns if name != "valid_to" and before[name] != row.values[name]]
    if others:
        return None, row.problem("row_rewritten", column=", ".join(others))
    ends = [_last(before), _last(row.values)]
    if min(ends) < today:
        return None, row.problem("rewrites_the_past", day=min(ends).isoformat())
    return change, None


def _may_begin_in_the_past(spec: TableSpec, values: Row, standing: Iterable[Row]) -> bool:
    """Whether nothing that a past day was answered with becomes another answer."""
    if spec.past is Past.FREE:
        return True
    if spec.past is Past.NEVER:
        return not any(True for _ in standing)
    return not any(
        all(row[name] == values[name] for name in spec.case) and not _is_withdrawn(row) for row in standing
    )


def _keeps_its_name(row: FileRow, standing: Tables) -> bool:
    """Whether receipts of days that have passed go on naming the agency as they were printed."""
    agency = (
        standing["agency"].get(row.values.get("agency_code") or "") if row.table == "agency_place" else None
    )
    return agency is None or all(row.values[name] == agency[name] for name in ("name_vi", "name_en"))


def _ended_predecessor(
    change: RowChange, changes: Mapping[tuple[str, str], RowChange], standing: Tables, today: date
) -> RowChange | None:
    """A row that follows another for the same case ends it the day before, unless the file ends it itself."""
    spec = TABLES[change.table]
    named = change.after.get("predecessor")
    if (
        change.action is not RowAction.ADD
        or not named
        or not spec.natural_key
        or (change.table, named) in changes
    ):
        return None
    before = standing[change.table].get(named)
    begins = _day(change.after["valid_from"])
    if before is None or any(before[name] != change.after[name] for name in spec.natural_key):
        return None
    if _last(before) < begins or begins - _DAY < today or _day(before["valid_from"]) >= begins:
        return None
    return RowChange(
        table=change.table,
        row_id=named,
        action=RowAction.END,
        before=before,
        after={**before, "valid_to": (begins - _DAY).isoformat()},
        file=change.file,
        line=change.line,
    )


class _Then:
    """The tables as they would be, and their rows by the code that others name them by."""

    def __init__(self, standing: Tables, changes: Iterable[RowChange]) -> None:
        self.rows = {name: dict(rows) for name, rows in standing.items()}
        for change in changes:
            self.rows[change.table][change.row_id] = change.after
        named = {reference.table for spec in TABLES.values() for reference in spec.references}
        self._by_code: dict[str, dict[str, list[Row]]] = {name: {} for name in named}
        for name in named:
            for row in self.rows[name].values():
                self._by_code[name].setdefault(row["code"], []).append(row)

    def has(self, reference: Reference, code: str, on: date) -> bool:
        """Whether what a column names is in force on a day."""
        return any(
            all(row[name] == word for name, word in (reference.where or {}).items())
            and _day(row["valid_from"]) <= on <= _last(row)
            for row in self._by_code[reference.table].get(code, ())
        )


def _missing(change: RowChange, then: _Then) -> Iterable[Problem]:
    """What a new row names and is not there on its first day."""
    if change.action is not RowAction.ADD:
        return
    spec, row = TABLES[change.table], change.after
    for reference in spec.references:
        code = row[reference.column]
        if code is not None and not then.has(reference, code, _day(row["valid_from"])):
            yield _problem(
                change, "missing_reference", column=reference.column, value=code, table=reference.table
            )
    named = row.get("predecessor")
    if named and named not in then.rows[change.table]:
        yield _problem(change, "missing_reference", column="predecessor", value=named, table=change.table)


def _still_used(change: RowChange, then: _Then) -> Iterable[Problem]:
    """Rows that would name what has ended: money would lead to an account that is no more."""
    if change.action is not RowAction.END:
        return
    after = _last(change.after)
    for name, spec in TABLES.items():
        for reference in spec.references:
            if reference.table != change.table or after == _FOREVER:
                continue
            code = change.after["code"]
            for row_id, row in then.rows[name].items():
                first = max(after + _DAY, _day(row["valid_from"]))
                named = row[reference.column] == code and first <= _last(row)
                if named and not then.has(reference, code, first):
                    yield _problem(change, "still_used", table=name, other=row_id)


def _circles(change: RowChange, then: _Then) -> Iterable[Problem]:
    """An agency that would stand below itself."""
    if change.table != "agency_place" or change.after["parent_code"] is None:
        return
    on, code, steps = _day(change.after["valid_from"]), change.after["parent_code"], 0
    parents = {
        row["agency_code"]: row["parent_code"]
        for row in then.rows["agency_place"].values()
        if _day(row["valid_from"]) <= on <= _last(row)
    }
    while code is not None and code != change.after["agency_code"] and steps < _PATH_MAX:
        code, steps = parents.get(code), steps + 1
    if code is not None:
        yield _problem(change, "agency_circle")


def _unknown_kind(change: RowChange, standing: Tables) -> Iterable[Problem]:
    """A kind of rule that no feature reads would lie in the catalogue and do nothing: most often a slip of the pen."""
    if change.table == "legal_parameter" and change.action is RowAction.ADD:
        kind = change.after["kind"]
        known = known_kinds() | {row["kind"] for row in standing["legal_parameter"].values()}
        if kind not in known:
            yield _problem(change, "unknown_kind", kind=kind, kinds=", ".join(sorted(known)))


def _overlaps(changes: Iterable[RowChange], then: _Then) -> Iterable[Problem]:
    """Rows for the same case on the same days: nobody could say which of two prices holds."""
    touched: dict[tuple[str, tuple[Any, ...]], RowChange] = {}
    for change in changes:
        spec = TABLES[change.table]
        if spec.natural_key:
            touched[change.table, _case(spec, change.after)] = change
    cases: dict[tuple[str, tuple[Any, ...]], list[tuple[str, Row]]] = {}
    for table in {table for table, _ in touched}:
        for row_id, row in then.rows[table].items():
            case = (table, _case(TABLES[table], row))
            if case in touched and not _is_withdrawn(row):
                cases.setdefault(case, []).append((row_id, row))
    for case, rows in cases.items():
        for (one_id, one), (other_id, other) in combinations(rows, 2):
            if _day(one["valid_from"]) <= _last(other) and _day(other["valid_from"]) <= _last(one):
                change = touched[case]
                other_of = other_id if change.row_id == one_id else one_id
                yield _problem(change, "overlap", other=other_of)


def _case(spec: TableSpec, row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in spec.natural_key)


def _problem(change: RowChange, code: str, **facts: str) -> Problem:
    table = change.table
    return Problem(
        code=code, file=change.file, line=change.line, table=table, facts={"row": change.row_id, **facts}
    )


def _is_withdrawn(row: Row) -> bool:
    return _last(row) < _day(row["valid_from"])


def _last(row: Row) -> date:
    return _FOREVER if row["valid_to"] is None else _day(row["valid_to"])


def _day(text: str) -> date:
    return date.fromisoformat(text)
