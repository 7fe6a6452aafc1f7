"""What may be in doubt, and what happens next with it. Pure; called by `console.doubt.pages` and `queries`."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Final
from uuid import UUID

from payclear.contract.manifest import Capability
from payclear.contract.registry import ProviderLine
from payclear.kernel.calendar import business_day_of
from payclear.kernel.money import Money


class DoubtKind(StrEnum):
    """What is in doubt."""

    ATTEMPT = "attempt"
    REFUND = "refund"
    CALLBACK = "callback"
    CASE = "case"


class AgeBand(StrEnum):
    """How long it has been in doubt."""

    HOUR = "hour"
    DAY = "day"
    THREE_DAYS = "three_days"
    OLDER = "older"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of the list begins: after this row."""

    since: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{self.since.astimezone(UTC).isoformat()}_{self.id.hex}"

    @classmethod
    def read(cls, text: str) -> "Place":
        """Read what `str` wrote; raises ValueError."""
        since, _, id_ = text.partition("_")
        moment = datetime.fromisoformat(since)
        if moment.tzinfo is None:
            raise ValueError("a place names an instant with its zone")
        return cls(moment, UUID(id_))


BEGINNING: Final = Place(datetime.min.replace(tzinfo=UTC), UUID(int=0))


@dataclass(frozen=True, slots=True)
class DoubtEntry:
    """One thing in doubt. `said_*` is what its provider last said of it, by whichever way."""

    kind: str
    id: UUID
    since: datetime
    provider_account: str
    state: str
    ref: str
    order_ref: str | None
    amount: int | None
    currency: str | None
    asked: int
    asked_at: datetime | None
    next_at: datetime | None
    note: str
    said_source: str | None
    said_outcome: str | None
    said_code: str | None
    said_at: datetime | None

    @property
    def money(self) -> Money | None:
        """What it is about, where that is known."""
        return Money(self.amount, self.currency) if self.amount is not None and self.currency else None

    @property
    def place(self) -> Place:
        """Where the list goes on after it."""
        return Place(self.since, self.id)


@dataclass(frozen=True, slots=True)
class DoubtTotal:
    """How much of one account is in doubt, by age."""

    provider_account: str
    hour: int
    day: int
    three_days: int
    older: int
    amount: int
    oldest_at: datetime

    @property
    def count(self) -> int:
        """All of it."""
        return self.hour + self.day + self.three_days + self.older

    @property
    def money(self) -> Money:
        """The sum of what is known."""
        return Money(self.amount)


NEXT_STEPS: Final = (
    "asked_then_statement",
    "asked",
    "statement",
    "retried",
    "parked",
    "decision",
    "not_configured",
)


@dataclass(frozen=True, slots=True)
class NextStep:
    """What is going to happen: the key of a text, with an instant and a day where it names them."""

    key: str
    at: datetime | None = None
    on: date | None = None


def next_step(entry: DoubtEntry, line: ProviderLine | None) -> NextStep:
    """What happens next with an entry; `line` is None when its account is configured no more."""
    if entry.kind == DoubtKind.CASE:
        return NextStep("decision")
    if entry.kind == DoubtKind.CALLBACK:
        return NextStep("retried", at=entry.next_at) if entry.next_at else NextStep("parked")
    if line is None:
        return NextStep("not_configured")
    has_statement = Capability.STATEMENT in line.provider.manifest.capabilities
    settled_on = business_day_of(entry.since, time.fromisoformat(line.cut_off)) if has_statement else None
    if entry.next_at is not None and _may_be_asked(entry, line):
        return NextStep("asked_then_statement" if settled_on else "asked", at=entry.next_at, on=settled_on)
    return NextStep("statement", on=settled_on) if settled_on else NextStep("parked")


def may_ask_now(entry: DoubtEntry, line: ProviderLine | None) -> bool:
    """Whether a question to the provider makes sense."""
    return line is not None and entry.next_at is not None and _may_be_asked(entry, line)


def _may_be_asked(entry: DoubtEntry, line: ProviderLine) -> bool:
    manifest = line.provider.manifest
    if entry.kind == DoubtKind.REFUND:
        return True  # a refund that nobody can be asked about has no next time
    return entry.kind == DoubtKind.ATTEMPT and Capability.STATUS_QUERY in manifest.capabilities
