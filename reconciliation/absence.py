"""Ends live attempts that complete statements do not list: what no line names was not paid there.

Called by `service` once a day is judged, in small transactions of its own that may be repeated.
It must never read absence out of a day whose statement is missing, held, partly read or not over.
"""

import logging
from datetime import date, timedelta
from typing import Any

from payclear.audit.service import record
from payclear.catalogue.service import business_calendar
from payclear.contract.evidence import Evidence
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.contract.registry import ProviderLine
from payclear.db.uow import UnitOfWork
from payclear.kernel.calendar import BusinessCalendar
from payclear.kernel.errors import PayclearError
from payclear.orders.domain import Effect
from payclear.orders.evidence import apply_evidence
from payclear.runtime import Runtime
from reconciliation import queries
from reconciliation.adoption import BATCH
from reconciliation.days import cut_off_time, end_of, start_of
from reconciliation.records import RunRow
from reconciliation.turns import take_turn

log = logging.getLogger(__name__)

DETAIL_CODE = "statement:absent"
# More than any outage leaves behind; the next night goes on with the rest.
ABSENT_MAX = 20_000
_DAY = timedelta(days=1)


def end_unlisted(runtime: Runtime, line: ProviderLine, run: RunRow) -> int:
    """Tell the door of every live attempt that should be listed by the run's day and is not; how many ended.

    An attempt counts as absent when its time ended on a day before the run's, the account's grace has passed since,
    and the statement of each day from its creation to the run's day is whole. A line that comes later is late money.
    """
    with runtime.database.begin() as uow:
        absent = _absent(uow, line, run)
    ended = 0
    for start in range(0, len(absent), BATCH):
        with runtime.database.begin() as uow:
            take_turn(uow, run)
            taken = [ref for ref in absent[start : start + BATCH] if _end(runtime, uow, run, ref)]
            if taken:
                _audit(uow, run, taken)
            uow.commit()
        ended += len(taken)
    return ended


def last_decidable_day(calendar: BusinessCalendar, business_on: date, grace_business_days: int) -> date:
    """The last day before `business_on` from which at least the grace has passed."""
    day = business_on - _DAY
    while calendar.business_days_between(day, business_on) < grace_business_days:
        day -= _DAY
    return day


def _absent(uow: UnitOfWork, line: ProviderLine, run: RunRow) -> list[str]:
    """References of live attempts that the whole days up to the run's name nowhere, in the order of their orders."""
    cut_off = cut_off_time(line.cut_off)
    about: dict[str, Any] = {
        "account": line.code,
        "on": run.business_on,
        "over_at": end_of(run.business_on, cut_off),
    }
    (first_whole,) = queries.one(uow, queries.FIRST_WHOLE_DAY, about)
    if first_whole is None:
        return []
    calendar = business_calendar(uow, line.code)
    last = last_decidable_day(calendar, run.business_on, line.grace_business_days)
    span = {"since": start_of(first_whole, cut_off), "until": end_of(last, cut_off), "limit": ABSENT_MAX}
    return [ref for (ref,) in uow.run(queries.UNLISTED_ATTEMPTS, about | span).fetchall()]


def _end(runtime: Runtime, uow: UnitOfWork, run: RunRow, attempt_ref: str) -> bool:
    absence = Evidence(
        source=EvidenceSource.STATEMENT,
        outcome=Outcome.NOT_SENT,
        provider_account=run.provider_account,
        attempt_ref=attempt_ref,
        detail_code=DETAIL_CODE,
    )
    try:
        with uow.savepoint():
            applied = apply_evidence(uow, absence, attempts_max=runtime.settings.orders.attempts_max)
    except PayclearError as error:
        log.warning("reconciliation.not_ended", extra={"attempt_ref": attempt_ref, "code": error.code})
        return False
    return applied.effect is Effect.LAPSED


def _audit(uow: UnitOfWork, run: RunRow, ended: list[str]) -> None:
    record(
        uow,
        actor_type="system",
        actor="reconciliation",
        action="reconciliation.unlisted_ended",
        object_type="reconciliation_day",
        object_id=f"{run.provider_account}/{run.business_on.isoformat()}",
        facts={"run": str(run.id), "attempts": ended},
    )
