from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.errors import CallbackMalformed
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import InvalidAmount, Money
from payclear.kernel.secret import Secret
from providers.vnpay import mapping

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
OTHERS = {"09", "10", "11", "12", "13", "24", "51", "65", "75", "79", "99"}


def expected(response: str, status: str) -> Outcome:
    """The rule of the IPN said a second time, without a table."""
    if (response, status) == ("00", "00"):
        return Outcome.CONFIRMED
    if status in ("01", "07") or (response, status) == ("07", "00"):
        return Outcome.PENDING
    if status == "02" and response != "07":
        return Outcome.REJECTED
    return Outcome.UNKNOWN


@pytest.mark.parametrize("status", sorted(mapping.TRANSACTION_STATUSES))
@pytest.mark.parametrize("response", sorted(mapping.RESPONSE_CODES))
def test_payment_outcome_of_every_pair_of_codes(response, status):
    assert mapping.payment_outcome(response, status) is expected(response, status)


def test_payment_outcome_only_one_pair_is_paid():
    pairs = [
        (response, status)
        for response in mapping.RESPONSE_CODES
        for status in mapping.TRANSACTION_STATUSES
        if mapping.payment_outcome(response, status) is Outcome.CONFIRMED
    ]
    assert pairs == [("00", "00")]


@pytest.mark.parametrize(("response", "status"), [("00", "42"), ("42", "00"), ("", ""), ("00", "")])
def test_payment_outcome_of_codes_nobody_knows_is_unknown(response, status):
    assert mapping.payment_outcome(response, status) is Outcome.UNKNOWN


def test_tables_hold_every_known_code():
    assert set(mapping.RESPONSE_CODES) == OTHERS | {"00", "07"}
    assert set(mapping.PAYMENT_OUTCOMES) == set(mapping.TRANSACTION_STATUSES) == set(mapping.QUERY_OUTCOMES)
    assert set(mapping.ACKNOWLEDGEMENTS) == set(CallbackVerdict)
    assert all("*" in row for row in mapping.PAYMENT_OUTCOMES.values())


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("00", "confirmed"),
        ("01", "pending"),
        ("02", "rejected"),
        ("04", "unknown"),
        ("05", "unknown"),
        ("06", "unknown"),
        ("07", "pending"),
        ("09", "unknown"),
        ("42", "unknown"),
        ("", "unknown"),
    ],
)
def test_query_outcome_of_a_status(status, outcome):
    assert mapping.query_outcome(status).value == outcome


@pytest.mark.parametrize(
    ("api_code", "status", "outcome"),
    [
        ("00", "00", "confirmed"),
        ("00", "05", "pending"),
        ("00", "06", "pending"),
        ("00", "09", "rejected"),
        ("00", "02", "unknown"),
        ("00", "", "unknown"),
        ("91", "", "rejected"),
        ("95", "", "rejected"),
        ("94", "", "unknown"),
        ("42", "00", "unknown"),
    ],
)
def test_refund_outcome_of_codes(api_code, status, outcome):
    assert mapping.refund_outcome(api_code, status).value == outcome


@pytest.mark.parametrize(
    ("response", "status", "code"),
    [
        ("00", "00", "00"),
        ("24", "02", "24"),
        ("07", "07", "07"),
        ("00", "02", "00/02"),
        ("99", "04", "99/04"),
    ],
)
def test_detail_code_keeps_the_status_where_it_says_more(response, status, code):
    assert mapping.detail_code(response, status) == code


@pytest.mark.parametrize(
    ("bank", "card", "words"),
    [
        ("", "", ("GATEWAY", "UNSTATED")),
        ("NCB", "ATM", ("EBANKING", "CARD")),
        ("NCB", "QRCODE", ("QR", "ACCOUNT")),
        ("VNPAYQR", "", ("QR", "UNSTATED")),
        ("NCB", "NEW", ("EBANKING", "UNSTATED")),
    ],
)
def test_channel_and_instrument_in_the_domains_words(bank, card, words):
    assert mapping.channel_and_instrument(bank, card) == words


@given(st.dictionaries(ANY_TEXT.map("vnp_{}".format), ANY_TEXT.filter(bool), max_size=8))
def test_decode_query_gives_back_what_was_encoded(fields):
    canonical = mapping.canonical_query(fields)
    signed = {
        name: value for name, value in fields.items() if name not in ("vnp_SecureHash", "vnp_SecureHashType")
    }
    assert mapping.decode_query(canonical.encode("ascii")) == signed
    assert mapping.canonical_query(signed) == canonical


@given(st.binary(max_size=300))
def test_decode_query_of_any_bytes_is_fields_or_malformed(query):
    try:
        fields = mapping.decode_query(query)
    except CallbackMalformed:
        return
    mapping.canonical_query(fields)


@pytest.mark.parametrize(
    "query",
    [
        b"vnp_TxnRef=1&vnp_TxnRef=1",
        b"vnp_TxnRef=1&vnp_%54xnRef=2",
        b"vnp_TxnRef=%ff",
        b"vnp_TxnRef=\xff",
        b"vnp_x=" + b"1" * 9_000,
        b"&".join(b"vnp_%d=1" % number for number in range(65)),
    ],
    ids=["twice", "twice-encoded", "not-utf8-encoded", "not-utf8", "too-long", "too-many"],
)
def test_decode_query_odd_queries_are_malformed(query):
    with pytest.raises(CallbackMalformed):
        mapping.decode_query(query)


def test_decode_query_fields_of_others_are_left_out():
    assert mapping.decode_query(b"x=1&vnp_A=%zz&&vnp_B") == {"vnp_A": "%zz", "vnp_B": ""}


@pytest.mark.parametrize(
    "text", ["", "0100", "100 ", "-100", "+100", "1e4", "100.0", "١٠٠", "1_000", "150", "1" * 16, "0x64"]
)
def test_read_amount_anything_but_hundredfold_dong_is_refused(text):
    with pytest.raises(InvalidAmount):
        mapping.read_amount(text)


@given(st.integers(0, 9_999_999_999))
def test_read_amount_gives_back_what_was_written(amount):
    assert mapping.read_amount(mapping.amount_text(Money(amount))) == Money(amount)


@pytest.mark.parametrize(
    "text",
    ["", "2026112110311", "20261321103112", "20261121246060", "２０２６１１２１１０３１１２", "0" * 14],
)
def test_read_time_no_time_is_none(text):
    assert mapping.read_time(text) is None


@given(st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)))
def test_read_time_gives_back_what_was_written(naive):
    at = naive.replace(microsecond=0, tzinfo=UTC)
    assert mapping.read_time(mapping.time_text(at)) == at


def test_signing_key_id_every_key_is_tried_and_the_first_named():
    keys = {"old": Secret("a"), "new": Secret("b")}
    assert mapping.signing_key_id(keys, "x", mapping.sign(Secret("b"), "x")) == "new"
    assert mapping.signing_key_id(keys, "x", mapping.sign(Secret("c"), "x")) is None
    assert mapping.signing_key_id(keys, "x", "ký") is None
    assert mapping.signing_key_id({}, "x", "") is None
