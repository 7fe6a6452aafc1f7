"""Calls through the gateway: places, circuit, observations. What the adapter says is never changed."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from payclear.contract.errors import (
    NotSent,
    OperationUnsupported,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    SignatureInvalid,
    StatementUnavailable,
)
from payclear.contract.evidence import Evidence
from payclear.contract.messages import CheckoutResult
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.contract.registry import ProviderLine
from payclear.db.uow import Database
from payclear.gateway.domain import CircuitState, Operation
from payclear.gateway.errors import NotCalled
from payclear.gateway.service import call, place, places_for, questions_now
from payclear.runtime import Runtime
from tests.gateway.conftest import fails, observed, raising

WAIT_S = 10


def open_circuit(runtime: Runtime, line: ProviderLine) -> None:
    fails(runtime, line, OutcomeUnknown("timeout"), times=runtime.settings.gateway.failures_to_open)


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (NotSent("x"), "not_sent"),
        (OutcomeUnknown("x"), "unknown"),
        (SignatureInvalid("x"), "unknown"),
        (ProviderRefused("x"), "refused"),
        (StatementUnavailable("x"), "refused"),
        (ValueError("a fault of the adapter"), "unknown"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_error_of_the_adapter_comes_back_unchanged_and_is_observed(
    gateway_runtime: Runtime, line: ProviderLine, error: Exception, result: str
) -> None:
    with pytest.raises(type(error)) as caught:
        call(gateway_runtime, line, Operation.CHECKOUT, raising(error))
    assert caught.value is error
    assert observed(gateway_runtime) == [("a", "checkout", result, False)]


def test_call_that_the_adapter_does_not_offer_is_no_call(
    gateway_runtime: Runtime, line: ProviderLine
) -> None:
    fails(gateway_runtime, line, OperationUnsupported("x"), times=20)
    assert observed(gateway_runtime) == []
    assert gateway_runtime.gates.of("a").circuit.state is CircuitState.CLOSED


@pytest.mark.parametrize(
    ("operation", "answer", "result"),
    [
        (Operation.CHECKOUT, CheckoutResult(outcome=Outcome.PENDING), "ok"),
        (Operation.CHECKOUT, CheckoutResult(outcome=Outcome.REJECTED), "refused"),
        (Operation.QUERY, Outcome.REJECTED, "ok"),  # the payer's refusal is a good answer to a question
        (Operation.QUERY, Outcome.UNKNOWN, "unknown"),
        (Operation.STATEMENT, object(), "ok"),
    ],
)
def test_answer_comes_back_unchanged_and_is_observed(
    gateway_runtime: Runtime, line: ProviderLine, operation: Operation, answer: object, result: str
) -> None:
    if isinstance(answer, Outcome):
        source = EvidenceSource.STATUS_QUERY
        answer = Evidence(source=source, outcome=answer, provider_account="a", attempt_ref="x")
    assert call(gateway_runtime, line, operation, lambda: answer) is answer
    assert observed(gateway_runtime) == [("a", operation, result, False)]


def test_circuit_opens_for_one_account_only_and_says_so_at_once(
    gateway_runtime: Runtime, line: ProviderLine, caplog: pytest.LogCaptureFixture
) -> None:
    open_circuit(gateway_runtime, line)
    with pytest.raises(NotCalled) as caught:
        call(gateway_runtime, line, Operation.CHECKOUT, raising(AssertionError("it must not be called")))
    assert isinstance(caught.value, NotSent)
    assert caught.value.facts == {
        "provider_account": "a",
        "reason": "circuit_open",
        "retry_after_s": gateway_runtime.settings.gateway.pause_s,
    }
    other = gateway_runtime.providers.get("b")
    assert call(gateway_runtime, other, Operation.CHECKOUT, lambda: 1) == 1
    seen = observed(gateway_runtime)
    assert seen[-3:] == [
        ("a", "checkout", "unknown", True),
        ("a", "checkout", "open", False),
        ("b", "checkout", "ok", False),
    ]
    assert "gateway.circuit_opened" in [record.message for record in caplog.records]


def test_quick_answer_that_decides_nothing_opens_no_circuit(
    gateway_runtime: Runtime, line: ProviderLine
) -> None:
    unknown = CheckoutResult(outcome=Outcome.UNKNOWN)
    for _ in range(20):
        call(gateway_runtime, line, Operation.CHECKOUT, lambda: unknown)
    assert gateway_runtime.gates.of("a").circuit.state is CircuitState.CLOSED


def test_probe_after_the_pause_closes_the_circuit(gateway_runtime: Runtime, line: ProviderLine) -> None:
    open_circuit(gateway_runtime, line)
    assert questions_now(gateway_runtime, line, at_most=100) == 0
    gateway_runtime.clock.advance(timedelta(seconds=gateway_runtime.settings.gateway.pause_s))
    assert questions_now(gateway_runtime, line, at_most=100) == 1
    with place(gateway_runtime, line, Operation.QUERY) as probe:
        with pytest.raises(NotCalled):
            call(gateway_runtime, line, Operation.CHECKOUT, lambda: 1)
        assert questions_now(gateway_runtime, line, at_most=100) == 0
        probe.call(lambda: 1)
    assert call(gateway_runtime, line, Operation.CHECKOUT, lambda: 1) == 1
    assert questions_now(gateway_runtime, line, at_most=100) == 100


def test_probe_that_found_nothing_to_ask_leaves_the_probe_to_the_next(
    gateway_runtime: Runtime, line: ProviderLine
) -> None:
    open_circuit(gateway_runtime, line)
    gateway_runtime.clock.advance(timedelta(seconds=gateway_runtime.settings.gateway.pause_s))
    with place(gateway_runtime, line, Operation.QUERY):
        pass
    assert call(gateway_runtime, line, Operation.QUERY, lambda: 1) == 1


def test_statement_is_fetched_whatever_the_circuit_says(gateway_runtime: Runtime, line: ProviderLine) -> None:
    open_circuit(gateway_runtime, line)
    assert call(gateway_runtime, line, Operation.STATEMENT, lambda: 1) == 1
    with pytest.raises(NotCalled):
        call(gateway_runtime, line, Operation.QUERY, lambda: 1)


def test_failed_statements_open_no_circuit(gateway_runtime: Runtime, line: ProviderLine) -> None:
    for _ in range(20):
        with pytest.raises(OutcomeUnknown):
            call(gateway_runtime, line, Operation.STATEMENT, raising(OutcomeUnknown("x")))
    assert call(gateway_runtime, line, Operation.CHECKOUT, lambda: 1) == 1


def test_pay_address_made_here_takes_no_place_but_obeys_the_circuit(
    gateway_runtime: Runtime, line: ProviderLine
) -> None:
    open_circuit(gateway_runtime, line)
    line.provider.manifest = replace(line.provider.manifest, checkout_calls=False)
    with pytest.raises(NotCalled):
        call(gateway_runtime, line, Operation.CHECKOUT, lambda: 1)
    gateway_runtime.clock.advance(timedelta(minutes=10))
    before = observed(gateway_runtime)
    assert call(gateway_runtime, line, Operation.CHECKOUT, lambda: 1) == 1
    assert gateway_runtime.gates.of("a").circuit.state is CircuitState.OPEN, "it proved nothing"
    assert observed(gateway_runtime) == before


def test_account_that_hangs_takes_its_places_and_no_more(
    gateway_runtime: Runtime, line: ProviderLine
) -> None:
    """Three hang, the fourth is told at once, another account is not touched; afterwards everything is free again."""
    places = gateway_runtime.settings.gateway.calls_per_account
    inside, release = threading.Barrier(places + 1), threading.Event()

    def hang() -> int:
        inside.wait(WAIT_S)
        release.wait(WAIT_S)
        return 1

    with ThreadPoolExecutor(places) as pool:
        hanging = [pool.submit(call, gateway_runtime, line, Operation.CHECKOUT, hang) for _ in range(places)]
        inside.wait(WAIT_S)
        with pytest.raises(NotCalled) as caught:
            call(gateway_runtime, line, Operation.CHECKOUT, lambda: 1)
        assert caught.value.facts["reason"] == "busy"
        assert caught.value.retry_after_s == 0
        other = gateway_runtime.providers.get("b")
        assert call(gateway_runtime, other, Operation.CHECKOUT, lambda: 2) == 2
        release.set()
        assert [each.result() for each in hanging] == [1] * places
    assert gateway_runtime.gates.of("a").taken == 0
    assert call(gateway_runtime, line, Operation.CHECKOUT, lambda: 1) == 1
    assert ("a", "checkout", "busy", False) in observed(gateway_runtime)


def test_questions_leave_a_place_of_the_worker_to_other_accounts(runtime: Runtime) -> None:
    settings = replace(
        runtime.settings,
        gateway=replace(runtime.settings.gateway, calls_per_account=8),
        worker=replace(runtime.settings.worker, concurrency=4),
    )
    assert places_for(Operation.QUERY, settings) == 3
    assert places_for(Operation.CHECKOUT, settings) == 8
    one = replace(settings, worker=replace(settings.worker, concurrency=1))
    assert places_for(Operation.REFUND_QUERY, one) == 1


def test_call_inside_a_transaction_is_refused(gateway_runtime: Runtime, line: ProviderLine) -> None:
    with gateway_runtime.database.begin(), pytest.raises(RuntimeError, match="open transaction"):
        call(gateway_runtime, line, Operation.CHECKOUT, lambda: 1)


def test_observation_that_can_not_be_written_does_not_cost_the_answer(
    gateway_runtime: Runtime, line: ProviderLine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    engine = gateway_runtime.database.engine

    class Away(Database):
        def begin(self):
            raise ConnectionError("the database is away")

    runtime = replace(gateway_runtime, database=Away(engine, gateway_runtime.clock))
    assert call(runtime, line, Operation.CHECKOUT, lambda: 1) == 1
    with pytest.raises(ProviderError):
        call(runtime, line, Operation.CHECKOUT, raising(OutcomeUnknown("x")))
    assert runtime.gates.of("a").taken == 0
