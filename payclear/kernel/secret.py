"""A secret value that hides itself: for settings, keys and provider credentials.

Read by whoever signs, seals or connects, by `reveal()` at the last moment.
It must never show its value in a log, a traceback, a page or a pickle.
"""

from __future__ import annotations

import hmac
from typing import Final, NoReturn

HIDDEN: Final = "••••"


class Secret:
    """A text that only `reveal()` shows; equal secrets compare equal in constant time."""

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        if not isinstance(value, str):
            raise TypeError("a secret is text")
        self._value: Final = value

    def reveal(self) -> str:
        """Show the value, to the code that uses it and nobody else."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return f"Secret({HIDDEN!r})" if self._value else "Secret('')"

    def __str__(self) -> str:
        return HIDDEN if self._value else ""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(("payclear.kernel.secret", self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never pickled")
