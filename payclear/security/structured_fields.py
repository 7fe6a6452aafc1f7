"""Structured Fields for HTTP (RFC 8941), as much as signatures and digests need, read strictly.

Called by `http_signatures`. It must never repair: what is not written exactly as the grammar says is StructureInvalid.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

FIELD_CHARACTERS_MAX = 4096
MEMBERS_MAX = 32

_KEY = re.compile(r"[a-z*][a-z0-9_\-.*]{0,63}")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?![0-9.eE])")
_STRING = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_BYTES = re.compile(r":([A-Za-z0-9+/]*={0,2}):")
_ESCAPED = re.compile(r"\\(.)")
_COMMA = re.compile(r"[ \t]*,[ \t]*(?=[^ \t])")

BareItem = bool | int | str | bytes


class StructureInvalid(ValueError):
    """A field that is not written as its grammar says."""


@dataclass(frozen=True, slots=True)
class Item:
    """One value with its parameters."""

    value: BareItem
    parameters: Mapping[str, BareItem] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InnerList:
    """Items in parentheses with parameters of the whole."""

    items: tuple[Item, ...]
    parameters: Mapping[str, BareItem] = field(default_factory=dict)


def read_dictionary(text: str) -> dict[str, Item | InnerList]:
    """Read a Dictionary; a name given twice, a number in any but its shortest form and tokens are StructureInvalid."""
    if len(text) > FIELD_CHARACTERS_MAX or not text.isascii():
        raise StructureInvalid("too long, or not ASCII")
    reader = _Reader(text.strip(" \t"))
    members: dict[str, Item | InnerList] = {}
    while True:
        name = reader.take(_KEY, "a name")[0]
        if name in members or len(members) >= MEMBERS_MAX:
            raise StructureInvalid("a name given twice, or too many names")
        reader.expect("=")
        members[name] = reader.inner_list() if reader.sees("(") else reader.item()
        if reader.at_end:
            return members
        reader.take(_COMMA, "a comma")


def write_item(item: Item) -> str:
    """An item in its one canonical form."""
    return _write_bare(item.value) + _write_parameters(item.parameters)


def write_inner_list(inner: InnerList) -> str:
    """An inner list in its one canonical form."""
    return (
        "(" + " ".join(write_item(item) for item in inner.items) + ")" + _write_parameters(inner.parameters)
    )


def _write_bare(value: BareItem) -> str:
    if isinstance(value, bool):
        return "?1" if value else "?0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return ":" + base64.b64encode(value).decode("ascii") + ":"
    if not all(" " <= letter <= "~" for letter in value):
        raise StructureInvalid("a string is printable ASCII")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _write_parameters(parameters: Mapping[str, BareItem]) -> str:
    return "".join(
        f";{name}" if value is True else f";{name}={_write_bare(value)}" for name, value in parameters.items()
    )


class _Reader:
    """Reads from left to right and never goes back."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at == len(self._text)

    def sees(self, character: str) -> bool:
        return self._text.startswith(character, self._at)

    def expect(self, character: str) -> None:
        if not self.sees(character):
            raise StructureInvalid(f"{character} expected")
        self._at += len(character)

    def take(self, grammar: re.Pattern[str], what: str) -> re.Match[str]:
        found = grammar.match(self._text, self._at)
        if found is None:
            raise StructureInvalid(f"{what} expected")
        self._at = found.end()
        return found

    def inner_list(self) -> InnerList:
        self.expect("(")
        items: list[Item] = []
        while True:
            self._spaces()
            if self.sees(")"):
                break
            if items and self._text[self._at - 1] != " ":
                raise StructureInvalid("items stand apart")
            if len(items) >= MEMBERS_MAX:
                raise StructureInvalid("too many items")
            items.append(self.item())
        self.expect(")")
        return InnerList(tuple(items), self._parameters())

    def item(self) -> Item:
        return Item(self._bare(), self._parameters())

    def _parameters(self) -> dict[str, BareItem]:
        parameters: dict[str, BareItem] = {}
        while self.sees(";"):
            self.expect(";")
            self._spaces()
            name = self.take(_KEY, "a parameter")[0]
            if name in parameters or len(parameters) >= MEMBERS_MAX:
                raise StructureInvalid("a parameter given twice, or too many")
            if self.sees("="):
                self.expect("=")
                parameters[name] = self._bare()
            else:
                parameters[name] = True
        return parameters

    def _bare(self) -> BareItem:
        if self.sees('"'):
            return _ESCAPED.sub(r"\1", self.take(_STRING, "a string")[1])
        if self.sees(":"):
            try:
                return base64.b64decode(self.take(_BYTES, "bytes in base64")[1], validate=True)
            except binascii.Error as error:
                raise StructureInvalid("no base64") from error
        if self.sees("?1") or self.sees("?0"):
            self._at += 2
            return self._text[self._at - 1] == "1"
        return int(self.take(_INTEGER, "a whole number")[0])

    def _spaces(self) -> None:
        while self.sees(" "):
            self._at += 1
