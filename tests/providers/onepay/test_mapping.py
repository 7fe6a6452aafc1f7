import pytest

from payclear.contract.errors import CallbackMalformed
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import InvalidAmount, Money
from payclear.kernel.secret import Secret
from providers.onepay import mapping

REFUSED = {"1", "3", "4", "5", "6", "8", "9", "10", "11", "12", "13", "21", "22", "23", "24", "25", "99"}
UNDECIDED = {"7": Outcome.UNKNOWN, "253": Outcome.UNKNOWN, "100": Outcome.PENDING, "300": Outcome.PENDING}


@pytest.mark.parametrize("code", sorted(mapping.OUTCOMES))
def test_outcome_of_every_known_code(code):
    expected = Outcome.REJECTED if code in REFUSED else UNDECIDED.get(code, Outcome.CONFIRMED)
    assert mapping.outcome_of(code) is expected


def test_only_code_0_is_paid():
    assert [code for code, outcome in mapping.OUTCOMES.items() if outcome is Outcome.CONFIRMED] == ["0"]


@pytest.mark.parametrize("code", ["", "00", "2", "14", "1000", "x"])
def test_outcome_of_a_code_nobody_knows_is_unknown(code):
    assert mapping.outcome_of(code) is Outcome.UNKNOWN


def test_every_verdict_has_an_answer():
    assert set(mapping.ACKNOWLEDGEMENTS) == set(CallbackVerdict)


@pytest.mark.parametrize(
    "query",
    [
        b"vpc_A=1&vpc_A=1",
        b"vpc_Message=x%26vpc_TxnResponseCode=0",
        b"vpc_Message=x%26user_A=0",
        b"vpc_A%3D1%26vpc_B=2",
        b"vpc_A=%ff",
        b"vpc_A=" + b"1" * 9_000,
    ],
    ids=["twice", "hidden-field", "hidden-user-field", "odd-name", "not-utf8", "too-long"],
)
def test_read_message_that_can_be_read_in_two_ways_is_malformed(query):
    with pytest.raises(CallbackMalformed):
        mapping.read_message(query, CallbackMalformed)


def test_read_message_fields_of_others_are_left_out():
    assert mapping.read_message(b"Title=x&vpc_A=a+b&user_B=%C4%90", CallbackMalformed) == {
        "vpc_A": "a b",
        "user_B": "Đ",
    }


@pytest.mark.parametrize("text", ["", "150", "0100", "-100", "100.00", "1e4"])
def test_read_amount_anything_but_hundredfold_dong_is_refused(text):
    with pytest.raises(InvalidAmount):
        mapping.read_amount(text)


def test_read_amount_gives_back_what_was_written():
    assert mapping.read_amount(mapping.amount_text(Money(150_000))) == Money(150_000)


@pytest.mark.parametrize("secret", ["", "xyz", "AB" * 15, "A" * 33])
def test_is_key_anything_but_128_hexadecimal_bits_is_none(secret):
    assert not mapping.is_key(Secret(secret))
    assert mapping.signing_key_id({"a": Secret(secret)}, {"vpc_SecureHash": ""}) is None
