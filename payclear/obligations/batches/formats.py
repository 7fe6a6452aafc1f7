"""Reads an uploaded file of any accepted format into rows of cells with the numbers a person sees. Pure.

Called by the worker, never by the request. Whatever can not be read as a whole is FileUnreadable with its line; a row
that is wrong is a row, never dropped. Empty rows are no rows.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from payclear.http.json_body import MalformedJson, parse_json
from payclear.obligations.batches.columns import (
    column_of,
    known_headers,
    place_name,
    read_header,
    require_columns,
)
from payclear.obligations.batches.domain import ROWS_MAX, BatchFormat, Column, FileUnreadable
from payclear.obligations.batches.rows import Cell, Cells
from payclear.security.workbook import NotAWorkbook, check_package, read_sheet

UNPACKED_BYTES_MAX: Final = 64 << 20
_SEPARATORS: Final = (",", ";", "\t")
_HEADER_LINES_MAX: Final = 10
_HEAD: Final = 4_096
_STRETCH: Final = 65_536
_CELLS_MAX: Final = 200  # the template has nineteen; a line of millions of commas is read by nobody
_OLD_WORKBOOK: Final = b"\xd0\xcf\x11\xe0"
# The attributes of a tag never hold `<` or `>`; a text that looks like a tag is escaped.
_FORMULA: Final = re.compile(rb"<(?:\w+:)?f(?:\s[^<>]*)?/?>")
_MERGED: Final = re.compile(rb"<(?:\w+:)?mergeCell\s")
_HIDDEN: Final = re.compile(rb"<(?:\w+:)?(?:row|col)\s[^<>]*\bhidden\s*=\s*[\"'](?:1|true)[\"']")
_VALUE: Final = re.compile(rb"<(?:\w+:)?(?:v|is)(?:\s[^<>]*)?>")
_PLACE: Final = re.compile(rb"<(?:\w+:)?(?:c|row)\s[^<>]*?\br\s*=\s*[\"'][A-Za-z]*([0-9]+)[\"']")
_SHEET: Final = re.compile(rb"<(?:\w+:)?worksheet\b")


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as it stands in the file; `fault` when its shape alone makes it no decision."""

    row_no: int
    cells: Cells
    fault: str = ""


def read_file(content: bytes, format_: BatchFormat) -> list[RawRow]:
    """Every row below the header, in their order, at most ROWS_MAX; raises FileUnreadable."""
    readers = {BatchFormat.CSV: _csv_rows, BatchFormat.XLSX: _sheet_rows, BatchFormat.JSON: _json_rows}
    rows: list[RawRow] = []
    for row in readers[format_](content):
        if len(rows) == ROWS_MAX:
            raise FileUnreadable("too_many_rows", line_no=row.row_no)
        rows.append(row)
    return rows


def _csv_rows(content: bytes) -> Iterator[RawRow]:
    if content.startswith((b"PK\x03\x04", _OLD_WORKBOOK)):
        raise FileUnreadable("other_format")
    text = _decoded(content)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    return _table_rows(_csv_lines(reader))


def _csv_lines(reader: Any) -> Iterator[Sequence[Cell]]:
    try:
        yield from reader
    except csv.Error as error:
        raise FileUnreadable("broken_quotes", line_no=reader.line_num) from error


def _decoded(content: bytes) -> str:
    """UTF-8 with or without its mark, or UTF-16 with its mark, as spreadsheets write it."""
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line_no = content.count(b"\n", 0, error.start) + 1 if encoding == "utf-8-sig" else 0
        raise FileUnreadable("encoding", line_no=line_no) from error


def _separator(text: str) -> str:
    """The separator under which the first lines hold most headers of the template."""
    head = [line for line in text[: _HEAD * 4].splitlines()[:_HEADER_LINES_MAX] if line.strip()][:1]
    line = head[0] if head else ""
    return max(_SEPARATORS, key=lambda separator: known_headers(_cells_of(line, separator)))


def _cells_of(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def _sheet_rows(content: bytes) -> Iterator[RawRow]:
    if content.startswith(_OLD_WORKBOOK):
        raise FileUnreadable("old_workbook")
    try:
        check_package(content, unpacked_max=UNPACKED_BYTES_MAX)
        _check_parts(content)
        rows = read_sheet(content, 0, unpacked_max=UNPACKED_BYTES_MAX)
    except NotAWorkbook as error:
        raise FileUnreadable("broken_workbook") from error
    return _table_rows(rows)


def _check_parts(content: bytes) -> None:
    """Refuse what a person sees otherwise than we would read it: formulas, merged or hidden cells, further sheets."""
    filled = 0
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        for entry in package.infolist():
            if entry.filename.lower().endswith("vbaproject.bin"):
                raise FileUnreadable("macros")
            part = package.read(entry)
            if not _SHEET.search(part[:_HEAD]):
                continue
            _check_sheet(part)
            filled += bool(_VALUE.search(part))
    if filled > 1:
        raise FileUnreadable("several_sheets")


def _check_sheet(part: bytes) -> None:
    for code, pattern in (("formula", _FORMULA), ("merged_cells", _MERGED), ("hidden_cells", _HIDDEN)):
        found = pattern.search(part)
        if found:
            raise FileUnreadable(code, line_no=0 if code == "merged_cells" else _row_of(part, found.end()))
    # The reader lays a sheet out as a rectangle: a cell far below must not make it reserve memory for the way there.
    last = max((int(found.group(1)) for found in _PLACE.finditer(part)), default=0)
    if last > ROWS_MAX + _HEADER_LINES_MAX:
        raise FileUnreadable("too_many_rows", line_no=last)


def _row_of(part: bytes, end: int) -> int:
    """The number of the row whose tag, or whose cell's tag, was the last one before `end`; 0 above the first."""
    places = _PLACE.findall(part, max(0, end - _STRETCH), end)
    return int(places[-1]) if places else 0


def _table_rows(lines: Iterable[Sequence[Cell]]) -> Iterator[RawRow]:
    """Rows below the header, which is the first line that is not empty."""
    columns: list[Column | None] | None = None
    for line_no, line in enumerate(lines, start=1):
        if all(cell is None or (isinstance(cell, str) and not cell.strip()) for cell in line):
            continue
        if columns is None:
            if len(line) > _CELLS_MAX:
                raise FileUnreadable("unknown_column", line_no=line_no, column=place_name(_CELLS_MAX))
            columns = read_header([str(cell or "") for cell in line], line_no=line_no)
            continue
        yield _row(line_no, columns, line)
    if columns is None:
        raise FileUnreadable("no_header")


def _row(row_no: int, columns: Sequence[Column | None], line: Sequence[Cell]) -> RawRow:
    cells: dict[Column, Cell] = {}
    has_stray = False
    for place, cell in enumerate(line):
        column = columns[place] if place < len(columns) else None
        if column is not None:
            cells[column] = cell
        elif cell is not None and cell != "":
            has_stray = True
    return RawRow(row_no, cells, "cell_without_column" if has_stray else "")


def _json_rows(content: bytes) -> Iterator[RawRow]:
    try:
        value = parse_json(content.removeprefix(b"\xef\xbb\xbf"))
    except MalformedJson as error:
        line_no = getattr(error.__cause__, "lineno", 0)
        raise FileUnreadable(
            "encoding" if error.facts.get("reason") == "encoding" else "broken_json", line_no=line_no
        ) from error
    if not isinstance(value, list):
        raise FileUnreadable("not_an_array")
    return _object_rows(value)


def _object_rows(objects: list[Any]) -> Iterator[RawRow]:
    named = {name for each in objects if isinstance(each, dict) for name in each}
    known = {name: column_of(name, place=-1, line_no=0) for name in sorted(named)}
    if objects:
        require_columns(list(known.values()), line_no=0)
    for row_no, each in enumerate(objects, start=1):
        if not isinstance(each, dict):
            yield RawRow(row_no, {}, "not_an_object")
            continue
        cells: dict[Column, Cell] = {}
        fault = ""
        for name, cell in each.items():
            column = known[name]
            if column is None or column in cells:
                fault = "column_twice"
            elif isinstance(cell, dict | list):
                fault = "wrong_type"
            else:
                cells[column] = cell
        yield RawRow(row_no, cells, fault)
