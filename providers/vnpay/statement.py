"""Reads VNPAY's settlement workbook (VNPAYGATEWAY_….xlsx): data on the second sheet. Pure; called by
provider.py.

A row becomes an entry or a problem, never both and never nothing. It never raises, whatever the bytes.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from types import MappingProxyType

from payclear.contract.messages import ParsedStatement, StatementEntry, StatementProblem
from payclear.contract.outcomes import Outcome
from payclear.kernel.clock import VIETNAM
from payclear.kernel.money import AMOUNT_MAX, InvalidAmount, Money, parse_statement_amount
from providers.vnpay.mapping import read_time
from providers.workbook import Cell, NotAWorkbook, read_sheet

DATA_SHEET = 1
HEADER_SEARCH_ROWS = 40
RAW_VALUE_LIMIT = 500

REFERENCE = "MA_DON_HANG"
TRANSACTION = "MA_GIAO_DICH"
STATUS = "TRANG_THAI"
OCCURRED = "THOI_GIAN_GD"
# The importer's list names the amount before promotion; some exports call it plainly.
AMOUNTS = ("SO_TIEN_TRUOC_KM", "SO_TIEN")
REQUIRED = (REFERENCE, TRANSACTION, STATUS)
# Columns that hold personal data: read past, never kept.
PERSONAL = frozenset({"SO_DIEN_THOAI", "TEN_KHACH_HANG", "SO_TAI_KHOAN"})

STATUSES: Mapping[str, tuple[str, Outcome]] = MappingProxyType(
    {
        "00": ("payment", Outcome.CONFIRMED),
        "THANH CONG": ("payment", Outcome.CONFIRMED),
        "GIAO DICH THANH CONG": ("payment", Outcome.CONFIRMED),
        "DA THANH TOAN": ("payment", Outcome.CONFIRMED),
        "SUCCESS": ("payment", Outcome.CONFIRMED),
        "02": ("payment", Outcome.REJECTED),
        "THAT BAI": ("payment", Outcome.REJECTED),
        "KHONG THANH CONG": ("payment", Outcome.REJECTED),
        "GIAO DICH KHONG THANH CONG": ("payment", Outcome.REJECTED),
        "LOI": ("payment", Outcome.REJECTED),
        "FAILED": ("payment", Outcome.REJECTED),
        "01": ("payment", Outcome.PENDING),
        "CHUA HOAN TAT": ("payment", Outcome.PENDING),
        "CHO THANH TOAN": ("payment", Outcome.PENDING),
        "DANG XU LY": ("payment", Outcome.PENDING),
        "07": ("payment", Outcome.PENDING),
        "NGHI NGO GIAN LAN": ("payment", Outcome.PENDING),
        "NGHI VAN": ("payment", Outcome.PENDING),
        "04": ("payment", Outcome.UNKNOWN),
        "GIAO DICH DAO": ("payment", Outcome.UNKNOWN),
        "HOAN TIEN": ("refund", Outcome.CONFIRMED),
        "HOAN TRA": ("refund", Outcome.CONFIRMED),
        "HOAN TIEN THANH CONG": ("refund", Outcome.CONFIRMED),
        "05": ("refund", Outcome.PENDING),
        "DANG HOAN TIEN": ("refund", Outcome.PENDING),
        "06": ("refund", Outcome.PENDING),
        "DA GUI YEU CAU HOAN TIEN": ("refund", Outcome.PENDING),
        "09": ("refund", Outcome.REJECTED),
        "TU CHOI HOAN TIEN": ("refund", Outcome.REJECTED),
    }
)
TRAILERS = frozenset({"TONG CONG", "TONG", "TOTAL"})

_TIME_FORMATS = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%Y-%m-%d %H:%M:%S", "%d-%m-%Y %H:%M:%S")
_COUNT = re.compile(r"[0-9]{1,7}")


@dataclass(slots=True)
class _Reading:
    entries: list[StatementEntry] = field(default_factory=list)
    problems: list[StatementProblem] = field(default_factory=list)
    control_count: int | None = None
    control_sum: Money | None = None


def parse(content: bytes) -> ParsedStatement:
    """Read a settlement workbook. Control figures come from a row that starts with "TỔNG CỘNG", if there is
    one.

    `control_count` counts the data rows and `control_sum` adds their amounts, whatever their status.
    """
    reading = _Reading()
    try:
        rows = enumerate(read_sheet(content, DATA_SHEET), start=1)
        columns = _find_header(rows)
    except NotAWorkbook as error:
        reading.problems.append(StatementProblem(line_no=0, code="not_a_workbook", detail=str(error)))
        return _result(reading)
    missing = [name for name in REQUIRED if name not in columns]
    if missing or not any(name in columns for name in AMOUNTS):
        detail = "no header row with " + ", ".join(missing or AMOUNTS)
        reading.problems.append(StatementProblem(line_no=0, code="missing_header", detail=detail))
        return _result(reading)
    for line_no, row in rows:
        _read_row(reading, line_no, row, columns)
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
        merchant_account=None,
    )


def _find_header(rows: Iterator[tuple[int, list[Cell]]]) -> dict[str, int]:
    """Find the row that names the columns, wherever it stands at the top; {} when there is none."""
    for _, row in islice(rows, HEADER_SEARCH_ROWS):
        columns: dict[str, int] = {}
        for position, cell in enumerate(row):
            if isinstance(cell, str):
                columns.setdefault(plain(cell).replace(" ", "_"), position)
        if REFERENCE in columns:
            return columns
    return {}


def _read_row(reading: _Reading, line_no: int, row: list[Cell], columns: dict[str, int]) -> None:
    texts = [_text(cell) for cell in row]
    if not any(texts):
        return
    if not _at(texts, columns, REFERENCE) and any(map(_is_trailer, texts)):
        _read_trailer(reading, line_no, row, columns)
        return
    if reading.control_count is not None:
        reading.problems.append(StatementProblem(line_no=line_no, code="row_after_trailer", detail=""))
        return
    entry = _entry(line_no, row, texts, columns)
    if isinstance(entry, StatementEntry):
        reading.entries.append(entry)
    else:
        reading.problems.append(entry)


def _entry(
    line_no: int, row: list[Cell], texts: list[str], columns: dict[str, int]
) -> StatementEntry | StatementProblem:
    reference, transaction = _at(texts, columns, REFERENCE), _at(texts, columns, TRANSACTION)
    status = _at(texts, columns, STATUS)
    if not reference:
        return StatementProblem(line_no=line_no, code="missing_reference", detail="")
    if not transaction:
        return StatementProblem(line_no=line_no, code="missing_transaction", detail=reference[:100])
    kind_and_outcome = STATUSES.get(plain(status))
    if kind_and_outcome is None:
        return StatementProblem(line_no=line_no, code="unknown_status", detail=status[:100])
    position = next(columns[name] for name in AMOUNTS if name in columns)
    try:
        amount = _money(row[position] if position < len(row) else "")
    except InvalidAmount:
        shown = texts[position][:100] if position < len(texts) else ""
        return StatementProblem(line_no=line_no, code="bad_amount", detail=shown)
    if amount.amount < 0:
        return StatementProblem(line_no=line_no, code="bad_amount", detail=texts[position][:100])
    at = columns.get(OCCURRED, len(row))
    kind, outcome = kind_and_outcome
    return StatementEntry(
        line_no=line_no,
        attempt_ref=reference,
        provider_ref=transaction,
        amount=amount,
        outcome=outcome,
        kind=kind,
        occurred_at=_instant(row[at]) if at < len(row) else None,
        occurred_at_raw=_at(texts, columns, OCCURRED)[:100],
        raw={
            name: texts[position][:RAW_VALUE_LIMIT]
            for name, position in columns.items()
            if name not in PERSONAL and position < len(texts) and texts[position]
        },
    )


def _read_trailer(reading: _Reading, line_no: int, row: list[Cell], columns: dict[str, int]) -> None:
    """The trailer's sum stands in the amount column, its count in any other cell."""
    position = next(columns[name] for name in AMOUNTS if name in columns)
    counts = [
        text
        for index, text in enumerate(_text(cell) for cell in row)
        if index != position and _COUNT.fullmatch(text)
    ]
    if reading.control_count is not None or len(counts) != 1:
        reading.problems.append(StatementProblem(line_no=line_no, code="bad_trailer", detail=""))
        return
    try:
        reading.control_sum = _money(row[position] if position < len(row) else "")
    except InvalidAmount:
        reading.problems.append(StatementProblem(line_no=line_no, code="bad_trailer", detail=""))
        return
    reading.control_count = int(counts[0])


def _is_trailer(text: str) -> bool:
    """Whether a cell announces the totals; columns move, so the first cell of the row may be another one."""
    return text[:1] in ("T", "t", "Ｔ") and plain(text[:50]).rstrip(":") in TRAILERS


def _at(texts: list[str], columns: dict[str, int], name: str) -> str:
    position = columns.get(name, len(texts))
    return texts[position] if position < len(texts) else ""


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


def _instant(cell: Cell) -> datetime | None:
    """The time in a cell, GMT+7 by VNPAY's custom, as aware UTC; None when it can not be read."""
    if isinstance(cell, datetime):
        return _utc(cell)
    text = _text(cell)
    stamp = read_time(text)
    if stamp is not None or isinstance(cell, date | time | timedelta):
        return stamp
    for form in _TIME_FORMATS:
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
