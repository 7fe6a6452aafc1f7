"""The console's pages of reconciliation: the days by account, one day, and the day as CSV. Reads only."""

from datetime import date

from flask import Blueprint, Response, request

from payclear.console.frame import console_locale, console_page
from payclear.db.uow import UnitOfWork
from payclear.runtime import current
from reconciliation.errors import DayNotReconciled
from reconciliation.reports import csv_file
from reconciliation.reports.service import build, list_days, matches

blueprint = Blueprint("reconciliation", __name__, template_folder="templates")

DAYS_SHOWN = 60
ROWS_SHOWN = 200


@blueprint.get("/reconciliation")
def days() -> Response:
    """The days that were reconciled, the newest first."""
    runtime = current()
    account = request.args.get("account") or None
    if account is not None:
        runtime.providers.get(account)  # one that is not ours is not found
    before = _day(request.args["before"]) if request.args.get("before") else None
    with runtime.database.begin() as uow:
        entries = list_days(uow, provider_account=account, before=before, limit=DAYS_SHOWN)
    names = {line.code: (line.account.name_vi, line.account.name_en) for line in runtime.providers}
    more = entries[-1].business_on.isoformat() if len(entries) >= DAYS_SHOWN else ""
    return console_page(
        "reconciliation/days.html",
        entries=entries,
        names=names,
        account=account,
        more=more,
        is_first=before is None,
    )


@blueprint.get("/reconciliation/<account>/<day>")
def day(account: str, day: str) -> Response:
    """One account's day: verdict, totals that re-add, and everything that does not tie."""
    runtime = current()
    line = runtime.providers.get(account)
    with runtime.database.begin() as uow:
        report = build(uow, line, _day(day))
    return console_page(
        "reconciliation/day.html", report=report, definitions=csv_file.DEFINITIONS, rows_shown=ROWS_SHOWN
    )


@blueprint.get("/reconciliation/<account>/<day>.csv")
def day_csv(account: str, day: str) -> Response:
    """The same day as CSV, matched lines included; it is streamed."""
    runtime = current()
    line = runtime.providers.get(account)
    on = _day(day)
    with runtime.database.begin() as uow:
        report = build(uow, line, on)
    locale = console_locale()

    def content():
        with runtime.database.begin() as uow:
            _give_time(uow)
            yield from csv_file.csv_bytes(report, matches(uow, report), locale=locale)

    response = Response(content(), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="reconciliation-{line.code}-{on}.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _give_time(uow: UnitOfWork) -> None:
    # A reader on a slow line may take a while between two windows of rows.
    uow.run("SET LOCAL idle_in_transaction_session_timeout = '10min'")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DayNotReconciled("no such day", business_on=text[:40]) from None
