"""Text for banks: no marks, only letters every bank carries, and the payment code survives."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.i18n.memos import strip_accents, to_bank_memo
from payclear.kernel.payment_code import find_payment_codes, new_payment_code

ALPHABET = "aăâbcdđeêghiklmnoôơpqrstuưvxyàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ"


@pytest.mark.parametrize("limit", [0, -1])
def test_memo_without_room_is_a_mistake(limit):
    with pytest.raises(ValueError, match="room"):
        to_bank_memo("x", limit)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("Nguyễn Thị Đượm", "Nguyen Thi Duom"),
        ("đường Trường Sa", "duong Truong Sa"),
        ("ĐỒNG", "DONG"),
        ("", ""),
        ("日本 한국", "日本 한국"),
    ],
)
def test_accents_are_stripped_from_latin_letters_only(text, bare):
    assert strip_accents(text) == bare
    assert strip_accents(unicodedata.normalize("NFD", text)) == bare


def test_every_vietnamese_letter_becomes_ascii_of_its_case():
    for letters in (ALPHABET, ALPHABET.upper()):
        bare = strip_accents(letters)
        assert bare.isascii()
        assert len(bare) == len(letters)
        assert bare.islower() == letters.islower()


@pytest.mark.parametrize(
    ("text", "limit", "memo"),
    [
        ("Nộp phạt QĐ 123/QĐ-XPHC", 50, "Nop phat QD 123 QD-XPHC"),
        ("  a\n\tb  ", 50, "a b"),
        ("Lệ phí: 50.000đ", 50, "Le phi: 50.000d"),
        ("abc def", 4, "abc"),
        ("ＡＢ１", 50, "AB1"),
        ("日本", 50, ""),
        ("a'\"<>&;b", 50, "a b"),
    ],
)
def test_memo_keeps_what_banks_carry(text, limit, memo):
    assert to_bank_memo(text, limit) == memo


@given(st.text(max_size=200), st.integers(1, 100))
def test_memo_of_any_text_fits_and_is_stable(text, limit):
    memo = to_bank_memo(text, limit)
    assert len(memo) <= limit
    assert re.fullmatch(r"[A-Za-z0-9 .:_-]*", memo)
    assert "  " not in memo
    assert memo == memo.strip()
    assert to_bank_memo(memo, limit) == memo


@given(st.text(ALPHABET + " .-/", max_size=60))
def test_payment_code_put_first_survives_the_memo_and_its_cut(text):
    code = new_payment_code()
    assert find_payment_codes(to_bank_memo(f"{code} {text}", 25)) == [code]
