"""Uploads made in the test: the same table as CSV, workbook and JSON."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import xlsxwriter

from payclear.obligations.batches.columns import HEADERS_VI
from payclear.obligations.batches.domain import Column

COLUMNS = tuple(Column)


def row(number: int = 1, **changes: Any) -> dict[str, Any]:
    """One good row; a change to None leaves the cell empty."""
    cells: dict[str, Any] = {
        "agency_code": "H00.14",
        "decision_no": f"{number:07d}/QĐ-XPHC",
        "decided_on": "01/11/2026",
        "violation_record_no": f"{number:06d}/BB-VPHC",
        "served_on": "05/11/2026",
        "served_method": "trực tiếp",
        "violator_name": "PHẠM VĂN MẪU",
        "id_type": "CCCD",
        "id_no": f"0010{number % 10**8:08d}",
        "plate": "29B-112.34",
        "plate_colour": "trắng",
        "amount": "1.000.000",
    }
    cells |= changes
    return {name: value for name, value in cells.items() if value is not None}


def table(rows: Sequence[dict[str, Any]], *, vietnamese: bool = False) -> list[list[Any]]:
    """The rows below a header of those columns that any row fills."""
    used = [column for column in COLUMNS if any(column in each for each in rows)]
    header = [HEADERS_VI[column] if vietnamese else column.value for column in used]
    return [header, *([each.get(column, "") for column in used] for each in rows)]


def csv_file(
    rows: Sequence[dict[str, Any]],
    *,
    separator: str = ",",
    encoding: str = "utf-8",
    vietnamese: bool = False,
) -> bytes:
    """The table as a spreadsheet saves it."""
    buffer = io.StringIO(newline="")
    lines = [[_text(cell) for cell in line] for line in table(rows, vietnamese=vietnamese)]
    csv.writer(buffer, delimiter=separator).writerows(lines)
    return buffer.getvalue().encode(encoding)


def json_file(rows: Sequence[dict[str, Any]]) -> bytes:
    """The table as a program writes it."""
    plain = [
        {name: cell.isoformat() if isinstance(cell, date) else cell for name, cell in each.items()}
        for each in rows
    ]
    return json.dumps(plain, ensure_ascii=False).encode()


def sheet_file(lines: Sequence[Sequence[Any]], *, then: Any = None, sheets: int = 1) -> bytes:
    """A workbook with these cells on its first sheet; `then` may spoil it."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    made = [book.add_worksheet() for _ in range(sheets)]
    for row_no, line in enumerate(lines):
        for place, cell in enumerate(line):
            if hasattr(cell, "isoformat"):
                made[0].write_datetime(row_no, place, cell, day)
            elif isinstance(cell, str):
                made[0].write_string(row_no, place, cell)
            elif cell is not None:
                made[0].write(row_no, place, cell)
    if then is not None:
        then(book, made)
    book.close()
    return buffer.getvalue()


def xlsx_file(rows: Sequence[dict[str, Any]], *, vietnamese: bool = False, **options: Any) -> bytes:
    """The table as a workbook."""
    return sheet_file(table(rows, vietnamese=vietnamese), **options)


def _text(cell: Any) -> str:
    return cell.strftime("%d/%m/%Y") if isinstance(cell, date) else str(cell)
