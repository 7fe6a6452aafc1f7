"""What the command `payclear open-data` does: figures of a day as of any instant, as bytes; published only when asked to."""

from datetime import date, datetime
from typing import Final

from payclear.kernel.clock import VIETNAM
from payclear.opendata import service
from payclear.opendata.domain import NoFigures
from payclear.opendata.jobs import as_of_of
from payclear.opendata.report_file import csv_bytes
from payclear.opendata.service import Published, figures_of, published_of, read
from payclear.runtime import Runtime

CSV: Final = "csv"


def figures(
    runtime: Runtime, day: date, *, as_of: str | None, form: str, locale: str, publish: bool
) -> bytes:
    """The figures of a day: as published, or as they were known at a time in Viet Nam. Raises NoFigures."""
    shown = _published(runtime, day) if as_of is None and not publish else None
    if shown is None:
        shown = _made(runtime, day, read_as_of(as_of) if as_of else as_of_of(day), keep=publish)
    return csv_bytes(shown, locale=locale) if form == CSV else shown.body


def read_as_of(text: str) -> datetime:
    """Read `2026-11-22T09:30`, in Viet Nam unless it names another zone; raises NoFigures."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NoFigures("an as-of time is written like 2026-11-22T09:30", field="as_of") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM)


def _published(runtime: Runtime, day: date) -> Published | None:
    with runtime.database.begin() as uow:
        return published_of(uow, day)


def _made(runtime: Runtime, day: date, as_of: datetime, *, keep: bool) -> Published:
    with runtime.database.begin() as uow:
        body = figures_of(uow, day, as_of)
    if keep:
        with runtime.database.begin() as uow:
            service.publish(uow, day, as_of, body)
            uow.commit()
    return read(day, as_of, body)
