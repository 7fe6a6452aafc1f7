"""Messages as they are written, not as they are meant: form pairs and JSON members with their raw tokens.

Called by `mutants`. What no parser would give back can be written here: a member twice, 1e3, another escape. Pure.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

_SEPARATORS = ((",", ":"), (", ", ": "), (",", ": "))


@dataclass(slots=True)
class Leaf:
    """A string, number or word of JSON, as its own text: `"a"`, `150000`, `null`."""

    token: str


@dataclass(slots=True)
class Members:
    """An object: names as raw tokens, in their order, a name as often as it stands there."""

    pairs: list[tuple[str, "Node"]]


@dataclass(slots=True)
class Items:
    """An array."""

    nodes: list["Node"]


Node = Leaf | Members | Items


@dataclass(frozen=True, slots=True)
class JsonStyle:
    """How the writer of a message writes: separators, and whether letters beyond ASCII are escaped."""

    comma: str = ","
    colon: str = ":"
    ascii_only: bool = False


@dataclass(frozen=True, slots=True)
class Spot:
    """One member of an object or item of an array: whose, where, its name (that of the array for an item), how deep."""

    parent: Members | Items
    at: int
    name: str
    depth: int = 0

    @property
    def node(self) -> Node:
        """What stands there."""
        return (
            self.parent.pairs[self.at][1] if isinstance(self.parent, Members) else self.parent.nodes[self.at]
        )

    def put(self, node: Node) -> None:
        """Put something else there."""
        if isinstance(self.parent, Members):
            self.parent.pairs[self.at] = (self.parent.pairs[self.at][0], node)
        else:
            self.parent.nodes[self.at] = node


def read_json(text: str) -> Members | None:
    """An object with its raw numbers and repeated members; None when the text is none."""
    try:
        data = json.loads(text, object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number)
    except (ValueError, RecursionError):
        return None
    node = _node(data, JsonStyle(ascii_only=text.isascii()))
    return node if isinstance(node, Members) else None


def style_of(text: str) -> JsonStyle:
    """The style in which writing gives the same text again; the plainest one when none does."""
    read = read_json(text)
    for comma, colon in _SEPARATORS:
        style = JsonStyle(comma, colon, text.isascii())
        if read is not None and write_json(read, style) == text:
            return style
    return JsonStyle(ascii_only=text.isascii())


def write_json(node: Node, style: JsonStyle) -> str:
    """The text of a node."""
    if isinstance(node, Leaf):
        return node.token
    if isinstance(node, Items):
        return "[" + style.comma.join(write_json(inner, style) for inner in node.nodes) + "]"
    return (
        "{" + style.comma.join(f"{name}{style.colon}{write_json(n, style)}" for name, n in node.pairs) + "}"
    )


def copied(node: Node) -> Node:
    """A copy that may be changed."""
    if isinstance(node, Leaf):
        return Leaf(node.token)
    if isinstance(node, Items):
        return Items([copied(inner) for inner in node.nodes])
    return Members([(name, copied(inner)) for name, inner in node.pairs])


def spots(node: Node, name: str = "", depth: int = 0) -> Iterator[Spot]:
    """Every member and item, those within others too."""
    if isinstance(node, Members):
        for at, (token, inner) in enumerate(node.pairs):
            here = text_of(token) or ""
            yield Spot(node, at, here, depth)
            yield from spots(inner, here, depth + 1)
    elif isinstance(node, Items):
        for at, inner in enumerate(node.nodes):
            yield Spot(node, at, name, depth)
            yield from spots(inner, name, depth + 1)


def string(text: str, *, ascii_only: bool = False) -> str:
    """The token of a string."""
    return json.dumps(text, ensure_ascii=ascii_only)


def text_of(token: str) -> str | None:
    """The text of a string token; None for any other."""
    try:
        data = json.loads(token) if token.startswith('"') else None
    except ValueError:
        return None
    return data if isinstance(data, str) else None


def within(text: str) -> tuple[str, bool] | None:
    """The JSON object that stands in a text, plain (False) or in base64 (True)."""
    if text.startswith("{"):
        return (text, False) if read_json(text) is not None else None
    if len(text) < 16 or len(text) % 4:
        return None
    try:
        inner = base64.b64decode(text, validate=True).decode("utf-8")
    except (ValueError, binascii.Error):
        return None
    return (inner, True) if inner.startswith("{") and read_json(inner) is not None else None


def read_form(raw: bytes) -> list[tuple[bytes, bytes]]:
    """The pairs of a query or form as they stand, still encoded."""
    pairs = (pair.partition(b"=") for pair in raw.split(b"&") if pair)
    return [(name, value) for name, _, value in pairs]


def write_form(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """The pairs joined again."""
    return b"&".join(name + b"=" + value for name, value in pairs)


def plain(raw: bytes) -> str:
    """A name or value of a form as text; bytes that are not UTF-8 stand for themselves."""
    return unquote_plus(raw.decode("latin-1"), errors="surrogateescape")


def encoded(text: str) -> bytes:
    """Any text as bytes: UTF-8, bytes that `plain` could not read as they were, lone surrogates as WTF-8."""
    is_escaped = all(not "\ud800" <= each <= "\udfff" or "\udc80" <= each <= "\udcff" for each in text)
    return text.encode("utf-8", "surrogateescape" if is_escaped else "surrogatepass")


class _Number(str):
    """A number as it is written."""


class _Pairs(list[tuple[str, Any]]):
    """The members of an object, in their order."""


def _node(data: Any, style: JsonStyle) -> Node:
    if isinstance(data, _Pairs):
        return Members([(string(name, ascii_only=style.ascii_only), _node(n, style)) for name, n in data])
    if isinstance(data, list):
        return Items([_node(inner, style) for inner in data])
    if isinstance(data, _Number):
        return Leaf(str(data))
    return Leaf(json.dumps(data, ensure_ascii=style.ascii_only))
