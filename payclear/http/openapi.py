"""Writes the OpenAPI 3.1 document from the operations and schemas that the application really serves.

Called once per application by `http.pages`. It must never describe what is not registered, or miss what is.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import marshmallow
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from werkzeug.routing import Rule

from payclear.http.context import HEADER as REQUEST_ID_HEADER
from payclear.http.errors import CONTENT_TYPE
from payclear.http.idempotency import (
    HEADER,
    HEADER_PATTERN,
    IdempotencyInFlight,
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
)
from payclear.http.json_body import MalformedJson
from payclear.http.operations import JSON, BodyMissing, NoFields, Operation, UnsupportedMediaType
from payclear.http.schemas import Choice, InvalidRequest, Items, Part, StrictField, StrictSchema
from payclear.http.statuses import STATUS_OF
from payclear.i18n.texts import translate
from payclear.kernel.errors import PayclearError

VERSION: Final = "1.0.0"
_ABOUT: Final = (
    "Create payment orders for what citizens owe, send them to the hosted payment page, and learn the "
    "outcome by a signed webhook. Amounts are whole đồng; instants are UTC; errors are problem+json "
    "(RFC 9457) with a stable `code`. Every POST needs an `Idempotency-Key`: the same key and body give the "
    "same answer, byte for byte."
)
_ALWAYS: Final = {
    401: ("unauthenticated",),
    403: ("portal_address_refused", "scope_missing"),
    429: ("rate_limited",),
    503: ("unavailable",),
}
_ON_QUESTIONS: Final = (MalformedJson, BodyMissing, UnsupportedMediaType)
_ON_WRITES: Final = (
    *_ON_QUESTIONS,
    InvalidRequest,
    IdempotencyKeyMissing,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    IdempotencyInFlight,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One kind of outbound event, as the documentation shows it."""

    name: str
    summary: str
    schema: Mapping[str, Any]


def operations_of(app: Flask) -> list[tuple[Rule, Operation]]:
    """Every route of the application that is an operation, by path."""
    found = []
    for rule in app.url_map.iter_rules():
        described = getattr(app.view_functions[rule.endpoint], "operation", None)
        if isinstance(described, Operation):
            found.append((rule, described))
    return sorted(found, key=lambda each: (each[1].tag, each[0].rule, method_of(each[0])))


def method_of(rule: Rule) -> str:
    """The one method of an operation's route, in small letters."""
    return next(method.lower() for method in sorted(rule.methods or ()) if method not in ("HEAD", "OPTIONS"))


def openapi_document(app: Flask, *, public_url: str, webhooks: Iterable[Webhook]) -> dict[str, Any]:
    """The document for what `app` serves, with the events we send."""
    plugin = MarshmallowPlugin(schema_name_resolver=_name_of)
    document = APISpec(
        title="payclear portal API",
        version=VERSION,
        openapi_version="3.1.0",
        plugins=[plugin],
        info={"description": _ABOUT},
        servers=[{"url": public_url.rstrip("/")}],
        tags=[{"name": tag} for tag in sorted({each.tag for _, each in operations_of(app)})],
    )
    assert plugin.converter is not None
    plugin.converter.add_attribute_function(_described)
    document.components.security_scheme(
        "apiKey", {"type": "http", "scheme": "bearer", "description": "An API key of the portal: `pk_…`."}
    )
    document.components.schema("Problem", _problem_schema())
    document.components.header(
        "RequestId", {"description": "Name it when you ask for help.", "schema": {"type": "string"}}
    )
    for rule, described in operations_of(app):
        document.path(path=_path(rule), operations={method_of(rule): _operation(described, rule)})
    written = document.to_dict()
    for (schema, *_), name in plugin.converter.refs.items():
        written["components"]["schemas"][name]["description"] = " ".join((schema.__doc__ or "").split())
    written["webhooks"] = {each.name: {"post": _webhook(each)} for each in webhooks}
    return written


def _path(rule: Rule) -> str:
    return rule.rule.replace("<", "{").replace(">", "}")


def _name_of(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.removesuffix("Schema")


def _described(_converter: Any, field: marshmallow.fields.Field, ret: dict[str, Any]) -> dict[str, Any]:
    """What our own fields say of themselves, in place of what apispec guesses."""
    if isinstance(field, StrictField):
        shape = field.described()
        if field.load_default is not marshmallow.missing:
            shape["default"] = field.load_default
            if shape["default"] is None:
                del shape["default"]
                ret.pop("default", None)
        return shape
    if isinstance(field, Items):
        shape = {"minItems": field.least, "maxItems": field.most}
        if field.unique:
            shape["uniqueItems"] = True
        return shape | ({"description": field.about} if field.about else {})
    if isinstance(field, Part) and field.about:
        return {"description": field.about}
    return {}


def _operation(described: Operation, rule: Rule) -> dict[str, Any]:
    written: dict[str, Any] = {
        "operationId": described.name,
        "summary": described.summary,
        "tags": [described.tag],
        "security": [{"apiKey": []}],
        "parameters": _parameters(described, rule),
        "responses": _responses(described),
        "x-scope": str(described.scope),
    }
    if described.about:
        written["description"] = described.about
    if described.body is not None:
        content: dict[str, Any] = {"schema": _body_schema(described.body)}
        if described.example is not None:
            content["example"] = dict(described.example)
        written["requestBody"] = {"required": True, "content": {JSON: content}}
    if described.file is not None:
        binary = {"schema": {"type": "string", "format": "binary", "maxLength": described.file.bytes_max}}
        written["requestBody"] = {"required": True, "content": dict.fromkeys(described.file.kinds, binary)}
    return written


def _body_schema(body: StrictSchema | Choice) -> Any:
    if isinstance(body, Choice):
        return {"oneOf": list(body.schemas.values())}
    return body


def _parameters(described: Operation, rule: Rule) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in sorted(rule.arguments)
    ]
    if not isinstance(described.query, NoFields):
        for name, each in described.query.fields.items():
            assert isinstance(each, StrictField)
            shape = each.described()
            about = shape.pop("description", "")
            parameters.append(
                {
                    "name": name,
                    "in": "query",
                    "required": each.required,
                    "description": about,
                    "schema": shape,
                }
            )
    parameters += [
        {"name": name, "in": "header", "required": True, "description": about, "schema": {"type": "string"}}
        for name, about in described.headers.items()
    ]
    if described.writes:
        parameters.append(
            {
                "name": HEADER,
                "in": "header",
                "required": True,
                "description": "1 to 255 visible ASCII characters, one per intention. Kept for 30 days.",
                "schema": {"type": "string", "pattern": HEADER_PATTERN},
            }
        )
    return parameters


def _responses(described: Operation) -> dict[str, Any]:
    headers: dict[str, Any] = {REQUEST_ID_HEADER: "RequestId"}
    responses: dict[str, Any] = {}
    for status, (schema, about) in described.answers.items():
        responses[str(status)] = {
            "description": about,
            "headers": headers | (_created_headers() if described.writes else {}),
            "content": {described.answers_with: {"schema": _answer_schema(described, schema)}},
        }
    for status, codes in sorted(error_codes(described).items()):
        responses[str(status)] = {
            "description": "; ".join(f"`{code}`: {_title(code)}" for code in codes),
            "headers": headers,
            "content": {CONTENT_TYPE: {"schema": "Problem"}},
        }
    return responses


def _answer_schema(described: Operation, schema: StrictSchema) -> Any:
    return schema if described.answers_with == JSON else {"type": "string", "format": "binary"}


def error_codes(described: Operation) -> dict[int, list[str]]:
    """The codes an operation may refuse with, by status."""
    codes: dict[int, set[str]] = defaultdict(set)
    for status, always in _ALWAYS.items():
        codes[status].update(always)
    kinds: tuple[type[PayclearError], ...] = (*described.errors, InvalidRequest)
    if described.writes:
        codes[403].update(("portal_barred", "portal_not_collecting"))
        codes[413].add("too_large")
        kinds += _ON_WRITES
    if described.asks:
        codes[413].add("too_large")
        kinds += _ON_QUESTIONS
    for kind in kinds:
        codes[STATUS_OF[kind.category]].add(kind.code)
    return {status: sorted(named) for status, named in codes.items()}


def _created_headers() -> dict[str, Any]:
    return {
        "Idempotent-Replayed": {
            "description": "`true` when this is the stored answer of an earlier request.",
            "schema": {"type": "string", "const": "true"},
        }
    }


def _title(code: str) -> str:
    return translate(f"error.{code}", "en")


def _problem_schema() -> dict[str, Any]:
    text: dict[str, Any] = {"type": "string"}
    return {
        "type": "object",
        "description": "A refusal or failure (RFC 9457). React to `code`; show `title`.",
        "properties": {
            "type": {"type": "string", "format": "uri", "description": "Address that explains the code."},
            "title": {"type": "string", "description": "In the language of Accept-Language, vi or en."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "code": {"type": "string", "pattern": "^[a-z][a-z0-9]*(_[a-z0-9]+)*$"},
            "request_id": text,
            "detail": {"type": "string", "description": "For developers, in English."},
            "errors": {
                "type": "array",
                "description": "What is wrong with single fields.",
                "items": {
                    "type": "object",
                    "properties": {"field": text, "code": text, "message": text},
                    "required": ["field", "code", "message"],
                },
            },
            "facts": {"type": "object", "description": "Values the code speaks of."},
        },
        "required": ["type", "title", "status", "code", "request_id"],
    }


def _webhook(each: Webhook) -> dict[str, Any]:
    text = {"type": "string"}
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return {
        "operationId": "on_" + each.name.replace(".", "_"),
        "summary": each.summary,
        "tags": ["Webhooks"],
        "description": "Signed by Standard Webhooks 1.0.0 with HMAC-SHA256 (`v1`) and Ed25519 (`v1a`). "
        "Verify the raw bytes, remember `webhook-id`, let the highest `sequence` win, and answer 2xx before "
        "you work.",
        "security": [],
        "parameters": [{"name": name, "in": "header", "required": True, "schema": text} for name in names],
        "requestBody": {"required": True, "content": {JSON: {"schema": dict(each.schema)}}},
        "responses": {
            "2XX": {"description": "Taken; it is not sent again."},
            "410": {"description": "This endpoint is gone: nothing is sent to it any more."},
            "default": {"description": "Not taken; it is sent again, for 14 days."},
        },
    }
