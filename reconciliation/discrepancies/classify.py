"""Turns what matching left over into classed findings. Pure; called by the passes of a run."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from payclear.contract.outcomes import Outcome
from payclear.kernel.calendar import BusinessCalendar
from reconciliation.discrepancies.domain import LINE_CODES, Code, DiscrepancyState
from reconciliation.matching.domain import (
    NO_MONEY,
    Claim,
    Difference,
    Matching,
    OurItem,
    OurRefund,
    Problem,
    RefundMatching,
    Standing,
    TheirLine,
)
from reconciliation.matching.match import is_reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What classification needs to know. `is_complete`: the file is whole, so silence means absence.

    `digests` names the statements in scope by their SHA-256, at the place of their `statement_no`.
    """

    business_on: date
    grace_business_days: int
    is_complete: bool
    calendar: BusinessCalendar
    digests: tuple[str, ...]
    lists_refunds: bool = True  # the provider's statement shows refunds at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One item that does not tie. `ours` and `theirs` are minor units, None where a side has nothing.

    `key` is what it is about; `first_on` the business day it belongs to when it is new.
    """

    code: Code
    state: DiscrepancyState
    key: str
    first_on: date
    line: TheirLine | None = None
    item: OurItem | None = None
    about: str = ""  # the attempt's reference, where neither line nor item is at hand
    ours: int | None = None
    theirs: int | None = None


def classify(matching: Matching, refunds: RefundMatching, day: Circumstances) -> Iterator[Finding]:
    """Every finding of a matching, in a stable order."""
    for difference in matching.differences:
        yield difference_finding(difference, day)
    for claims, code in (
        (matching.unknown, Code.B02_UNKNOWN_ORDER),
        (matching.repeats, Code.B09_DUPLICATE_LINE),
        (matching.second_payments, Code.B10_DUPLICATE_PAYMENT),
        (matching.ambiguous, Code.B12_AMBIGUOUS),
    ):
        for claim in claims:
            yield line_finding(claim, code, day)
    yield from _of_refunds(matching, refunds, day)
    for item in matching.ours_only:
        if item.day is not None and item.day <= day.business_on:
            yield _ours_only(item, item.day, day)


def _of_refunds(matching: Matching, refunds: RefundMatching, day: Circumstances) -> Iterator[Finding]:
    items = {claim.line.place: claim.item for claim in matching.refunds}
    # What the door would not take from a line leaves the line without a refund.
    contested = tuple(pair.line for pair in refunds.deciding)
    for lines, code in (
        (refunds.repeats, Code.B09_DUPLICATE_LINE),
        (refunds.orphans + contested, Code.B13_REFUND_ORPHAN),
    ):
        for line in lines:
            yield line_finding(Claim(line, items.get(line.place)), code, day)
    for refund in refunds.ours_only if day.lists_refunds else ():
        if refund.day is not None and refund.day <= day.business_on:
            yield _refund_missing(refund, refund.day, day)


def refund_key(refund: OurRefund) -> str:
    """What a discrepancy about a refund of ours is about."""
    return f"refund:{refund.refund_ref}"


def _refund_missing(refund: OurRefund, given_on: date, day: Circumstances) -> Finding:
    """A refund given back without a line: within grace, or while the file is not whole, it waits."""
    age = day.calendar.business_days_between(given_on, day.business_on)
    waits = not day.is_complete or age <= day.grace_business_days
    return Finding(
        code=Code.B14_REFUND_MISSING,
        state=DiscrepancyState.PENDING if waits else DiscrepancyState.OPEN,
        key=refund_key(refund),
        first_on=given_on,
        about=refund.attempt_ref,
        ours=refund.amount,
    )


def line_finding(claim: Claim, code: Code, day: Circumstances) -> Finding:
    """A finding about a line that has no item to itself."""
    line = claim.line
    return Finding(
        code=code,
        state=DiscrepancyState.OPEN,
        key=_line_key(line, day) if code in LINE_CODES else _their_key(line, day),
        first_on=day.business_on,
        line=line,
        item=claim.item,
        theirs=None if line.outcome in NO_MONEY else line.amount,
    )


def _line_key(line: TheirLine, day: Circumstances) -> str:
    return f"line:{day.digests[line.statement_no]}:{line.line_no}"


def _their_key(line: TheirLine, day: Circumstances) -> str:
    return f"there:{line.provider_ref}" if is_reference(line.provider_ref) else _line_key(line, day)


def difference_code(difference: Difference) -> Code:
    """The class of a line and an item that belong together and differ."""
    line, item = difference.line, difference.item
    if difference.problem is Problem.CURRENCY:
        return Code.B07_CURRENCY
    if difference.problem is Problem.AMOUNT:
        return Code.B05_AMOUNT_OVER if line.amount > item.amount else Code.B06_AMOUNT_UNDER
    return Code.B01_PAID_THERE_NOT_HERE if line.outcome is Outcome.CONFIRMED else Code.B08_STATUS


def difference_finding(difference: Difference, day: Circumstances) -> Finding:
    """A finding about a line and an item that belong together and differ."""
    line, item = difference.line, difference.item
    # Both sides are undecided: nothing contradicts yet.
    waits = line.outcome not in (Outcome.CONFIRMED, *NO_MONEY) and item.standing is not Standing.CAPTURED
    return Finding(
        code=difference_code(difference),
        state=DiscrepancyState.PENDING if waits else DiscrepancyState.OPEN,
        key=item.attempt_ref,
        first_on=min(item.day or day.business_on, day.business_on),
        line=line,
        item=item,
        ours=item.amount if item.standing is Standing.CAPTURED else None,
        theirs=None if line.outcome in NO_MONEY else line.amount,
    )


def _ours_only(item: OurItem, item_day: date, day: Circumstances) -> Finding:
    """Ours without a line: within grace, or while the file is not whole, it waits."""
    age = day.calendar.business_days_between(item_day, day.business_on)
    waits = not day.is_complete or age <= day.grace_business_days
    return Finding(
        code=Code.B03_OURS_ONLY_WITHIN_GRACE if waits else Code.B04_OURS_ONLY_AFTER_GRACE,
        state=DiscrepancyState.PENDING if waits else DiscrepancyState.OPEN,
        key=item.attempt_ref,
        first_on=item_day,
        item=item,
        ours=item.amount,
    )
