"""Reads one sheet of an untrusted .xlsx: a guard over the zip and its XML, then python-calamine.

Called by the statement parsers of adapters and by uploads of decisions. calamine reserves memory for what a file
claims and lays a sheet out as a full rectangle: two cells far apart in a file of 6 kB would abort the process for
want of memory. The guard refuses what can not be laid out.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from python_calamine import CalamineError, CalamineWorkbook

Cell = str | int | float | bool | date | datetime | time | timedelta

ENTRIES_MAX = 200
ENTRY_BYTES_MAX = 256 << 20
UNPACKED_BYTES_MAX = 384 << 20
RATIO_MAX = 200
RATIO_FREE_BYTES = 1 << 20
ROWS_MAX = 299_999
COLUMNS_MAX = 52  # A to AZ

_CHUNK = 1 << 20
# A cell or row beyond ROWS_MAX or COLUMNS_MAX. `<` is always escaped in text, so no text can look like this.
_OUT_OF_BOUNDS = re.compile(
    rb"<(?:\w+:)?(?:c|row)\b[^<]*?\br\s*=\s*[\"']"
    rb"(?:[A-Za-z]{3}|[B-Zb-z][A-Za-z]|[A-Za-z]{0,2}0*(?:[3-9][0-9]{5}|[0-9]{7}))"
)
# A table of texts that claims ten million entries or more: the reader reserves memory for as many.
_OVERSTATED = re.compile(rb"<(?:\w+:)?sst\b[^<]*?ount\s*=\s*[\"'][^\"'<]*?[0-9]{8}")
_ENCODING = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)[\"']")
_HEAD = 4_096
_STRETCH_MAX = 1 << 20


class NotAWorkbook(ValueError):
    """The bytes are no workbook this house reads; the text says why."""


def read_sheet(content: bytes, index: int, *, unpacked_max: int | None = None) -> Iterator[list[Cell]]:
    """Yield the rows of the sheet at `index` (0 is the first), the first row of the sheet first.

    Raises NotAWorkbook before the first row, for any bytes.
    """
    check_package(content, unpacked_max=unpacked_max)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheet = workbook.get_sheet_by_index(index)
        offset = sheet.start[0] if sheet.start else 0
        rows: Iterator[list[Cell]] = iter(sheet.to_python(skip_empty_area=True))
    except (CalamineError, OSError, ValueError, IndexError, OverflowError) as error:
        raise NotAWorkbook(f"the sheet can not be read: {type(error).__name__}") from error
    except BaseException as error:
        if (
            type(error).__name__ != "PanicException"
        ):  # Rust's panic, a BaseException that has no importable class
            raise
        raise NotAWorkbook("the sheet can not be read: the reader gave up") from error
    return _with_empty_rows(offset, rows)


def _with_empty_rows(count: int, rows: Iterator[list[Cell]]) -> Iterator[list[Cell]]:
    """Put back the empty rows above the data, so that row numbers are those a person sees."""
    for _ in range(count):
        yield []
    yield from rows


def check_package(content: bytes, *, unpacked_max: int | None = None) -> None:
    """Refuse a zip that is broken, encrypted, nested, doubled, or that unpacks to more than a statement (or
    `unpacked_max`) can be.
    """
    budget = UNPACKED_BYTES_MAX if unpacked_max is None else unpacked_max
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            entries = package.infolist()
            if len(entries) > ENTRIES_MAX:
                raise NotAWorkbook("too many parts")
            if len({entry.filename.lower() for entry in entries}) != len(entries):
                raise NotAWorkbook("a part is there twice")
            unpacked = 0
            for entry in entries:
                unpacked += _check_entry(package, entry, budget - unpacked)
    except NotAWorkbook:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise NotAWorkbook(f"no sound zip file: {type(error).__name__}") from error
    except (ValueError, IndexError, OverflowError, MemoryError) as error:
        raise NotAWorkbook(f"no sound zip file: {type(error).__name__}") from error


def _check_entry(package: zipfile.ZipFile, entry: zipfile.ZipInfo, budget: int) -> int:
    if entry.flag_bits & 0x1:
        raise NotAWorkbook("a part is encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotAWorkbook("a part is packed in an unusual way")
    limit = min(budget, ENTRY_BYTES_MAX, max(RATIO_FREE_BYTES, entry.compress_size * RATIO_MAX))
    size = 0
    tail = b""
    with package.open(entry) as stream:  # reads to the end, where the zip module compares the checksum
        chunk = stream.read(_HEAD)
        _check_head(chunk)
        while chunk:
            size += len(chunk)
            if size > limit:
                raise NotAWorkbook("a part unpacks to more than it may")
            tail = _check_markup(tail + chunk)
            chunk = stream.read(_CHUNK)
    return size


def _check_head(head: bytes) -> None:
    """Check how a part begins, whatever its name: the reader goes by references, not by names."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        raise NotAWorkbook("a zip within the zip")
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")):
        raise NotAWorkbook("a part is not UTF-8")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<?xml"):
        declared = _ENCODING.search(head)
        if b"?>" not in head or (declared and declared.group(1).lower() not in (b"utf-8", b"us-ascii")):
            raise NotAWorkbook("a part is not UTF-8")


def _check_markup(window: bytes) -> bytes:
    """Check one stretch of a part; returns its last tag, to be seen whole with the next stretch."""
    if b"<!DOCTYPE" in window or b"<!ENTITY" in window:
        raise NotAWorkbook("a part declares entities")
    if _OUT_OF_BOUNDS.search(window):
        raise NotAWorkbook("a cell lies beyond the rows or columns of a statement")
    if b"sst" in window and _OVERSTATED.search(window):
        raise NotAWorkbook("a part claims more texts than a statement can hold")
    cut = window.rfind(b"<")
    if cut >= 0 and len(window) - cut > _STRETCH_MAX:
        raise NotAWorkbook("a part holds too long a stretch without a tag")
    return window[cut:] if cut >= 0 else b""
