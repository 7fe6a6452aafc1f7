"""What the documentation page shows, made from the OpenAPI document: operations, shapes, errors. Pure.

Called by `http.pages`; it must never know more than the document that tools get.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_REF: Final = "#/components/schemas/"
_BOUNDS: Final = (
    ("minimum", "maximum", ""),
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " items"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRow:
    """One field of a shape; `links` are names of further shapes."""

    name: str
    kind: str
    links: tuple[str, ...]
    is_required: bool
    about: str
    limits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One named schema."""

    name: str
    about: str
    fields: tuple[FieldRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The codes an operation refuses with under one status."""

    status: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationView:
    """One operation as the page shows it."""

    name: str
    method: str
    path: str
    scope: str
    parameters: tuple[FieldRow, ...]
    bodies: tuple[str, ...]
    answers: tuple[tuple[str, str, str], ...]  # status, meaning, shape
    refusals: tuple[Refusal, ...]
    curl: str


def operations(
    document: Mapping[str, Any], *, refusals: Mapping[str, Mapping[int, list[str]]]
) -> list[OperationView]:
    """Every operation, in the document's order; `refusals` are the codes of each by status."""
    server = document["servers"][0]["url"]
    return [
        _operation(path, method, item[method], server=server, refusals=refusals[item[method]["operationId"]])
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]


def shapes(document: Mapping[str, Any]) -> list[Shape]:
    """Every named schema, by name."""
    schemas: Mapping[str, Any] = document["components"]["schemas"]
    return [
        Shape(name=name, about=_plain(schema.get("description", "")), fields=_rows(schema))
        for name, schema in sorted(schemas.items())
    ]


def _operation(
    path: str, method: str, operation: Mapping[str, Any], *, server: str, refusals: Mapping[int, list[str]]
) -> OperationView:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return OperationView(
        name=operation["operationId"],
        method=method.upper(),
        path=path,
        scope=operation["x-scope"],
        parameters=tuple(_parameter(each) for each in operation["parameters"]),
        bodies=_links(content.get("schema", {})),
        answers=tuple(
            (
                status,
                _plain(answer["description"]),
                "".join(_links(answer["content"].get("application/json", {}).get("schema", {}))),
            )
            for status, answer in operation["responses"].items()
            if status.startswith("2")
        ),
        refusals=tuple(
            Refusal(status=str(status), codes=tuple(codes)) for status, codes in sorted(refusals.items())
        ),
        curl=_curl(method, server + path, content.get("example"), is_file=_is_file(content)),
    )


def _is_file(content: Mapping[str, Any]) -> bool:
    return content.get("schema", {}).get("format") == "binary"


def _curl(method: str, address: str, example: Any, *, is_file: bool) -> str:
    lines = [f"curl {address}", "  -H 'Authorization: Bearer pk_…'"]
    if method != "get":
        lines[0] = f"curl -X {method.upper()} {address}"
        lines.append("  -H 'Idempotency-Key: 5c0d7a52-3f0e-4c1b-9a57-2f1f5be0c1aa'")
    if is_file:
        lines += ["  -H 'Content-Type: text/csv'", "  --data-binary @FILE.csv"]
    elif example is not None:
        lines.append("  -H 'Content-Type: application/json'")
        lines.append(f"  -d '{json.dumps(example, ensure_ascii=False, indent=2)}'")
    return " \\\n".join(lines)


def _parameter(parameter: Mapping[str, Any]) -> FieldRow:
    row = _row(parameter["name"], parameter["schema"], parameter["required"])
    return FieldRow(
        name=row.name,
        kind=parameter["in"],
        links=(),
        is_required=row.is_required,
        about=_plain(parameter.get("description", "")),
        limits=row.limits,
    )


def _rows(schema: Mapping[str, Any]) -> tuple[FieldRow, ...]:
    required = schema.get("required", ())
    return tuple(_row(name, each, name in required) for name, each in schema.get("properties", {}).items())


def _row(name: str, schema: Mapping[str, Any], is_required: bool) -> FieldRow:
    items = schema.get("items", {})
    limits = [
        f"{_number(schema[least])} – {_number(schema[most])}{unit}"
        for least, most, unit in _BOUNDS
        if least in schema and most in schema
    ]
    if "enum" in schema:
        limits.append(" | ".join(str(value) for value in schema["enum"] if value is not None))
    if "default" in schema:
        limits.append(f"default {schema['default']}")
    return FieldRow(
        name=name,
        kind=_kind(schema),
        links=_links(schema) or _links(items),
        is_required=is_required,
        about=_plain(schema.get("description", "")),
        limits=", ".join(limits),
    )


def _kind(schema: Mapping[str, Any]) -> str:
    named = schema.get("type")
    kinds = named if isinstance(named, list) else [named] if named else ["object"]
    if "anyOf" in schema:
        kinds = ["object", "null"]
    shown = [f"array of {_kind(schema['items'])}" if kind == "array" else str(kind) for kind in kinds]
    return " | ".join(shown) + (f" ({schema['format']})" if "format" in schema else "")


def _links(schema: Mapping[str, Any]) -> tuple[str, ...]:
    if "$ref" in schema:
        return (schema["$ref"].removeprefix(_REF),)
    return tuple(
        name for each in (*schema.get("oneOf", ()), *schema.get("anyOf", ())) for name in _links(each)
    )


def _plain(text: str) -> str:
    """The document's descriptions are Markdown; all we use of it are the backticks of names."""
    return text.replace("`", "")


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
