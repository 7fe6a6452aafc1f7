"""Parameters as the catalogue would hold them, from the worked figures, and short ways to write facts."""

from datetime import UTC, date, datetime
from fractions import Fraction

from payclear.kernel.money import Money
from payclear.obligations.domain import ServedMethod
from payclear.obligations.rules.fines import TermRule
from payclear.obligations.rules.instalments import InstalmentRule, ObligorKind
from payclear.obligations.rules.rounding import Rounding, RoundingMode
from payclear.obligations.rules.surcharge import (
    FineEvent,
    FinePaid,
    FineRefunded,
    LiabilitySet,
    PlanGranted,
    ShelterClosed,
    ShelterKind,
    ShelterOpened,
    SurchargeRule,
    SurchargeWaived,
)

TO_DONG = Rounding(RoundingMode.HALF_UP)
LAW = "TT 18/2023/TT-BTC"
KNOWN_AT = datetime(2026, 1, 1, tzinfo=UTC)

TERMS = (
    TermRule(
        id="TERM-2023",
        valid_from=date(2013, 7, 1),
        legal_basis=LAW,
        days_after_service={method: 10 for method in ServedMethod},
        first_late_day_without_proof=12,
    ),
)
SURCHARGE = (
    SurchargeRule(
        id="LATE-2013",
        valid_from=date(2013, 7, 1),
        legal_basis="Luật XLVPHC, Điều 78",
        per_day=Fraction(5, 10_000),
        rounding=TO_DONG,
    ),
)
INSTALMENTS = (
    InstalmentRule(
        id="PARTS-2022",
        valid_from=date(2022, 1, 1),
        legal_basis="Luật XLVPHC, Điều 79",
        least={ObligorKind.PERSON: Money(15_000_000), ObligorKind.ORGANISATION: Money(150_000_000)},
        first_share=Fraction(40, 100),
        parts_most=3,
        months_most=6,
    ),
)


def fined(amount: int, *, on: date, due_on: date | None) -> LiabilitySet:
    return LiabilitySet(on=on, recorded_at=KNOWN_AT, amount=Money(amount), due_on=due_on)


def paid(
    principal: int, on: date, *, surcharge: int = 0, plan: str | None = None, no: int | None = None
) -> FinePaid:
    return FinePaid(
        on=on,
        recorded_at=KNOWN_AT,
        principal=Money(principal),
        surcharge=Money(surcharge),
        plan_ref=plan,
        instalment_no=no,
    )


def refunded(principal: int, on: date, *, surcharge: int = 0) -> FineRefunded:
    return FineRefunded(on=on, recorded_at=KNOWN_AT, principal=Money(principal), surcharge=Money(surcharge))


def waived(amount: int, on: date) -> SurchargeWaived:
    return SurchargeWaived(on=on, recorded_at=KNOWN_AT, amount=Money(amount))


def sheltered(
    opened: date, closed: date | None = None, *, ref: str = "HOAN-1", kind: ShelterKind = ShelterKind.DEFERRAL
) -> tuple[FineEvent, ...]:
    opening = ShelterOpened(on=opened, recorded_at=KNOWN_AT, ref=ref, kind=kind)
    if closed is None:
        return (opening,)
    return (opening, ShelterClosed(on=closed, recorded_at=KNOWN_AT, ref=ref))


def granted(plan, on: date | None = None) -> PlanGranted:
    return PlanGranted(on=on or plan.granted_on, recorded_at=KNOWN_AT, plan=plan)
