from datetime import UTC, datetime

import pytest

from payclear.contract.outcomes import CallbackVerdict, Outcome
from providers.zalopay import mapping

FINAL_REFUSALS = {-54, -322, -329}


def expected(code: int, sub_code: int | None) -> Outcome:
    """The rule said a second time, without a table."""
    if code in (1, 3):
        return Outcome.CONFIRMED if code == 1 else Outcome.PENDING
    return Outcome.REJECTED if code == 2 and sub_code in FINAL_REFUSALS else Outcome.UNKNOWN


@pytest.mark.parametrize("sub_code", [*sorted(mapping.SUB_CODES), None, 0, 1, -63, -999])
@pytest.mark.parametrize("code", [*sorted(mapping.RETURN_CODES), 0, -1, 4])
def test_payment_outcome_of_every_pair_of_codes(code, sub_code):
    assert mapping.payment_outcome(code, sub_code) is expected(code, sub_code)


@pytest.mark.parametrize("sub_code", [*sorted(mapping.SUB_CODES), None])
@pytest.mark.parametrize("code", [1, 2, 3, 4])
def test_refund_outcome_of_every_pair_of_codes(code, sub_code):
    outcome = mapping.refund_outcome(code, sub_code)
    if code in (1, 3):
        assert outcome is (Outcome.CONFIRMED if code == 1 else Outcome.PENDING)
    else:
        refused = code == 2 and sub_code in {-4, -9, -13, -14, -101}
        assert outcome is (Outcome.REJECTED if refused else Outcome.UNKNOWN)


def test_tables_hold_together():
    known = set(mapping.SUB_CODES)
    assert set(mapping.FAILED_OUTCOMES) <= known
    assert known >= mapping.NOT_OPENED | mapping.REQUEST_REFUSED | mapping.REFUND_REFUSED
    assert not mapping.NOT_OPENED & (mapping.REQUEST_REFUSED | set(mapping.FAILED_OUTCOMES))
    assert set(mapping.ACKNOWLEDGEMENTS) == set(CallbackVerdict)


@pytest.mark.parametrize(
    ("codes", "text"), [((1, 1), "1"), ((2, -329), "2/-329"), ((3, 0), "3"), ((2, None), "2")]
)
def test_detail_code_keeps_the_sub_code_where_it_says_more(codes, text):
    assert mapping.detail_code(*codes) == text


def test_app_trans_id_has_the_vietnamese_day_and_gives_the_reference_back():
    late = datetime(2026, 11, 21, 17, 30, tzinfo=UTC)
    assert mapping.app_trans_id("PC0123456789A01", late) == "261122_PC0123456789A01"
    assert mapping.attempt_ref_of("261122_PC0123456789A01") == "PC0123456789A01"


@pytest.mark.parametrize("text", ["", "PC01", "26112_PC01", "261122_", "261122_PC 1", "261122_" + "P" * 34])
def test_attempt_ref_of_other_texts_is_none(text):
    assert mapping.attempt_ref_of(text) is None


@pytest.mark.parametrize(
    ("text", "code"), [("-329", -329), ("1", 1), ("0", 0), ("-0", None), ("", None), ("1.0", None)]
)
def test_read_code_takes_plain_numbers_only(text, code):
    assert mapping.read_code(text) == code
