"""Codes of dossiers and administrative procedures in both national generations (DOMAIN 2.2).

Called when a portal names a dossier and by imports of dossiers. A code is parsed, or quarantined with a
reason: it must never be dropped, and what was written is kept beside what was understood.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

LENGTH_MAX: Final = 60
_TYPED: Final = {
    # What people and word processors type for a hyphen, and what can not be seen.
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-"),
    **dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff")),
}
_AGENCY_2016: Final = re.compile(r"[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Z][0-9]{2}")
_AGENCY_2020: Final = re.compile(r"[A-Z][0-9]{2}(?:\.[0-9]{1,3}){0,3}")
_SEQUENCE: Final = re.compile(r"[0-9]{4,8}")
_DAY: Final = re.compile(r"[0-9]{6}")
_PROCEDURE: Final = re.compile(r"([123]\.[0-9]{6})(?:\.(.+))?")
_ONLINE: Final = ".01"


class Generation(StrEnum):
    """Which rule the agency part of a code follows."""

    QCVN_102_2016 = "qcvn_102_2016"  # 000.00.06.H56
    QD_20_2020 = "qd_20_2020"  # H56.14


class QuarantineReason(StrEnum):
    """Why a code was not understood; stored with it, so that a person can mend or accept it."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    FOREIGN_LETTERS = "foreign_letters"
    NOT_THREE_PARTS = "not_three_parts"
    AGENCY_FORM = "agency_form"
    DATE_FORM = "date_form"
    IMPOSSIBLE_DATE = "impossible_date"
    FUTURE_DATE = "future_date"
    SEQUENCE_FORM = "sequence_form"
    PROCEDURE_FORM = "procedure_form"
    AGENCY_OR_ONLINE = "agency_or_online"  # `1.000656.H56.01`: agency H56.01, or the online service of H56


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A code in no form we know: kept as written, findable by its key, waiting for a person."""

    raw: str
    key: str
    reason: QuarantineReason


@dataclass(frozen=True, slots=True)
class DossierCode:
    """A dossier code: `raw` as written, `key` to compare by. The sequence restarts daily with each agency."""

    raw: str
    key: str
    generation: Generation
    agency: str
    filed_on: date
    sequence: str


@dataclass(frozen=True, slots=True)
class ProcedureCode:
    """A procedure: its national number, the agency when it is a local code, and whether it names the online service."""

    raw: str
    key: str
    national: str
    agency: str | None = None
    generation: Generation | None = None
    is_online: bool = False

    @property
    def procedure(self) -> str:
        """The code of the procedure behind an online service, or of itself."""
        return f"{self.national}.{self.agency}" if self.agency else self.national

    @property
    def online_service(self) -> str:
        """The code of the online service; a local code of 2020 has none of its own that could be told from an agency."""
        own = self.national if self.generation is Generation.QD_20_2020 else self.procedure
        return f"{own}{_ONLINE}"


class Relation(StrEnum):
    """What two procedure codes have to do with each other."""

    SAME = "same"
    ONLINE_SERVICE = "online_service"  # one is an online service of the other
    LOCAL_FORM = "local_form"  # one is national, the other an agency's form of it
    OTHER_AGENCY = "other_agency"  # forms of one national procedure at two agencies
    UNRELATED = "unrelated"


def parse_dossier_code(text: str, *, today: date) -> DossierCode | Quarantined:
    """Read a dossier code: agency, date and sequence joined by hyphens. Never raises.

    Spaces, small letters and typed dashes are forgiven. `today` is the day in Viet Nam: a dossier can not be
    filed after it. The sequence keeps its zeros: `0001` and `00000001` are two codes.
    """
    key = _normalised(text)
    odd = _unreadable(text, key)
    if odd is not None:
        return odd
    parts = key.split("-")
    if len(parts) != 3:
        return Quarantined(text, key, QuarantineReason.NOT_THREE_PARTS)
    agency, day, sequence = parts
    generation = _generation(agency)
    if generation is None:
        return Quarantined(text, key, QuarantineReason.AGENCY_FORM)
    filed_on = _date_of(day)
    if isinstance(filed_on, QuarantineReason):
        return Quarantined(text, key, filed_on)
    if filed_on > today:
        return Quarantined(text, key, QuarantineReason.FUTURE_DATE)
    if not _SEQUENCE.fullmatch(sequence):
        return Quarantined(text, key, QuarantineReason.SEQUENCE_FORM)
    return DossierCode(text, key, generation, agency, filed_on, sequence)


def parse_procedure_code(text: str) -> ProcedureCode | Quarantined:
    """Read `1.009999`, `1.000656.000.00.00.H56` or `1.000656.H56`; `.01` behind the first two is the online service.

    Never raises.
    """
    key = _normalised(text)
    odd = _unreadable(text, key)
    if odd is not None:
        return odd
    found = _PROCEDURE.fullmatch(key)
    if found is None:
        return Quarantined(text, key, QuarantineReason.PROCEDURE_FORM)
    national, rest = found.groups()
    if rest is None or f".{rest}" == _ONLINE:
        return ProcedureCode(text, key, national, is_online=rest is not None)
    generation = _generation(rest)
    if generation is Generation.QD_20_2020 and rest.endswith(_ONLINE):
        return Quarantined(text, key, QuarantineReason.AGENCY_OR_ONLINE)
    if generation is not None:
        return ProcedureCode(text, key, national, rest, generation)
    agency = rest.removesuffix(_ONLINE)
    if agency != rest and _generation(agency) is Generation.QCVN_102_2016:
        return ProcedureCode(text, key, national, agency, Generation.QCVN_102_2016, is_online=True)
    return Quarantined(text, key, QuarantineReason.AGENCY_FORM)


def relate(one: ProcedureCode, other: ProcedureCode) -> Relation:
    """How two codes relate; the answer is the same either way round."""
    if one.key == other.key:
        return Relation.SAME
    if one.national != other.national:
        return Relation.UNRELATED
    if one.agency == other.agency:
        return Relation.ONLINE_SERVICE
    return Relation.LOCAL_FORM if None in (one.agency, other.agency) else Relation.OTHER_AGENCY


def _normalised(text: str) -> str:
    compatible = unicodedata.normalize("NFKC", text).translate(_TYPED)
    key = "".join(compatible.split())
    return key.upper() if key.isascii() else key


def _unreadable(raw: str, key: str) -> Quarantined | None:
    if not key:
        return Quarantined(raw, key, QuarantineReason.EMPTY)
    if len(key) > LENGTH_MAX:
        return Quarantined(raw, key, QuarantineReason.TOO_LONG)
    if not key.isascii():
        return Quarantined(raw, key, QuarantineReason.FOREIGN_LETTERS)
    return None


def _generation(agency: str) -> Generation | None:
    if _AGENCY_2016.fullmatch(agency):
        return Generation.QCVN_102_2016
    return Generation.QD_20_2020 if _AGENCY_2020.fullmatch(agency) else None


def _date_of(yymmdd: str) -> date | QuarantineReason:
    if not _DAY.fullmatch(yymmdd):
        return QuarantineReason.DATE_FORM
    try:
        return date(2000 + int(yymmdd[:2]), int(yymmdd[2:4]), int(yymmdd[4:]))
    except ValueError:
        return QuarantineReason.IMPOSSIBLE_DATE
