"""Amounts in figures and in words, with the numbers that are awkward to say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.i18n.amounts import amount_in_words, format_amount
from payclear.kernel.money import AMOUNT_MAX, Money

amounts = st.integers(-AMOUNT_MAX, AMOUNT_MAX)

_VI = {
    **{
        word: number
        for number, word in enumerate(
            ["không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín"]
        )
    },
    **{"mốt": 1, "tư": 4, "lăm": 5},
}


def read_vietnamese(words: str) -> int:
    """The number that Vietnamese words say, read word by word by rules of its own."""
    total = group = digit = 0
    for word in words.split():
        if word in _VI:
            digit = _VI[word]
        elif word == "mười":
            group, digit = group + 10, 0
        elif word in ("mươi", "trăm"):
            group, digit = group + digit * {"mươi": 10, "trăm": 100}[word], 0
        elif word in ("nghìn", "triệu"):
            total, group, digit = total + (group + digit) * {"nghìn": 10**3, "triệu": 10**6}[word], 0, 0
        elif word == "tỷ":
            total, group, digit = (total + group + digit) * 10**9, 0, 0
        else:
            assert word == "linh"
    return total + group + digit


@pytest.mark.parametrize("locale", ["", "fr", "VI", None])
def test_unknown_locale_is_a_mistake(locale):
    with pytest.raises(ValueError, match="locale"):
        format_amount(Money(1), locale)
    with pytest.raises(ValueError, match="locale"):
        amount_in_words(Money(1), locale)


@pytest.mark.parametrize(
    ("amount", "vi", "en"),
    [
        (1234567, "1.234.567 ₫", "VND 1,234,567"),
        (0, "0 ₫", "VND 0"),
        (999, "999 ₫", "VND 999"),
        (-1500, "-1.500 ₫", "VND -1,500"),
        (10**15, "1.000.000.000.000.000 ₫", "VND 1,000,000,000,000,000"),
    ],
)
def test_amount_in_figures(amount, vi, en):
    assert (format_amount(Money(amount), "vi"), format_amount(Money(amount), "en")) == (vi, en)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "Không"),
        (1, "Một"),
        (4, "Bốn"),
        (5, "Năm"),
        (10, "Mười"),
        (11, "Mười một"),
        (14, "Mười bốn"),
        (15, "Mười lăm"),
        (20, "Hai mươi"),
        (21, "Hai mươi mốt"),
        (24, "Hai mươi tư"),
        (25, "Hai mươi lăm"),
        (55, "Năm mươi lăm"),
        (91, "Chín mươi mốt"),
        (101, "Một trăm linh một"),
        (104, "Một trăm linh bốn"),
        (105, "Một trăm linh năm"),
        (111, "Một trăm mười một"),
        (115, "Một trăm mười lăm"),
        (200, "Hai trăm"),
        (1001, "Một nghìn không trăm linh một"),
        (1021, "Một nghìn không trăm hai mươi mốt"),
        (8500, "Tám nghìn năm trăm"),
        (15000, "Mười lăm nghìn"),
        (21000, "Hai mươi mốt nghìn"),
        (135000, "Một trăm ba mươi lăm nghìn"),
        (1000005, "Một triệu không trăm linh năm"),
        (1005000, "Một triệu không trăm linh năm nghìn"),
        (1234567, "Một triệu hai trăm ba mươi tư nghìn năm trăm sáu mươi bảy"),
        (10**9, "Một tỷ"),
        (2_000_050_000, "Hai tỷ không trăm năm mươi nghìn"),
        (21 * 10**9 + 5, "Hai mươi mốt tỷ không trăm linh năm"),
        (1_234 * 10**9, "Một nghìn hai trăm ba mươi tư tỷ"),
        (1_005 * 10**9, "Một nghìn không trăm linh năm tỷ"),
        (10**15, "Một triệu tỷ"),
        (-8500, "Âm tám nghìn năm trăm"),
    ],
)
def test_amount_in_vietnamese_words(amount, words):
    assert amount_in_words(Money(amount), "vi") == f"{words} đồng"


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "Zero"),
        (1, "One"),
        (12, "Twelve"),
        (20, "Twenty"),
        (21, "Twenty-one"),
        (100, "One hundred"),
        (119, "One hundred nineteen"),
        (1000, "One thousand"),
        (1250000, "One million two hundred fifty thousand"),
        (2_000_000_005, "Two billion five"),
        (10**15, "One quadrillion"),
        (-40, "Minus forty"),
    ],
)
def test_amount_in_english_words(amount, words):
    assert amount_in_words(Money(amount), "en") == f"{words} Vietnamese dong"


@given(amounts)
def test_vietnamese_words_say_the_amount(amount):
    words = amount_in_words(Money(amount), "vi").lower().removesuffix(" đồng")
    said = -read_vietnamese(words.removeprefix("âm ")) if words.startswith("âm ") else read_vietnamese(words)
    assert said == amount


@given(amounts, st.sampled_from(["vi", "en"]))
def test_words_are_single_spaced_and_begin_with_one_capital(amount, locale):
    words = amount_in_words(Money(amount), locale)
    assert words == " ".join(words.split())
    assert words[0].isupper()
    assert words[1:].replace("Vietnamese", "").islower()


@given(amounts)
def test_figures_keep_every_digit_in_both_languages(amount):
    for locale in ("vi", "en"):
        figures = format_amount(Money(amount), locale)
        kept = "".join(character for character in figures if character in "-0123456789")
        assert int(kept) == amount
