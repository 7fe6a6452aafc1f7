"""Paying a fine in instalments: who may, how the parts must look, which part may be paid now (Luật XLVPHC, Điều 79).

Called when a plan is granted, when an instalment is ordered, and by `fines` for the days without surcharge.
It must never invent money: the parts of a plan are the whole fine.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from payclear.kernel.errors import Conflict, InvalidInput
from payclear.kernel.money import Money, sum_money
from payclear.obligations.rules.dated import DatedRule, add_months, in_force, require
from payclear.obligations.rules.rounding import Rounding, RoundingMode

_DAY = timedelta(days=1)

# From which day an instalment counts as paid, and from which not any more because its money went back (None: it did not).
Held = tuple[date, date | None]


class InvalidInstalmentPlan(InvalidInput):
    """A plan that the law does not allow, or whose parts are not the whole; `reason` says why."""

    code = "invalid_instalment_plan"


class InstalmentNotPayable(Conflict):
    """This instalment can not be paid now: it is paid, out of turn, unknown, or the plan is broken."""

    code = "instalment_not_payable"


class ObligorKind(StrEnum):
    """A person or an organisation; thresholds differ."""

    PERSON = "person"
    ORGANISATION = "organisation"


class Turn(StrEnum):
    """In which order the plan lets its instalments be paid."""

    IN_TURN = "in_turn"
    ANY_AFTER_FIRST = "any_after_first"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalmentRule(DatedRule):
    """What a plan must keep to. `least`: the smallest fine of each kind of obligor that may be paid in parts."""

    least: Mapping[ObligorKind, Money]
    first_share: Fraction
    parts_most: int
    months_most: int

    def __post_init__(self) -> None:
        DatedRule.__post_init__(self)
        require(set(self.least) == set(ObligorKind), f"rule {self.id}: a threshold for each kind of obligor")
        require(0 < self.first_share < 1, f"rule {self.id}: the first share is a part of the whole")
        require(self.parts_most >= 2, f"rule {self.id}: a plan has two parts at least")
        require(self.months_most >= 1, f"rule {self.id}: a plan takes a month at least")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instalment:
    """One part; it is paid in time until the end of `due_on`."""

    no: int
    due_on: date
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalmentPlan:
    """A granted plan. The months are counted from `counted_from`, the day the fine decision took effect.

    `granted_on` is the day of the written decision, whose number is `decision_ref`.
    """

    decision_ref: str
    granted_on: date
    counted_from: date
    obligor: ObligorKind
    total: Money
    turn: Turn
    instalments: tuple[Instalment, ...]


class PlanState(StrEnum):
    """How a plan stands on a day."""

    KEPT = "kept"
    COMPLETE = "complete"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStanding:
    """How a plan stands. `broken_on`: the day after the missed date, from which surcharge runs again."""

    state: PlanState
    paid: Money
    rest: Money
    payable: tuple[int, ...]
    broken_on: date | None


def propose_plan(total: Money, *, due_on: Sequence[date], rule: InstalmentRule) -> tuple[Instalment, ...]:
    """Split a fine over dates: the first share rounded up to the đồng, the rest in equal parts.

    The parts sum to the total. Raises InvalidInstalmentPlan when there are no two dates, or too little money.
    """
    if len(due_on) < 2:
        raise InvalidInstalmentPlan("a plan has two parts at least", reason="too_few")
    first = Rounding(RoundingMode.UP).money(total.amount * rule.first_share, total.currency)
    rest = (total - first).allocate([1] * (len(due_on) - 1))
    if not all(part.is_positive for part in (first, *rest)):
        raise InvalidInstalmentPlan("nothing to split", reason="not_positive")
    parts = zip(due_on, (first, *rest), strict=True)
    return tuple(Instalment(no=no, due_on=day, amount=part) for no, (day, part) in enumerate(parts, start=1))


def check_plan(plan: InstalmentPlan, rules: Iterable[InstalmentRule]) -> InstalmentRule:
    """Return the rule in force on the day of grant when the plan keeps to it; raises InvalidInstalmentPlan."""
    rule = in_force(rules, plan.granted_on, kind="instalments")
    reason = _form_problem(plan) or _law_problem(plan, rule)
    if reason:
        raise InvalidInstalmentPlan("not a plan the law allows", reason=reason, rule=rule.id)
    return rule


def plan_standing(plan: InstalmentPlan, held: Mapping[int, Sequence[Held]], *, on: date) -> PlanStanding:
    """How the plan stands on a day; `held` is when each instalment was paid, later payments do not count yet.

    A plan is broken for good at the end of the first date that passes unpaid; then the whole rest is due. An instalment
    whose money goes back is owed again; a date that was kept before stays kept.
    """
    paid = {each.no for each in plan.instalments if _is_held(held.get(each.no, ()), on)}
    sums = sum_money((each.amount for each in plan.instalments if each.no in paid), plan.total.currency)
    broken_on = _broken_on(plan, held, on)
    state = PlanState.KEPT
    if broken_on is not None:
        state = PlanState.BROKEN
    elif len(paid) == len(plan.instalments):
        state = PlanState.COMPLETE
    return PlanStanding(
        state=state,
        paid=sums,
        rest=plan.total - sums,
        payable=_payable(plan, paid) if state is PlanState.KEPT else (),
        broken_on=broken_on,
    )


def require_payable(
    plan: InstalmentPlan, no: int, held: Mapping[int, Sequence[Held]], *, on: date
) -> Instalment:
    """Return the instalment when the plan lets it be paid on the day; raises InstalmentNotPayable."""
    standing = plan_standing(plan, held, on=on)
    if no in standing.payable:
        return next(each for each in plan.instalments if each.no == no)
    reason = "out_of_turn"
    if no not in {each.no for each in plan.instalments}:
        reason = "unknown"
    elif standing.state is PlanState.BROKEN:
        reason = "broken"
    elif _is_held(held.get(no, ()), on):
        reason = "paid"
    raise InstalmentNotPayable("not payable now", reason=reason, no=no)


def _form_problem(plan: InstalmentPlan) -> str:
    parts = plan.instalments
    due = [each.due_on for each in parts]
    problems = {
        "no_decision": not plan.decision_ref.strip(),
        "too_few": len(parts) < 2,
        "not_in_order": [each.no for each in parts] != list(range(1, len(parts) + 1))
        or any(later <= earlier for earlier, later in pairwise(due)),
        "not_positive": not all(each.amount.is_positive for each in parts),
        "before_grant": any(day < plan.granted_on for day in due),
        "sum_differs": sum_money((each.amount for each in parts), plan.total.currency) != plan.total,
    }
    return next((reason for reason, is_so in problems.items() if is_so), "")


def _law_problem(plan: InstalmentPlan, rule: InstalmentRule) -> str:
    problems = {
        "below_threshold": plan.total < rule.least[plan.obligor],
        "too_many": len(plan.instalments) > rule.parts_most,
        "first_too_small": plan.instalments[0].amount.amount < plan.total.amount * rule.first_share,
        "too_long": plan.instalments[-1].due_on > add_months(plan.counted_from, rule.months_most),
    }
    return next((reason for reason, is_so in problems.items() if is_so), "")


def _is_held(periods: Sequence[Held], day: date) -> bool:
    """Whether an instalment counts as paid at the end of a day."""
    return any(paid_on <= day and (back_on is None or day < back_on) for paid_on, back_on in periods)


def _broken_on(plan: InstalmentPlan, held: Mapping[int, Sequence[Held]], on: date) -> date | None:
    missed = [
        each.due_on
        for each in plan.instalments
        if each.due_on < on and not _is_held(held.get(each.no, ()), each.due_on)
    ]
    return min(missed) + _DAY if missed else None


def _payable(plan: InstalmentPlan, paid: Set[int]) -> tuple[int, ...]:
    unpaid = tuple(each.no for each in plan.instalments if each.no not in paid)
    if plan.turn is Turn.IN_TURN or (plan.turn is Turn.ANY_AFTER_FIRST and 1 not in paid):
        return unpaid[:1]
    return unpaid
