"""The error family: codes, categories, and facts that stay safe."""

import copy
import pickle

import pytest

from payclear.kernel.errors import (
    Conflict,
    ErrorCategory,
    InvalidInput,
    NotFound,
    PayclearError,
    Unavailable,
    all_error_classes,
)


@pytest.mark.parametrize("code", ["", "Not-Snake", "1st", "a__b", "a_", None])
def test_error_class_without_a_snake_case_code_cannot_be_defined(code):
    body = {"category": ErrorCategory.INVALID} | ({} if code is None else {"code": code})
    with pytest.raises(TypeError):
        type("Nameless", (PayclearError,), body)


def test_error_class_without_a_category_cannot_be_defined():
    with pytest.raises(TypeError, match="ErrorCategory"):
        type("Shapeless", (PayclearError,), {"code": "shapeless", "category": "invalid"})


@pytest.mark.parametrize("value", [1.5, b"secret", ["list"], {"a": 1}, object()])
def test_error_fact_that_is_no_scalar_is_refused(value):
    with pytest.raises(TypeError, match="facts must be"):
        InvalidInput(field=value)


def test_error_says_its_code_and_detail():
    assert str(NotFound()) == "not_found"
    assert str(NotFound("no such order", kind="order")) == "not_found: no such order"


def test_error_survives_copy_and_pickle():
    error = Conflict("already paid", order_ref="PC1", number=2, live=True, none=None)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(twin), twin.detail, twin.facts) == (Conflict, error.detail, error.facts)


@pytest.mark.parametrize(
    ("error", "code", "category"),
    [
        (InvalidInput, "invalid_input", "invalid"),
        (NotFound, "not_found", "not_found"),
        (Conflict, "conflict", "conflict"),
        (Unavailable, "unavailable", "unavailable"),
    ],
)
def test_generic_errors_keep_their_published_code_and_category(error, code, category):
    assert (error.code, error.category) == (code, category)


def test_all_error_classes_lists_subclasses_of_subclasses_in_a_stable_order():
    class Missing(NotFound):
        code = "zz_missing"

    class MissingTwice(Missing, InvalidInput):
        code = "zz_missing_twice"

    found = all_error_classes()
    assert not {"Nameless", "Shapeless"} & {each.__name__ for each in found}
    assert {InvalidInput, NotFound, Conflict, Unavailable, Missing, MissingTwice} <= set(found)
    assert len(found) == len(set(found))
    assert [each.code for each in found] == sorted(each.code for each in found)
    assert PayclearError not in found
