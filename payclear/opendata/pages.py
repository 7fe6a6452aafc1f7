"""Public figures for everybody: a page, a CSV and a JSON of the same published bytes. It never makes figures.

It shows no person, needs no script, and may be kept by whoever stands between.
"""

import hashlib
from datetime import date
from typing import Final

from flask import Blueprint, Response, request

from payclear.http.headers import allow_public_cache
from payclear.http.html import answer_errors_with_pages, locale_of, render
from payclear.http.rate_limits import Limit, limit_visitors
from payclear.i18n.amounts import format_amount
from payclear.kernel.clock import VIETNAM
from payclear.kernel.errors import NotFound
from payclear.kernel.money import Money
from payclear.opendata.queries import DIMENSIONS
from payclear.opendata.report_file import csv_bytes
from payclear.opendata.service import (
    DEFINITIONS,
    Published,
    funnel_figures,
    funnel_tables,
    latest,
    published_days,
    published_of,
)
from payclear.runtime import current

blueprint = Blueprint("opendata", __name__, template_folder="templates")
answer_errors_with_pages(blueprint)

VIEWS: Final = Limit("open_data_views", burst=60, every_s=1)
DAYS_SHOWN: Final = 60
KEPT_S: Final = 600


class NothingPublished(NotFound):
    """There are no published figures of this day."""

    code = "open_data_not_published"


@blueprint.get("/so-lieu")
def show() -> Response:
    """The figures of a day as tables; the newest ones without a day."""
    limit_visitors(VIEWS)
    with current().database.begin() as uow:
        days = published_days(uow, DAYS_SHOWN)
    if not days and "ngay" not in request.args:
        return render("opendata/empty.html", locale=locale_of())
    published = _asked_for()
    allow_public_cache(KEPT_S)
    locale = locale_of()
    return render(
        "opendata/figures.html",
        locale=locale,
        day=published.day,
        as_of=published.as_of.astimezone(VIETNAM),
        figures=published.figures,
        days=days,
        dimensions=DIMENSIONS,
        funnel_tables=funnel_tables(published.figures),
        funnel_figures=funnel_figures(published.figures),
        definitions=[name for name in DEFINITIONS if name in published.figures["definitions"]],
        money=lambda value: format_amount(Money(value), locale).replace(" ", "\u00a0"),
        digest=hashlib.sha256(published.body).hexdigest(),
    )


@blueprint.get("/so-lieu.json")
def as_json() -> Response:
    """The figures of a day as they were published, to the byte."""
    limit_visitors(VIEWS)
    published = _asked_for()
    return _file(published.body, "application/json", f"so-lieu-{published.day}.json")


@blueprint.get("/so-lieu.csv")
def as_csv() -> Response:
    """The figures of a day as a table for a spreadsheet."""
    limit_visitors(VIEWS)
    published = _asked_for()
    content = csv_bytes(published, locale=locale_of())
    return _file(content, "text/csv; charset=utf-8", f"so-lieu-{published.day}.csv")


def _asked_for() -> Published:
    asked = request.args.get("ngay", "")
    with current().database.begin() as uow:
        published = published_of(uow, _day(asked)) if asked else latest(uow)
    if published is None:
        raise NothingPublished("no published figures of this day")
    return published


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NothingPublished("not a day") from None


def _file(content: bytes, content_type: str, name: str) -> Response:
    response = Response(content, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = f"public, max-age={KEPT_S}"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.set_etag(hashlib.sha256(content).hexdigest())
    response.make_conditional(request)
    return response
