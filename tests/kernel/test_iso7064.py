"""Check characters against published examples, and what they must catch."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from payclear.kernel.iso7064 import (
    mod37_36_check,
    mod37_36_is_valid,
    mod97_10_check,
    mod97_10_is_valid,
)

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
digits = st.text("0123456789", min_size=1, max_size=40)
words = st.text(ALPHABET, min_size=1, max_size=40)


def in_digits(text: str) -> str:
    """IBAN and ISO 11649 spell letters as two digits before the check: A is 10, Z is 35."""
    return "".join(str(int(character, 36)) for character in text)


@pytest.mark.parametrize("text", ["", "12a", "１２", "-1", " 1"])
def test_mod97_of_anything_but_digits_is_refused(text):
    with pytest.raises(ValueError, match="digits"):
        mod97_10_check(text)
    assert not mod97_10_is_valid(text)


@pytest.mark.parametrize("text", ["a", "Đ", "A-1", "A 1"])
def test_mod37_of_anything_but_digits_and_capitals_is_refused(text):
    with pytest.raises(ValueError, match="capital"):
        mod37_36_check(text)
    assert not mod37_36_is_valid(text + "0")


def test_texts_too_short_to_hold_a_check_are_invalid():
    assert not mod97_10_is_valid("01")
    assert not mod37_36_is_valid("")
    assert not mod37_36_is_valid("A")


def test_mod97_published_examples():
    # ISO/IEC 7064 MOD 97-10: 794 with 44. IBAN registry: GB and DE examples. ISO 11649: RF18 539007547034.
    assert mod97_10_check("794") == "44"
    assert mod97_10_is_valid("79444")
    assert mod97_10_check(in_digits("NWBK60161331926819GB")) == "29"
    assert mod97_10_check(in_digits("370400440532013000DE")) == "89"
    assert mod97_10_check(in_digits("539007547034RF")) == "18"


def test_mod37_published_examples():
    # GRid standard: A1-2425G-ABC1234002-M.
    assert mod37_36_check("A12425GABC1234002") == "M"
    assert mod37_36_is_valid("A12425GABC1234002M")


@pytest.mark.parametrize("alias", ["00", "01", "99"])
def test_mod97_check_digits_outside_the_standard_range_are_invalid(alias):
    # 00, 01 and 99 are congruent to 97, 98 and 02, and would give two spellings of one number.
    assert not any(mod97_10_is_valid(f"{number}{alias}") for number in range(300))


@given(digits)
def test_mod97_accepts_its_own_check(body):
    whole = body + mod97_10_check(body)
    assert mod97_10_is_valid(whole)
    assert int(whole) % 97 == 1


@given(words)
def test_mod37_accepts_its_own_check(body):
    assert mod37_36_is_valid(body + mod37_36_check(body))


@given(digits, st.data())
def test_mod97_catches_every_single_wrong_digit_and_neighbour_swap(body, data):
    whole = body + mod97_10_check(body)
    at = data.draw(st.integers(0, len(whole) - 1))
    wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != whole[at]]))
    assert not mod97_10_is_valid(whole[:at] + wrong + whole[at + 1 :])
    swap = data.draw(st.integers(0, len(whole) - 2))
    assume(whole[swap] != whole[swap + 1])
    assert not mod97_10_is_valid(whole[:swap] + whole[swap + 1] + whole[swap] + whole[swap + 2 :])


@given(words, st.data())
def test_mod37_catches_every_single_wrong_character(body, data):
    whole = body + mod37_36_check(body)
    at = data.draw(st.integers(0, len(whole) - 1))
    wrong = data.draw(st.sampled_from([character for character in ALPHABET if character != whole[at]]))
    assert not mod37_36_is_valid(whole[:at] + wrong + whole[at + 1 :])
