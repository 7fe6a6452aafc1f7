"""Publishes the figures of each day in the night after it, and of days that were missed; started by the clock."""

from datetime import date, datetime, time, timedelta
from typing import Final

from payclear.jobs.queue import job
from payclear.kernel.clock import at_vietnam, vietnam_date
from payclear.opendata.domain import SETTLES_IN
from payclear.opendata.service import figures_of, publish, published_days
from payclear.runtime import current

# Half past midnight: what banks say a moment after the end of the day is known then.
AS_OF: Final = time(0, 30)
DAYS_MADE_UP: Final = 7


@job("opendata.publish")
def publish_days() -> str | None:
    """Publish yesterday, and each of the days before it that has no figures yet; a new service begins with yesterday."""
    runtime = current()
    with runtime.database.begin() as uow:
        published = published_days(uow, DAYS_MADE_UP + 1)
        wanted = days_to_publish(uow.now, published)
    for day in wanted:
        as_of = as_of_of(day)
        with runtime.database.begin() as uow:
            body = figures_of(uow, day, as_of)
        with runtime.database.begin() as uow:
            publish(uow, day, as_of, body)
            uow.commit()
    return f"{len(wanted)} days published" if wanted else None


def as_of_of(day: date) -> datetime:
    """When the figures of a day are taken for publication."""
    return at_vietnam(day + timedelta(days=1), AS_OF)


def days_to_publish(now: datetime, published: list[date]) -> list[date]:
    """The days that are over, settled and not published, oldest first, a week back at most."""
    last = vietnam_date(now) - timedelta(days=1)
    if as_of_of(last) > now - SETTLES_IN:
        last -= timedelta(days=1)
    first = max(published, default=last - timedelta(days=1)) + timedelta(days=1)
    first = max(first, last - timedelta(days=DAYS_MADE_UP - 1))
    return [first + timedelta(days=step) for step in range((last - first).days + 1)]
