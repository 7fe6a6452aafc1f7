"""Rules of personal data as the catalogue keeps them: purposes of reading, grounds of forgetting, times of keeping. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from payclear.kernel.clock import VIETNAM

FIELDS: Final = (
    "name",
    "id_no",
    "phone",
    "plate",
    "plate_colour",
    "licence_no",
    "insurance_code",
    "address",
)
READING_PURPOSE: Final = "reading_purpose"
FORGETTING_GROUND: Final = "forgetting_ground"
RETENTION_RULE: Final = "retention_rule"
REQUEST_LASTS: Final = timedelta(days=14)  # a request that no second person confirmed until then is none


class Record(StrEnum):
    """Kinds of record that have a time of keeping."""

    OBLIGOR = "obligor"
    RAW_MESSAGE = "raw_message"
    DECISION_FILE = "decision_file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What somebody may read a person in full for: which roles, and which fields."""

    id: str
    code: str
    legal_basis: str
    roles: frozenset[str]
    fields: tuple[str, ...]
    name_vi: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Why a person is forgotten, and by which roles; only some grounds reach further than the time of keeping."""

    id: str
    code: str
    legal_basis: str
    roles: frozenset[str]
    despite_retention: bool
    name_vi: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRule:
    """How long a kind of record is kept, in whole months after its last use."""

    id: str
    record: Record
    legal_basis: str
    months: int

    def until(self, now: datetime) -> datetime:
        """The instant that a record's last use must lie before for the record to be past its time."""
        return months_before(now, self.months)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """The member of staff who reads or forgets."""

    login: str
    roles: frozenset[str] = field(default_factory=frozenset)


def purpose_of(rule_id: str, code: str, legal_basis: str, value: Mapping[str, Any]) -> Purpose:
    """Make a purpose of a catalogue value; raises ValueError, KeyError, TypeError for what is none."""
    roles, names = frozenset(value["roles"]), tuple(value["fields"])
    if not roles or not names or any(name not in FIELDS for name in names):
        raise ValueError(f"roles and fields of {', '.join(FIELDS)}")
    return Purpose(
        id=rule_id,
        code=code,
        legal_basis=legal_basis,
        roles=roles,
        fields=tuple(name for name in FIELDS if name in names),
        name_vi=_text(value["name_vi"]),
        name_en=_text(value["name_en"]),
    )


def ground_of(rule_id: str, code: str, legal_basis: str, value: Mapping[str, Any]) -> Ground:
    """Make a ground of a catalogue value; raises ValueError, KeyError, TypeError for what is none."""
    if not isinstance(value["despite_retention"], bool):
        raise ValueError("despite_retention is true or false")
    roles = frozenset(value["roles"])
    if not roles:
        raise ValueError("roles that may forget on this ground")
    return Ground(
        id=rule_id,
        code=code,
        legal_basis=legal_basis,
        roles=roles,
        despite_retention=value["despite_retention"],
        name_vi=_text(value["name_vi"]),
        name_en=_text(value["name_en"]),
    )


def retention_of(rule_id: str, code: str, legal_basis: str, value: Mapping[str, Any]) -> RetentionRule:
    """Make a rule of keeping of a catalogue value; raises ValueError, KeyError, TypeError for what is none."""
    months = value["months"]
    if isinstance(months, bool) or not isinstance(months, int) or not 1 <= months <= 1200:
        raise ValueError("months is a whole number from 1 to 1200")
    return RetentionRule(id=rule_id, record=Record(code), legal_basis=legal_basis, months=months)


def months_before(now: datetime, months: int) -> datetime:
    """The start, in Viet Nam, of the day that many calendar months before; the last of a shorter month."""
    local = now.astimezone(VIETNAM)
    year, month = divmod(local.year * 12 + local.month - 1 - months, 12)
    day = local.day
    while True:
        try:
            chosen = date(year, month + 1, day)
        except ValueError:
            day -= 1
        else:
            return datetime(chosen.year, chosen.month, chosen.day, tzinfo=VIETNAM)


def only(facts: object, names: Iterable[str]) -> dict[str, str]:
    """Of an obligor's facts those that a purpose names and that are known."""
    known = {each.name: getattr(facts, each.name) for each in fields(facts)}  # type: ignore[arg-type]
    return {name: str(known[name]) for name in names if known.get(name)}


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a name is text")
    return value
