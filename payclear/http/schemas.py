"""The ground of every schema of the portal API: strict fields, errors as codes with the field they belong to.

Features write their schemas with these fields only; `http.operations` loads bodies and queries with `load`.
A field must never guess: a wrong type is refused, text is NFC without control characters.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields

from payclear.kernel.errors import ErrorCategory, PayclearError
from payclear.kernel.ids import InvalidId, parse_public_id
from payclear.kernel.money import AMOUNT_MAX, CURRENCIES, Money

PROBLEMS_MAX: Final = 50
_FIELD_CHARACTERS_MAX: Final = 80
_NOT_ALLOWED: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
EARLIEST_DAY: Final = date(1990, 1, 1)
LATEST_DAY: Final = date(2099, 12, 31)


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one field: `lines.0.amount`, a stable code, and the limit it speaks of."""

    field: str
    code: str
    limit: str = ""


class InvalidRequest(PayclearError):
    """The request is JSON, but not of the shape the operation takes."""

    code = "invalid_request"
    category = ErrorCategory.INVALID

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        super().__init__(
            "; ".join(f"{problem.field or 'request'}: {problem.code}" for problem in problems[:5])
        )
        self.problems = problems


class StrictSchema(Schema):
    """Base of every inbound schema: unknown names are refused."""

    class Meta:
        unknown = RAISE

    error_messages: dict[str, str] = {"unknown": "unknown_field", "type": "not_an_object"}  # noqa: RUF012


class ViewSchema(StrictSchema):
    """Base of every schema of an answer: a portal ignores names that are new to it."""

    class Meta:
        unknown = EXCLUDE


class Choice:
    """One of several schemas, by the value of one field."""

    def __init__(self, by: str, schemas: Mapping[str, StrictSchema]) -> None:
        self.by = by
        self.schemas = dict(schemas)

    def load(self, data: Any) -> Any:
        """Load by the schema that `data` names; raises ValidationError."""
        if not isinstance(data, dict):
            raise ValidationError({"_schema": ["not_an_object"]})
        chosen = data.get(self.by)
        schema = self.schemas.get(chosen) if isinstance(chosen, str) else None
        if schema is None:
            code = "missing" if self.by not in data else f"not_one_of|{', '.join(self.schemas)}"
            raise ValidationError({self.by: [code]})
        return schema.load(data)


def load(schema: StrictSchema | Choice, data: Any) -> Any:
    """What the schema makes of `data`; raises InvalidRequest with every problem, at most 50."""
    try:
        return schema.load(data)
    except ValidationError as error:
        problems = sorted(_problems(error.normalized_messages(), ()), key=lambda problem: problem.field)
        raise InvalidRequest(tuple(problems[:PROBLEMS_MAX])) from None


def _problems(messages: Any, path: tuple[str, ...]) -> Iterator[FieldProblem]:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _problems(inner, path if name == "_schema" else (*path, str(name)))
        return
    for message in messages if isinstance(messages, list) else [messages]:
        code, _, limit = str(message).partition("|")
        field = "".join(character if character.isprintable() else "?" for character in ".".join(path))
        yield FieldProblem(field[:_FIELD_CHARACTERS_MAX], code, limit)


class StrictField(fields.Field):
    """Base of our fields: the messages of errors are codes, and `described` is the field's JSON Schema."""

    default_error_messages = {"required": "missing", "null": "null", "invalid": "wrong_type"}  # noqa: RUF012

    def __init__(self, *, about: str = "", example: Any = None, **options: Any) -> None:
        options.setdefault("required", "load_default" not in options)
        super().__init__(**options)
        self.about = about
        self.example = example

    def described(self) -> dict[str, Any]:
        """The JSON Schema of what this field takes."""
        schema = self._or_null(dict(self._shape()))
        if self.about:
            schema["description"] = self.about
        if self.example is not None:
            schema["examples"] = [self.example]
        return schema

    def _shape(self) -> dict[str, Any]:
        raise TypeError(f"{type(self).__name__} describes no shape")  # pragma: no cover

    def _or_null(self, schema: dict[str, Any]) -> dict[str, Any]:
        if self.allow_none and "type" in schema:
            schema["type"] = [schema["type"], "null"]
            if "enum" in schema:
                schema["enum"] = [*schema["enum"], None]
        return schema


class Text(StrictField):
    """Text in NFC without control characters; white space around it is cut, unless a pattern rules it out."""

    def __init__(self, *, most: int, least: int = 1, pattern: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.least, self.most = least, most
        self.pattern = re.compile(pattern) if pattern else None

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("wrong_type")
        if self.pattern is None:
            value = value.strip()
        if not value.isascii():
            value = unicodedata.normalize("NFC", value)
        if len(value) > self.most:
            raise ValidationError(f"too_long|{self.most}")
        if len(value) < self.least:
            raise ValidationError(f"too_short|{self.least}")
        if not value.isprintable() and _NOT_ALLOWED.search(value):
            raise ValidationError("control_character")
        if self.pattern is not None and not self.pattern.fullmatch(value):
            raise ValidationError("invalid_format")
        return value

    def _shape(self) -> dict[str, Any]:
        shape: dict[str, Any] = {"type": "string", "minLength": self.least, "maxLength": self.most}
        if self.pattern is not None:
            shape["pattern"] = f"^(?:{self.pattern.pattern})$"
        return shape


class Whole(StrictField):
    """A whole number within bounds; `12345.0` is one, `"12345"` and `true` are not."""

    def __init__(self, *, least: int, most: int, **options: Any) -> None:
        super().__init__(**options)
        self.least, self.most = least, most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> int:
        if isinstance(value, float):
            raise ValidationError("not_whole")
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValidationError("wrong_type")
        if value < self.least:
            raise ValidationError(f"too_small|{self.least}")
        if value > self.most:
            raise ValidationError(f"too_large|{self.most}")
        return value

    def _shape(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Flag(StrictField):
    """True or false; nothing else is one."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("wrong_type")
        return value

    def _shape(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Amount(Whole):
    """A positive amount in whole minor units of its currency, at most 10^15."""

    def __init__(self, **options: Any) -> None:
        super().__init__(least=1, most=AMOUNT_MAX, **options)


class Currency(StrictField):
    """A currency we keep books in."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("wrong_type")
        if value not in CURRENCIES:
            raise ValidationError(f"not_one_of|{', '.join(CURRENCIES)}")
        return value

    def _shape(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(CURRENCIES)}


class Day(StrictField):
    """A calendar date `YYYY-MM-DD`, 1990 to 2099."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> date:
        if not isinstance(value, str):
            raise ValidationError("wrong_type")
        try:
            day = date.fromisoformat(value) if _DAY.fullmatch(value) else None
        except ValueError:
            day = None
        if day is None:
            raise ValidationError("not_a_date")
        if not EARLIEST_DAY <= day <= LATEST_DAY:
            raise ValidationError("date_out_of_range")
        return day

    def _shape(self) -> dict[str, Any]:
        return {"type": "string", "format": "date"}


class Instant(StrictField):
    """An instant in UTC, `2026-11-21T03:30:00Z`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> datetime:
        if not isinstance(value, str):
            raise ValidationError("wrong_type")
        try:
            at = datetime.fromisoformat(value) if value.endswith("Z") else None
        except ValueError:
            at = None
        if at is None:
            raise ValidationError("not_an_instant")
        return at

    def _shape(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


class OneOf(StrictField):
    """A member of an enumeration; loads as that member."""

    def __init__(self, members: Iterable[StrEnum | str], **options: Any) -> None:
        super().__init__(**options)
        self.members = {str(member): member for member in members}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> StrEnum | str:
        if not isinstance(value, str):
            raise ValidationError("wrong_type")
        if value not in self.members:
            raise ValidationError(f"not_one_of|{', '.join(self.members)}")
        return self.members[value]

    def _shape(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.members)}


class PublicId(StrictField):
    """A public id of one kind (`obl_…`); loads as the row's UUID."""

    def __init__(self, prefix: str, **options: Any) -> None:
        super().__init__(**options)
        self.prefix = prefix

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> UUID:
        if not isinstance(value, str):
            raise ValidationError("wrong_type")
        try:
            return parse_public_id(self.prefix, value)
        except InvalidId:
            raise ValidationError("invalid_id") from None

    def _shape(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{self.prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"}


class Items(fields.List):
    """A JSON array of bounded length; loads as a tuple. `unique` refuses the same item twice."""

    default_error_messages = StrictField.default_error_messages

    def __init__(
        self,
        inner: fields.Field,
        *,
        most: int,
        least: int = 1,
        unique: bool = False,
        about: str = "",
        **options: Any,
    ) -> None:
        options.setdefault("required", "load_default" not in options)
        super().__init__(inner, **options)
        self.least, self.most, self.unique, self.about = least, most, unique, about

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        # marshmallow's own list takes an object for the list of its names.
        if not isinstance(value, list):
            raise ValidationError("wrong_type")
        if len(value) > self.most:
            raise ValidationError(f"too_many|{self.most}")
        if len(value) < self.least:
            raise ValidationError(f"too_few|{self.least}")
        items = super()._deserialize(value, attr, data, **kwargs)
        if self.unique and len(set(items)) != len(items):
            raise ValidationError("repeated_item")
        return tuple(items)


class Part(fields.Nested):
    """An object within an object."""

    default_error_messages = {**StrictField.default_error_messages, "type": "not_an_object"}  # noqa: RUF012

    def __init__(self, schema: StrictSchema, *, about: str = "", **options: Any) -> None:
        options.setdefault("required", "load_default" not in options)
        super().__init__(schema, **options)
        self.about = about


class MoneySchema(ViewSchema):
    """An amount of money: whole minor units of its currency."""

    amount = Whole(least=0, most=AMOUNT_MAX, about="Whole minor units; for VND, đồng.", example=150_000)
    currency = Currency(about="ISO 4217 code.")


def money_json(money: Money) -> dict[str, Any]:
    """An amount as the API writes it."""
    return {"amount": money.amount, "currency": money.currency}


def instant_json(at: datetime) -> str:
    """An instant as the API writes it: UTC with a Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
