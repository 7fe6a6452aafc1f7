"""Jobs of the night: start every account's day, reconcile one day, catch up on unfinished days."""

from datetime import date, timedelta

from payclear.contract.manifest import Capability
from payclear.contract.registry import ProviderLine
from payclear.jobs.queue import defer, job
from payclear.kernel.calendar import business_day_of
from payclear.runtime import Runtime, current
from reconciliation import queries
from reconciliation.days import cut_off_time
from reconciliation.service import run_night

CATCH_UP_DAYS = 7
_DAY = timedelta(days=1)


@job("reconciliation.night", queue="night")
def night() -> str | None:
    """Hand yesterday of every account with statements to a job of its own."""
    runtime = current()
    lines = _with_statements(runtime)
    with runtime.database.begin() as uow:
        for line in lines:
            yesterday = _today(runtime, line) - _DAY
            defer(uow, "reconciliation.day", account=line.code, day=yesterday.isoformat())
        uow.commit()
    return f"{len(lines)} accounts"


@job("reconciliation.day", queue="night")
def reconcile_day(account: str, day: str) -> str | None:
    """Reconcile one account and day; a missing statement leaves the run waiting for the next catch-up."""
    done = run_night(current(), account, date.fromisoformat(day))
    return f"{account} {day}: {done.run.verdict}"


@job("reconciliation.catch_up", queue="night")
def catch_up() -> str | None:
    """Days of the last week without a finished run: the statement was late, or nobody was here at night."""
    runtime = current()
    deferred = 0
    with runtime.database.begin() as uow:
        for line in _with_statements(runtime):
            yesterday = _today(runtime, line) - _DAY
            window = {"account": line.code, "from": yesterday - CATCH_UP_DAYS * _DAY, "to": yesterday}
            for (day,) in uow.run(queries.UNFINISHED_DAYS, window).fetchall():
                deferred += defer(uow, "reconciliation.day", account=line.code, day=day.isoformat())
        uow.commit()
    return f"{deferred} days" if deferred else None


def _today(runtime: Runtime, line: ProviderLine) -> date:
    return business_day_of(runtime.clock.now(), cut_off_time(line.cut_off))


def _with_statements(runtime: Runtime) -> list[ProviderLine]:
    return [line for line in runtime.providers if Capability.STATEMENT in line.provider.manifest.capabilities]
