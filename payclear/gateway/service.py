"""The one way in which the core calls a provider: a place of the account, its circuit breaker, the call, an observation.

Called by checkout, inquiry, refunds and reconciliation with no transaction open. It must never wait for a place, and
never change what the adapter answered or raised.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TypeVar

from payclear.contract.errors import (
    NotSent,
    OperationUnsupported,
    ProviderError,
    ProviderRefused,
    StatementUnavailable,
)
from payclear.contract.outcomes import Outcome
from payclear.contract.registry import ProviderLine
from payclear.gateway import queries
from payclear.gateway.domain import QUESTIONS, CallResult, CircuitRule, CircuitState, Operation
from payclear.gateway.errors import NotCalled
from payclear.gateway.gates import Permit
from payclear.kernel.ids import new_uuid
from payclear.kernel.phase import require_no_transaction
from payclear.kernel.settings import Settings
from payclear.runtime import Runtime

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


def call(runtime: Runtime, line: ProviderLine, operation: Operation, ask: Callable[[], Answer]) -> Answer:
    """Make one call to a provider and return its answer, or raise what the adapter raised.

    Raises NotCalled (a NotSent, `reason` "busy" or "circuit_open") without calling, when no place of the account is
    free or its circuit is open. No transaction may be open.
    """
    with place(runtime, line, operation) as held:
        return held.call(ask)


@contextmanager
def place(runtime: Runtime, line: ProviderLine, operation: Operation) -> Iterator["Place"]:
    """Hold a place for one call, for callers who must write something down between admission and call.

    Raises NotCalled. Leaving without `call` gives the place back as if nobody had come.
    """
    held = Place(runtime, line, operation)
    try:
        yield held
    finally:
        held.leave(None)


class Place:
    """One admitted call. Made by `place`."""

    def __init__(self, runtime: Runtime, line: ProviderLine, operation: Operation) -> None:
        self._runtime = runtime
        self._line = line
        self._operation = operation
        self._gate = runtime.gates.of(line.code)
        # A pay address that the adapter builds by itself is no call: there is nothing to wait for or to learn from.
        self._is_local = operation is Operation.CHECKOUT and not line.provider.manifest.checkout_calls
        self._permit = self._enter()

    def call(self, ask: Callable[[], Answer]) -> Answer:
        """Make the call, once; the place is free again when it ends."""
        require_no_transaction("a call to a provider")
        began_s = self._runtime.clock.monotonic()
        seen: _Seen = _FAULT
        try:
            answer = ask()
            seen = _seen_in_answer(answer, self._operation)
            return answer
        except ProviderError as error:
            seen = _seen_in_error(error)
            raise
        finally:
            took_ms = int((self._runtime.clock.monotonic() - began_s) * 1000)
            opened = self.leave(seen.for_circuit)
            if seen.observed is not None and not self._is_local:
                self._observe(seen.observed, took_ms=took_ms, opened=opened)

    def leave(self, result: CallResult | None) -> bool:
        """Give the place back; a second time does nothing. True when this call opened the circuit."""
        permit, self._permit = self._permit, None
        if permit is None:
            return False
        rule = circuit_rule(self._runtime.settings)
        opened = self._gate.leave(permit, result, rule, now_s=self._runtime.clock.monotonic())
        if opened:
            log.warning("gateway.circuit_opened", extra={"provider_account": self._line.code})
        elif permit.is_probe and result is not None:
            log.info("gateway.circuit_closed", extra={"provider_account": self._line.code})
        return opened

    def _enter(self) -> Permit | None:
        """A permit; none for what occupies nobody; raises NotCalled."""
        now_s = self._runtime.clock.monotonic()
        if self._operation is Operation.STATEMENT:
            return None  # the last word is never cut off, and comes one at a time
        if self._is_local:
            entered: Permit | CallResult | None = CallResult.OPEN if self._gate.is_open(now_s) else None
        else:
            entered = self._gate.enter(
                places=places_for(self._operation, self._runtime.settings), now_s=now_s
            )
        if not isinstance(entered, CallResult):
            return entered
        if not self._is_local:
            self._observe(entered, took_ms=0, opened=False)
        if entered is CallResult.BUSY:
            raise NotCalled("every place is taken", provider_account=self._line.code, reason="busy")
        raise NotCalled(
            "the circuit is open",
            provider_account=self._line.code,
            reason="circuit_open",
            retry_after_s=max(1, ceil(self._gate.circuit.closed_to - now_s)),
        )

    def _observe(self, result: CallResult, *, took_ms: int, opened: bool) -> None:
        """Write down one call in a small transaction of its own, which may be lost; a failure changes nothing."""
        try:
            with self._runtime.database.begin() as uow:
                uow.run(queries.FORGETFUL)
                values = (new_uuid(), self._line.code, self._operation, result, took_ms, opened, uow.now)
                uow.run(queries.OBSERVE, values)
                uow.commit()
        except Exception:
            log.exception("gateway.not_observed", extra={"provider_account": self._line.code})


def questions_now(runtime: Runtime, line: ProviderLine, *, at_most: int) -> int:
    """How many questions to an account make sense now: all, one probe, or none while its circuit is open."""
    gate = runtime.gates.of(line.code)
    if gate.circuit.state is CircuitState.CLOSED:
        return at_most
    return int(not gate.is_open(runtime.clock.monotonic()))


def circuit_rule(settings: Settings) -> CircuitRule:
    """When circuits open, by the settings."""
    return CircuitRule(
        failures=settings.gateway.failures_to_open,
        pause_s=settings.gateway.pause_s,
        pause_max_s=settings.gateway.pause_max_s,
    )


def places_for(operation: Operation, settings: Settings) -> int:
    """How many calls of one account may be under way when another begins.

    Questions never take every place of a worker: one account that hangs leaves one to the others.
    """
    places = settings.gateway.calls_per_account
    if operation in QUESTIONS:
        places = min(places, settings.worker.concurrency - 1)
    return max(places, 1)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a call tells the circuit, and what is written down of it (None: no call was made)."""

    for_circuit: CallResult | None
    observed: CallResult | None


_FAULT = _Seen(CallResult.UNKNOWN, CallResult.UNKNOWN)
_ASKING_FOR_MONEY = frozenset({Operation.CHECKOUT, Operation.REFUND})


def _seen_in_answer(answer: object, operation: Operation) -> _Seen:
    """An answer in time is an answer, also one that decides nothing; only the latter is counted as unknown."""
    outcome = getattr(answer, "outcome", None)
    if outcome is Outcome.UNKNOWN:
        return _Seen(CallResult.OK, CallResult.UNKNOWN)
    if outcome is Outcome.REJECTED and operation in _ASKING_FOR_MONEY:
        return _Seen(CallResult.REFUSED, CallResult.REFUSED)
    return _Seen(CallResult.OK, CallResult.OK)


def _seen_in_error(error: ProviderError) -> _Seen:
    if isinstance(error, OperationUnsupported):
        return _Seen(None, None)
    if isinstance(error, ProviderRefused | StatementUnavailable):
        return _Seen(CallResult.REFUSED, CallResult.REFUSED)
    if isinstance(error, NotSent):
        return _Seen(CallResult.NOT_SENT, CallResult.NOT_SENT)
    return _FAULT
