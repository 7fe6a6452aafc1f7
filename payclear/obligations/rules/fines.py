"""A fine by the day: when it is due, what a payment on a day must be, and what a late quote's money does.

Called when a decision is registered, looked up or ordered, and when its money arrives (TT 18/2023/TT-BTC).
It must never lose money: what is paid is applied or goes to suspense, to the đồng.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from payclear.kernel.clock import at_vietnam
from payclear.kernel.money import Money
from payclear.obligations.domain import InvalidDecision, ServedMethod
from payclear.obligations.rules.dated import DatedRule, in_force, require
from payclear.obligations.rules.surcharge import FineEvent, SurchargeRule, SurchargeStep, position_on

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TermRule(DatedRule):
    """How long a decision may be paid without surcharge.

    `days_after_service` by method. `first_late_day_without_proof`: the day after the issue, counted from 1,
    from which surcharge runs when nobody can prove the service (12 in the older circulars' words).
    """

    days_after_service: Mapping[ServedMethod, int]
    first_late_day_without_proof: int

    def __post_init__(self) -> None:
        DatedRule.__post_init__(self)
        days = self.days_after_service
        require(set(days) == set(ServedMethod), f"rule {self.id}: a term for each method of service")
        require(all(term > 0 for term in days.values()), f"rule {self.id}: a term has a day at least")
        require(self.first_late_day_without_proof > 1, f"rule {self.id}: a term has a day at least")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How a decision reached the violator. `served_on` is the day of valid service, None without proof.

    `written_term_days` is the term that the decision itself grants; only a longer one counts.
    """

    decided_on: date
    method: ServedMethod
    served_on: date | None
    written_term_days: int | None = None


def due_on(service: Service, rules: Iterable[TermRule]) -> date:
    """The last day to pay without surcharge, by the rule in force on the day of decision.

    Raises InvalidDecision for service before the decision or a term of no days; RuleNotInForce, RuleAmbiguous.
    """
    written = service.written_term_days
    if written is not None and written < 1:
        raise InvalidDecision("a term has a day at least", field="written_term_days")
    rule = in_force(rules, service.decided_on, kind="fine_term")
    term = rule.days_after_service[service.method]
    longer = max(0, (written or 0) - term)
    if service.served_on is None:
        return service.decided_on + timedelta(days=rule.first_late_day_without_proof - 1 + longer)
    if service.served_on < service.decided_on:
        raise InvalidDecision("a decision can not be served before it was made", field="served_on")
    return service.served_on + timedelta(days=term + longer)


@dataclass(frozen=True, slots=True, kw_only=True)
class FineQuote:
    """What a payment on `for_date` must be; it holds until `valid_until`, midnight in Viet Nam.

    `rule_ids` and `legal_basis` name every rate that was used, or the one in force when no day was late.
    """

    for_date: date
    due_on: date
    unpaid: Money
    late_days: int
    surcharge: Money
    valid_until: datetime
    steps: tuple[SurchargeStep, ...]
    rule_ids: tuple[str, ...]
    legal_basis: tuple[str, ...]

    @property
    def total(self) -> Money:
        """The fine still unpaid and its surcharge."""
        return self.unpaid + self.surcharge


def quote_fine(
    events: Iterable[FineEvent],
    *,
    for_date: date,
    rules: Sequence[SurchargeRule],
    as_of: datetime | None = None,
) -> FineQuote:
    """Quote a fine for a day from its history; with `as_of`, as it was quoted at that instant.

    Raises as `position_on` does.
    """
    position = position_on(events, on=for_date, rules=rules, as_of=as_of)
    used = [(step.rule_id, step.legal_basis) for step in position.steps]
    if not used:
        now = in_force(rules, for_date, kind="late_surcharge")
        used = [(now.id, now.legal_basis)]
    return FineQuote(
        for_date=for_date,
        due_on=position.due_on,
        unpaid=position.unpaid,
        late_days=position.late_days,
        surcharge=position.surcharge,
        valid_until=at_vietnam(for_date + _DAY, time.min),
        steps=position.steps,
        rule_ids=tuple(dict.fromkeys(rule_id for rule_id, _ in used)),
        legal_basis=tuple(dict.fromkeys(basis for _, basis in used)),
    )


class LateQuoteChoice(StrEnum):
    """What becomes of money that was quoted for a day and paid after its midnight."""

    ACCEPT_SHORTFALL = "accept_shortfall_up_to"
    COLLECT_DIFFERENCE = "collect_difference"
    SUSPENSE = "suspense"


@dataclass(frozen=True, slots=True, kw_only=True)
class LateQuotePolicy(DatedRule):
    """The choice in force; accepting names its limit (`up_to`) and what happens beyond it."""

    choice: LateQuoteChoice
    up_to: Money | None = None
    beyond: LateQuoteChoice | None = None

    def __post_init__(self) -> None:
        DatedRule.__post_init__(self)
        accepts = self.choice is LateQuoteChoice.ACCEPT_SHORTFALL
        require((self.up_to is not None) == accepts, f"policy {self.id}: a limit, and only for accepting")
        require((self.beyond is not None) == accepts, f"policy {self.id}: what happens beyond the limit")
        require(self.beyond is not LateQuoteChoice.ACCEPT_SHORTFALL, f"policy {self.id}: no limit at all")


class QuotedOutcome(StrEnum):
    """What the money did."""

    SETTLED = "settled"
    SHORTFALL_WAIVED = "shortfall_waived"
    PART_PAID = "part_paid"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedPayment:
    """Where the money goes: `applied` + `suspended` is what was paid, `applied` + `waived` + `still_due` what is due."""

    outcome: QuotedOutcome
    applied: Money
    suspended: Money
    waived: Money
    still_due: Money
    policy_id: str | None = None

    def __post_init__(self) -> None:
        amounts = (self.applied, self.suspended, self.waived, self.still_due)
        assert all(each.amount >= 0 for each in amounts)


def judge_quoted_payment(
    *,
    quoted: Money,
    quoted_for: date,
    paid: Money,
    paid_on: date,
    due: Money,
    policies: Iterable[LateQuotePolicy],
) -> QuotedPayment:
    """Decide what money does that was paid on a quote; `due` is the whole amount due on the day of payment.

    `paid_on` is the day in Viet Nam of the bank's own time of payment. Another amount than the quoted one goes
    to suspense. A quote that was paid on its day holds: what a correction added that day stays due. Money on a
    late quote follows the policy in force on the day of payment. More than is due goes to suspense.
    """
    if paid != quoted:
        return _suspended(paid, due, None)
    if paid >= due:
        zero = Money.zero(paid.currency)
        return QuotedPayment(
            outcome=QuotedOutcome.SETTLED, applied=due, suspended=paid - due, waived=zero, still_due=zero
        )
    if paid_on <= quoted_for:
        return _part_paid(paid, due, None)
    policy = in_force(policies, paid_on, kind="late_quote")
    choice: LateQuoteChoice | None = policy.choice
    if policy.up_to is not None:
        if due - paid <= policy.up_to:
            return _waived(paid, due, policy.id)
        choice = policy.beyond
    if choice is LateQuoteChoice.COLLECT_DIFFERENCE:
        return _part_paid(paid, due, policy.id)
    return _suspended(paid, due, policy.id)


def _waived(paid: Money, due: Money, policy_id: str) -> QuotedPayment:
    zero = Money.zero(paid.currency)
    return QuotedPayment(
        outcome=QuotedOutcome.SHORTFALL_WAIVED,
        applied=paid,
        suspended=zero,
        waived=due - paid,
        still_due=zero,
        policy_id=policy_id,
    )


def _part_paid(paid: Money, due: Money, policy_id: str | None) -> QuotedPayment:
    zero = Money.zero(paid.currency)
    return QuotedPayment(
        outcome=QuotedOutcome.PART_PAID,
        applied=paid,
        suspended=zero,
        waived=zero,
        still_due=due - paid,
        policy_id=policy_id,
    )


def _suspended(paid: Money, due: Money, policy_id: str | None) -> QuotedPayment:
    zero = Money.zero(paid.currency)
    return QuotedPayment(
        outcome=QuotedOutcome.SUSPENDED,
        applied=zero,
        suspended=paid,
        waived=zero,
        still_due=due,
        policy_id=policy_id,
    )
