"""The documentation of the portal API: `/v1/openapi.json` for tools, `/docs` for people. Open to everybody.

Both are made once, from what the application serves; nothing here is written twice.
"""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Flask, Response, current_app

from payclear.http.documentation import operations, shapes
from payclear.http.errors import HTTP_CODES
from payclear.http.html import locale_of, render
from payclear.http.openapi import Webhook, error_codes, openapi_document, operations_of
from payclear.http.operations import JSON
from payclear.i18n.texts import all_keys, translate
from payclear.runtime import current

_WEBHOOKS: Final = "payclear.webhooks"
_DOCUMENT: Final = "payclear.openapi"
_SAMPLE: Final = Path(__file__).with_name("templates") / "http" / "verify_webhook.py.txt"

blueprint = Blueprint("docs", __name__, template_folder="templates")


def install_docs(app: Flask, *, webhooks: Iterable[Webhook]) -> None:
    """Serve the documentation of every operation of `app` and of the events we send."""
    app.extensions[_WEBHOOKS] = tuple(webhooks)
    app.register_blueprint(blueprint)


@blueprint.get("/v1/openapi.json")
def openapi_json() -> Response:
    """The OpenAPI 3.1 document."""
    body = json.dumps(_document(), ensure_ascii=False, indent=1)
    return Response(body, content_type=JSON, headers={"Cache-Control": "public, max-age=300"})


@blueprint.get("/docs")
def docs() -> Response:
    """The documentation as a page, in Vietnamese or English."""
    locale = locale_of()
    refusals = {described.name: error_codes(described) for _, described in operations_of(current_app)}
    document = _document()
    statuses = _statuses_of(refusals)
    return render(
        "http/docs.html",
        locale=locale,
        public_url=current().settings.web.public_url.rstrip("/"),
        operations=operations(document, refusals=refusals),
        shapes=shapes(document),
        webhooks=current_app.extensions[_WEBHOOKS],
        errors=[
            (code, statuses.get(code, ""), translate(f"error.{code}", locale)) for code in sorted(statuses)
        ],
        field_errors=_field_errors(locale),
        sample=_sample(),
    )


def _document() -> dict[str, Any]:
    known: dict[str, Any] | None = current_app.extensions.get(_DOCUMENT)
    if known is None:
        known = openapi_document(
            current_app,
            public_url=current().settings.web.public_url,
            webhooks=current_app.extensions[_WEBHOOKS],
        )
        current_app.extensions[_DOCUMENT] = known
    return known


def _statuses_of(refusals: dict[str, dict[int, list[str]]]) -> dict[str, str]:
    """Every code of the API with the statuses it comes with; those of HTTP itself come with their own."""
    found: dict[str, set[int]] = {code: set() for code in HTTP_CODES}
    for by_status in refusals.values():
        for status, codes in by_status.items():
            for code in codes:
                found.setdefault(code, set()).add(status)
    return {code: ", ".join(map(str, sorted(statuses))) for code, statuses in found.items()}


def _field_errors(locale: str) -> list[tuple[str, str]]:
    keys = [key for key in all_keys() if key.startswith("field.")]
    return [(key.removeprefix("field."), translate(key, locale, limit="…")) for key in keys]


@cache
def _sample() -> str:
    return _SAMPLE.read_text(encoding="utf-8")
