"""Reads a bank's statement workbook: credits whose memo names an attempt are payments. Pure; called by provider.py.

Columns are found by the titles several banks use. A credit without a reference of ours is still an entry, for it
is money; a debit that names none is the treasury's own transfer and no line of collection. It never raises.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from itertools import islice
from types import MappingProxyType

from payclear.contract.messages import ParsedStatement, StatementEntry, StatementProblem
from payclear.contract.outcomes import Outcome
from payclear.kernel.clock import VIETNAM
from payclear.kernel.money import AMOUNT_MAX, InvalidAmount, Money, parse_statement_amount
from payclear.security.workbook import Cell, NotAWorkbook, read_sheet
from providers.settlement_sheet import plain
from providers.transfers import find_reference

HEADER_SEARCH_ROWS = 60
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "occurred": ("NGAY GIAO DICH", "NGAY GD", "THOI GIAN GIAO DICH", "TRANSACTION DATE", "NGAY"),
        "reference": (
            "SO THAM CHIEU",
            "SO CHUNG TU",
            "SO BUT TOAN",
            "MA GIAO DICH",
            "REFERENCE NO",
            "REFERENCE",
        ),
        "credit": ("SO TIEN GHI CO", "GHI CO", "PHAT SINH CO", "CREDIT AMOUNT", "CREDIT", "CO"),
        "debit": ("SO TIEN GHI NO", "GHI NO", "PHAT SINH NO", "DEBIT AMOUNT", "DEBIT", "NO"),
        "memo": ("MO TA", "NOI DUNG GIAO DICH", "NOI DUNG", "DIEN GIAI", "DESCRIPTION", "REMARK"),
    }
)
REQUIRED = ("occurred", "reference", "credit", "memo")
# The words that begin a row of totals or balances below the lines.
FOOTERS = ("TONG", "SO DU", "CLOSING", "OPENING", "TOTAL", "CONG ")
_TIMES = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%Y-%m-%d %H:%M:%S", "%d-%m-%Y %H:%M:%S", "%d/%m/%Y")
_NOTHING = frozenset({"", "0", "-", "- 0"})
_SHOWN = 100


def parse(content: bytes) -> ParsedStatement:
    """Read a bank statement; the first sheet, whatever stands above and below the lines."""
    entries: list[StatementEntry] = []
    problems: list[StatementProblem] = []
    try:
        rows: Iterator[tuple[int, list[Cell]]] = enumerate(read_sheet(content, 0), start=1)
        columns = _find_header(rows)
        if any(name not in columns for name in REQUIRED):
            problems.append(StatementProblem(line_no=0, code="missing_header", detail=", ".join(REQUIRED)))
            rows = iter(())
        for line_no, row in rows:
            read = _read_row(line_no, row, columns)
            if isinstance(read, StatementEntry):
                entries.append(read)
            elif read is not None:
                problems.append(read)
    except NotAWorkbook as error:
        problems.append(StatementProblem(line_no=0, code="not_a_workbook", detail=str(error)))
    return ParsedStatement(
        entries=tuple(entries),
        problems=tuple(problems),
        control_count=None,
        control_sum=None,
        merchant_account=None,
    )


def _find_header(rows: Iterator[tuple[int, list[Cell]]]) -> dict[str, int]:
    """The row that titles the columns: each of ours at the first cell that bears one of its titles."""
    for _, row in islice(rows, HEADER_SEARCH_ROWS):
        titles = [plain(cell).replace("_", " ") if isinstance(cell, str) else "" for cell in row]
        found: dict[str, int] = {}
        for name, known in COLUMNS.items():
            position = next((titles.index(title) for title in known if title in titles), None)
            if position is not None:
                found[name] = position
        if all(name in found for name in REQUIRED):
            return found
    return {}


def _read_row(
    line_no: int, row: list[Cell], columns: Mapping[str, int]
) -> StatementEntry | StatementProblem | None:
    texts = [_text(cell) for cell in row]
    at = {name: texts[place] if place < len(texts) else "" for name, place in columns.items()}
    credit, debit = at["credit"].strip(), at.get("debit", "").strip()
    first = next((text for text in texts if text), "")
    if not first or plain(first[:50]).startswith(FOOTERS):
        return None
    if credit in _NOTHING and debit in _NOTHING:
        return StatementProblem(line_no=line_no, code="bad_amount", detail="")
    is_credit = credit not in _NOTHING
    reference = find_reference([at["memo"]])
    if not is_credit and not reference:
        return None
    shown = credit if is_credit else debit
    try:
        amount = _money(row[columns["credit" if is_credit else "debit"]])
    except InvalidAmount:
        return StatementProblem(line_no=line_no, code="bad_amount", detail=shown[:_SHOWN])
    if amount.amount <= 0:
        return StatementProblem(line_no=line_no, code="bad_amount", detail=shown[:_SHOWN])
    if not at["reference"]:
        return StatementProblem(line_no=line_no, code="missing_transaction", detail=reference)
    return StatementEntry(
        line_no=line_no,
        attempt_ref=reference,
        provider_ref=at["reference"][:_SHOWN],
        amount=amount,
        outcome=Outcome.CONFIRMED,
        kind="payment" if is_credit else "refund",
        occurred_at=_instant(row[columns["occurred"]]) if at["occurred"] else None,
        occurred_at_raw=at["occurred"][:_SHOWN],
        raw={"reference": at["reference"][:_SHOWN]},
    )


def _text(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, datetime | date) else str(cell)


def _money(cell: Cell) -> Money:
    if isinstance(cell, str):
        return parse_statement_amount(cell)
    if isinstance(cell, bool) or not isinstance(cell, int | float) or abs(cell) > AMOUNT_MAX:
        raise InvalidAmount("no number", reason="malformed")
    if isinstance(cell, float) and not cell.is_integer():
        raise InvalidAmount("a fraction of a đồng", reason="fraction")
    return Money(int(cell))


def _instant(cell: Cell) -> datetime | None:
    """The time in a cell, GMT+7, as aware UTC; None when it can not be read."""
    local = cell if isinstance(cell, datetime) else _read_time(cell) if isinstance(cell, str) else None
    try:
        return local.replace(tzinfo=VIETNAM).astimezone(UTC) if local is not None else None
    except (ValueError, OverflowError):
        return None


def _read_time(text: str) -> datetime | None:
    for form in _TIMES:
        try:
            return datetime.strptime(text.strip(), form)
        except ValueError:
            continue
    return None
