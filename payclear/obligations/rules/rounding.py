"""Rounding as a stated rule: an exact fraction of a đồng becomes money once, in one known way.

Called by the rules of this package; mode and unit come from the catalogue with the rule they belong to.
It must never see a float.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from payclear.kernel.money import Money
from payclear.obligations.rules.dated import require


class RoundingMode(StrEnum):
    """What becomes of the part below the unit."""

    HALF_UP = "half_up"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Rounding:
    """To multiples of `unit` minor units: 1 is the đồng, 1000 the thousand that some tariffs round to."""

    mode: RoundingMode
    unit: int = 1

    def __post_init__(self) -> None:
        require(self.unit > 0, "money is rounded to a positive unit")

    def money(self, exact: Fraction, currency: str) -> Money:
        """The exact amount as money; amounts owed are not negative (ValueError)."""
        require(exact >= 0, "an amount owed is not negative")
        units = exact / self.unit
        whole, rest = divmod(units.numerator, units.denominator)
        if self.mode is RoundingMode.UP:
            whole += rest > 0
        elif self.mode is RoundingMode.HALF_UP:
            whole += 2 * rest >= units.denominator
        return Money(whole * self.unit, currency)
