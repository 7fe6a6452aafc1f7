"""What goes into matching and what comes out. Pure and compact: a day may hold 10^5 items on each side.

Amounts are whole minor units of the currency beside them; `Money` would double the memory of a large day.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from payclear.contract.outcomes import Outcome

RULES = "2026-11-1"  # the version of the rule set; printed on every report

NO_MONEY = (Outcome.REJECTED, Outcome.NOT_SENT)  # a line of this outcome says that nothing was paid


class Standing(StrEnum):
    """How an attempt stands in our books: money taken, outcome still open, or ended without money."""

    CAPTURED = "captured"
    LIVE = "live"
    ENDED = "ended"


class Stage(StrEnum):
    """Which key decided; the first that decides consumes the item."""

    PROVIDER_REF = "provider_ref"
    ATTEMPT_REF = "attempt_ref"


@dataclass(frozen=True, slots=True)
class OurItem:
    """One attempt of ours. `amount` is what we booked when captured, else what was asked for.

    `day` is the provider's business day of the payment, None without one. `is_consumed`: another line has it.
    """

    attempt_id: UUID
    attempt_ref: str
    provider_ref: str
    amount: int
    currency: str
    standing: Standing
    day: date | None
    is_consumed: bool = False


@dataclass(frozen=True, slots=True)
class TheirLine:
    """One statement line. `statement_no` counts the statements in scope, the oldest first."""

    statement_no: int
    line_no: int
    attempt_ref: str
    provider_ref: str
    amount: int
    currency: str
    outcome: Outcome
    kind: str
    day: date | None

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands: the order in which lines are taken."""
        return (self.statement_no, self.line_no)


class Problem(StrEnum):
    """Why a line and an item that belong together do not tie."""

    CURRENCY = "currency"
    AMOUNT = "amount"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Pair:
    """A line and an item that tie in reference, amount, currency and status."""

    line: TheirLine
    item: OurItem
    stage: Stage


@dataclass(frozen=True, slots=True)
class Difference:
    """A line and an item that belong together and differ."""

    line: TheirLine
    item: OurItem
    problem: Problem


@dataclass(frozen=True, slots=True)
class Claim:
    """A line with the item it names, where the item is taken or there is none."""

    line: TheirLine
    item: OurItem | None


@dataclass(frozen=True, slots=True)
class Matching:
    """The result. Every line is in exactly one place.

    Every captured item that is not consumed is in exactly one of `pairs`, `differences`, `ours_only`.
    """

    pairs: tuple[Pair, ...]
    differences: tuple[Difference, ...]
    repeats: tuple[Claim, ...]  # the same provider transaction once more
    second_payments: tuple[Claim, ...]  # another provider transaction for an attempt that has its money
    ambiguous: tuple[Claim, ...]  # the references name different items, or more than one
    unknown: tuple[Claim, ...]  # no such attempt
    refunds: tuple[Claim, ...]
    without_money: tuple[Claim, ...]  # both sides say that no money moved
    ours_only: tuple[OurItem, ...]
