"""Health insurance of a household and voluntary social insurance: what each member pays (DOMAIN 2.8).

Called when a contribution is quoted, at the day of payment. Only the payer's own share is collected; the
state's share is a memo and must never become a debt of anybody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from payclear.kernel.errors import InvalidInput
from payclear.kernel.money import Money, sum_money
from payclear.obligations.rules.dated import DatedRule, add_months, in_force, require
from payclear.obligations.rules.rounding import Rounding

_DAY = timedelta(days=1)


class InvalidContribution(InvalidInput):
    """A household, a period or an income that no contribution can be computed for; `reason` says why."""

    code = "invalid_contribution"


class ContributionInArrears(InvalidContribution):
    """The months of the notice are over; what they cost in arrears, with interest, is not computed here."""

    code = "contribution_in_arrears"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceLevel(DatedRule):
    """The reference level (mức tham chiếu, formerly the base salary)."""

    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdRule(DatedRule):
    """`rate` of the reference level a month; `steps` by order in the household, the last for all that follow.

    `rounding` is applied to one member's month. `months_back_most`: a period that is over
    may be paid for when it ended so many months before the present one at most.
    """

    rate: Fraction
    steps: tuple[Fraction, ...]
    months_allowed: frozenset[int]
    rounding: Rounding
    months_back_most: int = 0

    def __post_init__(self) -> None:
        DatedRule.__post_init__(self)
        require(self.months_back_most >= 0, f"rule {self.id}: no fewer months back than none")
        require(self.rate > 0, f"rule {self.id}: a rate above nothing")
        require(bool(self.steps) and all(0 < step <= 1 for step in self.steps), f"rule {self.id}: steps")
        require(min(self.months_allowed, default=0) > 0, f"rule {self.id}: periods of whole months")


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportRule(DatedRule):
    """The part of a contribution that the state pays for a category of people."""

    category: str
    share: Fraction

    def __post_init__(self) -> None:
        DatedRule.__post_init__(self)
        require(0 <= self.share <= 1, f"rule {self.id}: a share is between nothing and all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One insured member of a household, by an opaque `ref`.

    `order`: the place in the household, 1 for the first. `covered_through`: the last day already paid for.
    """

    ref: str
    order: int
    covered_through: date | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionLine:
    """What one person's months cost. `own` + `state` is `full`; months already paid for are not among `months`.

    `rule_ids`: every rule it rests on. `to_on` is the last day covered then.
    """

    ref: str
    step: Fraction
    months: int
    from_on: date
    to_on: date
    monthly: Money
    full: Money
    state: Money
    rule_ids: tuple[str, ...]
    legal_basis: tuple[str, ...]

    @property
    def own(self) -> Money:
        """What is collected."""
        return self.full - self.state


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What is paid on a day for a period; lines by order in the household.

    `last_day`: the last day on which the period is not over for too long; None when nothing of it is charged.
    """

    paid_on: date
    lines: tuple[ContributionLine, ...]
    last_day: date | None = None

    @property
    def own(self) -> Money:
        """What is collected."""
        return sum_money((line.own for line in self.lines), self.lines[0].full.currency)

    @property
    def state(self) -> Money:
        """The state's share: a memo, collected from nobody here."""
        return sum_money((line.state for line in self.lines), self.lines[0].full.currency)

    @property
    def full(self) -> Money:
        """Both shares."""
        return sum_money((line.full for line in self.lines), self.lines[0].full.currency)


def household_contribution(
    members: Sequence[Member],
    *,
    from_on: date,
    months: int,
    paid_on: date,
    levels: Iterable[ReferenceLevel],
    rules: Iterable[HouseholdRule],
    supports: Sequence[SupportRule] = (),
) -> Contribution:
    """What a household pays on a day for a period that begins on `from_on`.

    The reference level and all rates are those of the day of payment, also for months behind a change; what
    was paid before is not charged again. Name every member that counts for the order, also those already
    covered. A period in arrears is refused: what it costs is another rule.
    Raises InvalidContribution, ContributionInArrears, RuleNotInForce, RuleAmbiguous.
    """
    rule = in_force(rules, paid_on, kind="household_health_insurance")
    level = in_force(levels, paid_on, kind="reference_level")
    if months not in rule.months_allowed:
        raise InvalidContribution("not a period the rule knows", reason="months", months=months)
    ordered = _in_order(members)
    lines = tuple(
        _household_line(
            member, from_on, months, rule=rule, level=level, support=_support(member, supports, paid_on)
        )
        for member in ordered
    )
    last_day = _last_day(lines, paid_on=paid_on, months_back_most=rule.months_back_most)
    return Contribution(paid_on=paid_on, lines=lines, last_day=last_day)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoluntaryRule(DatedRule):
    """Voluntary social insurance: `rate` of a chosen income from `floor` to `ceiling_levels` reference levels.

    `months_allowed` are the methods of payment; whole years ahead up to `years_ahead_most` besides. A period that is
    over may be paid for when it ended `months_back_most` months before the present one at most.
    The state supports the contribution on the floor, for `support_months_most` months of a life.
    """

    rate: Fraction
    floor: Money
    ceiling_levels: int
    months_allowed: frozenset[int]
    years_ahead_most: int
    support_months_most: int
    rounding: Rounding
    months_back_most: int = 0

    def __post_init__(self) -> None:
        DatedRule.__post_init__(self)
        require(0 < self.rate <= 1, f"rule {self.id}: a rate between nothing and all")
        require(self.floor.is_positive, f"rule {self.id}: a floor above nothing")
        require(self.ceiling_levels > 0, f"rule {self.id}: a ceiling above nothing")
        require(min(self.months_allowed, default=0) > 0, f"rule {self.id}: periods of whole months")
        require(self.months_back_most >= 0, f"rule {self.id}: no fewer months back than none")
        require(self.years_ahead_most >= 1, f"rule {self.id}: a year ahead at least")
        require(self.support_months_most >= 0, f"rule {self.id}: support for no fewer months than none")


@dataclass(frozen=True, slots=True, kw_only=True)
class VoluntaryChoice:
    """What a person chose, by an opaque `ref`; `months_supported` is how many the state has supported before.

    Of several categories the best counts, alone.
    """

    ref: str
    income: Money
    from_on: date
    months: int
    categories: frozenset[str]
    months_supported: int = 0
    covered_through: date | None = None


def voluntary_contribution(
    choice: VoluntaryChoice,
    *,
    paid_on: date,
    levels: Iterable[ReferenceLevel],
    rules: Iterable[VoluntaryRule],
    supports: Sequence[SupportRule],
) -> Contribution:
    """What a person pays on a day for months of a chosen income, all by the rules of that day.

    A period in arrears, with its interest, is another rule, not this one: it is refused.
    Raises InvalidContribution, RuleNotInForce, RuleAmbiguous.
    """
    rule = in_force(rules, paid_on, kind="voluntary_social_insurance")
    level = in_force(levels, paid_on, kind="reference_level")
    _check_choice(choice, rule, ceiling=level.amount * rule.ceiling_levels)
    charged = _months_to_charge(choice.from_on, choice.months, choice.covered_through)
    currency = choice.income.currency
    monthly = rule.rounding.money(choice.income.amount * rule.rate, currency)
    support = _best_support(choice.categories, supports, paid_on)
    state = Money.zero(currency)
    if support is not None:
        supported = min(charged, max(0, rule.support_months_most - choice.months_supported))
        state = rule.rounding.money(rule.floor.amount * rule.rate * support.share, currency) * supported
    used: list[DatedRule] = [rule, level, *([] if support is None else [support])]
    line = ContributionLine(
        ref=choice.ref,
        step=Fraction(1),
        months=charged,
        from_on=add_months(choice.from_on, choice.months - charged),
        to_on=add_months(choice.from_on, choice.months) - _DAY,
        monthly=monthly,
        full=monthly * charged,
        state=state,
        rule_ids=tuple(each.id for each in used),
        legal_basis=tuple(dict.fromkeys(each.legal_basis for each in used)),
    )
    last_day = _last_day((line,), paid_on=paid_on, months_back_most=rule.months_back_most)
    return Contribution(paid_on=paid_on, lines=(line,), last_day=last_day)


def _in_order(members: Sequence[Member]) -> list[Member]:
    ordered = sorted(members, key=lambda member: member.order)
    if not ordered:
        raise InvalidContribution("nobody to insure", reason="no_members")
    if len({member.ref for member in ordered}) != len(ordered):
        raise InvalidContribution("a member is named twice", reason="repeated_member")
    if [member.order for member in ordered] != list(range(1, len(ordered) + 1)):
        raise InvalidContribution("the order runs 1, 2, 3 …", reason="order")
    return ordered


def _household_line(
    member: Member,
    from_on: date,
    months: int,
    *,
    rule: HouseholdRule,
    level: ReferenceLevel,
    support: SupportRule | None,
) -> ContributionLine:
    step = rule.steps[min(member.order, len(rule.steps)) - 1]
    currency = level.amount.currency
    charged = _months_to_charge(from_on, months, member.covered_through)
    monthly = rule.rounding.money(level.amount.amount * rule.rate * step, currency)
    share = Fraction(0) if support is None else support.share
    used: list[DatedRule] = [rule, level, *([] if support is None else [support])]
    return ContributionLine(
        ref=member.ref,
        step=step,
        months=charged,
        from_on=add_months(from_on, months - charged),
        to_on=add_months(from_on, months) - _DAY,
        monthly=monthly,
        full=monthly * charged,
        state=rule.rounding.money(monthly.amount * share, currency) * charged,
        rule_ids=tuple(each.id for each in used),
        legal_basis=tuple(dict.fromkeys(each.legal_basis for each in used)),
    )


def _months_to_charge(from_on: date, months: int, covered_through: date | None) -> int:
    """How many of the months are not paid for yet; a month that is covered in part is refused.

    Charging it would charge days twice, leaving it out would leave days uncovered: the period has to begin
    on another day.
    """
    if covered_through is None or covered_through < from_on:
        return months
    for paid in range(1, months + 1):
        last = add_months(from_on, paid) - _DAY
        if covered_through == last:
            return months - paid
        if covered_through < last:
            raise InvalidContribution(
                "begin on the day after the last one covered",
                reason="overlaps",
                begin_on=(covered_through + _DAY).isoformat(),
            )
    return 0


def _last_day(lines: Sequence[ContributionLine], *, paid_on: date, months_back_most: int) -> date | None:
    """The last day to pay for a period at the price of a day, by the calendar month in which its last month ends.

    None when nothing of it is charged. Raises ContributionInArrears.
    """
    if not any(line.months for line in lines):
        return None
    last_month = lines[0].to_on.replace(day=1)
    last_day = add_months(last_month, 1 + months_back_most) - _DAY
    if paid_on > last_day:
        earliest = add_months(paid_on.replace(day=1), -months_back_most)
        raise ContributionInArrears(
            "a period that is over can not be paid for", reason="arrears", begin_on=earliest.isoformat()
        )
    return last_day


def _support(member: Member, supports: Sequence[SupportRule], paid_on: date) -> SupportRule | None:
    if member.category is None:
        return None
    rows = [each for each in supports if each.category == member.category]
    return in_force(rows, paid_on, kind="health_insurance_support")


def _check_choice(choice: VoluntaryChoice, rule: VoluntaryRule, *, ceiling: Money) -> None:
    years, rest = divmod(choice.months, 12)
    is_years_ahead = rest == 0 and 1 <= years <= rule.years_ahead_most
    problems = {
        "months": choice.months not in rule.months_allowed and not is_years_ahead,
        "below_floor": choice.income < rule.floor,
        "above_ceiling": choice.income > ceiling,
        "months_supported": choice.months_supported < 0,
    }
    for reason, is_so in problems.items():
        if is_so:
            raise InvalidContribution(
                "not a choice the rule allows",
                reason=reason,
                floor=rule.floor.amount,
                ceiling=ceiling.amount,
            )


def _best_support(
    categories: frozenset[str], supports: Sequence[SupportRule], paid_on: date
) -> SupportRule | None:
    """The support with the largest share among the categories; None for a person of no category."""
    rows = [
        in_force(
            [each for each in supports if each.category == category],
            paid_on,
            kind="voluntary_insurance_support",
        )
        for category in sorted(categories)
    ]
    return max(rows, key=lambda row: row.share, default=None)
