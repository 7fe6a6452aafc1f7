"""Passwords and API keys."""

import hashlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.errors import InvalidInput
from payclear.security.passwords import (
    PASSWORD_CHARACTERS_MAX,
    hash_api_key,
    hash_password,
    needs_rehash,
    new_api_key,
    parse_api_key,
    verify_password,
)

PASSWORD = "mật khẩu đủ dài 2026"
HASH = hash_password(PASSWORD)


@pytest.mark.parametrize("password", ["", "x" * (PASSWORD_CHARACTERS_MAX + 1)])
def test_empty_or_over_long_password_is_refused(password):
    with pytest.raises(InvalidInput) as caught:
        hash_password(password)
    assert caught.value.facts == {"field": "password"}


@pytest.mark.parametrize("password", ["", PASSWORD + " ", PASSWORD.upper(), PASSWORD * 50, "\udc80"])
def test_wrong_password_does_not_verify(password):
    assert not verify_password(password, HASH)


def test_unknown_user_never_verifies():
    assert not verify_password(PASSWORD, None)


@pytest.mark.parametrize(
    "damaged",
    ["", "x", HASH[:-3], HASH.replace("argon2id", "argon2i")],
    ids=["empty", "letter", "cut", "another algorithm"],
)
def test_damaged_hash_never_verifies(damaged):
    assert not verify_password(PASSWORD, damaged)


def test_over_long_password_never_verifies_by_its_beginning():
    longest = "x" * PASSWORD_CHARACTERS_MAX
    hashed = hash_password(longest)
    assert verify_password(longest, hashed)
    assert not verify_password(longest + "x", hashed)


def test_right_password_verifies_in_both_unicode_forms():
    assert verify_password(PASSWORD, HASH)
    assert verify_password(unicodedata.normalize("NFD", PASSWORD), HASH)


def test_hashes_are_salted_argon2id_of_today():
    again = hash_password(PASSWORD)
    assert again != HASH
    assert HASH.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not needs_rehash(HASH)
    assert needs_rehash(HASH.replace("t=2", "t=1"))


def test_new_api_keys_parse_to_their_id_and_are_distinct():
    made = [new_api_key() for _ in range(100)]
    assert all(parse_api_key(text) == key_id for key_id, text in made)
    assert len({text for _, text in made}) == len({key_id for key_id, _ in made}) == 100


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text.upper(),
        lambda text: text[:-1],
        lambda text: text + "a",
        lambda text: text + "\n",
        lambda text: "sk" + text[2:],
        lambda text: text.replace("_", "-"),
        lambda text: text[:-1] + "u",
    ],
)
def test_text_of_another_form_is_no_api_key(change):
    assert parse_api_key(change(new_api_key()[1])) is None


@given(st.text(max_size=100))
def test_parse_of_any_text_never_fails(text):
    assert parse_api_key(text) is None


def test_stored_form_of_an_api_key_is_its_sha256():
    _, text = new_api_key()
    assert hash_api_key(text) == hashlib.sha256(text.encode()).digest()
