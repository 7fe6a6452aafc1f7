import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.secret import Secret
from providers.ninepay import mapping


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("2", "pending"),
        ("3", "pending"),
        ("4", "unknown"),
        ("5", "confirmed"),
        ("6", "rejected"),
        ("8", "rejected"),
        ("9", "rejected"),
        ("16", "pending"),
        ("7", "unknown"),
        ("15", "unknown"),
        ("05", "unknown"),
        ("", "unknown"),
    ],
)
def test_outcome_of_a_status(status, outcome):
    assert mapping.outcome_of(status).value == outcome


def test_only_status_5_is_paid_and_every_verdict_has_an_answer():
    assert [code for code, outcome in mapping.OUTCOMES.items() if outcome is Outcome.CONFIRMED] == ["5"]
    assert set(mapping.ACKNOWLEDGEMENTS) == set(CallbackVerdict)


@given(st.binary(max_size=60))
def test_decode_result_reads_both_alphabets_with_and_without_padding(content):
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(content).decode()
        expected = content if text else None
        assert mapping.decode_result(text) == expected
        assert mapping.decode_result(text.rstrip("=")) == expected


@pytest.mark.parametrize("text", ["", "A", "====", "a b", "ab\n", "ký", "AAAAA"])
def test_decode_result_of_other_text_is_none(text):
    assert mapping.decode_result(text) in (None, b"")


def test_checksum_key_id_lower_case_and_other_keys_do_not_hold():
    keys = {"new": Secret("b"), "old": Secret("a")}
    assert mapping.checksum_key_id(keys, "x", mapping.checksum(Secret("a"), "x")) == "old"
    assert mapping.checksum_key_id(keys, "x", mapping.checksum(Secret("a"), "x").lower()) is None
    assert mapping.checksum_key_id(keys, "x", mapping.checksum(Secret("c"), "x")) is None
    assert mapping.checksum_key_id({}, "x", "") is None


def test_request_id_long_references_stay_different_and_fit():
    long = ["R" * 31, "R" * 32]
    assert mapping.request_id("R" * 30) == "R" * 30
    assert len({mapping.request_id(text) for text in long}) == 2
    assert all(len(mapping.request_id(text)) == 30 for text in long)


@pytest.mark.parametrize(
    ("method", "words"),
    [("ATM_CARD", ("EBANKING", "CARD")), ("WALLET", ("WALLET", "WALLET")), ("NEW", ("GATEWAY", "UNSTATED"))],
)
def test_channel_and_instrument_in_the_domains_words(method, words):
    assert mapping.channel_and_instrument(method) == words
