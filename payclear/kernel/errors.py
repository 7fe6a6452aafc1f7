"""The one family of business errors: a stable code, a category, and facts that are safe to show.

Every layer raises subclasses of PayclearError; only `http/errors.py` turns a category into a status.
It must never carry personal data, secrets or raw bodies: facts are short scalars only.
"""

import re
from enum import StrEnum
from typing import ClassVar

Fact = str | int | bool | None

_CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class ErrorCategory(StrEnum):
    """What kind of refusal it is, for those who must react without knowing the code."""

    INVALID = "invalid"
    MALFORMED = "malformed"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    UNAUTHENTICATED = "unauthenticated"
    CONFLICT = "conflict"
    REJECTED = "rejected"
    GONE = "gone"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    IN_DOUBT = "in_doubt"


_classes: list[type["PayclearError"]] = []


class PayclearError(Exception):
    """A refusal with a stable `code`; subclasses name their code and category, the base is never raised.

    `detail` is an English sentence for logs and developers, `facts` are scalars that may be shown.
    """

    code: ClassVar[str]
    category: ClassVar[ErrorCategory]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not _CODE.fullmatch(getattr(cls, "code", "")):
            raise TypeError(f"{cls.__name__} needs a snake_case code")
        if not isinstance(getattr(cls, "category", None), ErrorCategory):
            raise TypeError(f"{cls.__name__} needs an ErrorCategory")
        _classes.append(cls)

    def __init__(self, detail: str = "", **facts: Fact) -> None:
        unsafe = [name for name, value in facts.items() if not isinstance(value, str | int | bool | None)]
        if unsafe:
            raise TypeError(f"facts must be str, int, bool or None: {', '.join(unsafe)}")
        super().__init__(detail)
        self.detail = detail
        self.facts: dict[str, Fact] = facts

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


class InvalidInput(PayclearError):
    """What was sent is well formed but breaks a rule that the caller can know."""

    code = "invalid_input"
    category = ErrorCategory.INVALID


class NotFound(PayclearError):
    """There is no such thing, or none that this caller may see."""

    code = "not_found"
    category = ErrorCategory.NOT_FOUND


class Conflict(PayclearError):
    """It contradicts what is already recorded."""

    code = "conflict"
    category = ErrorCategory.CONFLICT


class Unavailable(PayclearError):
    """Something we depend on does not answer; trying again later may work."""

    code = "unavailable"
    category = ErrorCategory.UNAVAILABLE


def all_error_classes() -> tuple[type[PayclearError], ...]:
    """Every error class imported so far, sorted by code and class name, for documents and tests."""
    return tuple(sorted(_classes, key=lambda each: (each.code, each.__module__, each.__qualname__)))
