"""A decision that was corrected, replaced, reduced or cancelled (TT 18/2023/TT-BTC): which versions may follow which.

Called when an authority sends a new version of a decision, and when a fine's history is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from payclear.kernel.errors import InvalidInput
from payclear.kernel.money import Money
from payclear.obligations.rules.surcharge import LiabilitySet


class InvalidCorrection(InvalidInput):
    """A version that can not follow the one before; `reason` says why."""

    code = "invalid_correction"


class VersionKind(StrEnum):
    """What a version does to the decision."""

    ISSUED = "issued"
    CORRECTED = "corrected"
    REDUCED = "reduced"
    REPLACED = "replaced"
    CANCELLED = "cancelled"
    SERVED = "served"  # the proof of its service came afterwards


# A first decision and one that takes its place are served and bring a deadline of their own, as does a proof of service that
# comes later; the others keep it.
_WITH_TERM = frozenset({VersionKind.ISSUED, VersionKind.REPLACED, VersionKind.SERVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionVersion:
    """One version of a decision, in force from `on`; `fine` is what it asks in all."""

    no: int
    kind: VersionKind
    on: date
    fine: Money
    due_on: date | None
    recorded_at: datetime


def check_versions(versions: Sequence[DecisionVersion]) -> None:
    """Refuse a sequence that no authority can mean; raises InvalidCorrection."""
    if not versions or versions[0].kind is not VersionKind.ISSUED:
        raise InvalidCorrection("the first version is the decision itself", reason="not_issued", no=1)
    for expected, version in enumerate(versions, start=1):
        before = versions[expected - 2] if expected > 1 else None
        reason = _problem(version, before, expected)
        if reason:
            raise InvalidCorrection("can not follow the version before", reason=reason, no=version.no)


def as_liabilities(versions: Sequence[DecisionVersion]) -> tuple[LiabilitySet, ...]:
    """The versions as events of the fine's history, for its surcharge."""
    check_versions(versions)
    return tuple(
        LiabilitySet(
            on=version.on, recorded_at=version.recorded_at, amount=version.fine, due_on=version.due_on
        )
        for version in versions
    )


def _problem(version: DecisionVersion, before: DecisionVersion | None, expected: int) -> str:
    problems = {
        "not_in_order": version.no != expected or (before is not None and version.on < before.on),
        "issued_again": before is not None and version.kind is VersionKind.ISSUED,
        "after_cancellation": before is not None and before.kind is VersionKind.CANCELLED,
        "deadline": (version.due_on is not None) != (version.kind in _WITH_TERM),
        "amount": not _asks_what_it_may(version),
        "amount_changed": version.kind is VersionKind.SERVED
        and before is not None
        and version.fine != before.fine,
        "not_reduced": version.kind is VersionKind.REDUCED
        and before is not None
        and version.fine >= before.fine,
    }
    return next((reason for reason, is_so in problems.items() if is_so), "")


def _asks_what_it_may(version: DecisionVersion) -> bool:
    if version.kind is VersionKind.CANCELLED:
        return version.fine.amount == 0
    # A reduction may take everything away; the other versions ask for money.
    return version.fine.amount >= (0 if version.kind is VersionKind.REDUCED else 1)
