"""Blind indexes: equal for equal values however they are spelt, telling nothing else."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.secret import Secret
from payclear.security.blind_index import INDEX_BYTES, BlindIndex
from payclear.security.keyring import KeyUnusable

INDEX = BlindIndex(Secret("k" * 32))
values = st.text(min_size=1).filter(lambda text: text.split())


@pytest.mark.parametrize("key", ["", "short", "k" * 31])
def test_short_key_is_unusable(key):
    with pytest.raises(KeyUnusable):
        BlindIndex(Secret(key))


@pytest.mark.parametrize("value", ["", "  ", "\u00a0\n"])
def test_blank_value_has_no_index(value):
    with pytest.raises(ValueError, match="blank"):
        INDEX.of("citizen_id", value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("30a-123.45", "30A-123.45"), (" 0123 4567 8901 ", "012345678901"), ("Lê  Thị", "LÊTHỊ")],
)
def test_spelling_does_not_change_the_index(written, meant):
    assert INDEX.of("c", written) == INDEX.of("c", meant)


@given(values)
def test_unicode_form_case_and_spaces_do_not_change_the_index(value):
    index = INDEX.of("c", value)
    assert len(index) == INDEX_BYTES
    assert INDEX.of("c", unicodedata.normalize("NFD", value)) == index
    assert INDEX.of("c", f" {value}\t") == index
    assert INDEX.of("c", unicodedata.normalize("NFC", value).upper()) == index


@given(values)
def test_column_and_key_change_the_index(value):
    assert INDEX.of("c", value) != INDEX.of("d", value)
    assert INDEX.of("c", value) != BlindIndex(Secret("l" * 32)).of("c", value)


def test_different_values_have_different_indexes():
    assert len({INDEX.of("c", f"{number:012d}") for number in range(5000)}) == 5000
