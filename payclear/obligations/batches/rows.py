"""Reads one row of an upload, cell by cell, into a decision or a refusal with its column. Pure.

Called by the worker for every row. It must never guess: what Excel may have changed (a number in a text column,
a date that became a number, a rounded amount) is refused, and said so.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from payclear.kernel.money import AMOUNT_MAX
from payclear.obligations.batches.columns import word_of
from payclear.obligations.batches.domain import Column, DecisionRow, RefusedRow, Row
from payclear.obligations.domain import ServedMethod
from payclear.obligations.fines.domain import PaperType
from payclear.obligations.rules.corrections import VersionKind
from payclear.obligations.rules.identity_numbers import IdType, is_id_no, normalise_id_no, type_of_digits
from payclear.obligations.rules.plates import PlateColour

Cell = str | int | float | bool | date | datetime | time | timedelta | None
Cells = Mapping[Column, Cell]
Word = TypeVar("Word", bound=StrEnum)
Value = TypeVar("Value")

EARLIEST: Final = date(1990, 1, 1)
LATEST: Final = date(2099, 12, 31)
TERM_DAYS_MAX: Final = 365
_EXACT_FLOAT_MAX: Final = 2**53
_MOST: Final[Mapping[Column, int]] = {
    Column.AGENCY_CODE: 40,
    Column.DECISION_NO: 60,
    Column.VIOLATION_RECORD_NO: 60,
    Column.VERSION_NO: 60,
    Column.VIOLATOR_NAME: 200,
    Column.ID_NO: 20,
    Column.PHONE: 20,
    Column.PLATE: 20,
    Column.LICENCE_NO: 20,
}
_ROUNDED: Final = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+")
_WHOLE: Final = re.compile(r"[0-9]{1,16}|[0-9]{1,3}(?:\.[0-9]{3}){1,5}")
_CURRENCY: Final = re.compile(r"\s*(?:₫|đồng|đ|vnđ|vnd)$", re.IGNORECASE)
_ISO: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]00:00(?::00)?)?")
_OURS: Final = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?: 0{1,2}:00(?::00)?)?")
# A number of a document: letters, digits and what stands between them, a digit at least. A name has none.
_NUMBER: Final = re.compile(r"(?=.*[0-9])[^\W_](?:[^\W_]|[ /.\-()])*")
_LIKE_A_PERSONS: Final = re.compile(r"\+?[0-9][0-9 .\-]{7,15}")
_AGENCY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]*")
_PHONE: Final = re.compile(r"(?:\+84|0)[0-9]{8,10}")
_LICENCE: Final = re.compile(r"[A-Z0-9]{6,20}")
_PLATE: Final = re.compile(r"(?=.*[0-9])[^\W_](?:[^\W_]|[ .\-])*")


class _Refused(Exception):
    def __init__(self, column: Column, code: str) -> None:
        super().__init__(code)
        self.column = column
        self.code = code


def read_row(row_no: int, cells: Cells, *, agency_code: str | None, today: date) -> Row:
    """The decision a row tells of, or why it is refused; `agency_code` is the batch's own, for rows without one."""
    try:
        return _decision(row_no, cells, agency_code, today)
    except _Refused as refused:
        return RefusedRow(
            row_no=row_no, column=refused.column, code=refused.code, decision_no=shown_number(cells)
        )


def shown_number(cells: Cells) -> str:
    """The decision's number where the cell holds one, else nothing: a shifted column must not show somebody's name."""
    try:
        number = _number(cells, Column.DECISION_NO) or ""
    except _Refused:
        return ""
    return "" if _LIKE_A_PERSONS.fullmatch(number) else number


def _decision(row_no: int, cells: Cells, agency_code: str | None, today: date) -> DecisionRow:
    kind = _word(cells, Column.VERSION_KIND, VersionKind) or VersionKind.ISSUED
    agency = _matching(cells, Column.AGENCY_CODE, _AGENCY) or agency_code
    decided_on = _needed(cells, Column.DECIDED_ON, _day)
    id_type, id_no = _identity(cells)
    plate, colour = _plate(cells)
    version_no, version_on = _version(cells, kind, decided_on)
    row = DecisionRow(
        row_no=row_no,
        agency_code=_given(Column.AGENCY_CODE, agency),
        decision_no=_needed(cells, Column.DECISION_NO, _number),
        decided_on=decided_on,
        violation_record_no=_number(cells, Column.VIOLATION_RECORD_NO),
        served_on=_day(cells, Column.SERVED_ON),
        served_method=_word(cells, Column.SERVED_METHOD, ServedMethod),
        violator_name=_needed(cells, Column.VIOLATOR_NAME, _text),
        id_type=id_type,
        id_no=id_no,
        phone=_matching(cells, Column.PHONE, _PHONE, without=" .-"),
        plate=plate,
        plate_colour=colour,
        licence_no=_matching(cells, Column.LICENCE_NO, _LICENCE, upper=True),
        amount=_amount(cells, kind),
        term_days=_term(cells),
        withheld=_word(cells, Column.WITHHELD, PaperType),
        version_kind=kind,
        version_no=version_no,
        version_on=version_on,
    )
    _check_days(row, today)
    return row


def _check_days(row: DecisionRow, today: date) -> None:
    for column, day in (
        (Column.DECIDED_ON, row.decided_on),
        (Column.SERVED_ON, row.served_on),
        (Column.VERSION_ON, row.version_on),
    ):
        if day is not None and day > today:
            raise _Refused(column, "in_the_future")
    if row.served_on is not None:
        if row.served_on < row.decided_on:
            raise _Refused(Column.SERVED_ON, "served_before_decided")
        if row.served_method is None:
            raise _Refused(Column.SERVED_METHOD, "missing")


def _version(cells: Cells, kind: VersionKind, decided_on: date) -> tuple[str | None, date | None]:
    number, on = _number(cells, Column.VERSION_NO), _day(cells, Column.VERSION_ON)
    if kind is VersionKind.ISSUED:
        if number is not None or on is not None:
            raise _Refused(Column.VERSION_KIND, "missing")
        return None, None
    if on is None:
        raise _Refused(Column.VERSION_ON, "missing")
    if on < decided_on:
        raise _Refused(Column.VERSION_ON, "version_before_decided")
    return number, on


def _identity(cells: Cells) -> tuple[IdType | None, str | None]:
    """The identity number with its kind; one that is not said follows from the length when it can."""
    kind, number = _word(cells, Column.ID_TYPE, IdType), _text(cells, Column.ID_NO)
    if number is None:
        return None, None
    number = normalise_id_no(number)
    kind = kind or type_of_digits(number)
    if kind is None:
        raise _Refused(Column.ID_TYPE, "missing")
    if not is_id_no(number, kind):
        raise _Refused(Column.ID_NO, "invalid_id_no")
    if not number.strip("0"):
        raise _Refused(Column.ID_NO, "placeholder")
    return kind, number


def _plate(cells: Cells) -> tuple[str | None, PlateColour | None]:
    plate, colour = (
        _matching(cells, Column.PLATE, _PLATE, upper=True),
        _word(cells, Column.PLATE_COLOUR, PlateColour),
    )
    if plate is not None and colour is None:
        raise _Refused(Column.PLATE_COLOUR, "missing")
    return plate, colour if plate is not None else None


def _needed(cells: Cells, column: Column, read: Callable[[Cells, Column], Value | None]) -> Value:
    return _given(column, read(cells, column))


def _given(column: Column, value: Value | None) -> Value:
    if value is None:
        raise _Refused(column, "missing")
    return value


def _text(cells: Cells, column: Column) -> str | None:
    cell = cells.get(column)
    if cell is None:
        return None
    if isinstance(cell, bool):
        raise _Refused(column, "wrong_type")
    if isinstance(cell, int | float):
        raise _Refused(column, "cell_is_number")
    if not isinstance(cell, str):
        raise _Refused(column, "cell_is_date")
    text = " ".join(unicodedata.normalize("NFC", cell).split())
    if not text:
        return None
    if not text.isprintable():
        raise _Refused(column, "control_character")
    if _ROUNDED.fullmatch(text):
        raise _Refused(column, "rounded_number")
    if len(text) > _MOST.get(column, 60):
        raise _Refused(column, "too_long")
    return text


def _number(cells: Cells, column: Column) -> str | None:
    text = _text(cells, column)
    if text is not None and not _NUMBER.fullmatch(text):
        raise _Refused(column, "invalid_format")
    return text


def _matching(
    cells: Cells, column: Column, pattern: re.Pattern[str], *, upper: bool = False, without: str = ""
) -> str | None:
    text = _text(cells, column)
    if text is None:
        return None
    text = "".join(each for each in (text.upper() if upper else text) if each not in without)
    if not pattern.fullmatch(text):
        raise _Refused(column, "invalid_format")
    return text


def _word(cells: Cells, column: Column, kind: type[Word]) -> Word | None:
    text = _text(cells, column)
    if text is None:
        return None
    found = word_of(kind, text)
    if found is None:
        raise _Refused(column, "unknown_word")
    return found


def _amount(cells: Cells, kind: VersionKind) -> int:
    """Whole đồng; a cancelled decision asks for nothing, and a reduction may take all away."""
    amount = _whole(cells, Column.AMOUNT)
    if kind is VersionKind.CANCELLED:
        if amount:
            raise _Refused(Column.AMOUNT, "cancelled_with_amount")
        return 0
    if amount is None:
        raise _Refused(Column.AMOUNT, "missing")
    if amount < (0 if kind is VersionKind.REDUCED else 1):
        raise _Refused(Column.AMOUNT, "amount_not_positive")
    if amount > AMOUNT_MAX:
        raise _Refused(Column.AMOUNT, "amount_too_large")
    return amount


def _term(cells: Cells) -> int | None:
    days = _whole(cells, Column.TERM_DAYS)
    if days is not None and not 1 <= days <= TERM_DAYS_MAX:
        raise _Refused(Column.TERM_DAYS, "invalid_term")
    return days


def _whole(cells: Cells, column: Column) -> int | None:
    cell = cells.get(column)
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, bool):
        raise _Refused(column, "wrong_type")
    if isinstance(cell, int):
        return cell
    if isinstance(cell, float):
        if not cell.is_integer() or abs(cell) >= _EXACT_FLOAT_MAX:
            raise _Refused(column, "not_whole")
        return int(cell)
    if not isinstance(cell, str):
        raise _Refused(column, "cell_is_date")
    text = _CURRENCY.sub("", " ".join(unicodedata.normalize("NFC", cell).split()))
    if _ROUNDED.fullmatch(text):
        raise _Refused(column, "rounded_number")
    if not _WHOLE.fullmatch(text):
        raise _Refused(column, "not_whole")
    return int(text.replace(".", ""))


def _day(cells: Cells, column: Column) -> date | None:
    """A calendar date: a date cell, `2026-11-21` or `21/11/2026`; the day always stands before the month."""
    cell = cells.get(column)
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, bool | int | float):
        raise _Refused(column, "date_is_number")
    if isinstance(cell, datetime):
        if cell.time() != time.min:
            raise _Refused(column, "date_with_time")
        day: date | None = cell.date()
    elif isinstance(cell, date):
        day = cell
    elif isinstance(cell, str):
        day = _day_of(cell.strip())
    else:
        day = None
    if day is None:
        raise _Refused(
            column, "date_is_number" if isinstance(cell, str) and cell.strip().isdigit() else "not_a_date"
        )
    if not EARLIEST <= day <= LATEST:
        raise _Refused(column, "date_out_of_range")
    return day


def _day_of(text: str) -> date | None:
    iso, ours = _ISO.fullmatch(text), _OURS.fullmatch(text)
    if iso:
        year, month, day = (int(part) for part in iso.groups())
    elif ours:
        day, month, year = (int(part) for part in ours.groups())
    else:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None
