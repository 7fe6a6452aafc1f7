"""Ids: order, form, refusal of look-alikes, and references found in free text."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel import ids
from payclear.kernel.ids import (
    InvalidId,
    attempt_ref,
    find_order_refs,
    is_order_ref,
    new_order_ref,
    new_token,
    new_uuid,
    parse_public_id,
    public_id,
    sha256_hex,
    split_attempt_ref,
)
from payclear.kernel.iso7064 import mod37_36_check

REF = "PC0123456789" + mod37_36_check("PC0123456789")
order_refs = st.text(ids.CROCKFORD, min_size=10, max_size=10).map(
    lambda body: f"PC{body}{mod37_36_check('PC' + body)}"
)


def test_uuids_are_version_7_and_strictly_increasing():
    made = [new_uuid() for _ in range(2000)]
    assert made == sorted(set(made))
    assert {(each.version, each.variant) for each in made} == {(7, uuid.RFC_4122)}


def test_uuids_of_a_clock_that_stands_still_or_runs_back_still_increase(monkeypatch):
    first = new_uuid()
    milliseconds = first.int >> 80
    monkeypatch.setattr(ids, "unix_time_ns", lambda: (milliseconds - 1000) * 1_000_000)
    made = [first, *(new_uuid() for _ in range(5000))]
    assert made == sorted(set(made))


def test_uuid_begins_with_the_unix_milliseconds(monkeypatch):
    monkeypatch.setattr(ids, "_last_ticks", 0)
    monkeypatch.setattr(ids, "unix_time_ns", lambda: 1_795_298_839_123_999_999)
    made = new_uuid()
    assert made.int >> 80 == 1_795_298_839_123
    assert made.int >> 64 & 0xFFF == 4095


def test_uuids_made_by_many_threads_are_distinct():
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_uuid(), range(4000)))
    assert len(set(made)) == 4000


@pytest.mark.parametrize("prefix", ["", "o", "ord_", "ORD", "o1", "abcdefghi", "o-d"])
def test_public_id_with_a_prefix_of_another_form_is_a_mistake(prefix):
    with pytest.raises(ValueError, match="prefix"):
        public_id(prefix, uuid.UUID(int=1))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.upper(),
        lambda text: text[:-1],
        lambda text: text + "0",
        lambda text: text + "\n",
        lambda text: "att" + text[3:],
        lambda text: text.replace("_", "-"),
        lambda text: text.replace("_", "__"),
        lambda text: text[4:],
        lambda text: text[:4] + "8" + text[5:],
        lambda text: text[:-1] + "i",
        lambda text: text[:-1] + "o",
        lambda text: text[:-1] + "l",
        lambda text: text[:-1] + "u",
        lambda text: "",
    ],
)
def test_public_id_altered_in_any_way_is_refused(change):
    with pytest.raises(InvalidId):
        parse_public_id("ord", change(public_id("ord", uuid.UUID(int=2**128 - 1))))


def test_public_ids_at_both_ends():
    assert public_id("ord", uuid.UUID(int=0)) == "ord_" + "0" * 26
    assert public_id("ord", uuid.UUID(int=2**128 - 1)) == "ord_7" + "z" * 25


@given(st.uuids(), st.sampled_from(["ord", "att", "rcp", "obl", "evt"]))
def test_public_id_round_trips_and_keeps_the_order(value, prefix):
    text = public_id(prefix, value)
    assert len(text) == len(prefix) + 27
    assert parse_public_id(prefix, text) == value


@given(st.uuids(), st.uuids())
def test_public_ids_sort_as_their_uuids(left, right):
    assert (public_id("ord", left) < public_id("ord", right)) == (left < right)


@pytest.mark.parametrize(
    "text",
    [
        "",
        REF.lower(),
        REF[:-1],
        REF + "0",
        "PD" + REF[2:],
        REF[:-1] + "!",
        " " + REF,
        REF + "\n",
        "PCO" + REF[3:],
    ],
)
def test_text_of_another_form_is_no_order_ref(text):
    assert not is_order_ref(text)


@given(order_refs, st.integers(2, 12), st.data())
def test_order_ref_with_one_wrong_character_is_refused(ref, at, data):
    wrong = data.draw(st.sampled_from([each for each in ids.CROCKFORD if each != ref[at]]))
    assert not is_order_ref(ref[:at] + wrong + ref[at + 1 :])


def test_new_order_refs_are_valid_and_distinct():
    made = [new_order_ref() for _ in range(500)]
    assert all(is_order_ref(ref) and len(ref) == 13 for ref in made)
    assert len(set(made)) == 500


@pytest.mark.parametrize(
    "text",
    [
        f"thanh toan {REF} ho so",
        f"THANHTOAN{REF}HOSO",
        f"tt {REF.lower()}.",
        f"tt {REF[:5]} {REF[5:9]}-{REF[9:]}",
        f"tt {REF[:6]}\n{REF[6:]} ls",
        f"{REF} {REF}",
        f"nộp {REF}01 đủ",
        "".join(chr(ord(character) + 0xFEE0) for character in REF),
    ],
)
def test_order_ref_in_free_text_is_found(text):
    assert find_order_refs(text) == [REF]


def test_order_ref_with_a_wrong_check_character_in_free_text_is_not_found():
    wrong = REF[:-1] + ("A" if REF[-1] != "A" else "B")
    assert find_order_refs(f"thanh toan {wrong} ho so") == []


def test_order_refs_standing_alone_come_before_glued_ones():
    other = "PCZZZZZZZZZZ" + mod37_36_check("PCZZZZZZZZZZ")
    assert find_order_refs(f"X{other}Y {REF} Z") == [REF, other]


def test_overlapping_order_refs_are_both_found():
    inner = "PCPC01234567"
    text = inner + mod37_36_check(inner)
    tails = [text + tail for tail in ("".join((a, b)) for a in ids.CROCKFORD for b in ids.CROCKFORD)]
    both = [tail for tail in tails if is_order_ref(tail[2:15])]
    assert both
    assert find_order_refs(both[0]) == [text, both[0][2:15]]


@given(st.text(max_size=100))
def test_find_in_any_text_returns_only_order_refs(text):
    assert all(is_order_ref(ref) for ref in find_order_refs(text))


@pytest.mark.parametrize(("ref", "number"), [(REF, 0), (REF, 100), (REF, -1), (REF[:-1], 1)])
def test_attempt_ref_out_of_range_or_of_no_order_is_refused(ref, number):
    with pytest.raises(InvalidId):
        attempt_ref(ref, number)


@pytest.mark.parametrize(
    "text", ["", REF, REF + "1", REF + "00", REF + "001", REF.lower() + "01", REF + "0A"]
)
def test_text_of_another_form_is_no_attempt_ref(text):
    assert split_attempt_ref(text) is None


@given(order_refs, st.integers(1, 99))
def test_attempt_ref_round_trips(ref, number):
    assert split_attempt_ref(attempt_ref(ref, number)) == (ref, number)


def test_tokens_are_long_url_safe_and_distinct():
    made = {new_token() for _ in range(200)}
    assert len(made) == 200
    assert all(len(token) == 32 and set(token) <= set("-_") | set(map(chr, range(48, 123))) for token in made)


def test_sha256_hex_of_nothing_is_the_known_digest():
    assert sha256_hex(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
