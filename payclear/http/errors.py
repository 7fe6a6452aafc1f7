"""Turns every refusal and failure into problem+json (RFC 9457); pages answer for themselves with `http.html`.

The status of a category is in `http.statuses` and nowhere else. It must never show a trace, a statement
or what was sent; 5xx is never the answer to bad input.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from payclear.http.context import language, request_id
from payclear.http.html import error_page, locale_of
from payclear.http.schemas import FieldProblem, InvalidRequest
from payclear.http.statuses import STATUS_OF, is_database_away
from payclear.i18n.texts import has_text, translate
from payclear.kernel.errors import ErrorCategory, PayclearError
from payclear.runtime import current

log = logging.getLogger(__name__)

CONTENT_TYPE: Final = "application/problem+json"
REALM: Final = 'Bearer realm="payclear"'
# What HTTP itself refuses, by status; other 4xx are bad requests, other 5xx our failure.
_HTTP_CODES: Final = MappingProxyType(
    {
        400: "bad_request",
        401: "unauthenticated",
        403: "forbidden",
        404: "not_found",
        405: "method_not_allowed",
        406: "not_acceptable",
        413: "too_large",
        414: "too_large",
        415: "unsupported_media_type",
        429: "rate_limited",
        431: "too_large",
        503: "unavailable",
    }
)
HTTP_CODES: Final = frozenset(_HTTP_CODES.values()) | {"internal"}
_HEADERS_OF_HTTP: Final = ("Allow", "Retry-After")
_NOT_SHOWN: Final = frozenset({"field", "retry_after_s"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One refusal as it is answered."""

    status: int
    code: str
    detail: str = ""
    fields: tuple[FieldProblem, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def install_errors(app: Flask) -> None:
    """Answer every error that no blueprint answers itself; a browser outside the API gets a page."""
    app.register_error_handler(PayclearError, _answer)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer)


def problem_of(error: BaseException) -> Problem:
    """The problem an exception is."""
    if isinstance(error, PayclearError):
        return _refusal(error)
    if isinstance(error, HTTPException):
        return _http_refusal(error)
    if is_database_away(error):
        return Problem(status=503, code="unavailable", headers={"Retry-After": "2"})
    return Problem(status=500, code="internal")


def problem_response(problem: Problem) -> Response:
    """The answer for a problem, titled in the caller's language."""
    locale = language()
    body: dict[str, Any] = {
        "type": problem_type(problem.code),
        "title": translate(f"error.{problem.code}", locale),
        "status": problem.status,
        "code": problem.code,
        "request_id": request_id(),
    }
    if problem.detail:
        body["detail"] = problem.detail
    if problem.fields:
        body["errors"] = [_field_error(each, locale) for each in problem.fields]
    if problem.facts:
        body["facts"] = dict(problem.facts)
    response = Response(
        json.dumps(body, ensure_ascii=False, separators=(",", ":")), problem.status, content_type=CONTENT_TYPE
    )
    response.headers["Content-Language"] = locale
    response.headers.update(problem.headers)
    return response


def problem_type(code: str) -> str:
    """The address that explains a code: its place on our documentation page."""
    return f"{current().settings.web.public_url.rstrip('/')}/docs#error-{code}"


def _refusal(error: PayclearError) -> Problem:
    named = error.facts.get("field")
    fields: tuple[FieldProblem, ...] = ()
    if isinstance(error, InvalidRequest):
        fields = error.problems
    elif isinstance(named, str):
        fields = (FieldProblem(named, error.code),)
    return Problem(
        status=STATUS_OF[error.category],
        code=error.code,
        detail="" if isinstance(error, InvalidRequest) else error.detail,
        fields=fields,
        facts={name: value for name, value in error.facts.items() if name not in _NOT_SHOWN},
        headers=_headers_of(error),
    )


def _headers_of(error: PayclearError) -> dict[str, str]:
    headers: dict[str, str] = {}
    wait = error.facts.get("retry_after_s")
    if isinstance(wait, int):
        headers["Retry-After"] = str(wait)
    if error.category is ErrorCategory.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = REALM
    elif error.code == "scope_missing":
        headers["WWW-Authenticate"] = (
            f'{REALM}, error="insufficient_scope", scope="{error.facts.get("scope")}"'
        )
    return headers


def _http_refusal(error: HTTPException) -> Problem:
    status = error.code or 500
    code = _HTTP_CODES.get(status, "bad_request" if status < 500 else "internal")
    given = dict(error.get_headers())
    headers: dict[str, str] = {name: given[name] for name in _HEADERS_OF_HTTP if name in given}
    return Problem(status=status, code=code, headers=headers)


def _field_error(problem: FieldProblem, locale: str) -> dict[str, str]:
    key = f"field.{problem.code}"
    if not has_text(key):
        # A rule of a feature named the field: its own title says what is wrong.
        return {
            "field": problem.field,
            "code": problem.code,
            "message": translate(f"error.{problem.code}", locale),
        }
    return {
        "field": problem.field,
        "code": problem.code,
        "message": translate(key, locale, limit=problem.limit),
    }


def _answer_http(error: HTTPException) -> Response | HTTPException:
    if error.code is not None and error.code < 400:
        return error
    return _answer(error)


def _answer(error: BaseException) -> Response:
    problem = problem_of(error)
    _log(error, problem)
    if _wants_page():
        wait = int(problem.headers.get("Retry-After", "0"))
        page = error_page(problem.status, locale=locale_of(), retry_after_s=wait)
        page.headers.update(problem.headers)
        return page
    return problem_response(problem)


def _log(error: BaseException, problem: Problem) -> None:
    facts = {"code": problem.code, "status": problem.status}
    if problem.status == 500:
        log.error("http.failed", exc_info=error, extra=facts)
    elif problem.status >= 500:
        log.warning("http.unavailable", exc_info=error, extra=facts)
    else:
        log.info("http.refused", extra=facts)


def _wants_page() -> bool:
    """Whether a person looks: a browser that prefers HTML, anywhere but in the API."""
    if request.path.startswith("/v1"):
        return False
    offered = (CONTENT_TYPE, "application/json", "text/html")
    return request.accept_mimetypes.best_match(offered, CONTENT_TYPE) == "text/html"
