"""How receipts are named and numbered. Pure; called by `receipts.service`."""

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum

from payclear.kernel.clock import at_vietnam, vietnam_date
from payclear.kernel.ids import random_letters

SERIES_PREFIX = "BL-"
NUMBER_DIGITS = 7
VERIFICATION_CODE_LENGTH = 26


class ReceiptState(StrEnum):
    """A receipt waits for its number, then is issued."""

    PENDING = "pending"
    ISSUED = "issued"


@dataclass(frozen=True, slots=True)
class Series:
    """The receipts of one Vietnamese calendar year by payment date: `BL-2026`."""

    year: int

    @property
    def code(self) -> str:
        """The series as printed."""
        return f"{SERIES_PREFIX}{self.year:04d}"

    @property
    def begins_at(self) -> datetime:
        """The first instant of the year in Viet Nam."""
        return at_vietnam(date(self.year, 1, 1), time(0))

    @property
    def ends_at(self) -> datetime:
        """The first instant of the next year in Viet Nam."""
        return at_vietnam(date(self.year + 1, 1, 1), time(0))


def series_of(paid_at: datetime) -> Series:
    """The series a payment's receipt belongs to."""
    return Series(vietnam_date(paid_at).year)


def full_number(series: str | None, number: int | None) -> str | None:
    """A receipt's number as printed, `BL-2026/0000123`; None while it waits for one."""
    if series is None or number is None:
        return None
    return f"{series}/{number:0{NUMBER_DIGITS}d}"


def new_verification_code() -> str:
    """What opens a receipt's public page: 130 random bits in 26 letters and digits that read well aloud."""
    return random_letters(VERIFICATION_CODE_LENGTH)
