"""Sealed cells: what was sealed opens in its own place with its own key, and nowhere else."""

import base64
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payclear.kernel.secret import Secret
from payclear.security.keyring import KeyUnusable
from payclear.security.sealed import SealBroken, Sealer, new_kek

SEALER = Sealer({"kek-1": new_kek()}, "kek-1")
DATA_KEY = SEALER.new_data_key()
ROW = uuid4()
CELL = {"table": "payer", "column": "full_name", "row": ROW}


@pytest.mark.parametrize("text", ["", "short", "not base64!", base64.b64encode(bytes(16)).decode(), "é"])
def test_kek_that_is_not_32_bytes_in_base64_is_unusable(text):
    with pytest.raises(KeyUnusable) as caught:
        Sealer({"kek-1": Secret(text)}, "kek-1")
    assert caught.value.facts == {"reason": "unreadable", "kek_id": "kek-1"}


def test_missing_active_kek_is_unusable():
    with pytest.raises(KeyUnusable) as caught:
        Sealer({"kek-1": new_kek()}, "kek-2")
    assert caught.value.facts == {"reason": "missing", "kek_id": "kek-2"}


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"table": "payee"},
        {"column": "address"},
        {"row": uuid4()},
        {"data_key": SEALER.new_data_key()},
        {"data_key": replace(DATA_KEY, id=uuid4())},
        {"table": "payerfull", "column": "_name"},
    ],
)
def test_sealed_value_moved_elsewhere_is_broken(elsewhere):
    sealed = SEALER.seal("Nguyễn Văn A", data_key=DATA_KEY, **CELL)
    with pytest.raises(SealBroken) as caught:
        SEALER.open(sealed, **({"data_key": DATA_KEY} | CELL | elsewhere))
    assert caught.value.facts == {"reason": "altered"}


@settings(max_examples=60)
@given(st.data())
def test_sealed_value_with_one_flipped_bit_is_broken(data):
    sealed = bytearray(SEALER.seal("012345678901", data_key=DATA_KEY, **CELL))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken):
        SEALER.open(bytes(sealed), data_key=DATA_KEY, **CELL)


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" * 28, b"\x02" * 40])
def test_value_that_was_never_sealed_is_broken(sealed):
    with pytest.raises(SealBroken):
        SEALER.open(sealed, data_key=DATA_KEY, **CELL)


@pytest.mark.parametrize(
    "wrapped",
    [b"", b"short", bytes(40), DATA_KEY.wrapped[:-1], DATA_KEY.wrapped[::-1]],
    ids=["empty", "short", "zeros", "cut", "reversed"],
)
def test_altered_data_key_is_broken(wrapped):
    sealed = SEALER.seal("x", data_key=DATA_KEY, **CELL)
    with pytest.raises(SealBroken) as caught:
        SEALER.open(sealed, data_key=replace(DATA_KEY, wrapped=wrapped), **CELL)
    assert caught.value.facts == {"reason": "altered_key"}


def test_data_key_of_an_unknown_kek_is_unusable():
    with pytest.raises(KeyUnusable):
        SEALER.seal("x", data_key=replace(DATA_KEY, kek_id="kek-9"), **CELL)


def test_data_key_under_another_kek_of_the_same_name_is_broken():
    with pytest.raises(SealBroken):
        Sealer({"kek-1": new_kek()}, "kek-1").seal("x", data_key=DATA_KEY, **CELL)


@given(
    st.text(max_size=300),
    st.text(max_size=20),
    st.text(max_size=20),
    st.one_of(st.uuids(), st.text(max_size=20)),
)
def test_sealed_text_opens_in_its_own_cell(plaintext, table, column, row):
    sealed = SEALER.seal(plaintext, data_key=DATA_KEY, table=table, column=column, row=row)
    assert SEALER.open(sealed, data_key=DATA_KEY, table=table, column=column, row=row) == plaintext


@given(st.binary(max_size=300))
def test_sealed_bytes_open_in_their_own_cell(plaintext):
    sealed = SEALER.seal_bytes(plaintext, data_key=DATA_KEY, **CELL)
    assert len(sealed) == len(plaintext) + 29
    assert SEALER.open_bytes(sealed, data_key=DATA_KEY, **CELL) == plaintext


def test_sealing_twice_never_gives_the_same_bytes():
    assert len({SEALER.seal("x", data_key=DATA_KEY, **CELL) for _ in range(100)}) == 100


def test_row_may_be_given_as_uuid_or_its_text():
    sealed = SEALER.seal("x", data_key=DATA_KEY, **CELL)
    assert SEALER.open(sealed, data_key=DATA_KEY, **(CELL | {"row": str(ROW)})) == "x"


def test_rewrapped_data_key_opens_old_cells_without_the_old_kek():
    old, new = new_kek(), new_kek()
    before = Sealer({"kek-1": old}, "kek-1")
    data_key = before.new_data_key()
    sealed = before.seal("012345678901", data_key=data_key, **CELL)
    during = Sealer({"kek-1": old, "kek-2": new}, "kek-2")
    rewrapped = during.rewrap(data_key)
    assert (rewrapped.id, rewrapped.kek_id) == (data_key.id, "kek-2")
    assert during.open(sealed, data_key=data_key, **CELL) == "012345678901"
    after = Sealer({"kek-2": new}, "kek-2")
    assert after.open(sealed, data_key=rewrapped, **CELL) == "012345678901"
    with pytest.raises(KeyUnusable):
        after.open(sealed, data_key=data_key, **CELL)


def test_data_keys_are_distinct_and_wrapped_in_40_bytes():
    keys = [SEALER.new_data_key() for _ in range(50)]
    assert len({each.wrapped for each in keys}) == len({each.id for each in keys}) == 50
    assert {len(each.wrapped) for each in keys} == {40}
    assert all(isinstance(each.id, UUID) and each.kek_id == "kek-1" for each in keys)
