"""Writes a provider's settlement workbook from named columns; the same truth, the same bytes.

Used by the protocols whose file is xls(x). It knows no provider's columns.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import xlsxwriter

from providers.simulator.statement_lines import Line, StatementDay


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where a provider writes what. `cover`: rows of a first sheet, the data then lies on the second.

    `total_label` and `amount_column` place the trailer with count and sum; without a label there is none.
    """

    header: Sequence[str]
    sheet: str
    cover: Sequence[str] = ()
    total_label: str = ""
    amount_column: str = ""


def write_workbook(
    layout: Layout, day: StatementDay, on: date, values: Callable[[Line], Mapping[str, str | int]]
) -> bytes:
    """The workbook's bytes; `values` gives a line's cells by column name. Plays `moved_columns`."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    book.set_properties({"created": datetime(on.year, on.month, on.day)})
    if layout.cover:
        cover = book.add_worksheet("Tổng hợp")
        for row, text in enumerate(layout.cover):
            cover.write(row, 0, text)
    sheet = book.add_worksheet(layout.sheet)
    order = list(layout.header)
    if "moved_columns" in day.file_faults:
        order.reverse()
    sheet.write_row(0, 0, order)
    for row, line in enumerate(day.lines, start=1):
        cells = values(line)
        for column, name in enumerate(order):
            sheet.write(row, column, cells.get(name, ""))
    if layout.total_label and day.count is not None:
        row = len(day.lines) + 1
        amount_at = order.index(layout.amount_column)
        free = [column for column in range(len(order)) if column != amount_at]
        sheet.write(row, free[0], layout.total_label)
        sheet.write(row, free[1], day.count)
        sheet.write(row, amount_at, day.total)
    book.close()
    return buffer.getvalue()
