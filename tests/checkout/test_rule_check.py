"""The static check of routing rules, against a sampler that tries every part of every condition."""

from datetime import date, time
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payclear.catalogue.domain import DayCondition, FeeBearer, Method, Rule, RuleEffect
from payclear.checkout.routing import Case, fits, in_turn, preference, ruling
from payclear.checkout.rule_check import AccountFacts, Known, Problem, check, name_of, parts_of
from tests.factories.routing import NEW_YEAR, programme, rule

OFFER, WITHHOLD, PREFER = RuleEffect
KNOWN = Known(
    accounts=(
        AccountFacts(code="a", method=Method.BANK, amount_min=1, amount_max=1_000),
        AccountFacts(code="b", method=Method.QR, amount_min=500, amount_max=5_000),
    ),
    kinds=("dossier_fee", "traffic_fine"),
    agencies=("H00", "A00"),
    portals=("p", "q"),
    procedures={"1.009999": "1.009999", "1.009999.H00": "1.009999", "1.008888": "1.008888"},
)


def codes(problems: list[Problem]) -> list[str]:
    return [problem.code for problem in problems]


def problems_of(*rules: Rule) -> list[str]:
    return codes(check(rules, (), KNOWN))


def test_sound_rules_pass() -> None:
    assert (
        problems_of(
            rule("no-small-fines", WITHHOLD, 1, kind="traffic_fine", amount_to=10),
            rule("all", OFFER, 2),
            rule("qr-first", PREFER, 3, method=Method.QR),
        )
        == []
    )


def test_switch_for_one_portal_and_one_procedure_contradicts_only_where_they_meet() -> None:
    off = rule("off", WITHHOLD, 1, provider_account="a", portal_code="p", procedure_code="1.009999")
    everything = rule("all", OFFER, 9)
    assert problems_of(off, everything) == []
    assert problems_of(off, rule("elsewhere", OFFER, 1, portal_code="q"), everything) == []
    alone = rule("alone", OFFER, 1, procedure_code="1.008888")
    assert problems_of(off, alone, everything) == []
    assert problems_of(off, rule("then", OFFER, 1, portal_code="p"), everything) == ["contradiction"]
    assert problems_of(everything, rule("late", WITHHOLD, 10, portal_code="p")) == ["never_fires"]


@pytest.mark.parametrize(
    ("named", "others"),
    [
        ({"portal_code": "p"}, "of every portal that no rule names"),
        ({"procedure_code": "1.009999"}, "for every procedure that no rule names, or for no dossier"),
    ],
)
def test_first_offer_for_some_leaves_all_others_without_any_account_and_says_so(
    named: dict[str, Any], others: str
) -> None:
    problems = check([rule("theirs", OFFER, 1, **named)], (), KNOWN)
    assert [(problem.code, problem.is_warning) for problem in problems] == [("left_out", True)]
    assert others in problems[0].sentence
    assert problems_of(rule("theirs", OFFER, 1, **named), rule("all", OFFER, 2)) == []


def test_portal_that_is_switched_off_everywhere_is_named() -> None:
    [problem] = check([rule("off", WITHHOLD, 1, portal_code="p"), rule("all", OFFER, 2)], (), KNOWN)
    assert (problem.code, problem.is_warning) == ("left_out", True)
    assert "of the portal p" in problem.sentence
    one = rule("off", WITHHOLD, 1, portal_code="p", provider_account="a")
    assert problems_of(one, rule("all", OFFER, 2)) == []


def test_empty_set_offers_everything_and_says_so() -> None:
    [problem] = check((), (), KNOWN)
    assert (problem.code, problem.is_warning) == ("no_rules", True)


@pytest.mark.parametrize(
    ("conditions", "code"),
    [
        ({"provider_account": "c"}, "unknown_name"),
        ({"kind": "tax"}, "unknown_name"),
        ({"agency_code": "X99"}, "unknown_name"),
        ({"portal_code": "nobody"}, "unknown_name"),
        ({"procedure_code": "1.007777"}, "unknown_name"),
        ({"procedure_code": "1.009999.H00"}, "not_national"),
        ({"health": ("closed",)}, "unknown_name"),
        ({"valid_to": date(2025, 12, 31)}, "dates_crossed"),
        ({"amount_from": 11, "amount_to": 10}, "empty_bounds"),
        ({"amount_to": -1}, "empty_bounds"),
        ({"time_from": time(8), "time_to": time(8)}, "empty_bounds"),
        ({"time_from": time(8, 0, 30), "time_to": time(9)}, "empty_bounds"),
        ({"cut_off_within_minutes": 0}, "empty_bounds"),
        ({"payer_fee_above": -1}, "empty_bounds"),
        ({"amount_from": 5_001}, "never_fires"),
        ({"provider_account": "a", "amount_from": 1_001}, "never_fires"),
        ({"provider_account": "a", "method": Method.QR}, "never_fires"),
    ],
)
def test_rule_that_can_never_fire_is_refused(conditions: dict[str, Any], code: str) -> None:
    problems = check([rule("o", OFFER, 50), rule("w", WITHHOLD, 1, **conditions)], (), KNOWN)
    assert codes([problem for problem in problems if not problem.is_warning]) == [code]
    assert "w (2026-01-01)" in problems[0].sentence


def test_rule_shadowed_by_several_before_it_together_is_refused() -> None:
    small, large = rule("s", WITHHOLD, 1, amount_to=600), rule("l", WITHHOLD, 2, amount_from=601)
    shadowed = rule("o", OFFER, 3)
    problems = check([small, large, shadowed], (), KNOWN)
    assert codes(problems) == ["never_fires", "never_offered", "never_offered"]
    assert problems[0].rules == (name_of(shadowed),)


def test_rule_that_others_leave_one_corner_still_fires() -> None:
    before = [
        rule("w1", WITHHOLD, 1, amount_to=999),
        rule("w2", WITHHOLD, 2, kind="traffic_fine"),
        rule("w3", WITHHOLD, 3, agency_code="H00"),
        rule("w4", WITHHOLD, 4, time_from=time(0), time_to=time(23, 59)),
    ]
    assert "never_fires" not in problems_of(*before, rule("o", OFFER, 5))


def test_preference_for_what_is_never_offered_is_refused() -> None:
    found = problems_of(
        rule("w", WITHHOLD, 1, provider_account="b"),
        rule("o", OFFER, 2),
        rule("p", PREFER, 3, method=Method.QR),
    )
    assert found == ["never_fires", "never_offered"]


def test_offer_and_withhold_of_one_rank_that_can_meet_contradict_each_other() -> None:
    offer, withhold = rule("o", OFFER, 7, kind="traffic_fine"), rule("w", WITHHOLD, 7, amount_from=600)
    assert "contradiction" in problems_of(offer, withhold)
    assert "contradiction" not in problems_of(offer, rule("w", WITHHOLD, 8, amount_from=600))
    apart = rule("w", WITHHOLD, 7, kind="dossier_fee"), rule("o", OFFER, 7, kind="traffic_fine")
    assert problems_of(*apart) == []


def test_account_that_no_rule_offers_is_a_warning() -> None:
    [problem] = check([rule("o", OFFER, provider_account="a")], (), KNOWN)
    assert (problem.code, problem.is_warning) == ("never_offered", True)
    assert "account b" in problem.sentence


def test_fee_programmes_of_the_same_payments_on_the_same_days_are_refused() -> None:
    first = programme("p", valid_to=date(2026, 6, 30))
    again, waiver = programme("q", valid_from=date(2026, 6, 30)), programme("w", borne_by=FeeBearer.WAIVED)
    found = check([rule("o")], [first, again, waiver, programme("x", "nobody", agency_code="X")], KNOWN)
    assert codes(found) == ["programme_wrong", "programme_wrong", "programmes_overlap"]


bounds = st.one_of(st.none(), st.sampled_from([1, 499, 500, 1_000, 1_001, 5_000, 5_001]))
hours = st.one_of(st.none(), st.sampled_from([(time(0), time(12)), (time(22), time(6)), (time(12), time(0))]))


@st.composite
def a_rule(draw: st.DrawFn, at: int) -> Rule:
    span = draw(hours)
    amount_from, amount_to = draw(bounds), draw(bounds)
    if amount_from and amount_to and amount_to < amount_from:
        amount_from, amount_to = amount_to, amount_from
    starts, ends = draw(
        st.sampled_from(
            [(NEW_YEAR, None), (NEW_YEAR, date(2026, 6, 30)), (date(2026, 7, 1), date(2026, 12, 31))]
        )
    )
    return rule(
        f"r{at}",
        draw(st.sampled_from(RuleEffect)),
        draw(st.integers(1, 4)),
        valid_from=starts,
        valid_to=ends,
        provider_account=draw(st.sampled_from([None, None, "a", "b"])),
        method=draw(st.sampled_from([None, None, Method.QR])),
        kind=draw(st.sampled_from([None, None, "dossier_fee"])),
        agency_code=draw(st.sampled_from([None, None, "H00"])),
        portal_code=draw(st.sampled_from([None, None, "p"])),
        procedure_code=draw(st.sampled_from([None, None, "1.009999"])),
        amount_from=amount_from,
        amount_to=amount_to,
        health=draw(st.sampled_from([None, None, ("failing",)])),
        day=draw(st.sampled_from([None, None, *DayCondition])),
        time_from=span[0] if span else None,
        time_to=span[1] if span else None,
    )


rule_sets = st.integers(1, 5).flatmap(lambda count: st.tuples(*(a_rule(at) for at in range(count))))


def cases_of(rules: tuple[Rule, ...], account: AccountFacts) -> list[Case]:
    parts = parts_of(rules, account, KNOWN)
    return [
        Case(account=account.code, method=account.method, **dict(zip(parts, values, strict=True)))
        for values in product(*parts.values())
    ]


@settings(max_examples=80, deadline=None)
@given(rule_sets)
def test_check_agrees_with_trying_every_case(rules: tuple[Rule, ...]) -> None:
    """No rule fires that the check called dead, every other one does, and no case is left undecided."""
    turn = in_turn(rules)
    problems = check(rules, (), KNOWN)
    broken = {name for problem in problems for name in problem.rules if problem.code != "contradiction"}
    fired: set[str] = set()
    offered: set[str] = set()
    for account in KNOWN.accounts:
        for case in cases_of(rules, account):
            is_offered, decided = ruling(case, turn)
            assert isinstance(is_offered, bool)
            if decided is not None:
                fired.add(name_of(decided))
            preferred = preference(case, turn)
            if is_offered:
                fired |= {name_of(preferred)} if preferred else set()
            if is_offered and decided:
                offered.add(account.code)
    assert fired == {name_of(each) for each in rules} - broken
    unoffered = {p.sentence.split()[-1].rstrip(".") for p in problems if p.code == "never_offered"}
    if any(each.decides for each in rules):
        assert offered == {"a", "b"} - unoffered


@settings(max_examples=80, deadline=None)
@given(rule_sets)
def test_contradiction_is_found_exactly_when_two_rules_of_a_rank_meet(rules: tuple[Rule, ...]) -> None:
    problems = check(rules, (), KNOWN)
    meeting = any(
        one.rank == other.rank
        and {one.effect, other.effect} == {OFFER, WITHHOLD}
        and any(
            fits(one, case) and fits(other, case)
            for account in KNOWN.accounts
            for case in cases_of(rules, account)
        )
        for at, one in enumerate(rules)
        for other in rules[at + 1 :]
    )
    assert meeting == ("contradiction" in codes(problems))
