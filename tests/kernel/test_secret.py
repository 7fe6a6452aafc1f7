"""A secret shows itself only when asked to."""

import copy
import json
import logging
import pickle

import pytest

from payclear.kernel.secret import HIDDEN, Secret

SECRET = Secret("open sesame")


@pytest.mark.parametrize("value", [None, b"bytes", 1])
def test_secret_of_something_else_than_text_is_refused(value):
    with pytest.raises(TypeError):
        Secret(value)


def test_secret_cannot_be_pickled_or_dumped():
    with pytest.raises(TypeError):
        pickle.dumps(SECRET)
    with pytest.raises(TypeError):
        json.dumps(SECRET)


def test_secret_never_shows_in_text(caplog):
    logging.getLogger("tests").warning("key %s %r", SECRET, [SECRET])
    for shown in (str(SECRET), repr(SECRET), f"{SECRET}", f"{[SECRET]}", caplog.text):
        assert "sesame" not in shown
        assert HIDDEN in shown


def test_secret_is_shown_by_reveal_alone():
    assert SECRET.reveal() == "open sesame"
    assert copy.copy(SECRET) is copy.deepcopy(SECRET) is SECRET


def test_secrets_compare_by_value_and_never_with_plain_text():
    assert Secret("open sesame") == SECRET != Secret("other")
    assert hash(Secret("open sesame")) == hash(SECRET)
    assert SECRET != "open sesame"


def test_empty_secret_is_falsy_and_shows_that_it_is_empty():
    empty = Secret()
    assert not empty
    assert SECRET
    assert (str(empty), repr(empty)) == ("", "Secret('')")
