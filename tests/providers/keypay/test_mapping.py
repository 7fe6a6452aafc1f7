import pytest

from payclear.contract.errors import CallbackMalformed
from payclear.contract.outcomes import CallbackVerdict
from payclear.kernel.secret import Secret
from providers.keypay import mapping


@pytest.mark.parametrize("status", ["0", "1", "2", "3", "00", "", "done", "expired"])
@pytest.mark.parametrize("agreed", ["", "1,2", "expired"])
def test_outcome_of_every_status_under_every_agreement(status, agreed):
    refusals = mapping.codes(agreed)
    expected = "confirmed" if status == "0" else "rejected" if status in refusals else "unknown"
    assert mapping.outcome_of(status, refusals).value == expected


@pytest.mark.parametrize("option", ["0", "1,0", "1,", ",", "a b", "1;2"])
def test_codes_that_are_no_list_or_would_refuse_money_are_none(option):
    assert mapping.codes(option) is None


def test_every_verdict_has_an_answer_and_only_taken_ones_end_the_calls():
    assert set(mapping.ACKNOWLEDGEMENTS) == set(CallbackVerdict)
    ends = {verdict.value for verdict, (code, _) in mapping.ACKNOWLEDGEMENTS.items() if code == 0}
    assert ends == {"accepted", "already_known", "amount_mismatch"}


def test_flat_reads_data_and_passes_over_lists():
    message = {"error": 0, "data": {"status": "0", "list": [1]}, "bill_info": {"x": 1}, "ok": True}
    assert mapping.flat(message, CallbackMalformed) == {"error": "0", "status": "0"}


@pytest.mark.parametrize(
    "message",
    [
        {"status": "0", "data": {"status": "1"}},
        {"transaction_id": "a|b"},
        {"data": {"client_id": "a|b"}},
        {"status": "\ud800"},
    ],
)
def test_flat_message_that_can_be_read_in_two_ways_is_malformed(message):
    with pytest.raises(CallbackMalformed):
        mapping.flat(message, CallbackMalformed)


def test_signing_key_id_every_key_is_tried():
    keys = {"new": Secret("a"), "old": Secret("b")}
    fields = {"client_id": "c", "command": "PAY", "transaction_id": "1"}
    given = mapping.check_sum(Secret("b"), fields, mapping.DETAIL)
    assert mapping.signing_key_id(keys, fields, mapping.DETAIL, given) == "old"
    assert mapping.signing_key_id(keys, fields, mapping.DETAIL, given.upper()) is None
    assert mapping.signing_key_id(keys, fields, mapping.DETAIL, "ký") is None
    assert mapping.signing_key_id({}, fields, mapping.DETAIL, "") is None
