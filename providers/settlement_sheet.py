"""Reads a provider's settlement workbook by its layout: columns by name, statuses by table. Pure.

Called by the adapters whose provider settles by .xlsx; what is theirs alone is the `Layout`. A row becomes an entry
or a problem, never both and never nothing. It never raises, whatever the bytes.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import lru_cache
from itertools import islice

from payclear.contract.messages import ParsedStatement, StatementEntry, StatementProblem
from payclear.contract.outcomes import Outcome
from payclear.kernel.clock import VIETNAM
from payclear.kernel.money import AMOUNT_MAX, InvalidAmount, Money, parse_statement_amount
from payclear.security.workbook import Cell, NotAWorkbook, read_sheet

HEADER_SEARCH_ROWS = 40
RAW_VALUE_LIMIT = 500
TRAILERS = frozenset({"TONG CONG", "TONG", "TOTAL"})

_COUNT = re.compile(r"[0-9]{1,7}")
_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where a provider writes what. Column names are compared without accents, case and spaces.

    `sheet` counts from 0, `amounts` are tried in order, `merchant` (if any) names the merchant account of each row,
    without a `transaction` column the provider's number is empty, without a `status` column every row is a payment;
    `personal` columns are read past and never kept, `times` are strptime forms in GMT+7.
    """

    sheet: int
    reference: str
    transaction: str
    status: str
    amounts: tuple[str, ...]
    occurred: str
    statuses: Mapping[str, tuple[str, Outcome]]
    merchant: str = ""
    personal: frozenset[str] = frozenset()
    times: tuple[str, ...] = (
        "%d/%m/%Y %H:%M:%S",
        "%d/%m/%Y %H:%M",
        "%Y-%m-%d %H:%M:%S",
        "%d-%m-%Y %H:%M:%S",
        "%Y%m%d%H%M%S",
    )


@dataclass(slots=True)
class _Reading:
    layout: Layout
    columns: dict[str, int] = field(default_factory=dict)
    entries: list[StatementEntry] = field(default_factory=list)
    problems: list[StatementProblem] = field(default_factory=list)
    control_count: int | None = None
    control_sum: Money | None = None
    merchant: str | None = None

    def problem(self, line_no: int, code: str, detail: str = "") -> None:
        self.problems.append(StatementProblem(line_no=line_no, code=code, detail=detail[:_SHOWN]))

    def at(self, texts: list[str], name: str) -> str:
        position = self.columns.get(name, len(texts))
        return texts[position] if position < len(texts) else ""

    def amount_column(self) -> int:
        return next(self.columns[name] for name in self.layout.amounts if name in self.columns)


def parse(content: bytes, layout: Layout) -> ParsedStatement:
    """Read a settlement workbook. Control figures come from a last row that says "TỔNG CỘNG", if there is one.

    `control_count` counts the data rows and `control_sum` adds their amounts, whatever their status.
    """
    reading = _Reading(layout)
    try:
        rows = enumerate(read_sheet(content, layout.sheet), start=1)
        reading.columns = _find_header(rows, layout)
    except NotAWorkbook as error:
        reading.problem(0, "not_a_workbook", str(error))
        return _result(reading)
    needed = (layout.reference, layout.transaction, layout.status)
    missing = [name for name in needed if name and name not in reading.columns]
    if missing or not any(name in reading.columns for name in layout.amounts):
        reading.problem(0, "missing_header", "no header row with " + ", ".join(missing or layout.amounts))
        return _result(reading)
    for line_no, row in rows:
        _read_row(reading, line_no, row)
    return _result(reading)


@lru_cache(maxsize=512)
def plain(text: str) -> str:
    """A text without accents, in capitals, single-spaced: how headers and statuses are compared."""
    decomposed = unicodedata.normalize("NFKD", text.replace("đ", "d").replace("Đ", "D"))
    letters = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(letters.upper().split())


def _result(reading: _Reading) -> ParsedStatement:
    return ParsedStatement(
        entries=tuple(reading.entries),
        problems=tuple(reading.problems),
        control_count=reading.control_count,
        control_sum=reading.control_sum,
        merchant_account=reading.merchant,
    )


def _find_header(rows: Iterator[tuple[int, list[Cell]]], layout: Layout) -> dict[str, int]:
    """Find the row that names the columns, wherever it stands at the top; {} when there is none."""
    for _, row in islice(rows, HEADER_SEARCH_ROWS):
        columns: dict[str, int] = {}
        for position, cell in enumerate(row):
            if isinstance(cell, str):
                columns.setdefault(plain(cell).replace(" ", "_"), position)
        if layout.reference in columns:
            return columns
    return {}


def _read_row(reading: _Reading, line_no: int, row: list[Cell]) -> None:
    texts = [_text(cell) for cell in row]
    if not any(texts):
        return
    # Columns move, so the label or the count may stand in the reference's column; a status no total has.
    is_line = reading.at(texts, reading.layout.reference) and reading.at(texts, reading.layout.status)
    if not is_line and any(map(_is_trailer, texts)):
        _read_trailer(reading, line_no, row, texts)
        return
    if reading.control_count is not None:
        reading.problem(line_no, "row_after_trailer")
        return
    _read_entry(reading, line_no, row, texts)


def _read_entry(reading: _Reading, line_no: int, row: list[Cell], texts: list[str]) -> None:
    layout = reading.layout
    reference, transaction = reading.at(texts, layout.reference), reading.at(texts, layout.transaction)
    status = reading.at(texts, layout.status)
    known = layout.statuses.get(plain(status)) if layout.status else ("payment", Outcome.CONFIRMED)
    if not reference:
        return reading.problem(line_no, "missing_reference")
    if layout.transaction and not transaction:
        return reading.problem(line_no, "missing_transaction", reference)
    if known is None:
        return reading.problem(line_no, "unknown_status", status)
    position = reading.amount_column()
    try:
        amount = _money(row[position] if position < len(row) else "")
    except InvalidAmount:
        amount = Money(-1)
    if amount.amount < 0:
        return reading.problem(line_no, "bad_amount", texts[position] if position < len(texts) else "")
    if not _is_our_merchant(reading, texts):
        return reading.problem(line_no, "other_merchant", reading.at(texts, layout.merchant))
    at = reading.columns.get(layout.occurred, len(row))
    kind, outcome = known
    reading.entries.append(
        StatementEntry(
            line_no=line_no,
            attempt_ref=reference,
            provider_ref=transaction,
            amount=amount,
            outcome=outcome,
            kind=kind,
            occurred_at=_instant(row[at], layout.times) if at < len(row) else None,
            occurred_at_raw=reading.at(texts, layout.occurred)[:_SHOWN],
            raw={
                name: texts[column][:RAW_VALUE_LIMIT]
                for name, column in reading.columns.items()
                if name not in layout.personal and column < len(texts) and texts[column]
            },
        )
    )


def _is_our_merchant(reading: _Reading, texts: list[str]) -> bool:
    """A file is about one merchant account: the one its first row names."""
    named = reading.at(texts, reading.layout.merchant) if reading.layout.merchant else ""
    if named and reading.merchant is None:
        reading.merchant = named
    return not named or named == reading.merchant


def _read_trailer(reading: _Reading, line_no: int, row: list[Cell], texts: list[str]) -> None:
    """The trailer's sum stands in the amount column, its count in any other cell."""
    position = reading.amount_column()
    counts = [text for column, text in enumerate(texts) if column != position and _COUNT.fullmatch(text)]
    if reading.control_count is not None or len(counts) != 1:
        return reading.problem(line_no, "bad_trailer")
    try:
        reading.control_sum = _money(row[position] if position < len(row) else "")
    except InvalidAmount:
        return reading.problem(line_no, "bad_trailer")
    reading.control_count = int(counts[0])


def _is_trailer(text: str) -> bool:
    """Whether a cell announces the totals; columns move, so the first cell of the row may be another one."""
    return text[:1] in ("T", "t", "Ｔ") and plain(text[:50]).rstrip(":") in TRAILERS


def _text(cell: Cell) -> str:
    """A cell as a person reads it; whole numbers without `.0`."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell)


def _money(cell: Cell) -> Money:
    """The amount in a cell, text or number; a number must be whole and within what a float holds exactly."""
    if isinstance(cell, str):
        return parse_statement_amount(cell)
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise InvalidAmount("no number", reason="malformed")
    if isinstance(cell, float) and not cell.is_integer():
        raise InvalidAmount("a fraction of a đồng", reason="fraction")
    if abs(cell) > AMOUNT_MAX:
        raise InvalidAmount("beyond the limit", reason="out_of_range")
    return Money(int(cell))


def _instant(cell: Cell, times: tuple[str, ...]) -> datetime | None:
    """The time in a cell, GMT+7 by custom, as aware UTC; None when it can not be read."""
    if isinstance(cell, datetime):
        return _utc(cell)
    if not isinstance(cell, str | int | float):
        return None
    text = _text(cell)
    for form in times:
        try:
            return _utc(datetime.strptime(text, form))
        except ValueError:
            continue
    return None


def _utc(local: datetime) -> datetime | None:
    try:
        return local.replace(tzinfo=VIETNAM).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
