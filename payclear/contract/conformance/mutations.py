"""Every way to tamper with one field of a callback: the query, a form or a JSON body, and the signed headers.

Called by the scenario `tampered` and by forgery tests. Pure; a mutation differs from the genuine message in one field.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from payclear.contract.messages import InboundRequest

_SEPARATORS = ((",", ":"), (", ", ": "), (",", ": "))


@dataclass(frozen=True, slots=True)
class Mutation:
    """One tampered message: which field, and what was done to it."""

    field: str
    deed: str
    request: InboundRequest


def mutations(request: InboundRequest, headers: Sequence[str] = ()) -> Iterator[Mutation]:
    """Change, empty, drop and double each field of the query and of the body, and each of the given headers."""
    for field, deed, query in _form(request.query_string):
        yield Mutation(field, deed, replace(request, query_string=query))
    for field, deed, body in _body(request.body):
        yield Mutation(field, deed, replace(request, body=body))
    for name in headers:
        if name in request.headers:
            value = request.headers[name]
            rest = {key: text for key, text in request.headers.items() if key != name}
            yield Mutation(name, "dropped", replace(request, headers=rest))
            yield Mutation(name, "emptied", replace(request, headers={**rest, name: ""}))
            yield Mutation(name, "changed", replace(request, headers={**rest, name: changed(value)}))


def changed(text: str) -> str:
    """The same text with one letter or digit, in its middle, changed to another of its kind."""
    places = [at for at, letter in enumerate(text) if letter.isalnum()]
    if not places:
        return text + "1"
    at = places[len(places) // 2]
    letter = text[at]
    if letter.isdigit():
        other = str((int(letter) + 1) % 10) if letter.isascii() else "1"
    else:
        other = ("b" if letter != "b" else "c") if letter.islower() else ("B" if letter != "B" else "C")
    return text[:at] + other + text[at + 1 :]


def _body(body: bytes) -> Iterator[tuple[str, str, bytes]]:
    if not body:
        return
    yield "body", "cut off", body[: len(body) // 2]
    found = _json(body)
    if found is not None:
        yield from _json_fields(body, found)
    elif b"=" in body:
        yield from _form(body)
    else:
        yield "body", "changed", changed(body.decode("latin-1")).encode("latin-1")


def _form(raw: bytes) -> Iterator[tuple[str, str, bytes]]:
    pairs = [pair for pair in raw.split(b"&") if pair]
    for at, pair in enumerate(pairs):
        raw_name, _, raw_value = pair.partition(b"=")
        name = unquote_plus(raw_name.decode("latin-1"))
        value = unquote_plus(raw_value.decode("latin-1"))
        for deed, others in (
            ("changed", [_pair(raw_name, changed(value))]),
            ("emptied", [raw_name + b"="]),
            ("dropped", []),
            ("doubled before", [_pair(raw_name, changed(value)), pair]),
            ("doubled after", [pair, _pair(raw_name, changed(value))]),
        ):
            yield name, deed, b"&".join([*pairs[:at], *others, *pairs[at + 1 :]])
        for inner, deed, text in _within(value):
            yield f"{name}.{inner}", deed, b"&".join([*pairs[:at], _pair(raw_name, text), *pairs[at + 1 :]])


def _pair(raw_name: bytes, value: str) -> bytes:
    return raw_name + b"=" + quote_plus(value.encode("latin-1", "replace")).encode("ascii")


def _json(raw: bytes) -> Any:
    try:
        data = json.loads(raw)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _json_fields(raw: bytes, data: dict[str, Any]) -> Iterator[tuple[str, str, bytes]]:
    for path, value in _leaves(data, ()):
        field = ".".join(str(step) for step in path)
        yield field, "changed", _dumped(raw, _with(data, path, _other(value)))
        yield field, "dropped", _dumped(raw, _without(data, path))
        if value is not None:
            yield field, "emptied", _dumped(raw, _with(data, path, None))
        if isinstance(value, str):
            for inner, deed, text in _within(value):
                yield f"{field}.{inner}", deed, _dumped(raw, _with(data, path, text))


def _within(value: str) -> Iterator[tuple[str, str, str]]:
    """The fields of a JSON text, plain or in base64, that stands inside a field."""
    raw = value.encode("utf-8", "replace")
    data = _json(raw)
    if data is not None:
        for field, deed, text in _json_fields(raw, data):
            yield field, deed, text.decode("utf-8")
        return
    try:
        inner = base64.b64decode(raw, validate=True)
    except (ValueError, binascii.Error):
        return
    data = _json(inner)
    if data is not None:
        for field, deed, text in _json_fields(inner, data):
            yield field, deed, base64.b64encode(text).decode("ascii")


def _leaves(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    )
    if members is None:
        yield path, value
        return
    for step, inner in members:
        yield from _leaves(inner, (*path, step))


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return changed(value) if isinstance(value, str) else "x"


def _with(data: Any, path: Sequence[str | int], value: Any) -> Any:
    if not path:
        return value
    copy = data.copy()
    copy[path[0]] = _with(data[path[0]], path[1:], value)
    return copy


def _without(data: Any, path: Sequence[str | int]) -> Any:
    copy = data.copy()
    if len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = _without(data[path[0]], path[1:])
    return copy


def _dumped(raw: bytes, data: Any) -> bytes:
    """Written as the genuine message is, so that nothing else differs."""
    genuine = json.loads(raw)
    for ascii_only in (True, False):
        for separators in _SEPARATORS:
            text = json.dumps(genuine, separators=separators, ensure_ascii=ascii_only)
            if text.encode("utf-8") == raw:
                return json.dumps(data, separators=separators, ensure_ascii=ascii_only).encode("utf-8")
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
