"""What the commands `payclear catalogue …` do; returns the lines to print. In production two people do it in the console."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from payclear.catalogue.changes import (
    CatalogueChangeRefused,
    ChangeView,
    approve,
    compare_rows,
    export,
    list_changes,
    propose_rows,
    reject,
)
from payclear.catalogue.differences import Difference
from payclear.catalogue.files import load_catalogue
from payclear.catalogue.formats import Problem, Read, read_file, write_csv, write_yaml, write_zip
from payclear.catalogue.tables import TABLES
from payclear.catalogue.wording import place, sentence
from payclear.kernel.ids import parse_public_id, public_id
from payclear.kernel.problems import OperatorProblem
from payclear.runtime import Runtime

ID = "chg"
_ENDINGS = (".csv", ".yaml", ".yml", ".zip")


def export_to(runtime: Runtime, target: Path, table: str = "") -> list[str]:
    """Write the catalogue to a file: .zip or .yaml for everything or one table, .csv for one table."""
    if table and table not in TABLES:
        raise OperatorProblem(f"There is no table {table}. Tables: {', '.join(TABLES)}.")
    with runtime.database.begin() as uow:
        tables = export(uow, [table] if table else [])
    ending = target.suffix.lower()
    if ending == ".zip":
        content = write_zip(tables)
    elif ending in (".yaml", ".yml"):
        content = write_yaml(tables).encode()
    elif ending == ".csv" and table:
        content = write_csv(*tables[0])
    else:
        raise OperatorProblem("Name a .zip or .yaml file, or a .csv file and one table.")
    target.write_bytes(content)
    return [f"{target}: {sum(len(rows) for _spec, rows in tables)} rows of {len(tables)} tables."]


def load(runtime: Runtime, paths: Sequence[Path]) -> list[str]:
    """Load TOML files into a catalogue that holds nothing yet; raises CatalogueRefused, in production also when it does."""
    with runtime.database.begin() as uow:
        if runtime.settings.is_production and any(rows for _spec, rows in export(uow)):
            raise OperatorProblem("The catalogue is not empty: two people change it at /console/catalogue.")
        counted = [f"{path}: {load_catalogue(uow, path)} rows." for path in paths]
        uow.commit()
    return counted


def diff(runtime: Runtime, source: Path) -> tuple[list[str], bool]:
    """What a file or folder would change, and whether it could be proposed; keeps nothing."""
    read, _content = _read(source)
    with runtime.database.begin() as uow:
        found = compare_rows(uow, read)
    return [*_lines(found), *_problem_lines(found.problems)], not found.problems


def propose(runtime: Runtime, source: Path, *, reason: str, made_by: str) -> list[str]:
    """Send a file or folder for approval, in a demonstration or a test. Raises OperatorProblem with every problem of it."""
    _refuse_production(runtime)
    read, content = _read(source)
    try:
        with runtime.database.begin() as uow:
            made = propose_rows(uow, read, name=source.name, content=content, reason=reason, made_by=made_by)
            uow.commit()
    except CatalogueChangeRefused as refused:
        raise OperatorProblem("\n".join(_problem_lines(refused.problems))) from refused
    return [_line(made)]


def approve_by_command(runtime: Runtime, change: str, *, checked_by: str) -> list[str]:
    """Approve a change, in a demonstration or a test; raises OperatorProblem in production."""
    _refuse_production(runtime)
    with runtime.database.begin() as uow:
        done = approve(uow, parse_public_id(ID, change), checked_by=checked_by)
        uow.commit()
    return [_line(done)]


def reject_by_command(runtime: Runtime, change: str, *, checked_by: str, reason: str) -> list[str]:
    """Reject a change, in a demonstration or a test; raises OperatorProblem in production."""
    _refuse_production(runtime)
    with runtime.database.begin() as uow:
        done = reject(uow, parse_public_id(ID, change), checked_by=checked_by, reason=reason)
        uow.commit()
    return [_line(done)]


def newest(runtime: Runtime) -> list[str]:
    """The newest changes, one a line."""
    with runtime.database.begin() as uow:
        return [_line(each) for each in list_changes(uow)] or ["There is no change."]


def _refuse_production(runtime: Runtime) -> None:
    if runtime.settings.is_production:
        raise OperatorProblem(
            "Two people make a change, each signed in at /console/catalogue: a command can not know who gives it."
        )


def _read(source: Path) -> tuple[Read, bytes]:
    """The rows of a file, or of every file of a folder in order of their names."""
    files = (
        sorted(each for each in source.iterdir() if each.suffix.lower() in _ENDINGS)
        if source.is_dir()
        else [source]
    )
    together, digests = Read(), []
    for each in files:
        content = each.read_bytes()
        read = read_file(each.name, content)
        together.rows += read.rows
        together.problems += read.problems
        digests.append(f"{hashlib.sha256(content).hexdigest()}  {each.name}\n")
    return together, source.read_bytes() if source.is_file() else "".join(digests).encode()


def _lines(found: Difference) -> list[str]:
    rows = [f"{each.action:<6}  {each.table:<20}  {each.row_id}" for each in found.changes]
    return [
        *rows,
        f"{len(found.changes)} changes, {found.unchanged} rows unchanged, {len(found.problems)} problems.",
    ]


def _problem_lines(problems: tuple[Problem, ...]) -> list[str]:
    return [f"{place(each)}: {sentence(each, 'en')}" for each in problems]


def _line(change: ChangeView) -> str:
    decided = f", decided by {change.checked_by}" if change.checked_by else ""
    return (
        f"{public_id(ID, change.id)}  {change.state:<9}  {change.rows} rows  {change.file_name}"
        f"  made by {change.made_by} {change.made_at:%Y-%m-%d %H:%M:%SZ}{decided}"
    )
