"""A small tariff and a dossier that falls under it."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

from payclear.kernel.money import Money
from payclear.obligations.rules.fees import (
    Beneficiary,
    Filing,
    PayerClaim,
    Price,
    ServiceCharge,
    price_dossier,
)
from payclear.obligations.rules.tariffs import Basis, PriceType, Procedure, TariffRow
from tests.obligations.rules.rulebook import TO_DONG

PROCEDURE = Procedure(
    id="TTHC-1",
    code="1.009999",
    valid_from=date(2020, 1, 1),
    valid_to=date(2026, 12, 31),
    legal_basis="QĐ công bố",
)


def row(id_: str, item: str = "P01", amount: int | None = 135_000, **fields) -> TariffRow:
    base = {
        "procedure_code": "1.009999",
        "name_vi": "Phí mẫu",
        "type": PriceType.FEE_PHI,
        "basis": Basis.FIXED,
        "valid_from": date(2023, 12, 1),
        "legal_basis": "TT mẫu",
        "rounding": TO_DONG,
    }
    return TariffRow(
        id=id_, item_code=item, amount=None if amount is None else Money(amount), **(base | fields)
    )


PHI = row("T-P01")
LE_PHI = row("T-L01", "L01", 50_000, type=PriceType.FEE_LE_PHI, name_vi="Lệ phí mẫu")
COPIES = row("T-P02", "P02", 2_000, basis=Basis.PER_UNIT, is_optional=True)
RENEWAL = row("T-P03", "P03", 700_000, basis=Basis.PER_YEAR, is_optional=True)
SHARE = row(
    "T-L02",
    "L02",
    None,
    type=PriceType.FEE_LE_PHI,
    basis=Basis.PERCENT,
    rate=Fraction(5, 1000),
    most=Money(500_000_000),
    is_optional=True,
)
TARIFF = (PHI, LE_PHI, COPIES, RENEWAL, SHARE)
FILING = Filing(
    procedure=PROCEDURE,
    filed_on=date(2026, 3, 2),
    agency_path=("H00.14", "H00"),
    channel="online",
    beneficiaries={
        **{
            item: Beneficiary(account="TK-PHI", chapter="000", sub_item="0000")
            for item in ("P01", "P02", "P03")
        },
        **{item: Beneficiary(account="TK-LE-PHI", chapter="000", sub_item="0001") for item in ("L01", "L02")},
    },
)
COURIER = ServiceCharge(
    type=PriceType.COURIER,
    code="BCCI",
    name_vi="Cước bưu chính công ích",
    amount=Money(26_000),
    beneficiary_account="VNPOST-TEST",
    rule_id="BCCI-2026",
    legal_basis="Bảng cước mẫu",
)
POOR = PayerClaim(payer_class="poor", evidence_ref="HN-2026-0001")


EXEMPT = row("T-P01-POOR", payer_class="poor", discount=Fraction(1))
PASSPORT = row("T-HC", amount=200_000)
PASSPORT_ONLINE = row(
    "T-HC-ON", amount=200_000, channel="online", discount=Fraction(1, 10), valid_to=date(2025, 12, 31)
)


def amounts(price: Price) -> dict[str, int]:
    return {line.code: line.amount.amount for line in price.lines}


def priced(*rows: TariffRow, **facts) -> dict[str, int]:
    return amounts(price_dossier(replace(FILING, **facts), rows or TARIFF))
