"""Money as whole đồng: the only type that amounts travel in between functions.

Called by every feature; parsers of statements and gateways turn text into amounts here.
It must never know a float, round silently, or mix currencies.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from payclear.kernel.errors import ErrorCategory, PayclearError

# The number of decimal places of each currency we keep books in (ISO 4217).
CURRENCIES: dict[str, int] = {"VND": 0}
AMOUNT_MAX = 10**15

_INTEGER = re.compile(r"0|[1-9][0-9]{0,14}")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:(\.)[0-9]{3}(?:\.[0-9]{3})*|(,)[0-9]{3}(?:,[0-9]{3})*)")


class InvalidAmount(PayclearError):
    """A text or number that is not an amount of money we can keep exactly."""

    code = "invalid_amount"
    category = ErrorCategory.INVALID


class CurrencyMismatch(PayclearError):
    """Two amounts of different currencies were added, subtracted or compared."""

    code = "currency_mismatch"
    category = ErrorCategory.INVALID


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in minor units of its currency; for VND the minor unit is one đồng.

    Raises InvalidAmount for bool, float, an unknown currency, or more than AMOUNT_MAX either way.
    """

    amount: int
    currency: str = "VND"

    def __post_init__(self) -> None:
        if isinstance(self.amount, bool) or not isinstance(self.amount, int):
            raise InvalidAmount("an amount is a whole number", reason="not_an_integer")
        if self.currency not in CURRENCIES:
            raise InvalidAmount("this currency is not kept here", reason="unknown_currency")
        if abs(self.amount) > AMOUNT_MAX:
            raise InvalidAmount("the amount is beyond the limit", reason="out_of_range")

    @classmethod
    def zero(cls, currency: str = "VND") -> Self:
        """No money, in the given currency."""
        return cls(0, currency)

    @property
    def is_positive(self) -> bool:
        """Whether there is something to pay."""
        return self.amount > 0

    def __add__(self, other: "Money") -> "Money":
        if not isinstance(other, Money):
            return NotImplemented
        return Money(self.amount + self._comparable(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        if not isinstance(other, Money):
            return NotImplemented
        return Money(self.amount - self._comparable(other), self.currency)

    def __mul__(self, times: int) -> "Money":
        if isinstance(times, bool) or not isinstance(times, int):
            return NotImplemented
        return Money(self.amount * times, self.currency)

    __rmul__ = __mul__

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __lt__(self, other: "Money") -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self.amount < self._comparable(other)

    def __le__(self, other: "Money") -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self.amount <= self._comparable(other)

    def __gt__(self, other: "Money") -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self.amount > self._comparable(other)

    def __ge__(self, other: "Money") -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self.amount >= self._comparable(other)

    def __str__(self) -> str:
        return f"{self.currency} {self.amount}"

    def _comparable(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise CurrencyMismatch(left=self.currency, right=other.currency)
        return other.amount

    def allocate(self, weights: Sequence[int]) -> "tuple[Money, ...]":
        """Split the amount by weight so that the parts sum to it exactly.

        Largest remainder: each part gets its share rounded towards zero, and the đồng left over go one
        each to the largest remainders, the earlier part first on a tie. A weight of 0 gets nothing.
        Raises InvalidAmount when a weight is negative or not an integer, or when they sum to 0.
        """
        if any(isinstance(weight, bool) or not isinstance(weight, int) or weight < 0 for weight in weights):
            raise InvalidAmount("weights are whole numbers from 0", reason="invalid_weights")
        total = sum(weights)
        if total == 0:
            raise InvalidAmount("weights must not sum to 0", reason="invalid_weights")
        size = abs(self.amount)
        shares = [size * weight // total for weight in weights]
        remainders = [size * weight % total for weight in weights]
        by_remainder = sorted(range(len(shares)), key=lambda index: (-remainders[index], index))
        for index in by_remainder[: size - sum(shares)]:
            shares[index] += 1
        sign = -1 if self.amount < 0 else 1
        return tuple(Money(sign * share, self.currency) for share in shares)


def sum_money(amounts: Iterable[Money], currency: str = "VND") -> Money:
    """Add amounts of one currency; an empty series sums to zero of that currency.

    Only the total has to lie within AMOUNT_MAX. Raises CurrencyMismatch, InvalidAmount.
    """
    total = 0
    for money in amounts:
        if money.currency != currency:
            raise CurrencyMismatch(left=currency, right=money.currency)
        total += money.amount
    return Money(total, currency)


def parse_amount(text: str, *, scale: int = 1) -> int:
    """Read the amount of a machine message: ASCII digits only, no sign, no leading zero, 15 digits at most.

    `scale` is by how much the sender multiplies (VNPAY-like gateways send đồng × 100): the number must
    divide by it without remainder. Raises InvalidAmount.
    """
    if not isinstance(text, str) or not _INTEGER.fullmatch(text):
        raise InvalidAmount("not a plain whole number", reason="malformed")
    amount, remainder = divmod(int(text), scale)
    if remainder:
        raise InvalidAmount("not a whole number of đồng", reason="fraction", scale=scale)
    return amount


def parse_statement_amount(text: str) -> Money:
    """Read the VND amount of a bank statement as people write it.

    Accepts `1250000`, `1.250.000`, `1,250,000`, a zero fraction behind it in the other separator
    (`1,250,000.00`, `1.250.000,00`, `1250000.0`) and a leading minus. One kind of separator followed by three
    digits each time is grouping, because no đồng has decimals. Refuses with InvalidAmount: any other
    fraction, mixed or broken grouping, leading zeros, minus zero, non-ASCII digits, currency signs.
    """
    stripped = text.strip(" \t\u00a0")
    negative = stripped.startswith("-")
    body = stripped[1:] if negative else stripped
    digits = _ungrouped(*_without_zero_fraction(body))
    if not _INTEGER.fullmatch(digits) or (negative and digits == "0"):
        raise InvalidAmount("not an amount as statements write it", reason="malformed")
    return Money(-int(digits) if negative else int(digits))


def _without_zero_fraction(body: str) -> tuple[str, str]:
    """Cut a fraction of one or two zeros; returns the rest and the separator it used."""
    match = re.fullmatch(r"(.*[0-9])([.,])([0-9]{1,2})", body)
    if match is None:
        return body, ""
    whole, separator, fraction = match.groups()
    if fraction.strip("0"):
        raise InvalidAmount("a fraction of a đồng", reason="fraction")
    return whole, separator


def _ungrouped(whole: str, fraction_separator: str) -> str:
    """Take out the grouping; a text that is not grouped properly is returned as it is, to be refused."""
    match = _GROUPED.fullmatch(whole)
    if match is None:
        return whole
    separator = match.group(1) or match.group(2)
    return whole if separator == fraction_separator else whole.replace(separator, "")
