"""HTML pages: language, the template's tools, error pages. Called by every `pages` module and by the console.

The language is the query parameter `lang`, else what the caller names; nothing is remembered.
It must never show a traceback, a code of ours or what was sent.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from flask import Blueprint, Flask, Response, g, make_response, redirect, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException

from payclear.http.statuses import STATUS_OF, is_database_away
from payclear.i18n.amounts import format_amount
from payclear.i18n.dates import format_date, format_datetime
from payclear.i18n.locales import LOCALES, Locale
from payclear.i18n.texts import has_text, translate
from payclear.kernel.errors import PayclearError
from payclear.kernel.money import Money

log = logging.getLogger(__name__)

STATIC: Final = Path(__file__).resolve().parents[1] / "static"
_ERROR_STATUSES: Final = (400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 500, 503)


def locale_of(default: str = "vi") -> Locale:
    """The language of this request: `lang` in the address or in a form already read, else `default`, else Vietnamese.

    It never reads the body: an error page must not trip over what was sent.
    """
    read: Mapping[str, str] = request.__dict__.get("form") or {}
    asked = request.args.get("lang") or read.get("lang") or default
    return "en" if asked == "en" else "vi"


def render(template: str, *, locale: Locale, status: int = 200, **context: Any) -> Response:
    """A page in one language; texts and formats of that language are at hand in the template.

    In templates: `t(key, **params)`, `amount(money)`, `on(date)`, `at(datetime)`, `locale`, `asset(name)`,
    `languages` (addresses of this page in every language).
    """
    body = render_template(template, **_tools(locale), **context)
    response = make_response(body, status)
    response.headers["Content-Language"] = locale
    return response


def see_other(target: str) -> Response:
    """Lead the browser to another page; the answer is kept nowhere."""
    response: Response = redirect(target, code=303)  # type: ignore[assignment]
    response.headers["Cache-Control"] = "no-store"
    return response


def error_page(status: int, *, locale: Locale, retry_after_s: int = 0) -> Response:
    """The page for a refusal or a failure, in plain words, with the next step."""
    shown = status if status in _ERROR_STATUSES else (500 if status >= 500 else 400)
    response = render("error.html", locale=locale, status=status, shown=shown)
    if retry_after_s:
        response.headers["Retry-After"] = str(retry_after_s)
    return response


def answer_errors_with_pages(blueprint: Blueprint, *, locale: Callable[[], Locale] = locale_of) -> None:
    """Turn every error of this blueprint's pages into an error page; failures are logged with their trace."""

    @blueprint.errorhandler(PayclearError)
    def refused(error: PayclearError) -> Response:
        status = STATUS_OF[error.category]
        log.info("pages.refused", extra={"code": error.code, "path_rule": str(request.url_rule)})
        retry_after_s = error.facts.get("retry_after_s")
        wait = retry_after_s if isinstance(retry_after_s, int) else 0
        return error_page(status, locale=locale(), retry_after_s=wait)

    @blueprint.errorhandler(HTTPException)
    def refused_by_http(error: HTTPException) -> Response:
        return error_page(error.code or 500, locale=locale())

    @blueprint.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        if is_database_away(error):
            log.warning("pages.unavailable", exc_info=error, extra={"path_rule": str(request.url_rule)})
            return error_page(503, locale=locale(), retry_after_s=5)
        log.exception("pages.failed", extra={"path_rule": str(request.url_rule)})
        return error_page(500, locale=locale())


def install_html(app: Flask, *, banners: Callable[[], Sequence[Any]] = tuple) -> None:
    """Prepare the application's templates; called once at assembly. `banners`: what every citizen's page says now."""
    app.jinja_env.globals["banners"] = banners
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["asset"] = asset
    app.context_processor(lambda: _tools(g.get("locale") or locale_of()))


@cache
def asset(name: str) -> str:
    """The address of one of our own static files, with a digest of its content so that it may be kept."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def _tools(locale: Locale) -> dict[str, Any]:
    return {
        "locale": locale,
        "t": partial(translate, locale=locale),
        "knows": has_text,
        "amount": partial(_amount, locale=locale),
        "on": partial(_on, locale=locale),
        "at": partial(_at, locale=locale),
        "languages": [(each, _in_language(each)) for each in LOCALES],
    }


def _amount(money: Money, *, locale: Locale) -> str:
    # A no-break space keeps the currency with its figures.
    return format_amount(money, locale).replace(" ", "\u00a0")


def _on(day: date, *, locale: Locale) -> str:
    return format_date(day, locale)


def _at(moment: datetime, *, locale: Locale) -> str:
    return format_datetime(moment, locale)


def _in_language(locale: Locale) -> str:
    """This page's own address in another language; other parameters stay."""
    kept: MultiDict[str, str] = MultiDict(request.args)
    kept["lang"] = locale
    # Two slashes, or a slash and a backslash, would name another host.
    path = "/" + quote(request.path.lstrip("/"))
    return f"{path}?{urlencode(list(kept.items(multi=True)))}"
