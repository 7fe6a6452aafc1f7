"""The gates of one process: how many calls of each provider account are under way, and its circuit breaker.

Held by the Runtime, used by `service` and `health`. Threads share it; no other process does (decision 0013).
It must never wait: a call is admitted or refused at once.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from payclear.gateway.domain import CallResult, Circuit, CircuitRule, CircuitState, Health


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to make one call. `is_probe`: an open circuit waits for how it ends."""

    is_probe: bool


class Gate:
    """One account's places and circuit in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0
        self._circuit = Circuit()

    @property
    def circuit(self) -> Circuit:
        """The circuit as it stands."""
        return self._circuit

    @property
    def taken(self) -> int:
        """Calls under way."""
        return self._taken

    def enter(self, *, places: int, now_s: float) -> Permit | CallResult:
        """Take a place, or say why not: OPEN or BUSY."""
        with self._lock:
            if not self._circuit.admits(now_s):
                return CallResult.OPEN
            if self._taken >= places:
                return CallResult.BUSY
            self._taken += 1
            is_probe = self._circuit.state is CircuitState.OPEN
            self._circuit = self._circuit.begun()
            return Permit(is_probe)

    def leave(self, permit: Permit, result: CallResult | None, rule: CircuitRule, *, now_s: float) -> bool:
        """Give the place back and count how the call ended (None: it was not made); True when this opened the circuit."""
        with self._lock:
            self._taken -= 1
            before = self._circuit
            if result is None:
                self._circuit = before.probe_not_made() if permit.is_probe else before
            elif result.is_failure:
                self._circuit = before.failed(rule, now_s=now_s, is_probe=permit.is_probe)
            else:
                self._circuit = before.answered(is_probe=permit.is_probe)
            return result is not None and (
                before.state is not CircuitState.OPEN and self._circuit.state is CircuitState.OPEN
            )

    def is_paused(self, now_s: float) -> bool:
        """Whether the circuit is open and its pause is not over; while a probe is under way it is not."""
        circuit = self._circuit
        return circuit.state is CircuitState.OPEN and now_s < circuit.closed_to

    def is_open(self, now_s: float) -> bool:
        """Whether nobody may call now."""
        return not self._circuit.admits(now_s)


@dataclass(slots=True)
class KnownHealth:
    """The last judgement of every account, and until when it is believed."""

    until_s: float = float("-inf")
    by_account: Mapping[str, Health] = field(default_factory=dict)


class Gates:
    """Every account's gate, made when it is first asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gates: dict[str, Gate] = {}
        self.health = KnownHealth()

    def of(self, provider_account: str) -> Gate:
        """The gate of an account."""
        with self._lock:
            return self._gates.setdefault(provider_account, Gate())
