"""Matches refund lines with refunds: by our reference, then the provider's, then the payment's; amounts must be equal.

Called by the nightly run after the payments are matched. Pure and deterministic. Of a payment's refunds of one amount it
takes the only one that is left, and never guesses between two.
"""

from collections.abc import Callable, Iterable
from uuid import UUID

from payclear.contract.outcomes import Outcome
from reconciliation.matching.domain import (
    NO_MONEY,
    OurRefund,
    RefundMatching,
    RefundPair,
    RefundStanding,
    Stage,
    TheirLine,
)
from reconciliation.matching.match import is_reference


def match_refunds(lines: Iterable[TheirLine], refunds: Iterable[OurRefund]) -> RefundMatching:
    """Match refund lines with refunds; lines are unique by `place`, refunds by `refund_ref`."""
    desk = _Desk(sorted(refunds, key=lambda each: each.refund_ref))
    waiting = sorted(lines, key=lambda each: each.place)
    # The surest key of every line is tried before a weaker one of any.
    for finds in (desk.by_refund_ref, desk.by_provider_ref, desk.by_attempt_ref):
        waiting = [line for line in waiting if not desk.takes(line, finds)]
    for line in waiting:
        (desk.without_money if line.outcome in NO_MONEY else desk.orphans).append(line)
    return RefundMatching(
        pairs=_in_place(desk.pairs),
        deciding=_in_place(desk.deciding),
        repeats=tuple(sorted(desk.repeats, key=lambda each: each.place)),
        orphans=tuple(sorted(desk.orphans, key=lambda each: each.place)),
        without_money=tuple(sorted(desk.without_money, key=lambda each: each.place)),
        ours_only=tuple(
            each for each in desk.refunds if each.standing is RefundStanding.GIVEN and not desk.is_taken(each)
        ),
    )


def _in_place(pairs: list[RefundPair]) -> tuple[RefundPair, ...]:
    return tuple(sorted(pairs, key=lambda each: each.line.place))


Finds = Callable[[TheirLine], tuple[OurRefund, Stage] | None]


class _Desk:
    """The work on one matching."""

    def __init__(self, refunds: list[OurRefund]) -> None:
        self.refunds = refunds
        self.taken: set[UUID] = set()
        self.pairs: list[RefundPair] = []
        self.deciding: list[RefundPair] = []
        self.repeats: list[TheirLine] = []
        self.orphans: list[TheirLine] = []
        self.without_money: list[TheirLine] = []
        self._by_ref = {each.refund_ref: each for each in refunds}
        self._by_provider_ref: dict[str, list[OurRefund]] = {}
        self._by_attempt_ref: dict[str, list[OurRefund]] = {}
        for each in refunds:
            self._by_attempt_ref.setdefault(each.attempt_ref, []).append(each)
            if is_reference(each.provider_ref):
                self._by_provider_ref.setdefault(each.provider_ref, []).append(each)

    def is_taken(self, refund: OurRefund) -> bool:
        """Whether a line has it, of this pass or an earlier one."""
        return refund.is_consumed or refund.refund_id in self.taken

    def by_refund_ref(self, line: TheirLine) -> tuple[OurRefund, Stage] | None:
        """The refund whose own reference a line states."""
        found = self._by_ref.get(line.attempt_ref) or self._by_ref.get(line.provider_ref)
        return (found, Stage.REFUND_REF) if found else None

    def by_provider_ref(self, line: TheirLine) -> tuple[OurRefund, Stage] | None:
        """The only refund that bears the line's transaction."""
        found = self._by_provider_ref.get(line.provider_ref, [])
        return (found[0], Stage.PROVIDER_REF) if len(found) == 1 else None

    def by_attempt_ref(self, line: TheirLine) -> tuple[OurRefund, Stage] | None:
        """The only refund of the named payment that is left with this amount and has no other transaction."""
        left = [
            each
            for each in self._by_attempt_ref.get(line.attempt_ref, [])
            if (each.amount, each.currency) == (line.amount, line.currency)
            and not self.is_taken(each)
            and (not is_reference(each.provider_ref) or not is_reference(line.provider_ref))
        ]
        # One whose end is known already is not the one that this line tells of, as long as another waits for its end.
        left = [each for each in left if each.standing is not RefundStanding.REFUSED] or left
        return (left[0], Stage.ATTEMPT_REF) if len(left) == 1 else None

    def takes(self, line: TheirLine, finds: Finds) -> bool:
        """Put a line where the found refund says; False when nothing was found."""
        found = finds(line)
        if found is None:
            return False
        refund, stage = found
        pays_back = line.outcome is Outcome.CONFIRMED
        refuses = line.outcome in NO_MONEY
        if (line.amount, line.currency) != (refund.amount, refund.currency):
            self.orphans.append(line)
        elif refuses and refund.standing is RefundStanding.REFUSED:
            self.without_money.append(line)
        elif self.is_taken(refund):
            (self.without_money if refuses else self.repeats).append(line)
        elif pays_back and refund.standing is RefundStanding.GIVEN:
            self.taken.add(refund.refund_id)
            self.pairs.append(RefundPair(line, refund, stage))
        elif pays_back or (refuses and refund.standing is RefundStanding.OPEN):
            self.taken.add(refund.refund_id)
            self.deciding.append(RefundPair(line, refund, stage))
        else:
            self.orphans.append(line)
        return True
