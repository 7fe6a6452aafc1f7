"""The template of uploads: how columns and words may be written, in Vietnamese and English. Pure.

Called by `formats` for headers and by `rows` for words. A column that names the offence is told apart, so that the
refusal can say why: the offence never leaves its authority.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeVar

from payclear.obligations.batches.domain import Column, FileUnreadable
from payclear.obligations.domain import ServedMethod
from payclear.obligations.fines.domain import PaperType
from payclear.obligations.rules.corrections import VersionKind
from payclear.obligations.rules.identity_numbers import IdType
from payclear.obligations.rules.plates import PlateColour

Word = TypeVar("Word", bound=StrEnum)

# The Vietnamese header of each column in the template.
HEADERS_VI: Final[Mapping[Column, str]] = {
    Column.AGENCY_CODE: "Mã cơ quan",
    Column.DECISION_NO: "Số quyết định",
    Column.DECIDED_ON: "Ngày quyết định",
    Column.VIOLATION_RECORD_NO: "Số biên bản",
    Column.SERVED_ON: "Ngày giao quyết định",
    Column.SERVED_METHOD: "Hình thức giao",
    Column.VIOLATOR_NAME: "Họ tên người bị phạt",
    Column.ID_TYPE: "Loại giấy tờ",
    Column.ID_NO: "Số giấy tờ",
    Column.PHONE: "Số điện thoại",
    Column.PLATE: "Biển số xe",
    Column.PLATE_COLOUR: "Màu biển số",
    Column.LICENCE_NO: "Số giấy phép lái xe",
    Column.AMOUNT: "Số tiền phạt",
    Column.TERM_DAYS: "Thời hạn nộp (ngày)",
    Column.WITHHELD: "Giấy tờ tạm giữ",
    Column.VERSION_KIND: "Loại văn bản",
    Column.VERSION_NO: "Số văn bản sửa đổi",
    Column.VERSION_ON: "Ngày văn bản sửa đổi",
}
_ALSO: Final[Mapping[str, Column]] = {
    "mã cơ quan ban hành": Column.AGENCY_CODE,
    "mã đơn vị": Column.AGENCY_CODE,
    "authority": Column.AGENCY_CODE,
    "ngày ra quyết định": Column.DECIDED_ON,
    "số biên bản vi phạm": Column.VIOLATION_RECORD_NO,
    "số biên bản vi phạm hành chính": Column.VIOLATION_RECORD_NO,
    "ngày giao": Column.SERVED_ON,
    "ngày nhận quyết định": Column.SERVED_ON,
    "họ tên người vi phạm": Column.VIOLATOR_NAME,
    "họ và tên": Column.VIOLATOR_NAME,
    "họ tên": Column.VIOLATOR_NAME,
    "điện thoại": Column.PHONE,
    "biển số": Column.PLATE,
    "màu biển": Column.PLATE_COLOUR,
    "số gplx": Column.LICENCE_NO,
    "tiền phạt": Column.AMOUNT,
    "mức tiền phạt": Column.AMOUNT,
    "thời hạn nộp": Column.TERM_DAYS,
}
# An identity number may not stay in a file without saying so: every other column of the template may be left out.
REQUIRED: Final = (Column.DECISION_NO, Column.DECIDED_ON, Column.VIOLATOR_NAME, Column.AMOUNT)

_OFFENCE: Final = re.compile(
    r"\b(hanh vi|loi|noi dung|dieu khoan|vi pham|offen[cs]es?|violations?|infringements?|infractions?)\b"
)
_WORDS: Final[Mapping[type[StrEnum], Mapping[str, StrEnum]]] = {
    ServedMethod: {
        "giao trực tiếp": ServedMethod.HANDED,
        "trực tiếp": ServedMethod.HANDED,
        "bưu điện": ServedMethod.REGISTERED_POST,
        "thư bảo đảm": ServedMethod.REGISTERED_POST,
        "điện tử": ServedMethod.ELECTRONIC,
    },
    IdType: {
        "cccd": IdType.CITIZEN_ID,
        "căn cước": IdType.CITIZEN_ID,
        "căn cước công dân": IdType.CITIZEN_ID,
        "cmnd": IdType.OLD_IDENTITY_CARD,
        "chứng minh nhân dân": IdType.OLD_IDENTITY_CARD,
        "hộ chiếu": IdType.PASSPORT,
        "mã số thuế": IdType.TAX_CODE,
        "mst": IdType.TAX_CODE,
    },
    PlateColour: {
        "trắng": PlateColour.WHITE,
        "vàng": PlateColour.YELLOW,
        "xanh": PlateColour.BLUE,
        "đỏ": PlateColour.RED,
    },
    PaperType: {
        "giấy phép lái xe": PaperType.DRIVER_LICENCE,
        "gplx": PaperType.DRIVER_LICENCE,
        "đăng ký xe": PaperType.VEHICLE_REGISTRATION,
        "giấy đăng ký xe": PaperType.VEHICLE_REGISTRATION,
        "đăng kiểm": PaperType.INSPECTION_CERTIFICATE,
        "giấy kiểm định": PaperType.INSPECTION_CERTIFICATE,
        "phương tiện": PaperType.VEHICLE,
        "xe": PaperType.VEHICLE,
        "khác": PaperType.OTHER,
    },
    VersionKind: {
        "quyết định xử phạt": VersionKind.ISSUED,
        "đính chính": VersionKind.CORRECTED,
        "sửa đổi": VersionKind.CORRECTED,
        "giảm": VersionKind.REDUCED,
        "miễn giảm": VersionKind.REDUCED,
        "thay thế": VersionKind.REPLACED,
        "hủy bỏ": VersionKind.CANCELLED,
        "hủy": VersionKind.CANCELLED,
    },
}


def plain(text: str) -> str:
    """A header or word as it is compared: no tone marks, small letters, one space between words, no hint in brackets."""
    decomposed = unicodedata.normalize("NFD", text.replace("Đ", "D").replace("đ", "d"))
    letters = "".join(each for each in decomposed if not unicodedata.combining(each))
    return " ".join(re.findall(r"[a-z0-9]+", re.sub(r"\([^)]*\)", " ", letters.casefold())))


def _known() -> dict[str, Column]:
    known = {plain(column): column for column in Column}
    known |= {plain(header): column for column, header in HEADERS_VI.items()}
    return known | {plain(header): column for header, column in _ALSO.items()}


_KNOWN: Final = _known()
_PLAIN_WORDS: Final = {
    kind: {plain(member): member for member in kind} | {plain(word): member for word, member in words.items()}
    for kind, words in _WORDS.items()
}


def known_headers(cells: Sequence[str]) -> int:
    """How many cells are headers of the template: a guess at a file's separator."""
    return sum(plain(cell) in _KNOWN for cell in cells)


def read_header(cells: Sequence[str], *, line_no: int) -> list[Column | None]:
    """The column of each cell, None for an empty one; raises FileUnreadable with the place of the one that is wrong.

    The refusal names a place and never the text: a file without a header begins with somebody's data.
    """
    if not known_headers(cells):
        raise FileUnreadable("no_header", line_no=line_no)
    columns: list[Column | None] = []
    for place, cell in enumerate(cells):
        column = column_of(cell, place=place, line_no=line_no)
        if column is not None and column in columns:
            raise FileUnreadable("column_twice", line_no=line_no, column=place_name(place))
        columns.append(column)
    require_columns(columns, line_no=line_no)
    return columns


def column_of(header: str, *, place: int, line_no: int) -> Column | None:
    """The column a header names; raises FileUnreadable for an offence or a column of no template."""
    words = plain(header)
    if not words and not header.strip():
        return None
    if words in _KNOWN:
        return _KNOWN[words]
    code = "offence_column" if _OFFENCE.search(words) else "unknown_column"
    raise FileUnreadable(code, line_no=line_no, column=place_name(place))


def require_columns(columns: Sequence[Column | None], *, line_no: int) -> None:
    """Raise FileUnreadable for the first column that every file must have."""
    for column in REQUIRED:
        if column not in columns:
            raise FileUnreadable("column_missing", line_no=line_no, column=column)


def place_name(place: int) -> str:
    """The column's letter as a spreadsheet shows it: A, B … Z, AA."""
    name = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        name = chr(ord("A") + letter) + name
    return name


def word_of(kind: type[Word], text: str) -> Word | None:
    """The member that a word names, in either language; None for a word that is none."""
    found = _PLAIN_WORDS[kind].get(plain(text))
    return kind(found) if found is not None else None
