"""The plan: the same seed gives the same day, every fault is drawn, and nothing impossible is planned."""

from collections import Counter
from dataclasses import replace

import pytest

from payclear.simulation.plan import (
    AGENCIES,
    COUNTER_FAULTS,
    CREATE_FAULTS,
    STEERED,
    AccountTraits,
    Behaviour,
    Fault,
    PlannedPayment,
    PlannedTry,
    digest,
    draw,
    moved,
)
from tests.simulation.stage import ACCOUNTS, account

MANY = 3_000


def drawn(seed: int = 7, **changes: object) -> list[PlannedPayment]:
    values: dict = {"payments": MANY, "days": 1, "faults_percent": 5.0, "accounts": ACCOUNTS, **changes}
    return draw(seed, **values)


PLAN = drawn()
BY_CODE = {each.code: each for each in ACCOUNTS}


def tries(plan: list[PlannedPayment]) -> list[tuple[AccountTraits, PlannedTry]]:
    return [(BY_CODE[planned.account], planned) for each in plan for planned in each.tries]


def test_same_seed_gives_the_same_plan() -> None:
    assert digest(drawn()) == digest(PLAN)
    assert digest(drawn(8)) != digest(PLAN)
    assert digest(drawn(faults_percent=4.0)) != digest(PLAN)


def test_every_behaviour_fault_account_and_agency_occurs() -> None:
    assert {each.behaviour for each in PLAN} == set(Behaviour)
    assert {fault for _, planned in tries(PLAN) for fault in planned.faults} == set(Fault)
    assert {each.tries[0].account for each in PLAN if each.tries} == set(BY_CODE)
    assert {each.agency for each in PLAN} == {code for kind in AGENCIES.values() for code, _, _ in kind}
    assert any(each.refund for each in PLAN)


def test_each_fault_meets_about_as_many_tries_as_asked() -> None:
    possible = [planned for traits, planned in tries(PLAN) if traits.lists and traits.calls_back]
    share = Counter(fault for planned in possible for fault in planned.faults)[Fault.CALLBACK_FORGED] / len(
        possible
    )
    assert 0.035 < share < 0.065


def test_no_fault_is_planned_without_faults() -> None:
    assert not any(planned.faults for _, planned in tries(drawn(faults_percent=0)))


def test_amounts_lie_within_the_limits_and_steer_nothing() -> None:
    for each in PLAN:
        traits = BY_CODE[each.tries[0].account] if each.tries else ACCOUNTS[0]
        assert traits.amount_min <= each.amount <= traits.amount_max
        assert each.amount % 1000 not in STEERED
        assert all(line.amount > 0 for line in each.lines)


def test_payments_come_in_order_and_some_on_the_edge_of_midnight() -> None:
    times = [(each.day, each.arrives_s) for each in PLAN]
    assert times == sorted(times)
    assert [each.number for each in PLAN] == list(range(1, MANY + 1))
    assert any(arrives_s > 23.6 * 3600 for _, arrives_s in times)
    assert {day for day, _ in ((each.day, 0) for each in drawn(days=3))} == {0, 1, 2}


def test_someone_is_left_to_tell_of_money_that_no_statement_lists() -> None:
    """Where an account lists nothing, a lost callback never meets a payment that a query would not find."""
    for traits, planned in tries(PLAN):
        if traits.lists or Fault.CALLBACK_LOST not in planned.faults:
            continue
        assert traits.answers
        assert planned.heals_after_s is not None
        assert Fault.PAID_TWICE not in planned.faults
        assert planned.pays_after_s <= 900


def test_counter_meets_faults_of_a_counter_only_and_one_at_a_time() -> None:
    for traits, planned in tries(PLAN):
        of_counter = set(planned.faults) & set(COUNTER_FAULTS)
        assert not of_counter or traits.counter
        if traits.counter:
            assert len(planned.faults) <= 1


@pytest.mark.parametrize(
    ("to", "lost"),
    [
        (account("momo-demo", calls_at_checkout=False), set(CREATE_FAULTS)),
        (account("momo-demo", calls_back=False), {Fault.CALLBACK_LATE}),
        (account("momo-demo", answers=False), {Fault.QUERY_BROKEN}),
        (account("momo-demo", takes_again=False), {Fault.PAID_TWICE}),
    ],
)
def test_try_that_moves_elsewhere_leaves_behind_what_can_not_happen_there(
    to: AccountTraits, lost: set[Fault]
) -> None:
    faults = (Fault.CALLBACK_LATE, Fault.CREATE_BROKEN, Fault.QUERY_BROKEN, Fault.PAID_TWICE)
    planned = PlannedTry(account="sandbox-demo", outcome="success", pays_after_s=30, faults=faults)
    there = moved(planned, replace(to, takes_again=to.takes_again or Fault.PAID_TWICE not in lost))
    assert there.account == "momo-demo"
    assert set(there.faults) == set(faults) - lost
