"""The classes of discrepancy, who looks first, and the life of one. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from payclear.kernel.states import StateTable, register

LEG_A = "A"  # order and attempt against the provider's statement


class Code(StrEnum):
    """The classes of leg A, by the codes that treasury staff know."""

    B01_PAID_THERE_NOT_HERE = "B01"
    B02_UNKNOWN_ORDER = "B02"
    B03_OURS_ONLY_WITHIN_GRACE = "B03"
    B04_OURS_ONLY_AFTER_GRACE = "B04"
    B05_AMOUNT_OVER = "B05"
    B06_AMOUNT_UNDER = "B06"
    B07_CURRENCY = "B07"
    B08_STATUS = "B08"
    B09_DUPLICATE_LINE = "B09"
    B10_DUPLICATE_PAYMENT = "B10"
    B12_AMBIGUOUS = "B12"
    B13_REFUND_ORPHAN = "B13"
    B14_REFUND_MISSING = "B14"


class Owner(StrEnum):
    """Who looks first."""

    OPERATIONS = "operations"
    PROVIDER = "provider"


class DiscrepancyState(StrEnum):
    """`pending` waits and is no discrepancy yet; `open` needs somebody; `resolved` is explained."""

    PENDING = "pending"
    OPEN = "open"
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """How it was explained. Only `matched` and `adopted` leave a match of the line behind."""

    MATCHED = "matched"  # the missing side came
    ADOPTED = "adopted"  # paid there, unpaid here: the order took the money through the one door
    AGREED = "agreed"  # both sides now say that no money moved
    MERGED = "merged"  # it is told by another discrepancy of the same item


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """Priority (1 is gravest, 0 none yet) and first owner of a class."""

    priority: int
    owner: Owner


CODE_FACTS: Mapping[Code, CodeFacts] = MappingProxyType(
    {
        Code.B01_PAID_THERE_NOT_HERE: CodeFacts(1, Owner.OPERATIONS),
        Code.B02_UNKNOWN_ORDER: CodeFacts(1, Owner.OPERATIONS),
        Code.B03_OURS_ONLY_WITHIN_GRACE: CodeFacts(0, Owner.PROVIDER),
        Code.B04_OURS_ONLY_AFTER_GRACE: CodeFacts(1, Owner.PROVIDER),
        Code.B05_AMOUNT_OVER: CodeFacts(2, Owner.OPERATIONS),
        Code.B06_AMOUNT_UNDER: CodeFacts(2, Owner.OPERATIONS),
        Code.B07_CURRENCY: CodeFacts(1, Owner.OPERATIONS),
        Code.B08_STATUS: CodeFacts(1, Owner.PROVIDER),
        Code.B09_DUPLICATE_LINE: CodeFacts(2, Owner.PROVIDER),
        Code.B10_DUPLICATE_PAYMENT: CodeFacts(2, Owner.OPERATIONS),
        Code.B12_AMBIGUOUS: CodeFacts(3, Owner.OPERATIONS),
        Code.B13_REFUND_ORPHAN: CodeFacts(1, Owner.OPERATIONS),
        Code.B14_REFUND_MISSING: CodeFacts(2, Owner.PROVIDER),
    }
)

# Classes that are about one line of its own, not about an attempt.
LINE_CODES = frozenset(
    {Code.B09_DUPLICATE_LINE, Code.B10_DUPLICATE_PAYMENT, Code.B12_AMBIGUOUS, Code.B13_REFUND_ORPHAN}
)

_S = DiscrepancyState
DISCREPANCY_STATES = register(
    StateTable(
        name="discrepancy",
        initial=_S.PENDING,
        transitions={
            (_S.PENDING, "stands"): _S.OPEN,
            (_S.PENDING, "explained"): _S.RESOLVED,
            (_S.OPEN, "explained"): _S.RESOLVED,
            (_S.RESOLVED, "stands"): _S.OPEN,
        },
        ignored=frozenset({(_S.PENDING, "waits"), (_S.OPEN, "waits"), (_S.OPEN, "stands")}),
        terminal=frozenset({_S.RESOLVED}),
        reopening=frozenset({(_S.RESOLVED, "stands")}),
    )
)


def identity_of(*, leg: str, provider_account: str, key: str, first_on: date) -> str:
    """The identity of a discrepancy: without its class, so that a change of class keeps age and history."""
    text = "\x1f".join((leg, provider_account, key, first_on.isoformat()))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def age_band(business_days: int) -> str:
    """The band of an age in business days: 0–1, 2–7, 8–30, more than 30."""
    for limit, band in ((1, "0-1"), (7, "2-7"), (30, "8-30")):
        if business_days <= limit:
            return band
    return ">30"
