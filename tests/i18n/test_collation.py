"""Lists of names in the order of a Vietnamese dictionary."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from payclear.i18n.collation import name_key

PROVINCES = [
    "An Giang",
    "Bắc Ninh",
    "Cà Mau",
    "Cao Bằng",
    "Cần Thơ",
    "Đà Nẵng",
    "Đắk Lắk",
    "Điện Biên",
    "Đồng Nai",
    "Đồng Tháp",
    "Gia Lai",
    "Hà Nội",
    "Hà Tĩnh",
    "Hải Phòng",
    "Huế",
    "Hưng Yên",
    "Khánh Hòa",
    "Tây Ninh",
    "Thanh Hóa",
    "Tuyên Quang",
    "Vĩnh Long",
]


def test_letters_of_their_own_come_after_their_plain_ones() -> None:
    words = ["Da", "Đa", "Ea", "Ê", "O", "Ô", "Ơ", "P", "U", "Ư", "V", "A", "Ă", "Â", "B", "Z"]
    wanted = ["A", "Ă", "Â", "B", "Da", "Đa", "Ea", "Ê", "O", "Ô", "Ơ", "P", "U", "Ư", "V", "Z"]
    assert sorted(words, key=name_key) == wanted


def test_tones_decide_only_between_the_same_letters() -> None:
    tones = ["ma", "mà", "mả", "mã", "má", "mạ"]
    assert sorted(reversed(tones), key=name_key) == tones
    assert sorted(["mạ", "mac", "ma"], key=name_key) == ["ma", "mạ", "mac"]


def test_words_are_compared_one_by_one() -> None:
    assert sorted(["Hà Tĩnh", "Hải Phòng", "Hà Nội"], key=name_key) == ["Hà Nội", "Hà Tĩnh", "Hải Phòng"]


def test_provinces_stand_where_a_citizen_looks_for_them() -> None:
    assert sorted(sorted(PROVINCES), key=name_key)[3:9] == [
        *("Cao Bằng", "Cần Thơ"),
        *("Đà Nẵng", "Đắk Lắk", "Điện Biên", "Đồng Nai"),
    ]
    assert sorted(reversed(PROVINCES), key=name_key) == PROVINCES


def test_numbers_in_names_are_compared_as_numbers() -> None:
    assert sorted(["Đội 10", "Đội 2", "Đội"], key=name_key) == ["Đội", "Đội 2", "Đội 10"]


@given(st.text(max_size=12))
def test_every_text_has_a_place_whatever_its_form(text: str) -> None:
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    assert name_key(forms[0]) == name_key(forms[1])
    assert name_key(forms[0]) <= name_key(forms[0] + "a")
