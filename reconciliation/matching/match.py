"""Matches statement lines with attempts: by the provider's reference, then ours; then checks the rest.

Called by the nightly run with all in memory. Pure and deterministic: the order of input changes nothing.
It must never match by amount, and never let an item be consumed twice.
"""

from collections.abc import Iterable
from uuid import UUID

from payclear.contract.outcomes import Outcome
from reconciliation.matching.domain import (
    NO_MONEY,
    Claim,
    Difference,
    Matching,
    OurItem,
    Pair,
    Problem,
    Stage,
    Standing,
    TheirLine,
)

_Claimed = tuple[TheirLine, Stage]


class _Desk:
    """The work on one matching: two indexes, and the trays that lines are put into."""

    def __init__(self, items: Iterable[OurItem]) -> None:
        self.by_attempt_ref: dict[str, OurItem] = {}
        self.by_provider_ref: dict[str, OurItem] = {}
        self.shared_provider_refs: set[str] = set()
        self.claims: dict[UUID, list[_Claimed]] = {}
        self.pairs: list[Pair] = []
        self.differences: list[Difference] = []
        self.repeats: list[Claim] = []
        self.second_payments: list[Claim] = []
        self.ambiguous: list[Claim] = []
        self.unknown: list[Claim] = []
        self.refunds: list[Claim] = []
        self.without_money: list[Claim] = []
        self.reversed: list[Claim] = []
        self.taken_back: list[Claim] = []
        for item in sorted(items, key=lambda each: each.attempt_ref):
            self.by_attempt_ref[item.attempt_ref] = item
            if (
                is_reference(item.provider_ref)
                and self.by_provider_ref.setdefault(item.provider_ref, item) is not item
            ):
                self.shared_provider_refs.add(item.provider_ref)

    def find(self, line: TheirLine) -> tuple[OurItem | None, Stage | None, bool]:
        """The item a line names, the stage that found it, and whether its references contradict."""
        named = self.by_attempt_ref.get(line.attempt_ref)
        if is_reference(line.provider_ref):
            known = self.by_provider_ref.get(line.provider_ref)
            if line.provider_ref in self.shared_provider_refs:
                return None, None, True
            if known is not None:
                return known, Stage.PROVIDER_REF, named is not None and named is not known
        if named is not None:
            return named, Stage.ATTEMPT_REF, False
        return None, None, False


def is_reference(text: str) -> bool:
    """Whether a provider reference names anything: gateways write zeros where no transaction was made."""
    return text.strip("0 ") != ""


def match(lines: Iterable[TheirLine], items: Iterable[OurItem]) -> Matching:
    """Match lines with attempts; linear in both. Items are unique by `attempt_ref`, lines by `place`."""
    items = tuple(items)
    desk = _Desk(items)
    for line in _without_repeats(desk, lines):
        _claim(desk, line)
    for claimed in desk.claims.values():
        _settle(desk, claimed)
    _explain_reversals(desk)
    taken = {pair.item.attempt_id for pair in desk.pairs} | {
        each.item.attempt_id for each in desk.differences
    }
    ours_only = (
        item
        for item in desk.by_attempt_ref.values()
        if item.standing is Standing.CAPTURED and not item.is_consumed and item.attempt_id not in taken
    )
    return Matching(
        pairs=tuple(sorted(desk.pairs, key=lambda each: each.line.place)),
        differences=tuple(sorted(desk.differences, key=lambda each: each.line.place)),
        repeats=_in_place(desk.repeats),
        second_payments=_in_place(desk.second_payments),
        ambiguous=_in_place(desk.ambiguous),
        unknown=_in_place(desk.unknown),
        refunds=_in_place(desk.refunds),
        without_money=_in_place(desk.without_money),
        taken_back=_in_place(desk.taken_back),
        ours_only=tuple(ours_only),
    )


def _in_place(claims: list[Claim]) -> tuple[Claim, ...]:
    return tuple(sorted(claims, key=lambda each: each.line.place))


def _without_repeats(desk: _Desk, lines: Iterable[TheirLine]) -> Iterable[TheirLine]:
    """Yield the first line of each provider transaction in order of place; the others are repeats."""
    seen: set[object] = set()
    for line in sorted(lines, key=lambda each: each.place):
        if line.kind != "payment":
            desk.refunds.append(Claim(line, desk.find(line)[0]))
            continue
        key: object = line.provider_ref
        if not is_reference(line.provider_ref):
            key = (line.attempt_ref, line.amount, line.outcome)
        if key in seen:
            desk.repeats.append(Claim(line, desk.find(line)[0]))
            continue
        seen.add(key)
        yield line


def _claim(desk: _Desk, line: TheirLine) -> None:
    """Let a line claim the item it names, or put it where lines without a free item belong."""
    item, stage, contradicts = desk.find(line)
    if contradicts:
        desk.ambiguous.append(Claim(line, item))
    elif item is None or stage is None:
        tray = desk.without_money if line.outcome in NO_MONEY else desk.unknown
        tray.append(Claim(line, None))
    elif item.is_consumed:
        _claim_consumed(desk, line, item, stage)
    else:
        desk.claims.setdefault(item.attempt_id, []).append((line, stage))


def _claim_consumed(desk: _Desk, line: TheirLine, item: OurItem, stage: Stage) -> None:
    """A line for an attempt that an earlier line has: the same transaction again, or another one."""
    if (
        stage is Stage.PROVIDER_REF
        or not is_reference(item.provider_ref)
        or not is_reference(line.provider_ref)
    ):
        desk.repeats.append(Claim(line, item))
    elif line.outcome in NO_MONEY:
        desk.without_money.append(Claim(line, item))
    else:
        desk.second_payments.append(Claim(line, item))


def _settle(desk: _Desk, claimed: list[_Claimed]) -> None:
    """Decide between the lines that claim one item: the surest key, money, the right amount, then place."""
    item = _item_of(desk, claimed[0])
    claimed.sort(
        key=lambda each: (
            each[1] is not Stage.PROVIDER_REF,
            each[0].outcome is not Outcome.CONFIRMED,
            (each[0].amount, each[0].currency) != (item.amount, item.currency),
        )
    )
    first, stage = claimed[0]
    if stage is Stage.ATTEMPT_REF and _contradicts(item, first):
        # We hold the money under another provider transaction that no line shows: a person decides.
        for line, _ in claimed:
            tray = desk.without_money if line.outcome in NO_MONEY else desk.ambiguous
            tray.append(Claim(line, item))
        return
    _check(desk, first, item, stage)
    has_money = first.outcome is Outcome.CONFIRMED or item.standing is Standing.CAPTURED
    for line, _ in claimed[1:]:
        _put_second(desk, line, item, has_money=has_money)


def _item_of(desk: _Desk, claimed: _Claimed) -> OurItem:
    line, stage = claimed
    if stage is Stage.PROVIDER_REF:
        return desk.by_provider_ref[line.provider_ref]
    return desk.by_attempt_ref[line.attempt_ref]


def _contradicts(item: OurItem, line: TheirLine) -> bool:
    return item.standing is Standing.CAPTURED and _is_another(item, line)


def _is_another(item: OurItem, line: TheirLine) -> bool:
    both_known = is_reference(item.provider_ref) and is_reference(line.provider_ref)
    return both_known and item.provider_ref != line.provider_ref


def _explain_reversals(desk: _Desk) -> None:
    """A payment that the bank took back is explained by both its lines, or by none; by one alone it is a difference."""
    for claim in _in_place(desk.reversed):
        line, item = claim.line, claim.item
        assert item is not None, "a reversed payment was found by its item"
        back = next((each for each in _in_place(desk.refunds) if _takes_back(each, claim)), None)
        if back is not None:
            desk.refunds.remove(back)
            desk.taken_back += [claim, back]
        else:
            differs = (line.amount, line.currency) != (item.amount, item.currency)
            problem = Problem.AMOUNT if differs else Problem.STATUS
            desk.differences.append(Difference(line, item, problem))


def _takes_back(back: Claim, paid: Claim) -> bool:
    same = back.item is paid.item and back.line.outcome is Outcome.CONFIRMED
    return same and (back.line.amount, back.line.currency) == (paid.line.amount, paid.line.currency)


def _put_second(desk: _Desk, line: TheirLine, item: OurItem, *, has_money: bool) -> None:
    """A further transaction of an attempt whose line is chosen: a failed try, or money on top."""
    if line.outcome in NO_MONEY:
        desk.without_money.append(Claim(line, item))
    elif has_money:
        desk.second_payments.append(Claim(line, item))
    else:
        desk.ambiguous.append(Claim(line, item))


def _check(desk: _Desk, line: TheirLine, item: OurItem, stage: Stage) -> None:
    """Identity is decided; now currency, amount and status must be equal, without tolerance."""
    if line.outcome in NO_MONEY and item.standing in (Standing.ENDED, Standing.REVERSED):
        desk.without_money.append(Claim(line, item))
    elif line.outcome is Outcome.CONFIRMED and item.standing is Standing.REVERSED:
        tray = (
            desk.second_payments if stage is Stage.ATTEMPT_REF and _is_another(item, line) else desk.reversed
        )
        tray.append(Claim(line, item))
    elif line.outcome is not Outcome.CONFIRMED:
        desk.differences.append(Difference(line, item, Problem.STATUS))
    elif line.currency != item.currency:
        desk.differences.append(Difference(line, item, Problem.CURRENCY))
    elif line.amount != item.amount:
        desk.differences.append(Difference(line, item, Problem.AMOUNT))
    elif item.standing is not Standing.CAPTURED:
        desk.differences.append(Difference(line, item, Problem.STATUS))
    else:
        desk.pairs.append(Pair(line, item, stage))
