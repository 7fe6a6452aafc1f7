"""Number plates as keys, and how plates and names look to people who may not read them whole (DOMAIN 2.2).

Called by look-up, clearance and every page that shows whose debt it is. A plate is sealed personal data:
keys are for blind indexes, masks for screens, and neither must ever be logged beside the other.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_LETTERS: Final = "A-HK-NPR-VX-Z"  # without I, J, O, Q and W
_PROVINCE_AND_SERIES: Final = re.compile(rf"[0-9]{{2}}(?:[{_LETTERS}][0-9]?|[{_LETTERS}]{{2}}|MD[0-9])")
_NUMBER: Final = re.compile(r"[0-9]{4,5}")
_FOREIGN: Final = re.compile(r"([0-9]{2})([0-9]{3}(?=[A-Z]))?(NG|QT|NN)([0-9]+)")
_MILITARY: Final = re.compile(r"([A-Z]{2})([0-9]{4,5})")
_FOREIGN_DIGITS: Final = 5
_HIDDEN: Final = "*"


class PlateColour(StrEnum):
    """The colour of the plate: the same number on another colour is another vehicle."""

    WHITE = "white"
    YELLOW = "yellow"
    BLUE = "blue"
    RED = "red"


class PlateForm(StrEnum):
    """Which pattern a plate follows; `other` is kept and searched by as it is written."""

    CIVIL = "civil"
    FOREIGN = "foreign"
    MILITARY = "military"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Plate:
    """A plate. `keys` has two entries when the writing leaves open where the series ends and the number begins.

    `29B11234` is both the car 29B-112.34 and the old motorcycle 29-B1 1234: look up both, store what was
    written with its separators.
    """

    raw: str = field(repr=False)
    colour: PlateColour
    form: PlateForm
    keys: tuple[str, ...] = field(repr=False)
    masked: str


def read_plate(text: str, colour: PlateColour) -> Plate:
    """Read a plate as people and systems write it. Never raises; what is odd is kept as it is."""
    plain, breaks = _without_separators(text)
    form, readings = _readings(plain, breaks)
    if not readings:
        return Plate(text, colour, form, (_key(plain, colour),), _hide_start(plain))
    series, number = readings[0]
    # Of two readings only what is common to both is shown: the province and the last two digits.
    masked = _mask(series if len(readings) == 1 else series[:2], number)
    keys = tuple(_key(f"{series}-{number}", colour) for series, number in readings)
    return Plate(text, colour, form, keys, masked)


def mask_name(name: str) -> str:
    """A name that its bearer recognises: the family name, and the first letter of each word after it.

    `NGUYEN VAN A` → `NGUYEN V** A`; a name of one word keeps its first letter only.
    """
    words = unicodedata.normalize("NFC", name).split()
    if len(words) < 2:
        return " ".join(_initial(word) for word in words)
    return " ".join([words[0], *(_initial(word) for word in words[1:])])


def _without_separators(text: str) -> tuple[str, frozenset[int]]:
    """The letters and digits in capitals, and before which of them a separator stood; Đ is typed as D by many."""
    written = unicodedata.normalize("NFKC", text).upper().replace("Đ", "D")
    plain: list[str] = []
    breaks: set[int] = set()
    for character in written:
        if character.isalnum():
            plain.append(character)
        else:
            breaks.add(len(plain))
    return "".join(plain), frozenset(breaks)


def _readings(plain: str, breaks: frozenset[int]) -> tuple[PlateForm, list[tuple[str, str]]]:
    """The form, and every way to read it as series (with the province) and number; none for an odd one."""
    foreign = _FOREIGN.fullmatch(plain)
    if foreign:
        province, country, letters, digits = foreign.groups()
        number = (country or "") + digits
        if len(number) == _FOREIGN_DIGITS:
            return PlateForm.FOREIGN, [(province + letters, number)]
    civil = _civil(plain, breaks)
    if civil:
        return PlateForm.CIVIL, civil
    military = _MILITARY.fullmatch(plain)
    if military:
        return PlateForm.MILITARY, [(military.group(1), military.group(2))]
    return PlateForm.OTHER, []


def _civil(plain: str, breaks: frozenset[int]) -> list[tuple[str, str]]:
    """Separators decide between two readings when they can; a dot groups five digits as 123.45."""
    readings = [
        (plain[:at], plain[at:])
        for at in (3, 4, 5)
        if _PROVINCE_AND_SERIES.fullmatch(plain[:at]) and _NUMBER.fullmatch(plain[at:])
    ]
    decided = [
        (series, number)
        for series, number in readings
        if len(series) in breaks or (len(number) == 5 and len(series) + 3 in breaks)
    ]
    return decided if len(decided) == 1 else readings


def _key(plain: str, colour: PlateColour) -> str:
    return f"{plain}/{colour.value}"


def _mask(series: str, number: str) -> str:
    shown = f"{_HIDDEN * (len(number) - 2)}.{number[-2:]}"
    return f"{series}-{shown}"


def _hide_start(plain: str) -> str:
    return f"{_HIDDEN * 4}{plain[-2:]}" if len(plain) > 4 else _HIDDEN * 4


def _initial(word: str) -> str:
    return word[0] + _HIDDEN * (len(word) - 1)
