"""The circuit breaker, the histogram and the judgement of health, as rules without a clock or a provider."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.gateway.domain import (
    BOUNDS_MS,
    BUCKETS,
    LONGER_MS,
    Circuit,
    CircuitRule,
    CircuitState,
    Health,
    HealthReason,
    HealthRule,
    HealthState,
    Window,
    judge_health,
    percentile_ms,
)

RULE = CircuitRule(failures=3, pause_s=10, pause_max_s=40)
HEALTH = HealthRule(calls_min=5, failing_percent=20, slow_percent=50, circuit=RULE)


def opened(now_s: float = 0.0) -> Circuit:
    circuit = Circuit()
    for _ in range(RULE.failures):
        circuit = circuit.failed(RULE, now_s=now_s, is_probe=False)
    return circuit


def test_circuit_opens_after_failures_in_a_row_only() -> None:
    circuit = Circuit().failed(RULE, now_s=0, is_probe=False).failed(RULE, now_s=0, is_probe=False)
    circuit = circuit.answered(is_probe=False)
    assert circuit == Circuit()
    assert opened().state is CircuitState.OPEN


def test_open_circuit_admits_one_probe_after_the_pause() -> None:
    circuit = opened(now_s=100)
    assert not circuit.admits(109.9)
    assert circuit.admits(110)
    probing = circuit.begun()
    assert probing.state is CircuitState.HALF_OPEN
    assert not probing.admits(10_000)
    assert probing.answered(is_probe=True) == Circuit()


def test_pause_doubles_with_each_failed_probe_up_to_its_bound() -> None:
    circuit, pauses = opened(), []
    for now_s in (10, 100, 200, 300):
        circuit = circuit.begun().failed(RULE, now_s=now_s, is_probe=True)
        pauses.append(circuit.closed_to - now_s)
    assert pauses == [20, 40, 40, 40]


def test_call_from_before_the_opening_changes_nothing_after_it() -> None:
    circuit = opened()
    assert circuit.answered(is_probe=False) == circuit
    assert circuit.failed(RULE, now_s=5, is_probe=False) == circuit
    probing = circuit.begun()
    assert probing.failed(RULE, now_s=20, is_probe=False) == probing


def test_probe_that_was_not_made_leaves_the_next_one_to_another() -> None:
    circuit = opened()
    assert circuit.begun().probe_not_made() == circuit


@given(
    st.lists(st.tuples(st.sampled_from(["call", "fail", "answer", "give_back"]), st.integers(0, 30))),
    st.integers(1, 5),
)
def test_circuit_never_has_two_probes_and_always_lets_one_through_in_time(
    steps: list[tuple[str, int]], failures: int
) -> None:
    """Whatever happens in whatever order: at most one probe, a bounded pause, and no opening without enough failures."""
    rule = replace(RULE, failures=failures)
    circuit, now_s, in_a_row = Circuit(), 0.0, 0
    calls: list[bool] = []  # calls under way: is it a probe
    for step, seconds in steps:
        now_s += seconds
        if step == "call":
            if circuit.admits(now_s):
                calls.append(circuit.state is CircuitState.OPEN)
                circuit = circuit.begun()
        elif calls:
            is_probe = calls.pop(0)
            was_closed = circuit.state is CircuitState.CLOSED
            if step == "fail":
                circuit = circuit.failed(rule, now_s=now_s, is_probe=is_probe)
                in_a_row += 1
                if was_closed:
                    assert (circuit.state is CircuitState.OPEN) == (in_a_row >= failures)
            elif step == "answer":
                circuit = circuit.answered(is_probe=is_probe)
                in_a_row = 0 if is_probe or was_closed else in_a_row
            elif is_probe:
                circuit = circuit.probe_not_made()
        assert sum(calls) == (circuit.state is CircuitState.HALF_OPEN)
        if circuit.state is CircuitState.CLOSED:
            in_a_row = circuit.failures
            assert circuit.admits(now_s)
            assert circuit.failures < failures
        else:
            assert circuit.pause_s <= rule.pause_max_s
        if circuit.state is CircuitState.OPEN:
            assert circuit.admits(now_s + rule.pause_max_s)


@given(st.lists(st.integers(0, 60_000), min_size=1), st.sampled_from([50, 95, 99]))
def test_percentile_is_the_smallest_bound_that_holds_enough_calls(times: list[int], percent: int) -> None:
    histogram = [0] * BUCKETS
    for took_ms in times:
        histogram[sum(bound < took_ms for bound in BOUNDS_MS)] += 1
    bound = percentile_ms(histogram, percent)
    assert bound is not None
    enough = [b for b in BOUNDS_MS if sum(t <= b for t in times) * 100 >= percent * len(times)]
    assert bound == (enough[0] if enough else LONGER_MS)


def test_histogram_has_as_many_buckets_as_the_check_expects() -> None:
    assert BUCKETS == 16


def test_percentile_of_no_calls_is_none() -> None:
    assert percentile_ms([0] * BUCKETS, 95) is None


GOOD = Health(HealthState.GOOD, HealthReason.ANSWERS)
FAILING = Health(HealthState.FAILING, HealthReason.UNANSWERED)
SLOW = Health(HealthState.SLOW, HealthReason.LATENCY)


@pytest.mark.parametrize(
    ("before", "window", "after"),
    [
        (GOOD, Window(calls=4, failures=2), Health()),  # too few to judge
        (GOOD, Window(calls=100, failures=19), GOOD),
        (GOOD, Window(calls=100, failures=20), FAILING),
        (FAILING, Window(calls=100, failures=10), FAILING),  # left only at half of what led into it
        (FAILING, Window(calls=100, failures=9), GOOD),
        (GOOD, Window(calls=100, slow=49), GOOD),
        (GOOD, Window(calls=100, slow=50), SLOW),
        (SLOW, Window(calls=100, slow=25), SLOW),
        (SLOW, Window(calls=100, slow=24), GOOD),
        (SLOW, Window(calls=100, slow=100, failures=20), FAILING),
    ],
)
def test_health_follows_the_shares_with_hysteresis(before: Health, window: Window, after: Health) -> None:
    assert judge_health(before, window, HEALTH, is_paused=False) == after


def test_open_circuit_closes_the_account_here_and_is_seen_by_other_processes_for_one_pause() -> None:
    assert judge_health(GOOD, Window(calls=100), HEALTH, is_paused=True).state is HealthState.CLOSED
    silent = Window(calls=3, failures=3, failures_at_end=3, silent_s=9.9)
    assert judge_health(GOOD, silent, HEALTH, is_paused=False).state is HealthState.CLOSED
    assert judge_health(GOOD, replace(silent, silent_s=10), HEALTH, is_paused=False) == Health()
