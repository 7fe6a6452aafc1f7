"""The results of a batch as CSV, for the officer who sent it: no personal data beyond the decision's number.

A text that a spreadsheet would take for a formula is escaped.
"""

import csv
import io
from collections.abc import Iterable
from typing import Final

from payclear.kernel.ids import public_id
from payclear.kernel.spreadsheets import BYTE_ORDER_MARK, escaped
from payclear.obligations.batches.records import ResultRow
from payclear.obligations.batches.schemas import message
from payclear.obligations.schemas import PREFIX as OBLIGATION_PREFIX

COLUMNS: Final = (
    *("row", "decision_no", "result", "column", "code", "message_vi", "message_en", "obligation"),
)
MEDIA_TYPE: Final = "text/csv; charset=utf-8; header=present"


def csv_bytes(rows: Iterable[ResultRow]) -> bytes:
    """The file: UTF-8 with a byte-order mark, CRLF, in the order of the rows."""
    buffer = io.StringIO(newline="")
    buffer.write(BYTE_ORDER_MARK)
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        vi, en = (message(row.code, "vi"), message(row.code, "en")) if row.code else ("", "")
        obligation = public_id(OBLIGATION_PREFIX, row.obligation_id) if row.obligation_id else ""
        texts = (row.decision_no, row.result, row.column_name or "", row.code or "", vi, en, obligation)
        writer.writerow([row.row_no, *(escaped(text) for text in texts)])
    return buffer.getvalue().encode("utf-8")
