"""Strict fields: every wrong value has its code, every right one its type."""

from datetime import UTC, date, datetime
from enum import StrEnum
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.http.schemas import (
    PROBLEMS_MAX,
    Amount,
    Choice,
    Currency,
    Day,
    Instant,
    InvalidRequest,
    Items,
    MoneySchema,
    OneOf,
    Part,
    PublicId,
    StrictSchema,
    Text,
    Whole,
    instant_json,
    load,
    money_json,
)
from payclear.kernel.ids import public_id
from payclear.kernel.money import Money

ROW = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class PartSchema(StrictSchema):
    n = Whole(least=0, most=9)


class Everything(StrictSchema):
    text = Text(most=5, least=2, load_default="dd")
    code = Text(most=8, pattern="[A-Z]{2}|[0-9]{3}", load_default="AA")
    whole = Whole(least=-3, most=7, load_default=0)
    amount = Amount(load_default=1)
    currency = Currency(load_default="VND")
    day = Day(load_default=None)
    instant = Instant(load_default=None)
    colour = OneOf(Colour, load_default=Colour.RED)
    id = PublicId("obl", load_default=None)
    items = Items(Whole(least=1, most=9), most=3, unique=True, load_default=())
    part = Part(PartSchema(), load_default=None)


SCHEMA = Everything()


def problem(data: object) -> tuple[str, str, str]:
    with pytest.raises(InvalidRequest) as refused:
        load(SCHEMA, data)
    (only,) = refused.value.problems
    return only.field, only.code, only.limit


@pytest.mark.parametrize(
    ("field", "value", "code", "limit"),
    [
        ("text", 5, "wrong_type", ""),
        ("text", None, "null", ""),
        ("text", ["ab"], "wrong_type", ""),
        ("text", "a", "too_short", "2"),
        ("text", "  a  ", "too_short", "2"),
        ("text", "abcdef", "too_long", "5"),
        ("text", "a\x00b", "control_character", ""),
        ("text", "a\nb", "control_character", ""),
        ("text", "a\x7fb", "control_character", ""),
        ("text", "a\x85b", "control_character", ""),
        ("text", "a\u2028b", "control_character", ""),
        ("text", "a\ufeffb", "control_character", ""),
        ("code", "A", "invalid_format", ""),
        ("code", "AA ", "invalid_format", ""),
        ("code", "AA\n", "control_character", ""),
        ("code", "AA1", "invalid_format", ""),
        ("code", "\u0661\u0662\u0663", "invalid_format", ""),
        ("whole", True, "wrong_type", ""),
        ("whole", "1", "wrong_type", ""),
        ("whole", 1.5, "not_whole", ""),
        ("whole", -4, "too_small", "-3"),
        ("whole", 8, "too_large", "7"),
        ("amount", 0, "too_small", "1"),
        ("amount", -1, "too_small", "1"),
        ("amount", 10**15 + 1, "too_large", str(10**15)),
        ("currency", "USD", "not_one_of", "VND"),
        ("currency", 704, "wrong_type", ""),
        ("day", "2026-02-30", "not_a_date", ""),
        ("day", "20261121", "not_a_date", ""),
        ("day", "2026-W47-6", "not_a_date", ""),
        ("day", "2026-11-21T00:00:00", "not_a_date", ""),
        ("day", "1989-12-31", "date_out_of_range", ""),
        ("day", "9999-12-31", "date_out_of_range", ""),
        ("day", 20261121, "wrong_type", ""),
        ("instant", "2026-11-21T03:30:00+07:00", "not_an_instant", ""),
        ("instant", "soonZ", "not_an_instant", ""),
        ("instant", 1, "wrong_type", ""),
        ("colour", "green", "not_one_of", "red, blue"),
        ("colour", ["red"], "wrong_type", ""),
        ("id", "obl_x", "invalid_id", ""),
        ("id", public_id("ord", ROW), "invalid_id", ""),
        ("id", 5, "wrong_type", ""),
        ("items", {"1": 1}, "wrong_type", ""),
        ("items", "123", "wrong_type", ""),
        ("items", [], "too_few", "1"),
        ("items", [1, 2, 3, 4], "too_many", "3"),
        ("items", [1, 1], "repeated_item", ""),
        ("part", [], "not_an_object", ""),
        ("part", "x", "not_an_object", ""),
        ("strange", 1, "unknown_field", ""),
    ],
)
def test_load_wrong_value_is_refused_with_its_code(field: str, value: object, code: str, limit: str) -> None:
    assert problem({field: value}) == (field, code, limit)


def test_load_nested_problem_names_the_whole_path() -> None:
    assert problem({"items": [1, 77]}) == ("items.1", "too_large", "9")
    assert problem({"part": {"n": "x"}}) == ("part.n", "wrong_type", "")
    assert problem({"part": {}}) == ("part.n", "missing", "")
    assert problem({"part": {"n": 1, "m": 1}}) == ("part.m", "unknown_field", "")


@pytest.mark.parametrize("data", [None, [], "x", 5, 1.5, True, [{}]])
def test_load_anything_but_an_object_is_refused(data: object) -> None:
    assert problem(data) == ("", "not_an_object", "")


def test_load_strange_field_names_are_shown_short_and_printable() -> None:
    field, code, _ = problem({"a\x1b" + "b" * 500: 1})
    assert code == "unknown_field"
    assert field == "a?" + "b" * 78


def test_load_thousand_problems_are_cut() -> None:
    with pytest.raises(InvalidRequest) as refused:
        load(SCHEMA, {f"x{n}": n for n in range(1_000)})
    assert len(refused.value.problems) == PROBLEMS_MAX


def test_load_right_values_get_their_types() -> None:
    loaded = load(
        SCHEMA,
        {
            "text": " phi\u0301 ",
            "code": "123",
            "whole": 7,
            "amount": 10**15,
            "day": "2026-11-21",
            "instant": "2026-11-21T03:30:00Z",
            "colour": "blue",
            "id": public_id("obl", ROW),
            "items": [3, 1],
            "part": {"n": 0},
        },
    )
    assert loaded["text"] == "phí"
    assert loaded["day"] == date(2026, 11, 21)
    assert loaded["instant"] == datetime(2026, 11, 21, 3, 30, tzinfo=UTC)
    assert loaded["colour"] is Colour.BLUE
    assert loaded["id"] == ROW
    assert loaded["items"] == (3, 1)
    assert loaded["part"] == {"n": 0}


def test_choice_picks_the_schema_or_says_which_there_are() -> None:
    choice = Choice("kind", {"a": PartSchema(), "b": SCHEMA})

    def refused(data: object) -> tuple[str, str, str]:
        with pytest.raises(InvalidRequest) as error:
            load(choice, data)
        first = error.value.problems[0]
        return first.field, first.code, first.limit

    assert refused([]) == ("", "not_an_object", "")
    assert refused({}) == ("kind", "missing", "")
    assert refused({"kind": "c"}) == ("kind", "not_one_of", "a, b")
    assert refused({"kind": ["a"]}) == ("kind", "not_one_of", "a, b")
    assert refused({"kind": "a", "n": 1}) == ("kind", "unknown_field", "")


@given(st.text(max_size=40))
def test_text_any_text_is_nfc_and_printable_or_refused(text: str) -> None:
    try:
        loaded = load(SCHEMA, {"text": text})["text"]
    except InvalidRequest:
        return
    assert 2 <= len(loaded) <= 5
    loaded.encode("utf-8")


def test_money_and_instant_are_written_as_the_schemas_read_them() -> None:
    assert load(MoneySchema(), money_json(Money(5))) == {"amount": 5, "currency": "VND"}
    at = datetime(2026, 11, 21, 3, 30, 0, 123456, tzinfo=UTC)
    assert load(SCHEMA, {"instant": instant_json(at)})["instant"] == at


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("text", {"type": "string", "minLength": 2, "maxLength": 5}),
        ("code", {"type": "string", "minLength": 1, "maxLength": 8, "pattern": "^(?:[A-Z]{2}|[0-9]{3})$"}),
        ("whole", {"type": "integer", "minimum": -3, "maximum": 7}),
        ("colour", {"type": "string", "enum": ["red", "blue"]}),
        ("day", {"type": ["string", "null"], "format": "date"}),
    ],
)
def test_fields_describe_what_they_take(name: str, shape: dict[str, object]) -> None:
    assert SCHEMA.fields[name].described() == shape  # type: ignore[attr-defined]
