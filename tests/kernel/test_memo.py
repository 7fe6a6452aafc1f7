"""What is left of a memo once separators are taken away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.memo import compact, ranked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" .-_/", ""),
        ("nộp phạt", "NỘPPHẠT"),
        ("a1\u200b2\u00a03\n4\ufeff", "A1234"),
        ("１２ａ", "12A"),
        ("QĐ-XPHC 0123/45", "QĐXPHC012345"),
    ],
)
def test_compact_keeps_letters_and_digits_only(text, expected):
    assert compact(text).text == expected


def test_compact_remembers_where_words_began_and_ended():
    memo = compact(" ab. cd ")
    assert memo.is_whole_words(0, 2)
    assert memo.is_whole_words(2, 4)
    assert memo.is_whole_words(0, 4)
    assert not memo.is_whole_words(1, 2)
    assert not memo.is_whole_words(0, 3)


@given(st.text(max_size=200))
def test_compact_of_compacted_text_changes_nothing_but_words(text):
    once = compact(text).text
    assert compact(once).text == once


def test_ranked_puts_surer_texts_first_each_once():
    assert ranked([(2, "c"), (0, "a"), (1, "b"), (0, "d"), (0, "c")]) == ["a", "d", "c", "b"]
