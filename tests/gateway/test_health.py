"""Health from real observations: what routing sees, and for how long it believes it."""

from datetime import timedelta

from payclear.contract.errors import OutcomeUnknown
from payclear.contract.registry import ProviderLine
from payclear.gateway.domain import Health, HealthReason, HealthState, Operation
from payclear.gateway.gates import Gates
from payclear.gateway.health import snapshot
from payclear.gateway.service import call
from payclear.runtime import Runtime
from tests.gateway.conftest import fails


def health(runtime: Runtime, account: str = "a") -> Health:
    with runtime.database.begin() as uow:
        return snapshot(runtime, uow).get(account, Health())


def later(runtime: Runtime, seconds: float = 6) -> None:
    runtime.clock.advance(timedelta(seconds=seconds))


def answer(runtime: Runtime, line: ProviderLine, *, times: int = 1, took_s: float = 0) -> None:
    for _ in range(times):
        call(runtime, line, Operation.CHECKOUT, lambda: later(runtime, took_s))


def test_account_that_nobody_called_is_good_until_shown_otherwise(
    gateway_runtime: Runtime,
) -> None:
    assert health(gateway_runtime) == Health(HealthState.GOOD, HealthReason.NO_CALLS)
    assert health(gateway_runtime, "nobody") == Health()


def test_open_circuit_is_closed_at_once_in_the_next_look(
    gateway_runtime: Runtime, line: ProviderLine
) -> None:
    answer(gateway_runtime, line, times=20)
    assert health(gateway_runtime).state is HealthState.GOOD
    fails(gateway_runtime, line, OutcomeUnknown("x"), times=5)
    assert health(gateway_runtime).state is HealthState.GOOD, "believed for seconds"
    later(gateway_runtime)
    with gateway_runtime.database.begin() as uow:
        assert {code: each.state for code, each in snapshot(gateway_runtime, uow).items()} == {
            "a": HealthState.CLOSED,
            "b": HealthState.GOOD,
        }


def test_another_process_sees_the_failures_too(gateway_runtime: Runtime, line: ProviderLine) -> None:
    fails(gateway_runtime, line, OutcomeUnknown("x"), times=5)
    gateway_runtime.gates.__init__()  # what another process knows: nothing but the observations
    assert health(gateway_runtime).state is HealthState.CLOSED
    later(gateway_runtime, 60)
    assert health(gateway_runtime) == Health(HealthState.FAILING, HealthReason.UNANSWERED)
    assert isinstance(gateway_runtime.gates, Gates)


def test_account_recovers_when_its_failures_are_old(gateway_runtime: Runtime, line: ProviderLine) -> None:
    fails(gateway_runtime, line, OutcomeUnknown("x"), times=4)
    answer(gateway_runtime, line, times=6)
    assert health(gateway_runtime).state is HealthState.FAILING
    later(gateway_runtime, 16 * 60)
    answer(gateway_runtime, line, times=6)
    assert health(gateway_runtime) == Health(HealthState.GOOD, HealthReason.ANSWERS)


def test_slow_answers_make_an_account_slow(gateway_runtime: Runtime, line: ProviderLine) -> None:
    answer(gateway_runtime, line, times=3)
    answer(gateway_runtime, line, times=3, took_s=4)
    assert health(gateway_runtime) == Health(HealthState.SLOW, HealthReason.LATENCY)


def test_slow_statement_says_nothing_about_paying(gateway_runtime: Runtime, line: ProviderLine) -> None:
    for _ in range(6):
        call(gateway_runtime, line, Operation.STATEMENT, lambda: later(gateway_runtime, 9))
    assert health(gateway_runtime) == Health()
