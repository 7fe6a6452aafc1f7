"""Which accounts take an order, in which order, and why: rules as data over a few facts. Pure, total, deterministic.

Called by `decisions`, which brings the facts and keeps the answer, and by `rule_check`. What no rule may change comes
first: what the account can do, its limits, and a circuit that lets nobody call.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from payclear.catalogue.domain import DayCondition, FeeProgramme, Method, Rule, RuleEffect
from payclear.checkout.fees import ServiceFee, service_fee
from payclear.contract.channels import Channel
from payclear.contract.manifest import Capability, Manifest
from payclear.gateway.domain import HealthState
from payclear.kernel.clock import VIETNAM
from payclear.kernel.money import Money

DAY_MINUTES: Final = 1440
_ON_A_PAGE: Final = frozenset({Capability.REDIRECT, Capability.QR})
_METHODS: Final = tuple(Method)


class Refusal(StrEnum):
    """Why an account is not offered."""

    NOT_ONLINE = "not_online"
    COUNTER_ONLY = "counter_only"  # its bank collects at counters; shown as information
    COUNTER_PROCEDURE = "counter_procedure"  # the order holds a fee that the catalogue takes at counters only
    BELOW_MINIMUM = "below_minimum"
    ABOVE_MAXIMUM = "above_maximum"
    PAUSED = "paused"  # its circuit is open: nobody may call
    BY_RULE = "by_rule"
    NO_RULE = "no_rule"  # rules are in force and none offers it


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One account as routing sees it."""

    account: str
    method: Method
    is_online: bool
    collects: bool
    amount_min: int
    amount_max: int
    cut_off: time
    health: HealthState = HealthState.GOOD
    is_business_day: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """What rules may know of an order. `refused`: how often each account has refused it before.

    `procedures` are national codes; what is owed for no dossier counts as the procedure "". `is_counter_only`: it holds a
    fee that is taken at counters only, and no rule may offer it online.
    """

    amount: Money
    kinds: frozenset[str]
    agencies: frozenset[str]
    portal: str
    procedures: frozenset[str]
    refused: Mapping[str, int]
    is_counter_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One account before one order at one moment; every condition of a rule looks at one of these."""

    account: str
    method: Method
    on: date
    kinds: frozenset[str]
    agencies: frozenset[str]
    portal: str
    procedures: frozenset[str]
    amount: int
    payer_fee: int
    health: HealthState
    minutes_to_cut_off: int
    is_business_day: bool
    minute: int  # of the day in Viet Nam


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was decided for one account, with every reason."""

    account: str
    method: Method
    refusal: Refusal | None
    limit: Money | None
    rule: Rule | None  # the rule that decided
    preferred_by: Rule | None
    health: HealthState
    fee: ServiceFee | None
    refused_before: int

    @property
    def is_offered(self) -> bool:
        """Whether the citizen may choose it."""
        return self.refusal is None


def _fits_kinds(rule: Rule, kinds: frozenset[str]) -> bool:
    return _fits_set(rule, rule.kind, kinds)


def _fits_agencies(rule: Rule, agencies: frozenset[str]) -> bool:
    return _fits_set(rule, rule.agency_code, agencies)


def _fits_procedures(rule: Rule, procedures: frozenset[str]) -> bool:
    return _fits_set(rule, rule.procedure_code, procedures)


def _fits_set(rule: Rule, named: str | None, found: frozenset[str]) -> bool:
    """An order of several kinds is withheld for the sake of one of them, and offered only for the sake of all."""
    if named is None:
        return True
    return named in found if rule.effect is RuleEffect.WITHHOLD else found == {named}


def _fits_minute(rule: Rule, minute: int) -> bool:
    if rule.time_from is None or rule.time_to is None:
        return True
    begin, end = _minute_of(rule.time_from), _minute_of(rule.time_to)
    if begin <= end:
        return begin <= minute < end
    return minute >= begin or minute < end


def _minute_of(at: time) -> int:
    return at.hour * 60 + at.minute


# Every condition of a rule by the field of a Case it looks at.
CONDITIONS: Final[Mapping[str, Callable[[Rule, Any], bool]]] = MappingProxyType(
    {
        "account": lambda rule, account: rule.provider_account in (None, account),
        "method": lambda rule, method: rule.method in (None, method),
        "on": lambda rule, on: rule.valid_from <= on and (rule.valid_to is None or on <= rule.valid_to),
        "kinds": _fits_kinds,
        "agencies": _fits_agencies,
        "portal": lambda rule, portal: rule.portal_code in (None, portal),
        "procedures": _fits_procedures,
        "amount": lambda rule, amount: (
            (rule.amount_from is None or rule.amount_from <= amount)
            and (rule.amount_to is None or amount <= rule.amount_to)
        ),
        "payer_fee": lambda rule, fee: rule.payer_fee_above is None or fee > rule.payer_fee_above,
        "health": lambda rule, health: rule.health is None or str(health) in rule.health,
        "minutes_to_cut_off": lambda rule, minutes: (
            rule.cut_off_within_minutes is None or minutes <= rule.cut_off_within_minutes
        ),
        "is_business_day": lambda rule, is_business_day: (
            rule.day is None or (rule.day is DayCondition.BUSINESS_DAY) == is_business_day
        ),
        "minute": _fits_minute,
    }
)


def fits(rule: Rule, case: Case) -> bool:
    """Whether every condition of a rule holds in a case."""
    return all(holds(rule, getattr(case, name)) for name, holds in CONDITIONS.items())


def in_turn(rules: Sequence[Rule]) -> list[Rule]:
    """Rules in the order in which they are asked: the lowest rank first, then by code."""
    return sorted(rules, key=lambda rule: (rule.rank, rule.code, rule.valid_from))


def is_ruled(rules: Sequence[Rule], on: date) -> bool:
    """Whether any rule that offers or withholds is in force on a day; on a day without, every account is offered."""
    return any(rule.decides and CONDITIONS["on"](rule, on) for rule in rules)


def ruling(case: Case, rules: Sequence[Rule]) -> tuple[bool, Rule | None]:
    """Whether an account is offered by the rules, and the rule that says so; `rules` are in turn."""
    decided = next((rule for rule in rules if rule.decides and fits(rule, case)), None)
    if decided is not None:
        return decided.effect is RuleEffect.OFFER, decided
    return not is_ruled(rules, case.on), None


def preference(case: Case, rules: Sequence[Rule]) -> Rule | None:
    """The rule that names this account before others, the first that fits; `rules` are in turn."""
    return next((rule for rule in rules if not rule.decides and fits(rule, case)), None)


def route(
    order: OrderFacts,
    candidates: Sequence[Candidate],
    rules: Sequence[Rule],
    programmes: Sequence[FeeProgramme],
    *,
    now: datetime,
) -> tuple[Choice, ...]:
    """Decide for every account, those offered first.

    Among them: first those that have not refused this order, then what a rule prefers (lowest rank), then the lowest
    fee for the payer, then the page's order of methods, then the order of the configuration.
    """
    turn = in_turn(rules)
    choices = [_choice(order, candidate, turn, programmes, now) for candidate in candidates]
    places = sorted(range(len(choices)), key=lambda at: _place(choices[at], at))
    return tuple(choices[at] for at in places)


def _choice(
    order: OrderFacts,
    candidate: Candidate,
    turn: Sequence[Rule],
    programmes: Sequence[FeeProgramme],
    now: datetime,
) -> Choice:
    fee = service_fee(
        order.amount,
        programmes,
        provider_account=candidate.account,
        kinds=order.kinds,
        agencies=order.agencies,
    )
    case = case_of(order, candidate, fee, now)
    refusal, limit = _bound(candidate, order)
    rule = None
    if refusal is None:
        is_offered, rule = ruling(case, turn)
        if not is_offered:
            refusal = Refusal.BY_RULE if rule else Refusal.NO_RULE
    return Choice(
        account=candidate.account,
        method=candidate.method,
        refusal=refusal,
        limit=limit,
        rule=rule,
        preferred_by=preference(case, turn) if refusal is None else None,
        health=candidate.health,
        fee=fee,
        refused_before=order.refused.get(candidate.account, 0),
    )


def case_of(order: OrderFacts, candidate: Candidate, fee: ServiceFee | None, now: datetime) -> Case:
    """The facts of one account before an order at a moment."""
    local = now.astimezone(VIETNAM)
    minute = local.hour * 60 + local.minute
    return Case(
        account=candidate.account,
        method=candidate.method,
        on=local.date(),
        kinds=order.kinds,
        agencies=order.agencies,
        portal=order.portal,
        procedures=order.procedures,
        amount=order.amount.amount,
        payer_fee=fee.for_payer.amount if fee else 0,
        health=candidate.health,
        minutes_to_cut_off=(_minute_of(candidate.cut_off) - minute - 1) % DAY_MINUTES + 1,
        is_business_day=candidate.is_business_day,
        minute=minute,
    )


def _bound(candidate: Candidate, order: OrderFacts) -> tuple[Refusal | None, Money | None]:
    """What stands against an account whatever the rules say."""
    amount = order.amount
    if order.is_counter_only and candidate.is_online:
        return (Refusal.COUNTER_ONLY if candidate.collects else Refusal.COUNTER_PROCEDURE), None
    if not candidate.is_online:
        return (Refusal.COUNTER_ONLY if candidate.collects else Refusal.NOT_ONLINE), None
    if amount.amount < candidate.amount_min:
        return Refusal.BELOW_MINIMUM, Money(candidate.amount_min, amount.currency)
    if amount.amount > candidate.amount_max:
        return Refusal.ABOVE_MAXIMUM, Money(candidate.amount_max, amount.currency)
    if candidate.health is HealthState.CLOSED:
        return Refusal.PAUSED, None
    return None, None


def _place(choice: Choice, configured_at: int) -> tuple[bool, int, bool, int, int, int, int]:
    preferred = choice.preferred_by
    return (
        not choice.is_offered,
        choice.refused_before,
        preferred is None,
        preferred.rank if preferred else 0,
        choice.fee.for_payer.amount if choice.fee else 0,
        _METHODS.index(choice.method),
        configured_at,
    )


def is_online(manifest: Manifest) -> bool:
    """Whether a citizen can begin a payment with it from our page."""
    return bool(manifest.capabilities & _ON_A_PAGE)


def method_of(manifest: Manifest) -> Method:
    """The group of the payment page that an adapter belongs to."""
    if not is_online(manifest):
        return Method.COUNTER if Capability.COLLECTION in manifest.capabilities else Method.BANK
    if Capability.QR in manifest.capabilities or manifest.channel is Channel.QR:
        return Method.QR
    return Method.WALLET if manifest.channel is Channel.WALLET else Method.BANK
