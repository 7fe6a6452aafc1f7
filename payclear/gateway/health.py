"""How well each provider account does, from our own calls of the last minutes; asked by routing and the console.

One query for all accounts, believed for a few seconds. It must never keep an account closed for good: what nobody
calls is not failing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from payclear.db.uow import UnitOfWork
from payclear.gateway import queries
from payclear.gateway.domain import Health, HealthRule, Window, judge_health
from payclear.gateway.gates import KnownHealth
from payclear.gateway.service import circuit_rule
from payclear.kernel.settings import Settings
from payclear.runtime import Runtime

BELIEVED_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _WindowRow:
    provider_account: str
    calls: int
    failures: int
    slow: int
    failures_at_end: int
    silent_s: float


def snapshot(runtime: Runtime, uow: UnitOfWork) -> Mapping[str, Health]:
    """How every configured account does, at most a few seconds old."""
    now_s = runtime.clock.monotonic()
    known = runtime.gates.health
    if now_s < known.until_s:
        return known.by_account
    windows = _windows(runtime.settings, uow)
    rule = health_rule(runtime.settings)
    judged = {
        line.code: judge_health(
            known.by_account.get(line.code, Health()),
            windows.get(line.code, Window()),
            rule,
            is_paused=runtime.gates.of(line.code).is_paused(now_s),
        )
        for line in runtime.providers
    }
    runtime.gates.health = KnownHealth(now_s + BELIEVED_S, judged)
    return judged


def health_rule(settings: Settings) -> HealthRule:
    """The thresholds, by the settings."""
    gateway = settings.gateway
    return HealthRule(
        calls_min=gateway.calls_min,
        failing_percent=gateway.failing_percent,
        slow_percent=gateway.slow_percent,
        circuit=circuit_rule(settings),
    )


def _windows(settings: Settings, uow: UnitOfWork) -> dict[str, Window]:
    values = {"now": uow.now, "minutes": settings.gateway.window_minutes, "slow_ms": settings.gateway.slow_ms}
    return {
        row.provider_account: Window(
            calls=row.calls,
            failures=row.failures,
            slow=row.slow,
            failures_at_end=row.failures_at_end,
            silent_s=row.silent_s,
        )
        for row in uow.rows(_WindowRow, queries.WINDOWS, values)
    }
