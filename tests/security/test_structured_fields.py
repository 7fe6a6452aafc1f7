"""Structured Fields: what is not written exactly as the grammar says is refused, never repaired."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.security.structured_fields import (
    InnerList,
    Item,
    StructureInvalid,
    read_dictionary,
    write_inner_list,
    write_item,
)

NAMES = st.from_regex(r"[a-z][a-z0-9_\-.]{0,8}", fullmatch=True)
BARE = st.one_of(
    st.booleans(),
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12),
    st.binary(max_size=12),
)
PARAMETERS = st.dictionaries(NAMES, BARE, max_size=3)
ITEMS = st.builds(Item, BARE, PARAMETERS)
LISTS = st.builds(InnerList, st.lists(ITEMS, max_size=4).map(tuple), PARAMETERS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a=",
        "a=1,",
        "a=1,,b=2",
        "a=1 b=2",
        "a=1, a=2",
        "A=1",
        "a =1",
        "a=1e9",
        "a=1.5",
        "a=01",
        "a=+1",
        "a=1000000000000000",
        "a=token",
        'a="no end',
        'a="\\n"',
        'a="đ"',
        "a=:no-base64:",
        "a=:QQ:",
        "a=?2",
        'a=("x"',
        'a=("x""y")',
        'a=("x");created=1;created=2',
        'a=("x");Created=1',
        "a=" + '"' + "x" * 5000 + '"',
        ", ".join(f"a{number}=1" for number in range(40)),
    ],
)
def test_field_that_breaks_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(StructureInvalid):
        read_dictionary(text)


def test_dictionary_is_read_whole() -> None:
    read = read_dictionary(' sig1=( "@method"  "x";req );created=12;tag="a\\"b" ,\tother=:QUI=: ')
    assert read == {
        "sig1": InnerList((Item("@method"), Item("x", {"req": True})), {"created": 12, "tag": 'a"b'}),
        "other": Item(b"AB"),
    }


@given(st.dictionaries(NAMES, st.one_of(ITEMS, LISTS), min_size=1, max_size=4))
def test_what_is_written_reads_the_same(members: dict[str, Item | InnerList]) -> None:
    text = ", ".join(
        f"{name}={write_inner_list(member) if isinstance(member, InnerList) else write_item(member)}"
        for name, member in members.items()
    )
    assert read_dictionary(text) == members


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(StructureInvalid):
        read_dictionary(text)
