"""The clock: APScheduler says when, a unique (job, period) row says who, the queue does the work.

Any number of schedulers may run; each period has one effect.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from payclear.db.uow import Database
from payclear.jobs.queue import defer
from payclear.jobs.records import claim_period
from payclear.kernel.clock import VIETNAM, vietnam_date

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A periodic job: every `every_s` seconds, or daily at the `at` times of day in Viet Nam ("HH:MM")."""

    job: str
    every_s: int = 0
    at: tuple[str, ...] = ()
    arguments: Callable[[datetime], dict[str, Any]] | None = None

    def period(self, now: datetime, *, at: str = "") -> str:
        """The name of the period that `now` lies in; equal on every scheduler."""
        if self.every_s:
            second = int(now.timestamp()) // self.every_s * self.every_s
            return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{vietnam_date(now)}T{at}"


def fire(database: Database, tick: Tick, *, at: str = "") -> bool:
    """Claim the present period and put its job into the queue; False when the period was already claimed."""
    with database.begin() as uow:
        period = tick.period(uow.now, at=at)
        if not claim_period(uow, tick.job, period):
            return False
        defer(uow, tick.job, **(tick.arguments(uow.now) if tick.arguments else {}))
        uow.commit()
    return True


def schedule(scheduler: BaseScheduler, database: Database, ticks: Sequence[Tick]) -> None:
    """Register every tick on a scheduler; a failure is logged and the next period comes anyway."""
    for tick in ticks:
        if tick.every_s:
            trigger = IntervalTrigger(seconds=tick.every_s, timezone=UTC)
            scheduler.add_job(_guarded, trigger, (database, tick, ""), coalesce=True, max_instances=1)
        for at in tick.at:
            hour, minute = at.split(":")
            trigger = CronTrigger(hour=int(hour), minute=int(minute), timezone=VIETNAM)
            scheduler.add_job(
                _guarded, trigger, (database, tick, at), misfire_grace_time=6 * 3600, coalesce=True
            )


def missed_today(ticks: Sequence[Tick], now: datetime) -> list[tuple[Tick, str]]:
    """Daily times of today that have passed: a scheduler that starts late fires them, and the claim keeps them single."""
    local = now.astimezone(VIETNAM)
    passed = []
    for tick in ticks:
        for at in tick.at:
            hour, minute = at.split(":")
            if local >= local.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0):
                passed.append((tick, at))
    return passed


def yesterday(now: datetime) -> str:
    """The Vietnamese calendar day before `now`, as text."""
    return (vietnam_date(now) - timedelta(days=1)).isoformat()


def _guarded(database: Database, tick: Tick, at: str) -> None:
    try:
        fire(database, tick, at=at)
    except Exception:
        log.exception("clock.failed", extra={"job": tick.job})
