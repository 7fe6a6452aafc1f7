from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.ids import attempt_ref, new_order_ref
from payclear.kernel.money import Money
from providers.payos import mapping
from tests.providers.payos.account import ORDER_CODE, REFERENCE

NOTHING, SOME = Money(0), Money(150_000)


def test_order_code_of_a_reference_is_known():
    assert mapping.order_code(REFERENCE) == ORDER_CODE
    assert mapping.attempt_ref_of(ORDER_CODE) == REFERENCE


@pytest.mark.parametrize("number", range(1, 9))
def test_order_code_turns_back_into_every_reference(number):
    for _ in range(50):
        reference = attempt_ref(new_order_ref(), number)
        code = mapping.order_code(reference)
        assert 1 <= code <= mapping.ORDER_CODE_MAX
        assert mapping.attempt_ref_of(code) == reference


@given(st.integers(1, mapping.ORDER_CODE_MAX))
def test_attempt_ref_of_turns_back_into_every_code(code):
    assert mapping.order_code(mapping.attempt_ref_of(code)) == code


@pytest.mark.parametrize("code", [0, -1, mapping.ORDER_CODE_MAX + 1])
def test_attempt_ref_of_a_number_out_of_range_is_none(code):
    assert mapping.attempt_ref_of(code) is None


@pytest.mark.parametrize(
    "reference", ["", "PC0123456789A01", "PC0123456789H09", "PC0123456789H00", "X" * 15, "PC0123456789H1"]
)
def test_order_code_of_what_is_no_attempt_is_none(reference):
    assert mapping.order_code(reference) is None


def test_order_code_zero_is_never_given():
    assert mapping.order_code(mapping.attempt_ref_of(1)[:-2] + "01") is None


@pytest.mark.parametrize("has_expired", [False, True])
@pytest.mark.parametrize("paid", [NOTHING, SOME])
@pytest.mark.parametrize("status", [*sorted(mapping.STATUS_OUTCOMES), "", "REFUNDED"])
def test_link_outcome_of_every_status(status, paid, has_expired):
    """The rule said a second time: money on a link that nothing more comes to is money."""
    outcome = mapping.link_outcome(status, paid, has_expired=has_expired)
    ended = status in ("PAID", "CANCELLED", "EXPIRED", "FAILED") or (status == "UNDERPAID" and has_expired)
    if ended and paid == SOME:
        assert outcome is Outcome.CONFIRMED
    elif status in ("CANCELLED", "EXPIRED", "FAILED"):
        assert outcome is Outcome.REJECTED
    elif status in ("PENDING", "PROCESSING", "UNDERPAID"):
        assert outcome is Outcome.PENDING
    else:
        assert outcome is Outcome.UNKNOWN


def test_acknowledgements_cover_every_verdict():
    assert set(mapping.ACKNOWLEDGEMENTS) == set(CallbackVerdict)


@pytest.mark.parametrize(
    ("data", "canonical"),
    [
        ({"b": None, "a": "null", "c": "undefined", "d": ""}, "a=&b=&c=&d="),
        ({"z": 1, "Z": False}, "Z=false&z=1"),
        ({"a": [{"y": 1, "x": "é"}, 2]}, 'a=[{"x":"é","y":1},2]'),
    ],
)
def test_canonical_data_of_odd_values(data, canonical):
    assert mapping.canonical_data(data) == canonical


@pytest.mark.parametrize("value", [{"x": 1}, 1.5])
def test_canonical_data_of_what_is_never_signed_is_refused(value):
    with pytest.raises(mapping.NotSignable):
        mapping.canonical_data({"a": value})


@pytest.mark.parametrize(
    ("data", "shifts"),
    [
        ({"description": "x&orderCode=1&p=2"}, True),
        ({"a&b": "1"}, True),
        ({"": "1"}, True),
        ({"desc": "A & B = C"}, False),
        ({"desc": "Thành công", "n": 5, "x": None}, False),
    ],
)
def test_shifts_borders_of_data(data, shifts):
    assert mapping.shifts_borders(data) is shifts


@pytest.mark.parametrize("text", ["2026-11-21 10:31:12", "2026-11-21T10:31:12+07:00", "2026-11-21T03:31:12Z"])
def test_read_time_is_vietnamese_unless_it_says_otherwise(text):
    assert mapping.read_time(text) == datetime(2026, 11, 21, 3, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "x", "21/11/2026", "0001-01-01 00:00:00"])
def test_read_time_other_texts_are_no_time(text):
    assert mapping.read_time(text) is None


@pytest.mark.parametrize("value", [None, True, -1, "150000", 1.0, 10**16])
def test_read_amount_takes_whole_numbers_only(value):
    assert mapping.read_amount(value) is None
