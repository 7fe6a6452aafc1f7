"""How well each provider does: now, and by month and day from our own calls; the month as CSV. Reads only."""

from functools import partial
from typing import Any

from flask import Blueprint, Response, request

from payclear.console.frame import console_locale, console_page, names_of_accounts
from payclear.gateway.domain import Health
from payclear.gateway.errors import NoFigures
from payclear.gateway.health import snapshot
from payclear.gateway.report import Month, month_report, month_reports
from payclear.gateway.report_file import (
    DEFINITIONS,
    PERCENTILES,
    has_callbacks,
    latency_text,
    month_file,
    require_known,
)
from payclear.i18n.dates import format_month
from payclear.i18n.shares import format_share
from payclear.kernel.clock import vietnam_date
from payclear.kernel.settings_schema import ACCOUNT_CODE
from payclear.runtime import Runtime, current

blueprint = Blueprint("console_health", __name__, template_folder="../templates", url_prefix="/console")


@blueprint.get("/health")
def accounts() -> Response:
    """Every account: how it does now, and its month."""
    runtime = current()
    month = _month(runtime)
    with runtime.database.begin() as uow:
        reports = month_reports(uow, month, accounts=[line.code for line in runtime.providers])
        health = snapshot(runtime, uow)
        as_of = uow.now
    return console_page(
        "console/health.html",
        rows=[(report, health.get(report.provider_account, Health())) for report in reports],
        calling=frozenset(line.code for line in runtime.providers if has_callbacks(runtime, line.code)),
        as_of=as_of,
        **_shared(runtime, month),
    )


@blueprint.get("/health/<account>")
def account(account: str) -> Response:
    """One account's month by day and by operation."""
    runtime = current()
    _require_code(account)
    month = _month(runtime)
    with runtime.database.begin() as uow:
        report = month_report(uow, account, month)
        health = snapshot(runtime, uow).get(account)
        as_of = uow.now
    require_known(runtime, report)
    return console_page(
        "console/health_account.html",
        report=report,
        health=health,
        as_of=as_of,
        definitions=DEFINITIONS,
        has_callbacks=has_callbacks(runtime, account),
        **_shared(runtime, month),
    )


@blueprint.get("/health/<account>/<month>.csv")
def month_csv(account: str, month: str) -> Response:
    """The same month as CSV."""
    _require_code(account)
    content = month_file(current(), account, month, console_locale())
    response = Response(content, mimetype="text/csv")
    response.headers["Content-Disposition"] = (
        f'attachment; filename="health-{account}-{Month.read(month)}.csv"'
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _month(runtime: Runtime) -> Month:
    asked = request.args.get("month", "")
    return Month.read(asked) if asked else Month.of(vietnam_date(runtime.clock.now()))


def _require_code(account: str) -> None:
    if not ACCOUNT_CODE.fullmatch(account):
        raise NoFigures("no such account")


def _shared(runtime: Runtime, month: Month) -> dict[str, Any]:
    """What every page of health needs."""
    this = Month.of(vietnam_date(runtime.clock.now()))
    return {
        "month": month,
        "earlier": month.before,
        "later": month.next if month != this else None,
        "names": names_of_accounts(runtime),
        "month_text": lambda each: format_month(each.first_on, console_locale()),
        "share": partial(format_share, locale=console_locale()),
        "latency": latency_text,
        "percentiles": PERCENTILES,
    }
