"""Reads the day file of a bank that collects for us: CSV, one row for each payment of its business day, a trailer. Pure.

Called by the adapters of collecting banks; docs/banks.md describes the file. A row becomes an entry or a problem, never
both and never nothing. It never raises, whatever the bytes.
"""

import csv
import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from payclear.contract.messages import ParsedStatement, StatementEntry, StatementProblem
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import AMOUNT_MAX, Money

COLUMNS = ("bank_ref", "bill_id", "document_no", "amount", "paid_at", "status", "channel", "instrument")
TRAILER = "TRAILER"
FIELD_CHARACTERS_MAX = 200

# A payment that was taken back on its day is one row that brought no money.
STATUSES: Mapping[str, Outcome] = MappingProxyType({"PAID": Outcome.CONFIRMED, "REVERSED": Outcome.REJECTED})

_DIGITS = re.compile(r"[0-9]{1,16}")
_SHOWN = 100


def parse(content: bytes) -> ParsedStatement:
    """Read a day file; one without its trailer is cut off and gets the problem `missing_trailer`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _result([], [_problem(0, "not_a_csv", "no UTF-8")], None)
    entries: list[StatementEntry] = []
    problems: list[StatementProblem] = []
    trailer: tuple[int, Money] | None = None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        if tuple(cell.strip() for cell in next(reader, [])) != COLUMNS:
            return _result([], [_problem(0, "missing_header", "")], None)
        for row in reader:
            if not row:
                continue
            if trailer is not None:
                problems.append(_problem(reader.line_num, "row_after_trailer", ""))
            elif row[0].strip() == TRAILER:
                trailer = _trailer(row)
                if trailer is None:
                    problems.append(_problem(reader.line_num, "bad_trailer", ""))
            else:
                line = _line(reader.line_num, row)
                (entries if isinstance(line, StatementEntry) else problems).append(line)  # type: ignore[arg-type]
    except csv.Error as error:
        problems.append(_problem(reader.line_num, "not_a_csv", str(error)))
    if trailer is None:
        problems.append(_problem(0, "missing_trailer", ""))
    return _result(entries, problems, trailer)


def _result(
    entries: list[StatementEntry], problems: list[StatementProblem], trailer: tuple[int, Money] | None
) -> ParsedStatement:
    return ParsedStatement(
        entries=tuple(entries),
        problems=tuple(problems),
        control_count=trailer[0] if trailer else None,
        control_sum=trailer[1] if trailer else None,
        merchant_account=None,
    )


def _problem(line_no: int, code: str, detail: str) -> StatementProblem:
    return StatementProblem(line_no=line_no, code=code, detail=detail[:_SHOWN])


def _trailer(row: list[str]) -> tuple[int, Money] | None:
    if len(row) != 3 or not all(_DIGITS.fullmatch(cell.strip()) for cell in row[1:]):
        return None
    count, total = (int(cell) for cell in row[1:])
    return (count, Money(total)) if total <= AMOUNT_MAX else None


def _line(line_no: int, row: list[str]) -> StatementEntry | StatementProblem:
    if len(row) != len(COLUMNS):
        return _problem(line_no, "wrong_width", str(len(row)))
    if any(len(cell) > FIELD_CHARACTERS_MAX for cell in row):
        return _problem(line_no, "too_long", "")
    cells = dict(zip(COLUMNS, (cell.strip() for cell in row), strict=True))
    if not cells["bill_id"]:
        return _problem(line_no, "missing_reference", cells["bank_ref"])
    if not cells["bank_ref"]:
        return _problem(line_no, "missing_transaction", cells["bill_id"])
    outcome = STATUSES.get(cells["status"])
    if outcome is None:
        return _problem(line_no, "unknown_status", cells["status"])
    amount = int(cells["amount"]) if _DIGITS.fullmatch(cells["amount"]) else 0
    if not 0 < amount <= AMOUNT_MAX:
        return _problem(line_no, "bad_amount", cells["amount"])
    return StatementEntry(
        line_no=line_no,
        attempt_ref=cells["bill_id"],
        provider_ref=cells["bank_ref"],
        amount=Money(amount),
        outcome=outcome,
        kind="payment",
        occurred_at=read_instant(cells["paid_at"]),
        occurred_at_raw=cells["paid_at"][:_SHOWN],
        raw=cells,
    )


def read_instant(text: str) -> datetime | None:
    """An RFC 3339 time with its offset as aware UTC; None when it is none."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
