"""Plates: one key for every writing of a plate, two when it is open, and masks that hide the middle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.obligations.rules.plates import PlateColour, PlateForm, mask_name, read_plate

WHITE = PlateColour.WHITE


@pytest.mark.parametrize(
    ("text", "key", "masked"),
    [
        ("30A-123.45", "30A-12345", "30A-***.45"),
        ("30a 12345", "30A-12345", "30A-***.45"),
        ("30A-1234", "30A-1234", "30A-**.34"),
        ("30A1234", "30A-1234", "30A-**.34"),
        ("29-B1 123.45", "29B1-12345", "29B1-***.45"),
        ("29B112345", "29B1-12345", "29B1-***.45"),
        ("29-B1 1234", "29B1-1234", "29B1-**.34"),
        ("29B-112.34", "29B-11234", "29B-***.34"),
        ("29B112.34", "29B-11234", "29B-***.34"),
        ("51R-123.45", "51R-12345", "51R-***.45"),
        ("30LD-123.45", "30LD-12345", "30LD-***.45"),
        ("29-MĐ1 123.45", "29MD1-12345", "29MD1-***.45"),
        ("29-MD1 123.45", "29MD1-12345", "29MD1-***.45"),
        ("29-AA 123.45", "29AA-12345", "29AA-***.45"),
        ("29AA12345", "29AA-12345", "29AA-***.45"),
    ],
)
def test_civil_plate_has_one_key_and_a_mask(text, key, masked):
    plate = read_plate(text, WHITE)
    assert (plate.raw, plate.keys, plate.masked) == (text, (f"{key}/white",), masked)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("29B11234", ("29B-11234/white", "29B1-1234/white")),
        ("29-B11234", ("29B-11234/white", "29B1-1234/white")),
        ("30A12345", ("30A-12345/white", "30A1-2345/white")),
    ],
)
def test_car_and_old_motorcycle_written_alike_are_both_looked_up(text, keys):
    plate = read_plate(text, WHITE)
    assert plate.keys == keys
    assert plate.masked == f"{text[:2]}-***.{text[-2:]}"


@pytest.mark.parametrize("text", ["80-NG-123-45", "80-123-NG-45", "80NG12345"])
def test_foreign_plate_has_one_key_however_it_is_written(text):
    plate = read_plate(text, WHITE)
    assert (plate.form, plate.keys, plate.masked) == (PlateForm.FOREIGN, ("80NG-12345/white",), "80NG-***.45")


def test_military_plate_is_read():
    plate = read_plate("TM-12-34", PlateColour.RED)
    assert (plate.form, plate.keys, plate.masked) == (PlateForm.MILITARY, ("TM-1234/red",), "TM-**.34")


@pytest.mark.parametrize(
    "text", ["30I-123.45", "30O-123.45", "30Q-123.45", "30W-123.45", "30J-123.45", "A", "", "123"]
)
def test_odd_plate_is_kept_and_hidden(text):
    plate = read_plate(text, WHITE)
    assert plate.form is PlateForm.OTHER
    assert plate.raw == text
    assert plate.masked.startswith("****")
    assert len(plate.masked) <= 6


def test_colour_makes_another_vehicle():
    keys = {read_plate("30A-123.45", colour).keys for colour in PlateColour}
    assert len(keys) == len(PlateColour)


@given(st.text(max_size=30), st.sampled_from(PlateColour))
def test_no_plate_is_dropped(text, colour):
    plate = read_plate(text, colour)
    assert plate.raw == text
    assert 1 <= len(plate.keys) <= 2


def test_plate_in_a_log_line_is_masked():
    assert "12345" not in repr(read_plate("30A-12345", WHITE))


@given(st.from_regex(r"[0-9]{2}[A-HK-NPR-VX-Z][0-9]?-[0-9]{3}\.[0-9]{2}", fullmatch=True))
def test_plate_key_does_not_depend_on_separators(text):
    whole = read_plate(text, WHITE)
    bare = read_plate(text.replace("-", "").replace(".", ""), WHITE)
    assert len(whole.keys) == 1
    assert set(whole.keys) <= set(bare.keys)
    assert text[-6:] not in whole.masked


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("NGUYEN VAN A", "NGUYEN V** A"),
        ("NGUYỄN VĂN HÙNG", "NGUYỄN V** H***"),
        ("  Trần   Thị Mẫu ", "Trần T** M**"),
        ("LE THI MINH KHAI", "LE T** M*** K***"),
        ("MADONNA", "M******"),
        ("", ""),
        ("NGUYE\u0302\u0303N VA\u0306N A", "NGUYỄN V** A"),
    ],
)
def test_name_keeps_its_family_name_and_first_letters(name, masked):
    assert mask_name(name) == masked


@given(st.lists(st.text("ABCDEĐÊ", min_size=2, max_size=8), min_size=1, max_size=6))
def test_masked_name_never_shows_a_given_name(words):
    shown = mask_name(" ".join(words)).split()
    assert len(shown) == len(words)
    for word, seen in list(zip(words, shown, strict=True))[1 if len(words) > 1 else 0 :]:
        assert seen == word[0] + "*" * (len(word) - 1)
