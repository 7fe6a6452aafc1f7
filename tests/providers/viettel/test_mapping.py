import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.viettel import mapping
from providers.viettel.mapping import KeyPair

STATUSES = ["1", "0", "2", "3", "-1", "", "x"]
ERRORS = ["00", "01", "02", "03", "24", ""]


@pytest.mark.parametrize("error_code", ERRORS)
@pytest.mark.parametrize("status", STATUSES)
def test_payment_outcome_of_every_pair_without_an_agreement(error_code, status):
    expected = {"0": Outcome.PENDING}.get(status, Outcome.UNKNOWN)
    if (error_code, status) == ("00", "1"):
        expected = Outcome.CONFIRMED
    assert mapping.payment_outcome(error_code, status, frozenset()) is expected


def test_payment_outcome_only_what_the_contract_names_is_a_refusal():
    agreed = mapping.refusal_statuses("2,-1")
    assert mapping.payment_outcome("24", "2", agreed) is Outcome.REJECTED
    assert mapping.payment_outcome("24", "-1", agreed) is Outcome.REJECTED
    assert mapping.payment_outcome("24", "3", agreed) is Outcome.UNKNOWN


@pytest.mark.parametrize("option", ["1", "0", "2,1", "2,", ",", "x", "2;3", "2 ,3"])
def test_refusal_statuses_that_are_no_list_or_would_refuse_money_are_none(option):
    assert mapping.refusal_statuses(option) is None


@pytest.mark.parametrize(
    ("code", "outcome"), [("00", "confirmed"), ("02", "rejected"), ("813", "unknown"), ("", "unknown")]
)
def test_refund_outcome_of_a_code(code, outcome):
    assert mapping.refund_outcome(code).value == outcome


def test_every_verdict_has_a_reply_code():
    assert set(mapping.REPLY_CODES) == set(CallbackVerdict)


@given(st.from_regex(r"[A-Z0-9]{1,20}", fullmatch=True), st.integers(1, mapping.AMOUNT_CEILING))
def test_bill_code_fits_and_gives_the_amount_back(order_id, amount):
    code = mapping.bill_code(order_id, Money(amount))
    assert len(code) <= 20
    assert mapping.billed_amount(code, order_id) == Money(amount)


@pytest.mark.parametrize("amount", [0, -1, mapping.AMOUNT_CEILING + 1])
def test_bill_code_of_an_amount_that_does_not_fit_is_refused(amount):
    with pytest.raises(ValueError, match="bill code"):
        mapping.bill_code("4401", Money(amount))


@pytest.mark.parametrize("code", ["", "4401", "4402000ABCD", "44010000000", "4401000abcd", "4401 00ABCD"])
def test_billed_amount_of_a_foreign_code_is_none(code):
    assert mapping.billed_amount(code, "4401") is None


def test_refund_order_id_long_references_stay_different_and_fit():
    assert mapping.refund_order_id("4401R1") == "4401R1"
    made = {mapping.refund_order_id("R" * length) for length in (21, 22, 32)}
    assert (len(made), {len(text) for text in made}) == (3, {20})


def test_signing_pair_every_pair_is_tried_and_the_first_named():
    pairs = (KeyPair("new", Secret("a"), Secret("x")), KeyPair("old", Secret("a"), Secret("y")))
    fields = {"order_id": "1", "merchant_code": "m", "error_code": "00"}
    signed = {**fields, "check_sum": mapping.sign(pairs[1], fields, mapping.REPLY)}
    assert mapping.signing_pair(pairs, signed, mapping.REPLY).id == "old"
    assert mapping.signing_pair(pairs[:1], signed, mapping.REPLY) is None
    assert mapping.signing_pair(pairs, {**fields, "check_sum": "ký"}, mapping.REPLY) is None
