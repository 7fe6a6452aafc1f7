import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.errors import OutcomeUnknown
from providers.transport import Answer
from providers.wire import answer_object, form_fields, json_object, member


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"1", b"\xff", b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":"\\ud800"}', b"[" * 100_000],
)
def test_json_object_anything_unsound_is_refused(content):
    with pytest.raises(OutcomeUnknown):
        json_object(content, OutcomeUnknown)


def test_json_object_a_fraction_never_becomes_a_float():
    assert json_object(b'{"a":1.50,"b":2}', OutcomeUnknown) == {"a": "1.50", "b": 2}


@given(st.binary(max_size=200))
def test_json_object_any_bytes_raise_nothing_else(content):
    with pytest.raises(OutcomeUnknown):
        json_object(content + b"x", OutcomeUnknown)


@pytest.mark.parametrize(("value", "text"), [(None, ""), (5, "5"), ("x", "x"), ("", "")])
def test_member_is_text(value, text):
    assert member({"a": value}, "a", OutcomeUnknown) == text
    assert member({}, "a", OutcomeUnknown) == ""


@pytest.mark.parametrize("value", [True, [1], {"x": 1}, "\ud800"])
def test_member_of_an_odd_kind_is_refused(value):
    with pytest.raises(OutcomeUnknown):
        member({"a": value}, "a", OutcomeUnknown)


@pytest.mark.parametrize(
    "raw", [b"a=1&a=2", b"a=%ff", b"a=" + b"1" * 99, b"&".join(b"f%d=1" % number for number in range(65))]
)
def test_form_fields_that_can_not_be_relied_on_are_refused(raw):
    with pytest.raises(OutcomeUnknown):
        form_fields(raw, 90 if len(raw) < 200 else 9_000, OutcomeUnknown)


def test_form_fields_are_decoded():
    assert form_fields(b"a=b+c%2B&&d", 100, OutcomeUnknown) == {"a": "b c+", "d": ""}


def test_answer_object_http_error_leaves_doubt():
    with pytest.raises(OutcomeUnknown):
        answer_object(Answer(502, {}, b"{}"))
