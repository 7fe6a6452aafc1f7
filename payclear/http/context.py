"""What surrounds every request: its id, the caller's language, one line in the access log.

Installed once by the application for all blueprints. It must never log a query string, a header or a body.
"""

import logging
import re
from typing import Final

from flask import Flask, Response, g, request

from payclear.i18n.locales import LOCALES, Locale
from payclear.kernel.ids import new_uuid, public_id
from payclear.kernel.logs import bind_request_id
from payclear.runtime import current

log = logging.getLogger(__name__)

HEADER: Final = "X-Request-Id"
_GIVEN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


def install_context(app: Flask) -> None:
    """Give every request its id and its line in the access log."""
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(_forget)


def request_id() -> str:
    """This request's id: the caller's X-Request-Id when it is 8 to 64 plain characters, else a new one."""
    known: str | None = g.get("request_id")
    if known is None:
        given = request.headers.get(HEADER, "")
        known = given if _GIVEN_ID.fullmatch(given) else public_id("req", new_uuid())
        g.request_id = known
    return known


def language() -> Locale:
    """The language the caller likes best by Accept-Language, whatever its region; else Vietnamese."""
    for tag, quality in request.accept_languages:  # the best first
        primary = tag.split("-")[0].lower()
        if quality > 0 and primary in LOCALES:
            return "en" if primary == "en" else "vi"
    return "vi"


def _begin() -> None:
    g.began_s = current().clock.monotonic()
    bind_request_id(request_id())


def _finish(response: Response) -> Response:
    response.headers[HEADER] = request_id()
    if request.endpoint == "static":
        return response
    log.info(
        "http.request",
        extra={
            "method": request.method if request.method.isalpha() else "?",
            "route": request.url_rule.rule if request.url_rule else None,
            "status": response.status_code,
            "ms": round((current().clock.monotonic() - g.began_s) * 1000, 1) if "began_s" in g else None,
            "portal": g.get("portal_code"),
        },
    )
    return response


def _forget(_error: BaseException | None) -> None:
    bind_request_id(None)
