"""What goes into matching and what comes out. Pure and compact: a day may hold 10^5 items on each side.

Amounts are whole minor units of the currency beside them; `Money` would double the memory of a large day.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from payclear.contract.outcomes import Outcome

RULES = "2026-11-2"  # the version of the rule set; printed on every report

NO_MONEY = (Outcome.REJECTED, Outcome.NOT_SENT)  # a line of this outcome says that nothing was paid


class Standing(StrEnum):
    """How an attempt stands in our books.

    `captured`: money taken; `live`: outcome still open; `ended`: without money; `reversed`: the bank took its payment back.
    """

    CAPTURED = "captured"
    LIVE = "live"
    ENDED = "ended"
    REVERSED = "reversed"


class RefundStanding(StrEnum):
    """How a refund stands in our books: given back, not decided, or refused."""

    GIVEN = "given"
    OPEN = "open"
    REFUSED = "refused"


class SettlementKind(StrEnum):
    """What an entry settles: payments, or refunds."""

    PAYMENT = "payment"
    REFUND = "refund"


class Stage(StrEnum):
    """Which key decided; the first that decides consumes the item."""

    PROVIDER_REF = "provider_ref"
    ATTEMPT_REF = "attempt_ref"
    REFUND_REF = "refund_ref"


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


@dataclass(frozen=True, slots=True)
class OurRefund:
    """One refund of ours; `day` is the provider's business day on which it was decided. `is_consumed`: a line has it."""

    refund_id: UUID
    refund_ref: str
    attempt_ref: str
    provider_ref: str
    amount: int
    currency: str
    standing: RefundStanding
    day: date | None
    is_consumed: bool = False


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
    taken_back: tuple[Claim, ...]  # a payment and its reversal by the bank, both listed
    ours_only: tuple[OurItem, ...]


@dataclass(frozen=True, slots=True)
class RefundPair:
    """A line and a refund that belong together and tie in amount and currency."""

    line: TheirLine
    refund: OurRefund
    stage: Stage


@dataclass(frozen=True, slots=True)
class RefundMatching:
    """Where every refund line is, and the refunds given back that no line shows."""

    pairs: tuple[RefundPair, ...]
    deciding: tuple[RefundPair, ...]  # the line says what became of a refund that our books do not hold so
    repeats: tuple[TheirLine, ...]
    orphans: tuple[TheirLine, ...]
    without_money: tuple[TheirLine, ...]
    ours_only: tuple[OurRefund, ...]
