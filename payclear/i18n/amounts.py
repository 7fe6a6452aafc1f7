"""Amounts as people read them: in figures, and in words for receipts.

Called by pages, receipts, notifications and reports.
It must never round, and never be parsed back.
"""

from payclear.i18n.locales import require_locale
from payclear.kernel.money import Money

_VI_DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_VI_SCALES = ("", " nghìn", " triệu")
# "linh" as schoolbooks of the North and the Treasury's forms write it; the South says "lẻ".
_VI_ZERO_TENS = "linh"
_BILLION = 10**9

_EN_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_EN_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_EN_SCALES = ("", " thousand", " million", " billion", " trillion", " quadrillion")


def format_amount(money: Money, locale: str) -> str:
    """The amount in figures: `1.234.567 ₫` in Vietnamese, `VND 1,234,567` in English."""
    require_locale(locale)
    grouped = f"{money.amount:,}"
    if locale == "vi":
        return f"{grouped.replace(',', '.')} ₫"
    return f"{money.currency} {grouped}"


def amount_in_words(money: Money, locale: str) -> str:
    """The amount in words as on a receipt: "Hai mươi mốt nghìn đồng", "One thousand Vietnamese dong"."""
    require_locale(locale)
    size = abs(money.amount)
    if locale == "vi":
        words = ("âm " if money.amount < 0 else "") + _vietnamese(size) + " đồng"
    else:
        words = ("minus " if money.amount < 0 else "") + _english(size) + " Vietnamese dong"
    return words[0].upper() + words[1:]


def _vietnamese(number: int) -> str:
    """A whole number in Vietnamese; above a billion the count of tỷ is itself read as a number."""
    if number == 0:
        return _VI_DIGITS[0]
    billions, rest = divmod(number, _BILLION)
    parts = [f"{_vietnamese(billions)} tỷ"] if billions else []
    for scale in (2, 1, 0):
        group = rest // 1000**scale % 1000
        if group:
            parts.append(_vietnamese_group(group, is_first=not parts) + _VI_SCALES[scale])
    return " ".join(parts)


def _vietnamese_group(group: int, *, is_first: bool) -> str:
    """Three digits; behind a larger group the hundreds are always said ("không trăm linh năm")."""
    hundreds, below = divmod(group, 100)
    parts = [] if is_first and hundreds == 0 else [f"{_VI_DIGITS[hundreds]} trăm"]
    if below:
        parts.append(_vietnamese_below_hundred(below, after_hundreds=bool(parts)))
    return " ".join(parts)


def _vietnamese_below_hundred(below: int, *, after_hundreds: bool) -> str:
    tens, units = divmod(below, 10)
    if tens == 0:
        return f"{_VI_ZERO_TENS} {_VI_DIGITS[units]}" if after_hundreds else _VI_DIGITS[units]
    spoken = "mười" if tens == 1 else f"{_VI_DIGITS[tens]} mươi"
    if units == 0:
        return spoken
    return f"{spoken} {_vietnamese_unit(units, tens)}"


def _vietnamese_unit(units: int, tens: int) -> str:
    """Behind tens the units change: lăm for 5 always, mốt for 1 and tư for 4 from twenty on."""
    if units == 5:
        return "lăm"
    if tens > 1:
        return {1: "mốt", 4: "tư"}.get(units, _VI_DIGITS[units])
    return _VI_DIGITS[units]


def _english(number: int) -> str:
    if number == 0:
        return _EN_SMALL[0]
    parts: list[str] = []
    for scale in reversed(range(len(_EN_SCALES))):
        group = number // 1000**scale % 1000
        if group:
            parts.append(_english_group(group) + _EN_SCALES[scale])
    return " ".join(parts)


def _english_group(group: int) -> str:
    hundreds, below = divmod(group, 100)
    parts = [f"{_EN_SMALL[hundreds]} hundred"] if hundreds else []
    if 0 < below < 20:
        parts.append(_EN_SMALL[below])
    elif below:
        tens, units = divmod(below, 10)
        parts.append(_EN_TENS[tens] + (f"-{_EN_SMALL[units]}" if units else ""))
    return " ".join(parts)
