"""Rules of calling providers: who may call now (circuit breaker), what a call said, how well a provider does. Pure.

Called by `gates`, `service` and `health`. It knows seconds of a monotonic clock and milliseconds, no wall-clock time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from payclear.kernel.states import StateTable, register


class Operation(StrEnum):
    """What a provider is asked for."""

    CHECKOUT = "checkout"
    QUERY = "query"
    REFUND = "refund"
    REFUND_QUERY = "refund_query"
    STATEMENT = "statement"


class CallResult(StrEnum):
    """How a call ended. `busy` and `open`: it was not made, because every place was taken or the circuit was open."""

    OK = "ok"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"
    BUSY = "busy"
    OPEN = "open"

    @property
    def is_failure(self) -> bool:
        """Whether the provider did not answer: what opens a circuit."""
        return self in (CallResult.NOT_SENT, CallResult.UNKNOWN)


QUESTIONS = frozenset({Operation.QUERY, Operation.REFUND_QUERY})


class CircuitState(StrEnum):
    """Where the circuit of one account stands in one process."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


CIRCUIT_STATES = register(
    StateTable(
        name="circuit",
        initial=CircuitState.CLOSED,
        transitions={
            (CircuitState.CLOSED, "failed_often"): CircuitState.OPEN,
            (CircuitState.OPEN, "probe_begun"): CircuitState.HALF_OPEN,
            (CircuitState.HALF_OPEN, "probe_answered"): CircuitState.CLOSED,
            (CircuitState.HALF_OPEN, "probe_failed"): CircuitState.OPEN,
            (CircuitState.HALF_OPEN, "probe_not_made"): CircuitState.OPEN,
        },
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitRule:
    """When a circuit opens, and how long it then lets nobody call."""

    failures: int  # in a row
    pause_s: float  # after the first opening; doubles with each failed probe
    pause_max_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """The circuit breaker of one account; a value, each step gives a new one."""

    state: CircuitState = CircuitState.CLOSED
    failures: int = 0
    pause_s: float = 0.0
    closed_to: float = 0.0  # nobody may call before this reading of the monotonic clock

    def admits(self, now_s: float) -> bool:
        """Whether a call may begin: always when closed; when open, one probe after the pause."""
        if self.state is CircuitState.CLOSED:
            return True
        return self.state is CircuitState.OPEN and now_s >= self.closed_to

    def begun(self) -> "Circuit":
        """After a call was admitted; the caller of an open circuit's probe must say how it ended."""
        if self.state is CircuitState.CLOSED:
            return self
        return replace(self, state=_next(self.state, "probe_begun"))

    def answered(self, *, is_probe: bool) -> "Circuit":
        """After the provider answered. A call from before the opening proves nothing about after it."""
        if is_probe:
            assert _next(self.state, "probe_answered") is CircuitState.CLOSED
            return Circuit()
        return replace(self, failures=0) if self.state is CircuitState.CLOSED else self

    def failed(self, rule: CircuitRule, *, now_s: float, is_probe: bool) -> "Circuit":
        """After a call without an answer: the last of too many opens, a failed probe doubles the pause."""
        if is_probe:
            pause_s = min(self.pause_s * 2, rule.pause_max_s)
            return self._open(_next(self.state, "probe_failed"), pause_s, now_s)
        if self.state is not CircuitState.CLOSED:
            return self
        counted = replace(self, failures=self.failures + 1)
        if counted.failures < rule.failures:
            return counted
        return counted._open(_next(self.state, "failed_often"), min(rule.pause_s, rule.pause_max_s), now_s)

    def probe_not_made(self) -> "Circuit":
        """After a probe was admitted and not needed: the next caller may make it."""
        return replace(self, state=_next(self.state, "probe_not_made"))

    def _open(self, state: CircuitState, pause_s: float, now_s: float) -> "Circuit":
        return replace(self, state=state, pause_s=pause_s, closed_to=now_s + pause_s)


def _next(state: CircuitState, event: str) -> CircuitState:
    return CircuitState(CIRCUIT_STATES.next(state, event).to)


# Upper bounds of the latency histogram in milliseconds; what took longer is in a last bucket of its own.
BOUNDS_MS = (25, 50, 100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 8_000, 12_000, 30_000)
LONGER_MS = BOUNDS_MS[-1] + 1
BUCKETS = len(BOUNDS_MS) + 1


def percentile_ms(histogram: Sequence[int], percent: int) -> int | None:
    """The bound under which `percent` of the calls stayed: LONGER_MS past the last one, None without calls."""
    rank = -(-sum(histogram) * percent // 100)
    seen = 0
    for count, bound in zip(histogram, (*BOUNDS_MS, LONGER_MS), strict=True):
        seen += count
        if rank and seen >= rank:
            return bound
    return None


class HealthState(StrEnum):
    """How well an account does, from our own calls of the last minutes."""

    GOOD = "good"
    SLOW = "slow"
    FAILING = "failing"
    CLOSED = "closed"


class HealthReason(StrEnum):
    """Why."""

    NO_CALLS = "no_calls"  # too few to say anything: good until shown otherwise
    ANSWERS = "answers"
    LATENCY = "latency"
    UNANSWERED = "unanswered"
    CIRCUIT_OPEN = "circuit_open"


@dataclass(frozen=True, slots=True)
class Health:
    """The answer to routing and to the console."""

    state: HealthState = HealthState.GOOD
    reason: HealthReason = HealthReason.NO_CALLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What the calls of one account in the last minutes came to, over all processes."""

    calls: int = 0
    failures: int = 0
    slow: int = 0  # took longer than the limit
    failures_at_end: int = 0  # since the last answer
    silent_s: float = 0.0  # since the newest of those


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRule:
    """Thresholds. A state is left only when the share has fallen to half of what leads into it."""

    calls_min: int
    failing_percent: int
    slow_percent: int
    circuit: CircuitRule


def judge_health(before: Health, window: Window, rule: HealthRule, *, is_paused: bool) -> Health:
    """Say how an account does. `is_paused`: this process's own circuit lets nobody call for a while.

    Other processes' circuits are seen by what they saw: nothing but failures at the end, the newest just now.
    """
    silent = window.failures_at_end >= rule.circuit.failures and window.silent_s < rule.circuit.pause_s
    if is_paused or silent:
        return Health(HealthState.CLOSED, HealthReason.CIRCUIT_OPEN)
    if window.calls < rule.calls_min:
        return Health()
    was_failing = before.state in (HealthState.FAILING, HealthState.CLOSED)
    if _exceeds(window.failures, window.calls, rule.failing_percent, halved=was_failing):
        return Health(HealthState.FAILING, HealthReason.UNANSWERED)
    if _exceeds(window.slow, window.calls, rule.slow_percent, halved=before.state is HealthState.SLOW):
        return Health(HealthState.SLOW, HealthReason.LATENCY)
    return Health(HealthState.GOOD, HealthReason.ANSWERS)


def _exceeds(part: int, whole: int, percent: int, *, halved: bool) -> bool:
    return part * 100 * (2 if halved else 1) >= whole * percent
