"""Reads rows of the catalogue from CSV, YAML or a ZIP of CSV files, and writes them. Nothing is looked up here.

Every problem carries file and line. Text that a spreadsheet would take for a formula is written with an apostrophe before
it, and read without: what was exported is imported as the same.
"""

import csv
import io
import json
import lzma
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any, Final

import yaml
from sqlalchemy import Column

from payclear.catalogue.tables import TABLES, Row, TableSpec, absent, type_of
from payclear.kernel.spreadsheets import BYTE_ORDER_MARK, escaped

FILE_BYTES_MAX: Final = 5_000_000
FILES_MAX: Final = 50
ROWS_MAX: Final = 20_000
_VIETNAMESE_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_UNNAMED: Final = ""
# The loader of C, where there is one: that of Python takes minutes for what a file may hold.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEPTH_MAX: Final = 20
_OPENING: Final = (
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
)
_CLOSING: Final = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)
_YES = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong in a file, and where. `code` names the text, `facts` fill it."""

    code: str
    file: str
    line: int = 0
    table: str = ""
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """One row as the file has it, every column of its table present."""

    table: str
    values: Row
    file: str
    line: int

    @property
    def id(self) -> str:
        """What names the row."""
        return TABLES[self.table].id_of(self.values)

    def problem(self, code: str, **facts: str) -> Problem:
        """Something wrong with this row."""
        return Problem(
            code=code, file=self.file, line=self.line, table=self.table, facts={"row": self.id, **facts}
        )


@dataclass(slots=True)
class Read:
    """What was read of a file."""

    rows: list[FileRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class _Wrong(Exception):
    """A value that can not be in its column; the code of the problem and its facts."""

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(code)
        self.code, self.facts = code, facts


def read_file(name: str, content: bytes) -> Read:
    """Everything in a file, by the ending of its name: .csv (one table, the name says which), .yaml, .yml, .zip."""
    read = Read()
    plain = name.replace("\\", "/").rpartition("/")[2][:200]
    try:
        _read(plain, content, read)
    except _Wrong as wrong:
        read.problems.append(Problem(code=wrong.code, file=plain, facts=wrong.facts))
    if len(read.rows) > ROWS_MAX:
        read.problems.append(Problem(code="too_many_rows", file=plain, facts={"most": str(ROWS_MAX)}))
        read.rows.clear()
    return read


def _read(name: str, content: bytes, read: Read) -> None:
    if len(content) > FILE_BYTES_MAX:
        raise _Wrong("too_large", most=str(FILE_BYTES_MAX))
    ending = name.rpartition(".")[2].lower()
    if ending == "zip":
        for each, text in _unpacked(content):
            _read_csv(each, text, read)
    elif ending == "csv":
        _read_csv(name, content, read)
    elif ending in ("yaml", "yml"):
        _read_yaml(name, _text(content), read)
    else:
        raise _Wrong("unknown_format")


def _unpacked(content: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            entries = [each for each in packed.infolist() if not each.is_dir()]
            if len(entries) > FILES_MAX or sum(each.file_size for each in entries) > FILE_BYTES_MAX:
                raise _Wrong("too_large", most=str(FILE_BYTES_MAX))
            for each in entries:
                with packed.open(each) as stream:
                    yield each.filename, stream.read(FILE_BYTES_MAX)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, OSError, EOFError) as error:
        # RuntimeError: encrypted, or packed in a way that is not known here.
        raise _Wrong("not_readable", why="ZIP") from error


def _text(content: bytes) -> str:
    try:
        return unicodedata.normalize("NFC", content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _Wrong("not_utf8") from error


def _table_of(name: str) -> TableSpec:
    stem = name.replace("\\", "/").rpartition("/")[2].partition(".")[0]
    spec = TABLES.get(stem)
    if spec is None:
        raise _Wrong("unknown_table", table=stem[:60], tables=", ".join(TABLES))
    return spec


def _read_csv(name: str, content: bytes, read: Read) -> None:
    try:
        spec = _table_of(name)
        text = _text(content)
        header, _, _ = text.partition("\n")
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=";" if ";" in header else ",", strict=True
        )
        titles = [title.strip() for title in next(reader, [])]
        _require_columns(spec, titles)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(titles):
                read.problems.append(
                    Problem(code="too_many_cells", file=name, line=reader.line_num, table=spec.name)
                )
                continue
            given = {title: cell for title, cell in zip(titles, cells, strict=False) if cell.strip()}
            _take(spec, given, read, file=name, line=reader.line_num, of_cell=True)
    except csv.Error as error:
        read.problems.append(Problem(code="not_readable", file=name, facts={"why": str(error)[:100]}))
    except _Wrong as wrong:
        read.problems.append(Problem(code=wrong.code, file=name, line=1, facts=wrong.facts))


def _require_columns(spec: TableSpec, titles: Sequence[str]) -> None:
    unknown = [title for title in titles if title not in spec.columns]
    if unknown:
        raise _Wrong("unknown_column", column=", ".join(unknown)[:100], columns=", ".join(spec.columns))
    if len(set(titles)) != len(titles):
        raise _Wrong("repeated_column")


def _require_plain_yaml(text: str) -> None:
    """Refuse aliases, which repeat a part of the file without showing it to a reviewer, and nesting that no row needs."""
    depth = 0
    for token in yaml.scan(text, Loader=_LOADER):
        if isinstance(token, yaml.AliasToken):
            raise _Wrong("yaml_alias")
        if isinstance(token, _OPENING):
            depth += 1
        elif isinstance(token, _CLOSING):
            depth -= 1
        if depth > _DEPTH_MAX:
            raise _Wrong("not_readable", why="YAML")


def _read_yaml(name: str, text: str, read: Read) -> None:
    try:
        _require_plain_yaml(text)
        root = yaml.compose(text, Loader=_LOADER)
        data = yaml.load(text, Loader=_LOADER)  # noqa: S506  (a safe one)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = 0 if mark is None else mark.line + 1
        read.problems.append(Problem(code="not_readable", file=name, line=line, facts={"why": "YAML"}))
        return
    if not isinstance(data, dict) or not isinstance(root, yaml.MappingNode):
        raise _Wrong("yaml_shape")
    for (_key, node), (table, rows) in zip(root.value, data.items(), strict=False):
        spec = TABLES.get(str(table))
        if spec is None or not isinstance(rows, list) or len(root.value) != len(data):
            code = "unknown_table" if spec is None else "yaml_shape"
            facts = {"table": str(table)[:60], "tables": ", ".join(TABLES)}
            read.problems.append(Problem(code=code, file=name, line=node.start_mark.line + 1, facts=facts))
            continue
        for item, given in zip(node.value, rows, strict=True):
            line = item.start_mark.line + 1
            unknown = (
                [] if not isinstance(given, dict) else [str(key) for key in given if key not in spec.columns]
            )
            if not isinstance(given, dict) or len(item.value) != len(given):
                read.problems.append(Problem(code="yaml_shape", file=name, line=line, table=spec.name))
            elif unknown:
                facts = {"column": ", ".join(unknown)[:100], "columns": ", ".join(spec.columns)}
                read.problems.append(
                    Problem(code="unknown_column", file=name, line=line, table=spec.name, facts=facts)
                )
            else:
                _take(spec, given, read, file=name, line=line, of_cell=False)


def _take(spec: TableSpec, given: dict[str, Any], read: Read, *, file: str, line: int, of_cell: bool) -> None:
    values: Row = {}
    problems: list[Problem] = []
    for name, column in spec.columns.items():
        try:
            value = given.get(name)
            if value is not None:
                value = _of_cell(column, value) if of_cell else _of_yaml(column, value)
            values[name] = _absent(column) if value is None else value
        except _Wrong as wrong:
            facts = {"column": name, **wrong.facts}
            problems.append(Problem(code=wrong.code, file=file, line=line, table=spec.name, facts=facts))
    read.problems.extend(problems)
    if not problems:
        if values.get("id") == _UNNAMED:
            # A row that nobody named is named by what it is for and its first day.
            words = [values[name] for name in spec.natural_key if values[name] is not None]
            values["id"] = "-".join([*words, values["valid_from"]])[:200]
        read.rows.append(FileRow(table=spec.name, values=values, file=file, line=line))


def _absent(column: "Column[Any]") -> Any:
    if column.key == "id":
        return _UNNAMED
    try:
        return absent(column)
    except KeyError:
        raise _Wrong("missing_value") from None


def _of_cell(column: "Column[Any]", cell: str) -> Any:
    text = cell.strip()
    text = text[1:] if text[:1] == "'" else text
    kind = type_of(column)
    try:
        if kind is int and _WHOLE.fullmatch(text):
            return int(text)
        if kind is bool:
            return _YES[text.lower()]
        if kind is date:
            return _day(text)
        if kind is time:
            return time.fromisoformat(text).isoformat()
        if kind is list:
            return [part.strip() for part in text.split("|") if part.strip()] or None
        if kind is dict:
            return _object(json.loads(text))
    except (ValueError, KeyError, RecursionError):
        raise _bad(column, text) from None
    if kind is int:
        raise _bad(column, text)
    return _plain(column, text)


def _of_yaml(column: "Column[Any]", value: Any) -> Any:
    kind = type_of(column)
    try:
        if kind is date:
            return value.isoformat() if type(value) is date else _day(value)
        if kind is time:
            return time.fromisoformat(value).isoformat()
        if kind is list and isinstance(value, list) and all(isinstance(part, str) for part in value):
            return value or None
        if kind is dict:
            return _object(value)
        if type(value) is kind and not (isinstance(value, int) and abs(value) >= 10**18):
            return _plain(column, value.strip()) if isinstance(value, str) else value
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    # A code such as 0000 without quotes is a number in YAML: its zeros would be lost.
    raise _bad(column, str(value))


def _day(text: str) -> str:
    found = _VIETNAMESE_DAY.fullmatch(text)
    if found:
        day, month, year = (int(part) for part in found.groups())
        return date(year, month, day).isoformat()
    return date.fromisoformat(text).isoformat()


def _object(value: Any) -> dict[str, Any]:
    text = json.dumps(value, allow_nan=False)
    if not isinstance(value, dict) or len(text) > 10_000 or _has_float(value):
        raise ValueError("not an object of whole numbers and text")
    result: dict[str, Any] = json.loads(text)
    return result


def _has_float(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_float(each) for each in value.values())
    if isinstance(value, list):
        return any(_has_float(each) for each in value)
    return isinstance(value, float)


def _plain(column: "Column[Any]", text: str) -> str:
    if len(text) > 1000 or any(unicodedata.category(letter) == "Cc" for letter in text):
        raise _bad(column, text)
    return text


def _bad(column: "Column[Any]", text: str) -> _Wrong:
    return _Wrong("bad_value", value=text[:60], wanted=type_of(column).__name__)


def write_csv(spec: TableSpec, rows: Iterable[Row]) -> bytes:
    """One table as CSV with a header; the same rows give the same bytes."""
    out = io.StringIO(newline="")
    out.write(BYTE_ORDER_MARK)
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(spec.columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in spec.columns])
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    text = "|".join(value) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith("'") else escaped(text)


def write_yaml(tables: Iterable[tuple[TableSpec, Iterable[Row]]]) -> str:
    """Tables as YAML, empty columns left out."""
    data = {
        spec.name: [{name: row[name] for name in spec.columns if row[name] is not None} for row in rows]
        for spec, rows in tables
    }
    text: str = yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=200)
    return text


def write_zip(tables: Iterable[tuple[TableSpec, Iterable[Row]]]) -> bytes:
    """Every table as a CSV file in one ZIP; the same rows give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for spec, rows in tables:
            entry = zipfile.ZipInfo(f"{spec.name}.csv", date_time=(1980, 1, 1, 0, 0, 0))
            packed.writestr(entry, write_csv(spec, rows))
    return out.getvalue()
