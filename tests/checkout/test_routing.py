"""Which accounts are offered, in which order and why: each condition, each bound, nothing left open."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import Any

import pytest

from payclear.catalogue.domain import DayCondition, FeeBearer, Method, Rule, RuleEffect
from payclear.checkout.decisions import candidate_of
from payclear.checkout.routing import (
    CONDITIONS,
    Candidate,
    Choice,
    OrderFacts,
    Refusal,
    case_of,
    method_of,
    preference,
    route,
    ruling,
)
from payclear.contract.channels import Channel
from payclear.contract.manifest import Capability
from payclear.contract.messages import Account
from payclear.contract.registry import ProviderLine
from payclear.gateway.domain import HealthState
from payclear.kernel.money import Money
from tests.checkout.fakes import ToldProvider
from tests.factories.routing import programme, rule

NOON = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)  # 12:00 in Viet Nam, a Saturday
OFFER, WITHHOLD, PREFER = RuleEffect


def candidate(account: str = "a", **changes: Any) -> Candidate:
    known = {
        "method": Method.BANK,
        "is_online": True,
        "collects": False,
        "amount_min": 1,
        "amount_max": 10**9,
        "cut_off": time(0),
    } | changes
    return Candidate(account=account, **known)


def facts(
    amount: int = 200_000,
    *kinds: str,
    agencies: tuple[str, ...] = ("H00",),
    portal: str = "p",
    procedures: tuple[str, ...] = ("1.009999",),
    **refused: int,
) -> OrderFacts:
    return OrderFacts(
        amount=Money(amount),
        kinds=frozenset(kinds or ("dossier_fee",)),
        agencies=frozenset(agencies),
        portal=portal,
        procedures=frozenset(procedures),
        refused=refused,
    )


def decide(
    rules: list[Rule], *, order: OrderFacts | None = None, now: datetime = NOON, **changes: Any
) -> Choice:
    [choice] = route(order or facts(), [candidate(**changes)], rules, [], now=now)
    return choice


def line(provider: ToldProvider) -> ProviderLine:
    account = Account(code="a", adapter="told", name_vi="A", name_en="A", options={}, secrets={})
    return ProviderLine(account=account, provider=provider, cut_off="17:30", grace_business_days=1)


@pytest.mark.parametrize(
    ("changes", "refusal", "limit"),
    [
        ({"amount_min": 200_001}, Refusal.BELOW_MINIMUM, 200_001),
        ({"amount_max": 199_999}, Refusal.ABOVE_MAXIMUM, 199_999),
        ({"amount_min": 200_000, "amount_max": 200_000}, None, None),
        ({"is_online": False}, Refusal.NOT_ONLINE, None),
        ({"is_online": False, "collects": True}, Refusal.COUNTER_ONLY, None),
        ({"health": HealthState.CLOSED}, Refusal.PAUSED, None),
        ({"health": HealthState.FAILING}, None, None),
    ],
)
def test_what_an_account_can_not_do_no_rule_changes(
    changes: dict[str, Any], refusal: Refusal | None, limit: int | None
) -> None:
    for rules in ([], [rule("offer-all")]):
        choice = decide(rules, **changes)
        assert choice.refusal is refusal
        assert choice.limit == (Money(limit) if limit else None)


def test_account_of_an_adapter_takes_its_bounds_and_cut_off() -> None:
    seen = candidate_of(line(ToldProvider(minimum=5, maximum=7)))
    assert (seen.amount_min, seen.amount_max, seen.cut_off, seen.is_online) == (5, 7, time(17, 30), True)


@pytest.mark.parametrize(
    ("capabilities", "channel", "method"),
    [
        ({Capability.REDIRECT}, Channel.GATEWAY, Method.BANK),
        ({Capability.REDIRECT}, Channel.WALLET, Method.WALLET),
        ({Capability.REDIRECT, Capability.QR}, Channel.GATEWAY, Method.QR),
        ({Capability.QR}, Channel.QR, Method.QR),
        ({Capability.COLLECTION}, Channel.COUNTER_BRANCH, Method.COUNTER),
        ({Capability.COLLECTION, Capability.REDIRECT}, Channel.GATEWAY, Method.BANK),
    ],
)
def test_method_follows_what_the_adapter_can_do(
    capabilities: set[Capability], channel: Channel, method: Method
) -> None:
    assert method_of(ToldProvider().able(*capabilities, channel=channel).manifest) is method


def test_first_rule_that_fits_decides_by_rank() -> None:
    withhold = rule("no-fines", WITHHOLD, 10, kind="traffic_fine")
    offer = rule("all", OFFER, 20)
    fine = facts(200_000, "traffic_fine")
    assert decide([offer, withhold], order=fine).rule is withhold
    assert decide([offer, withhold], order=fine).refusal is Refusal.BY_RULE
    assert decide([offer, withhold]).rule is offer


def test_without_any_rule_in_force_everything_is_offered_and_with_one_only_what_it_offers() -> None:
    assert decide([]).is_offered
    later = rule("later", OFFER, valid_from=date(2027, 1, 1))
    assert decide([later]).is_offered
    assert decide([rule("b-only", provider_account="b")]).refusal is Refusal.NO_RULE


def test_order_of_two_kinds_is_withheld_for_one_and_offered_only_for_both() -> None:
    mixed = facts(200_000, "dossier_fee", "traffic_fine")
    assert decide([rule("w", WITHHOLD, 1, kind="traffic_fine"), rule("o", OFFER, 2)], order=mixed).refusal
    assert decide([rule("o", OFFER, 1, kind="traffic_fine")], order=mixed).refusal is Refusal.NO_RULE
    assert decide([rule("o", OFFER, 1, agency_code="H00")]).is_offered
    assert decide([rule("w", WITHHOLD, 1, agency_code="H00")], order=facts(agencies=("H00", "A00"))).refusal


def test_account_is_switched_off_for_one_portal_and_one_procedure() -> None:
    off = rule("off", WITHHOLD, 1, portal_code="p", procedure_code="1.009999")
    rules = [off, rule("all", OFFER, 9)]
    assert decide(rules).rule is off
    assert decide(rules, order=facts(portal="q")).is_offered
    assert decide(rules, order=facts(procedures=("1.008888",))).is_offered
    assert decide(rules, order=facts(procedures=("",))).is_offered
    assert decide(rules, order=facts(procedures=("1.008888", "1.009999"))).rule is off


def test_account_that_is_offered_for_a_procedure_is_offered_for_nothing_beside_it() -> None:
    only = [rule("only", OFFER, procedure_code="1.009999")]
    assert decide(only).is_offered
    for procedures in (("",), ("", "1.009999"), ("1.008888", "1.009999")):
        assert decide(only, order=facts(procedures=procedures)).refusal is Refusal.NO_RULE


@pytest.mark.parametrize(
    ("conditions", "changes"),
    [
        ({"provider_account": "b"}, {}),
        ({"method": Method.WALLET}, {}),
        ({"amount_from": 200_001}, {}),
        ({"amount_to": 199_999}, {}),
        ({"payer_fee_above": 0}, {}),
        ({"health": ("slow", "failing")}, {}),
        ({"cut_off_within_minutes": 719}, {}),
        ({"day": DayCondition.BUSINESS_DAY}, {"is_business_day": False}),
        ({"day": DayCondition.DAY_OFF}, {}),
        ({"time_from": time(12, 1), "time_to": time(13)}, {}),
        ({"time_from": time(22), "time_to": time(12)}, {}),
        ({"valid_from": date(2026, 11, 22)}, {}),
        ({"valid_to": date(2026, 11, 20)}, {}),
    ],
)
def test_rule_whose_condition_does_not_hold_is_passed_over(
    conditions: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert decide([rule("w", WITHHOLD, 1, **conditions), rule("o", OFFER, 2)], **changes).is_offered


@pytest.mark.parametrize(
    ("conditions", "changes"),
    [
        ({"provider_account": "a", "method": Method.BANK}, {}),
        ({"amount_from": 200_000, "amount_to": 200_000}, {}),
        ({"health": ("slow", "failing")}, {"health": HealthState.SLOW}),
        ({"cut_off_within_minutes": 720}, {}),
        ({"cut_off_within_minutes": 1}, {"cut_off": time(12, 1)}),
        ({"cut_off_within_minutes": 1440}, {"cut_off": time(12)}),
        ({"day": DayCondition.DAY_OFF}, {"is_business_day": False}),
        ({"time_from": time(12), "time_to": time(12, 1)}, {}),
        ({"time_from": time(22), "time_to": time(12, 1)}, {}),
        ({"valid_from": date(2026, 11, 21), "valid_to": date(2026, 11, 21)}, {}),
    ],
)
def test_rule_whose_conditions_hold_decides(conditions: dict[str, Any], changes: dict[str, Any]) -> None:
    assert decide([rule("w", WITHHOLD, 1, **conditions), rule("o", OFFER, 2)], **changes).refusal


def test_rule_on_the_payers_fee_sees_only_what_the_payer_pays() -> None:
    rules = [rule("dear", WITHHOLD, 1, payer_fee_above=1_000), rule("o", OFFER, 2)]
    for bearer, offered in ((FeeBearer.PAYER, False), (FeeBearer.AGENCY, True), (FeeBearer.WAIVED, True)):
        charge = programme("p", fixed=1_001, borne_by=bearer)
        [choice] = route(facts(), [candidate()], rules, [charge], now=NOON)
        assert choice.is_offered is offered


def accounts_in_order(choices: tuple[Choice, ...]) -> list[str]:
    return [choice.account for choice in choices if choice.is_offered]


def test_cheapest_for_the_payer_comes_first_unless_a_rule_prefers_another() -> None:
    candidates = [candidate("a"), candidate("b"), candidate("c", method=Method.QR)]
    fees = [
        programme("p", "a", fixed=2_200),
        programme("q", "b", fixed=1_100),
        programme("r", "c", fixed=1_100),
    ]
    assert accounts_in_order(route(facts(), candidates, [], fees, now=NOON)) == ["c", "b", "a"]
    preferred = [rule("house-bank", PREFER, 5, provider_account="a")]
    assert accounts_in_order(route(facts(), candidates, preferred, fees, now=NOON)) == ["a", "c", "b"]


def test_account_that_refused_the_order_comes_last() -> None:
    candidates = [candidate("a"), candidate("b")]
    choices = route(facts(a=1), candidates, [rule("p", PREFER, provider_account="a")], [], now=NOON)
    assert accounts_in_order(choices) == ["b", "a"]


def test_route_answers_every_case_and_always_the_same() -> None:
    rules = [
        rule("w", WITHHOLD, 1, health=("failing",), time_from=time(22), time_to=time(5)),
        rule("o", OFFER, 2, amount_to=500_000),
        rule("p", PREFER, 3, method=Method.QR),
    ]
    for amount, health, method, hour in product((1, 500_000, 500_001), HealthState, Method, (0, 5, 23)):
        now = NOON.replace(hour=0) + timedelta(hours=hour)
        found = [candidate("a", health=health, method=method), candidate("b")]
        first, second = (route(facts(amount), found, order, [], now=now) for order in (rules, rules[::-1]))
        assert first == second
        assert {choice.account for choice in first} == {"a", "b"}
        for choice in first:
            assert choice.is_offered is (choice.refusal is None)
            assert choice.rule is not None or choice.refusal in (Refusal.NO_RULE, Refusal.PAUSED)


def test_every_condition_of_a_rule_looks_at_one_fact() -> None:
    case = case_of(facts(), candidate(), None, NOON)
    assert {name for name in type(case).__slots__} == set(CONDITIONS)
    assert ruling(case, []) == (True, None)
    assert preference(case, []) is None
