"""Late-payment surcharge of a fine from its dated history (Luật XLVPHC, Điều 78; TT 18/2023/TT-BTC).

Called by `fines` for quotes. The history is facts with the day they count from and the instant we learned
them; it must never be read past the day or the instant asked for, so that an old quote comes out the same.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from payclear.kernel.money import Money, sum_money
from payclear.obligations.rules.dated import DatedRule, in_force, require
from payclear.obligations.rules.instalments import Held, InstalmentPlan, plan_standing
from payclear.obligations.rules.rounding import Rounding

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurchargeRule(DatedRule):
    """The rate of each late day in its period; `rounding` is applied once, on the total."""

    per_day: Fraction
    rounding: Rounding

    def __post_init__(self) -> None:
        DatedRule.__post_init__(self)
        require(self.per_day >= 0, f"rule {self.id}: a negative rate")


@dataclass(frozen=True, slots=True, kw_only=True)
class FineEvent:
    """A fact about a fine: the day in Viet Nam it counts from, and when we learned it."""

    on: date
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LiabilitySet(FineEvent):
    """The fine is this much from this day. With `due_on` a term begins anew, and surcharge with it."""

    amount: Money
    due_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinePaid(FineEvent):
    """Money for the fine and for its surcharge; named with its plan when it is an instalment."""

    principal: Money
    surcharge: Money
    plan_ref: str | None = None
    instalment_no: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FineRefunded(FineEvent):
    """Money given back; named with its plan when an instalment is owed again."""

    principal: Money
    surcharge: Money
    plan_ref: str | None = None
    instalment_no: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SurchargeWaived(FineEvent):
    """A shortfall of surcharge that the policy for late quotes accepted."""

    amount: Money


class ShelterKind(StrEnum):
    """Why no surcharge runs; an instalment plan shelters by itself while it is kept."""

    DEFERRAL = "deferral"
    REDUCTION_REQUEST = "reduction_request"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterOpened(FineEvent):
    """From this day no surcharge runs."""

    ref: str
    kind: ShelterKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterClosed(FineEvent):
    """From this day surcharge runs again."""

    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanGranted(FineEvent):
    """From this day no surcharge runs while the plan is kept."""

    plan: InstalmentPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class SurchargeStep:
    """Late days in a row with one balance and one rate; `exact` is not rounded."""

    from_on: date
    to_on: date
    balance: Money
    rule_id: str
    legal_basis: str
    exact: Fraction

    @property
    def days(self) -> int:
        """How many days, the last one included."""
        return (self.to_on - self.from_on).days + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FinePosition:
    """What stands on a day. `accrued` is all surcharge so far; `settled` what of it was paid or waived."""

    due_on: date
    liability: Money
    paid: Money
    accrued: Money
    settled: Money
    steps: tuple[SurchargeStep, ...]

    @property
    def unpaid(self) -> Money:
        """What of the fine is still to be paid."""
        return Money(max(0, self.liability.amount - self.paid.amount), self.liability.currency)

    @property
    def surcharge(self) -> Money:
        """What of the surcharge is still to be paid."""
        return Money(max(0, self.accrued.amount - self.settled.amount), self.liability.currency)

    @property
    def late_days(self) -> int:
        """How many days were counted."""
        return sum(step.days for step in self.steps)


def position_on(
    events: Iterable[FineEvent],
    *,
    on: date,
    rules: Sequence[SurchargeRule],
    as_of: datetime | None = None,
) -> FinePosition:
    """How a fine stands for a payment on a day, as it was known at `as_of` (None: as it is known now).

    Late days run from the day after the deadline to the day before payment, holidays included; each is
    taken on the balance of that day at the rate of that day. A payment lowers the balance from its own day on.
    Raises ValueError for a history without a first liability and its deadline, RuleNotInForce, RuleAmbiguous.
    """
    history = _History(_known(events, on, as_of), on)
    steps = tuple(_steps(history, rules)) if history.first_late_on < on else ()
    rounding = in_force(rules, on, kind="late_surcharge").rounding
    exact = sum((step.exact for step in steps), Fraction(0))
    return FinePosition(
        due_on=history.term.due_on or on,
        liability=history.liability(on),
        paid=history.paid(on),
        accrued=rounding.money(exact, history.currency),
        settled=history.settled(),
        steps=steps,
    )


def _known(events: Iterable[FineEvent], on: date, as_of: datetime | None) -> list[FineEvent]:
    known = (event for event in events if event.on <= on and (as_of is None or event.recorded_at <= as_of))
    return sorted(known, key=lambda event: (event.on, event.recorded_at))


class _History:
    """The known events of one fine, asked by day."""

    def __init__(self, events: list[FineEvent], on: date) -> None:
        self.on = on
        self.liabilities = [event for event in events if isinstance(event, LiabilitySet)]
        terms = [event for event in self.liabilities if event.due_on is not None]
        require(bool(terms), "the history of a fine begins with its amount and its deadline")
        self.term = terms[-1]
        self.currency = self.term.amount.currency
        self.payments = [event for event in events if isinstance(event, FinePaid)]
        self.refunds = [event for event in events if isinstance(event, FineRefunded)]
        self.waivers = [event for event in events if isinstance(event, SurchargeWaived)]
        self.shelters = list(_shelters(events, on))

    @property
    def first_late_on(self) -> date:
        assert self.term.due_on is not None
        return self.term.due_on + _DAY

    def liability(self, day: date) -> Money:
        amounts = [event.amount for event in self.liabilities if event.on <= day]
        return amounts[-1] if amounts else Money.zero(self.currency)

    def paid(self, day: date) -> Money:
        taken = sum_money((each.principal for each in self.payments if each.on <= day), self.currency)
        return taken - sum_money((each.principal for each in self.refunds if each.on <= day), self.currency)

    def balance(self, day: date) -> Money:
        return Money(max(0, (self.liability(day) - self.paid(day)).amount), self.currency)

    def settled(self) -> Money:
        taken = sum_money((each.surcharge for each in self.payments), self.currency)
        waived = sum_money((each.amount for each in self.waivers), self.currency)
        return taken + waived - sum_money((each.surcharge for each in self.refunds), self.currency)

    def is_sheltered(self, day: date) -> bool:
        return any(opened <= day and (closed is None or day < closed) for opened, closed in self.shelters)

    def turning_days(self, rules: Sequence[SurchargeRule]) -> list[date]:
        """Every late day on which balance, shelter or rate may change, and the day of payment as the end."""
        days = {event.on for event in (*self.liabilities, *self.payments, *self.refunds)}
        for opened, closed in self.shelters:
            days |= {opened} if closed is None else {opened, closed}
        for rule in rules:
            days |= {rule.valid_from} if rule.valid_to is None else {rule.valid_from, rule.valid_to + _DAY}
        within = {day for day in days if self.first_late_on < day < self.on}
        return sorted(within | {self.first_late_on, self.on})


def _steps(history: _History, rules: Sequence[SurchargeRule]) -> Iterator[SurchargeStep]:
    for from_on, end in pairwise(history.turning_days(rules)):
        balance = history.balance(from_on)
        if not balance.is_positive or history.is_sheltered(from_on):
            continue
        rule = in_force(rules, from_on, kind="late_surcharge")
        yield SurchargeStep(
            from_on=from_on,
            to_on=end - _DAY,
            balance=balance,
            rule_id=rule.id,
            legal_basis=rule.legal_basis,
            exact=balance.amount * rule.per_day * (end - from_on).days,
        )


def held_instalments(plan: InstalmentPlan, events: Iterable[FineEvent]) -> dict[int, tuple[Held, ...]]:
    """When each instalment of a plan was paid, and when its money went back, in the order in which we learned it."""
    held: dict[int, list[Held]] = {}
    for event in sorted(events, key=lambda event: event.recorded_at):
        if not isinstance(event, FinePaid | FineRefunded) or event.plan_ref != plan.decision_ref:
            continue
        assert event.instalment_no is not None, "money is named with its plan and its instalment"
        periods = held.setdefault(event.instalment_no, [])
        is_open = bool(periods) and periods[-1][1] is None
        if isinstance(event, FinePaid) and not is_open:
            periods.append((event.on, None))
        elif isinstance(event, FineRefunded) and is_open:
            periods[-1] = (periods[-1][0], event.on)
    return {no: tuple(periods) for no, periods in held.items()}


def _shelters(events: list[FineEvent], on: date) -> Iterator[tuple[date, date | None]]:
    """The sheltered periods: from their first day up to, not including, the day surcharge runs again."""
    refs = [event.ref for event in events if isinstance(event, ShelterOpened)]
    require(len(set(refs)) == len(refs), "each shelter has a reference of its own")
    closed = {event.ref: event.on for event in events if isinstance(event, ShelterClosed)}
    for event in events:
        if isinstance(event, ShelterOpened):
            yield event.on, closed.get(event.ref)
        elif isinstance(event, PlanGranted):
            yield event.on, plan_standing(event.plan, held_instalments(event.plan, events), on=on).broken_on
