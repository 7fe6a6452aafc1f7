"""Parameters of insurance as the catalogue would hold them."""

from datetime import date
from fractions import Fraction

from payclear.kernel.money import Money
from payclear.obligations.rules.insurance import HouseholdRule, ReferenceLevel, SupportRule, VoluntaryRule
from tests.obligations.rules.rulebook import TO_DONG

LEVELS = (
    ReferenceLevel(
        id="LEVEL-2023",
        valid_from=date(2023, 7, 1),
        valid_to=date(2024, 6, 30),
        legal_basis="NĐ 24/2023/NĐ-CP",
        amount=Money(1_800_000),
    ),
    ReferenceLevel(
        id="LEVEL-2024",
        valid_from=date(2024, 7, 1),
        valid_to=date(2026, 6, 30),
        legal_basis="NĐ 73/2024/NĐ-CP",
        amount=Money(2_340_000),
    ),
    ReferenceLevel(
        id="LEVEL-2026",
        valid_from=date(2026, 7, 1),
        legal_basis="Mức từ 01/7/2026 (cần xác minh)",
        amount=Money(2_530_000),
    ),
)
HOUSEHOLD = (
    HouseholdRule(
        id="HHI",
        valid_from=date(2014, 6, 1),
        legal_basis="Luật BHYT",
        rate=Fraction(45, 1000),
        steps=tuple(Fraction(each, 100) for each in (100, 70, 60, 50, 40)),
        months_allowed=frozenset({3, 6, 12}),
        rounding=TO_DONG,
    ),
)
HOUSEHOLD_SUPPORT = (
    SupportRule(
        id="HHI-NEAR-POOR",
        valid_from=date(2014, 6, 1),
        legal_basis="Luật BHYT (cần xác minh)",
        category="near_poor",
        share=Fraction(70, 100),
    ),
)
VOLUNTARY = (
    VoluntaryRule(
        id="VSI-2025",
        valid_from=date(2025, 7, 1),
        legal_basis="Luật BHXH 2024",
        rate=Fraction(22, 100),
        floor=Money(1_500_000),
        ceiling_levels=20,
        months_allowed=frozenset({1, 3, 6, 12}),
        years_ahead_most=5,
        support_months_most=120,
        rounding=TO_DONG,
    ),
)
VOLUNTARY_SUPPORT = tuple(
    SupportRule(
        id=f"VSI-{category}",
        valid_from=date(2025, 7, 1),
        legal_basis="Luật BHXH 2024",
        category=category,
        share=Fraction(share, 100),
    )
    for category, share in (("poor", 50), ("near_poor", 40), ("ethnic_minority", 30), ("other", 20))
)
AUGUST = date(2026, 8, 15)
