"""Numbers that name who owes: citizen number, old identity card, passport, tax code (DOMAIN 2.2). Pure.

Called by the API and by uploads, so that the same person is written and found again in one way.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class IdType(StrEnum):
    """What the identity number is written on; `tax_code` is an organisation's."""

    CITIZEN_ID = "citizen_id"
    OLD_IDENTITY_CARD = "old_identity_card"
    PASSPORT = "passport"
    TAX_CODE = "tax_code"


PERSONAL: Final = (IdType.CITIZEN_ID, IdType.OLD_IDENTITY_CARD, IdType.PASSPORT)
_FORMS: Final[Mapping[IdType, re.Pattern[str]]] = {
    IdType.CITIZEN_ID: re.compile(r"[0-9]{12}"),
    IdType.OLD_IDENTITY_CARD: re.compile(r"[0-9]{9}"),
    IdType.PASSPORT: re.compile(r"[A-Z0-9]{6,20}"),
    IdType.TAX_CODE: re.compile(r"[0-9]{10}(?:-?[0-9]{3})?"),
}
_HAS_BOTH: Final = re.compile(r"(?=.*[0-9])(?=.*[A-Z]).*")
_BY_LENGTH: Final = {12: IdType.CITIZEN_ID, 9: IdType.OLD_IDENTITY_CARD}


def normalise_id_no(text: str) -> str:
    """A number as it is kept: capitals, no spaces."""
    return text.replace(" ", "").upper()


def type_of_digits(number: str) -> IdType | None:
    """What a normalised number of digits is by its length; None for any other."""
    return _BY_LENGTH.get(len(number)) if number.isascii() and number.isdigit() else None


def personal_type_of(number: str) -> IdType | None:
    """What a person's normalised number is: letters and digits together are a passport's. None when it can not be told.

    Only for a field that holds nothing else: a plate has letters and digits, too.
    """
    if _HAS_BOTH.fullmatch(number) and is_id_no(number, IdType.PASSPORT):
        return IdType.PASSPORT
    return type_of_digits(number)


def is_id_no(number: str, kind: IdType) -> bool:
    """Whether a normalised number has the form of its kind."""
    return _FORMS[kind].fullmatch(number) is not None
