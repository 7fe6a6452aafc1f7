"""Turns one real case into any number of cases like it: SQL expressions of a case's number instead of its own names.

Used for seeding (rows of a real order, cloned by the server) and for pgbench (statements of a real request).
A case's number has eleven digits, so every text and id keeps its length.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Json, Jsonb

FIRST_NUMBER: Final = 10_000_000_001
_WIDE: Final = 2**33  # only the lock of an idempotency key is a number of this size


def scattered(number: int) -> str:
    """A case's number as it stands in names: reversed, so that neighbours lie far apart, as random names do."""
    return str(number)[::-1]


@dataclass(slots=True)
class Likeness:
    """What stands for the names and ids of the exemplar; the same thing in every row and every statement.

    `names` maps a text of the exemplar to the prefix that, with the scattered number, replaces it. Ids in `fixed`
    belong to reference data and stay. `instant` is the SQL of a point in time, given the exemplar's.
    """

    names: Mapping[str, str]
    fixed: frozenset[UUID]
    _lanes: dict[UUID, int] = field(default_factory=dict)

    def text(self, original: str, number: int) -> str:
        """A text of the exemplar as case `number` has it."""
        return "".join(
            piece if literal else piece + scattered(number) for literal, piece in self._pieces(original)
        )

    def uuid(self, original: UUID, number: int) -> UUID:
        """An id of the exemplar as case `number` has it."""
        return original if original in self.fixed else UUID(self._lane(original) + str(number))

    def sql(self, value: Any, number: str, *, instant: str = "now()") -> str:
        """A value of the exemplar as an SQL expression over `number` (a column or a pgbench variable).

        `instant` is a template for points in time; `{}` in it is the exemplar's own.
        """
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int):
            return str(value) if abs(value) < _WIDE else number
        if isinstance(value, str):
            return self._text_sql(value, number)
        if isinstance(value, UUID):
            return self._uuid_sql(value, number)
        if isinstance(value, datetime):
            return "(" + instant.format(f"TIMESTAMPTZ {quoted(value.isoformat())}") + ")"
        if isinstance(value, date):
            return f"DATE {quoted(value.isoformat())}"
        if isinstance(value, bytes | bytearray | memoryview):
            return self._bytes_sql(bytes(value), number)
        if isinstance(value, Json | Jsonb):
            return self.sql(value.obj, number)
        if isinstance(value, Mapping):
            return self._text_sql(json.dumps(value, ensure_ascii=False), number) + "::jsonb"
        return self._array_sql(value, number)

    def _array_sql(self, values: Iterable[Any], number: str) -> str:
        items = list(values)
        if not items or all(item is None for item in items):
            return quoted("{" + ",".join("NULL" for _ in items) + "}")
        kind = "::uuid[]" if any(isinstance(item, UUID) for item in items) else ""
        return "ARRAY[" + ", ".join(self.sql(item, number) for item in items) + "]" + kind

    def _bytes_sql(self, value: bytes, number: str) -> str:
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return f"'\\x{value.hex()}'::bytea"
        if all(literal for literal, _ in self._pieces(text)):
            return f"'\\x{value.hex()}'::bytea"
        return f"convert_to({self._text_sql(text, number)}, 'UTF8')"

    def _text_sql(self, value: str, number: str) -> str:
        parts: list[str] = []
        for literal, piece in self._pieces(value):
            parts.append(quoted(piece))
            if not literal:
                parts.append(f"reverse({number}::text)")
        return parts[0] if len(parts) == 1 else "(" + " || ".join(parts) + ")"

    def _uuid_sql(self, value: UUID, number: str) -> str:
        if value in self.fixed:
            return f"'{value}'::uuid"
        return f"('{self._lane(value)}' || {number}::text)::uuid"

    def _lane(self, value: UUID) -> str:
        lane = self._lanes.setdefault(value, len(self._lanes))
        return f"01990000-{lane:04x}-7000-8000-0"

    def _pieces(self, text: str) -> list[tuple[bool, str]]:
        """The text cut at the exemplar's names: (True, literal) and (False, prefix of a name) in order."""
        pattern = "|".join(re.escape(name) for name in sorted(self.names, key=len, reverse=True))
        cut = re.split(f"({pattern})", text) if pattern else [text]
        pieces = [(part not in self.names, self.names.get(part, part)) for part in cut]
        return [piece for piece in pieces if piece[1] or not piece[0]] or [(True, "")]


def quoted(text: str) -> str:
    """A text as an SQL literal that pgbench finds no variable in."""
    if ":" in text or "\\" in text:
        body = text.replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a")
        return f"E'{body}'"
    return "'" + text.replace("'", "''") + "'"
