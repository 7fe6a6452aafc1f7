"""The choice of a tariff row: the closest wins, and two that are as close are an error."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from payclear.kernel.money import Money
from payclear.obligations.domain import LineType
from payclear.obligations.rules.fees import PayerClaim, price_dossier
from payclear.obligations.rules.tariffs import Basis, PriceType, TariffAmbiguous
from tests.obligations.rules.pricelist import (
    EXEMPT,
    FILING,
    PASSPORT,
    PASSPORT_ONLINE,
    PHI,
    POOR,
    priced,
    row,
)


@pytest.mark.parametrize(
    ("amount", "changed"),
    [
        (None, {}),
        (-1, {}),
        (1, {"rate": Fraction(1, 2)}),
        (1, {"basis": Basis.PERCENT, "rate": Fraction(1, 2)}),
        (None, {"basis": Basis.PERCENT, "rate": Fraction(-1, 2)}),
        (None, {"basis": Basis.PERCENT}),
        (1, {"discount": Fraction(-1, 10)}),
        (1, {"discount": Fraction(11, 10)}),
        (1, {"least": Money(2), "most": Money(1)}),
        (1, {"legal_basis": ""}),
        (1, {"valid_to": date(2023, 11, 30)}),
    ],
)
def test_tariff_row_that_can_not_be_is_refused(amount, changed):
    with pytest.raises(ValueError, match=r"tariff|rule"):
        row("T-X", amount=amount, **changed)


@pytest.mark.parametrize(
    "second",
    [
        row("T-B"),
        row("T-B", amount=1),
        row("T-B", valid_from=date(2026, 3, 2)),
    ],
)
def test_two_rows_that_fit_equally_well_are_an_error(second):
    with pytest.raises(TariffAmbiguous) as caught:
        priced(PHI, second)
    assert caught.value.facts == {"item_code": "P01", "first": "T-B", "second": "T-P01"}


# TT 63/2023: 115,000 online against 135,000, and 10 % off 200,000, until the end of 2025.

ONLINE = row("T-P01-ON", amount=115_000, channel="online", valid_to=date(2025, 12, 31))


@pytest.mark.parametrize(
    ("filed_on", "channel", "licence", "passport"),
    [
        (date(2023, 12, 1), "online", 115_000, 180_000),
        (date(2025, 12, 31), "online", 115_000, 180_000),
        (date(2025, 12, 31), "counter", 135_000, 200_000),
        (date(2026, 1, 1), "online", 135_000, 200_000),
    ],
)
def test_channel_discount_holds_to_its_last_filing_date(filed_on, channel, licence, passport):
    facts = {"filed_on": filed_on, "channel": channel}
    assert priced(PHI, ONLINE, **facts) == {"P01": licence}
    assert priced(PASSPORT, PASSPORT_ONLINE, **facts) == {"P01": passport}


LOCAL = row("T-H00", amount=100_000, agency_code="H00")
NEARER = row("T-H00.14", amount=90_000, agency_code="H00.14")
GENERAL_ONLINE = row("T-ON", amount=120_000, channel="online")


@pytest.mark.parametrize(
    ("rows", "claim", "rule"),
    [
        ((PHI, LOCAL), None, "T-H00"),
        ((PHI, LOCAL, NEARER), None, "T-H00.14"),
        ((PHI, GENERAL_ONLINE), None, "T-ON"),
        ((PHI, GENERAL_ONLINE, LOCAL), None, "T-H00"),
        ((PHI, NEARER, EXEMPT), POOR, "T-P01-POOR"),
        ((PHI, GENERAL_ONLINE, EXEMPT), POOR, "T-P01-POOR"),
        ((PHI, EXEMPT), None, "T-P01"),
        ((PHI, EXEMPT), PayerClaim(payer_class="elderly", evidence_ref="X"), "T-P01"),
    ],
)
def test_closest_row_wins_by_payer_then_agency_then_channel(rows, claim, rule):
    for ordered in (rows, rows[::-1]):
        (line,) = price_dossier(replace(FILING, claim=claim), ordered).lines
        assert line.rule_id == rule


def test_price_types_that_obligations_know_have_their_names():
    assert {PriceType.FEE_PHI, PriceType.FEE_LE_PHI, PriceType.COURIER} <= {*map(str, LineType)}
