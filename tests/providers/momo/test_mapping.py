import pytest

from payclear.contract.outcomes import CallbackVerdict, Outcome
from providers.momo import mapping

PENDING = {1000, 7000, 7002, 9000}
REFUSALS = {1001, 1002, 1003, 1004, 1005, 1006, 1007, 1017, 1026, 4001, 4002, 4100}


def expected(code: int) -> Outcome:
    """The rule said a second time, without a table."""
    if code == 0:
        return Outcome.CONFIRMED
    if code in PENDING:
        return Outcome.PENDING
    return Outcome.REJECTED if code in REFUSALS else Outcome.UNKNOWN


@pytest.mark.parametrize("code", [*sorted(mapping.RESULT_CODES), 1, 42, 5000, 99999])
def test_payment_outcome_of_every_code(code):
    assert mapping.payment_outcome(code) is expected(code)


def test_payment_outcome_only_zero_is_paid_and_only_known_codes_are_refusals():
    outcomes = {code: mapping.payment_outcome(code) for code in range(10_000)}
    assert [code for code, outcome in outcomes.items() if outcome is Outcome.CONFIRMED] == [0]
    assert {code for code, outcome in outcomes.items() if outcome is Outcome.REJECTED} == REFUSALS
    assert set(mapping.PAYMENT_OUTCOMES) <= set(mapping.RESULT_CODES)
    assert not mapping.REQUEST_REFUSED & set(mapping.PAYMENT_OUTCOMES)


@pytest.mark.parametrize("code", sorted(mapping.RESULT_CODES))
def test_refund_outcome_of_every_code(code):
    outcome = mapping.refund_outcome(code)
    by_rule = {0: Outcome.CONFIRMED, 7000: Outcome.PENDING, 7002: Outcome.PENDING}
    refused = {42: Outcome.REJECTED, 1081: Outcome.REJECTED, 1088: Outcome.REJECTED}
    assert outcome is (by_rule | refused).get(code, Outcome.UNKNOWN)


def test_acknowledgements_cover_every_verdict():
    assert set(mapping.ACKNOWLEDGEMENTS) == set(CallbackVerdict)


@pytest.mark.parametrize(
    ("text", "code"),
    [("0", 0), ("1006", 1006), ("", None), ("-1", None), ("00", None), ("٠", None), ("1" * 6, None)],
)
def test_read_code_takes_plain_numbers_only(text, code):
    assert mapping.read_code(text) == code


@pytest.mark.parametrize("text", ["", "0", "1795231865", "x", "17952318651230000", "-1795231865123"])
def test_read_time_other_texts_are_no_time(text):
    assert mapping.read_time(text) is None


@pytest.mark.parametrize(
    ("value", "shifts"),
    [("Phi A&B", False), ("a&b=c", False), ("x&amount=1", True), ("&orderId=", True), ("amount=1", False)],
)
def test_shifts_borders_of_values(value, shifts):
    assert mapping.shifts_borders({"message": value}) is shifts


@pytest.mark.parametrize(
    ("pay_type", "words"),
    [
        ("qr", ("QR", "WALLET")),
        ("napas", ("WALLET", "CARD")),
        ("", ("WALLET", "UNSTATED")),
        ("new", ("WALLET", "UNSTATED")),
    ],
)
def test_channel_and_instrument_in_the_domains_words(pay_type, words):
    assert mapping.channel_and_instrument(pay_type) == words
