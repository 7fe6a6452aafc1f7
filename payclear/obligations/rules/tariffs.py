"""Tariff rows of administrative procedures, and the choice of the one that fits a case (DOMAIN 2.9).

Called by `fees`; the rows come from the catalogue, new prices are new rows.
It must never choose between rows that fit equally well.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from payclear.kernel.errors import InvalidInput, Unavailable
from payclear.kernel.money import Money
from payclear.obligations.rules.dated import DatedRule, require
from payclear.obligations.rules.rounding import Rounding


class UnknownFeeItem(InvalidInput):
    """The tariff of the procedure has no such item, on no day."""

    code = "unknown_fee_item"


class TariffNotInForce(Unavailable):
    """The tariff has no price for this case on the filing date: our catalogue lacks it."""

    code = "tariff_not_in_force"


class TariffAmbiguous(Unavailable):
    """Two tariff rows fit this case equally well: our catalogue contradicts itself."""

    code = "tariff_ambiguous"


class PriceType(StrEnum):
    """What a line is: phí and lệ phí are state revenue, kept apart; the others belong to somebody else."""

    FEE_PHI = "fee_phi"
    FEE_LE_PHI = "fee_le_phi"
    COURIER = "courier"
    OTHER_SERVICE = "other_service"


STATE_REVENUE = frozenset({PriceType.FEE_PHI, PriceType.FEE_LE_PHI})


class Basis(StrEnum):
    """What the amount or rate of a tariff row is multiplied by."""

    FIXED = "fixed"  # once
    PER_UNIT = "per_unit"  # × quantity
    PER_YEAR = "per_year"  # × years × quantity
    PERCENT = "percent"  # rate × declared value


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure(DatedRule):
    """An administrative procedure and the time it is in force; without `has_state_fee` it asks for charges only."""

    code: str
    has_state_fee: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffRow(DatedRule):
    """One price. None in `payer_class`, `channel` or `agency_code` means: for every one.

    `discount` is the part taken off (1 for an exemption); `least` and `most` bound the amount before it.
    An item that is not optional is charged also when the portal does not name it.
    """

    procedure_code: str
    item_code: str
    name_vi: str
    type: PriceType
    basis: Basis
    amount: Money | None = None
    rate: Fraction | None = None
    least: Money | None = None
    most: Money | None = None
    discount: Fraction = Fraction(0)
    payer_class: str | None = None
    channel: str | None = None
    agency_code: str | None = None
    is_optional: bool = False
    rounding: Rounding

    def __post_init__(self) -> None:
        DatedRule.__post_init__(self)
        by_rate = self.basis is Basis.PERCENT
        require((self.rate is not None) == by_rate, f"tariff {self.id}: a rate, and only for a percentage")
        require((self.amount is None) == by_rate, f"tariff {self.id}: an amount, unless a percentage")
        require(self.amount is None or self.amount.amount >= 0, f"tariff {self.id}: a negative amount")
        require(self.rate is None or self.rate >= 0, f"tariff {self.id}: a negative rate")
        require(0 <= self.discount <= 1, f"tariff {self.id}: a discount is between nothing and all")
        if self.least is not None and self.most is not None:
            require(self.least <= self.most, f"tariff {self.id}: its bounds exclude each other")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    on: date
    payer_class: str | None
    agency_path: tuple[str, ...]
    channel: str


def choose(
    rows: Iterable[TariffRow],
    *,
    on: date,
    payer_class: str | None,
    agency_path: tuple[str, ...],
    channel: str,
) -> dict[str, TariffRow]:
    """The one row for each item that has a price in this case; raises TariffAmbiguous.

    The closest fit wins: by payer class first, then by the nearest agency, then by channel. A national
    exemption thus holds against a local price, and a local price against a national discount.
    """
    case = _Case(on=on, payer_class=payer_class, agency_path=agency_path, channel=channel)
    by_item: dict[str, list[TariffRow]] = {}
    for row in rows:
        if _fits(row, case):
            by_item.setdefault(row.item_code, []).append(row)
    return {code: _closest(fitting, case) for code, fitting in by_item.items()}


def _fits(row: TariffRow, case: _Case) -> bool:
    return (
        row.holds_on(case.on)
        and row.payer_class in (None, case.payer_class)
        and row.channel in (None, case.channel)
        and (row.agency_code is None or row.agency_code in case.agency_path)
    )


def _closeness(row: TariffRow, case: _Case) -> tuple[bool, int, bool]:
    path = case.agency_path
    nearness = 0 if row.agency_code is None else len(path) - path.index(row.agency_code)
    return row.payer_class is not None, nearness, row.channel is not None


def _closest(rows: list[TariffRow], case: _Case) -> TariffRow:
    ordered = sorted(rows, key=lambda row: _closeness(row, case), reverse=True)
    if len(ordered) > 1 and _closeness(ordered[0], case) == _closeness(ordered[1], case):
        first, second = sorted(row.id for row in ordered[:2])
        raise TariffAmbiguous(
            "two rows fit equally well", item_code=ordered[0].item_code, first=first, second=second
        )
    return ordered[0]
