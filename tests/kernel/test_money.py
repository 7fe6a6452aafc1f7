"""Money: exactness, refusals, splitting, and amounts as machines and statements write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.money import (
    AMOUNT_MAX,
    CurrencyMismatch,
    InvalidAmount,
    Money,
    parse_amount,
    parse_statement_amount,
    sum_money,
)
from tests.kernel.currencies import other_currency

amounts = st.integers(-AMOUNT_MAX, AMOUNT_MAX)


@pytest.mark.parametrize("amount", [True, 1.0, "1", None, 10**15 + 1, -(10**15) - 1])
def test_money_of_something_else_than_a_bounded_integer_is_refused(amount):
    with pytest.raises(InvalidAmount):
        Money(amount)


def test_money_of_an_unknown_currency_is_refused():
    with pytest.raises(InvalidAmount) as caught:
        Money(1, "USD")
    assert caught.value.facts == {"reason": "unknown_currency"}


def test_money_at_both_limits_is_kept():
    assert Money(AMOUNT_MAX).amount == -Money(-AMOUNT_MAX).amount == 10**15


def test_money_sum_beyond_the_limit_is_refused():
    with pytest.raises(InvalidAmount):
        Money(AMOUNT_MAX) + Money(1)


@pytest.mark.parametrize("operation", ["__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_money_mixed_with_another_currency_is_refused(monkeypatch, operation):
    foreign = other_currency(monkeypatch)
    with pytest.raises(CurrencyMismatch) as caught:
        getattr(Money(1), operation)(foreign)
    assert caught.value.facts == {"left": "VND", "right": foreign.currency}


def test_money_of_two_currencies_is_never_equal(monkeypatch):
    foreign = other_currency(monkeypatch)
    assert Money(foreign.amount) != foreign


@pytest.mark.parametrize("wrong", [1, 1.5, "1"])
def test_money_mixed_with_bare_numbers_is_a_type_error(wrong):
    money = Money(1)
    for operation in (
        lambda: money + wrong,
        lambda: money - wrong,
        lambda: money < wrong,
        lambda: money <= wrong,
        lambda: money > wrong,
        lambda: money >= wrong,
    ):
        with pytest.raises(TypeError):
            operation()


@pytest.mark.parametrize("wrong", [1.5, True, "2"])
def test_money_times_something_else_than_an_integer_is_a_type_error(wrong):
    with pytest.raises(TypeError):
        Money(10) * wrong


def test_money_cannot_be_changed():
    with pytest.raises(AttributeError):
        Money(1).amount = 2


def test_money_arithmetic_and_order_within_a_currency():
    assert Money(3) + Money(4) == Money(7)
    assert Money(3) - Money(4) == -Money(1)
    assert 2 * Money(3) == Money(3) * 2 == Money(6)
    assert Money(1) < Money(2) <= Money(2)
    assert Money(2) > Money(1) >= Money(1)
    assert sorted([Money(2), Money(1)]) == [Money(1), Money(2)]
    assert (Money.zero().is_positive, Money(1).is_positive, Money(-1).is_positive) == (False, True, False)
    assert str(Money(1500)) == "VND 1500"


def test_sum_of_nothing_is_zero_of_the_currency():
    assert sum_money([]) == Money.zero("VND")


def test_sum_refuses_another_currency(monkeypatch):
    with pytest.raises(CurrencyMismatch):
        sum_money([Money(1), other_currency(monkeypatch)])


@given(st.lists(st.integers(-(10**12), 10**12), max_size=50))
def test_sum_equals_the_sum_of_the_amounts(values):
    assert sum_money(Money(value) for value in values).amount == sum(values)


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [1, -1], [1, True], [1.0], ["1"]])
def test_allocate_by_weights_without_meaning_is_refused(weights):
    with pytest.raises(InvalidAmount) as caught:
        Money(10).allocate(weights)
    assert caught.value.facts == {"reason": "invalid_weights"}


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (5, [3, 7], [2, 3]),
        (10, [0, 1, 0], [0, 10, 0]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (2, [1, 1, 1], [1, 1, 0]),
        (1, [1, 3], [0, 1]),
        (0, [2, 1], [0, 0]),
        (AMOUNT_MAX, [1], [AMOUNT_MAX]),
    ],
)
def test_allocate_gives_the_rest_to_the_largest_remainders_first_on_ties(amount, weights, parts):
    assert [part.amount for part in Money(amount).allocate(weights)] == parts


@given(amounts, st.lists(st.integers(0, 10**9), min_size=1, max_size=40).filter(any))
def test_allocate_conserves_the_amount_and_stays_within_one_dong_of_the_share(amount, weights):
    money = Money(amount)
    parts = money.allocate(weights)
    total = sum(weights)
    assert len(parts) == len(weights)
    assert sum_money(parts) == money
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part.amount * total - amount * weight) < total
        assert weight or part.amount == 0


@given(amounts, st.lists(st.integers(0, 1000), min_size=1, max_size=20).filter(any))
def test_allocate_of_the_negative_is_the_negative_of_allocate(amount, weights):
    assert [-part for part in Money(amount).allocate(weights)] == list(Money(-amount).allocate(weights))


@pytest.mark.parametrize(
    "text",
    [
        *["", "-1", "+1", "-0", "00", "01", "1.0", "1,000", "1_000", " 1", "1 ", "1\n", "1e3", "NaN"],
        *["Infinity", "١٢٣", "１２３", "1234567890123456", "9" * 5000, "0x10", "1e999999"],
    ],
)
def test_parse_amount_of_anything_but_plain_digits_is_refused(text):
    with pytest.raises(InvalidAmount):
        parse_amount(text)


@pytest.mark.parametrize("value", [1, None, b"1", 1.0])
def test_parse_amount_of_something_else_than_text_is_refused(value):
    with pytest.raises(InvalidAmount):
        parse_amount(value)


def test_parse_amount_with_a_remainder_of_the_scale_is_refused():
    with pytest.raises(InvalidAmount) as caught:
        parse_amount("15000050", scale=100)
    assert caught.value.facts == {"reason": "fraction", "scale": 100}


def test_parse_amount_with_scale_divides_exactly():
    assert parse_amount("15000000", scale=100) == 150000


@given(st.integers(0, 10**15 - 1))
def test_parse_amount_reads_every_plain_number(number):
    assert parse_amount(str(number)) == number


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1250000", 1250000),
        ("1.250.000", 1250000),
        ("1,250,000", 1250000),
        ("1,250,000.00", 1250000),
        ("1.250.000,00", 1250000),
        ("1250000.0", 1250000),
        ("1250000,00", 1250000),
        ("1.250", 1250),
        ("1,250", 1250),
        ("999", 999),
        ("0", 0),
        ("0.00", 0),
        ("-1,250,000", -1250000),
        ("  1.000 ", 1000),
        ("\u00a01.000", 1000),
    ],
)
def test_statement_amount_as_people_write_it_is_read(text, amount):
    assert parse_statement_amount(text) == Money(amount)


@pytest.mark.parametrize(
    "text",
    [
        *["", "-", ".", "1.25", "1.5", "1,250.50", "1,250,000.01", "1250000.5", "0,5"],
        *["1.250.00", "1.250,000", "1,250.000", "1,25,000", "1250.000", "1.2500", "12.50.000", "1..000"],
        *["0.500", "007", "000", "-0", "--1", "+1", "1-", "(1000)", "1 250 000", "1.250.000,00.00"],
        *["1e6", "1_000", "١٢٣", "1250000 VND", "1.250.000đ", "1.000\n", "1,000,00"],
        *["1.000.000.000.000.000", "0.000", "-0.00"],
    ],
)
def test_statement_amount_fractional_or_ambiguous_is_refused(text):
    with pytest.raises(InvalidAmount):
        parse_statement_amount(text)


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.sampled_from([".", ",", ""]), st.booleans())
def test_statement_amount_round_trips_every_grouping(number, separator, with_fraction):
    text = f"{number:,}".replace(",", separator)
    if with_fraction:
        text += ",00" if separator == "." else ".00"
    assert parse_statement_amount(text) == Money(number)
