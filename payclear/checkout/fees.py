"""What a provider charges for its service and who bears it. Pure; the state's amount is never touched here.

Called by routing, which shows the fee before the choice, and by verify's tests.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass

from payclear.catalogue.domain import FeeBearer, FeeProgramme
from payclear.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFee:
    """The fee of one payment, VAT included, and the programme it comes from."""

    programme: FeeProgramme
    amount: Money

    @property
    def borne_by(self) -> FeeBearer:
        """Who pays it."""
        return self.programme.borne_by

    @property
    def for_payer(self) -> Money:
        """What the payer pays to the provider on top of the state's amount."""
        is_payers = self.borne_by is FeeBearer.PAYER
        return self.amount if is_payers else Money.zero(self.amount.currency)


def service_fee(
    amount: Money,
    programmes: Iterable[FeeProgramme],
    *,
    provider_account: str,
    kinds: Set[str],
    agencies: Set[str],
) -> ServiceFee | None:
    """The fee of paying an amount with an account, from the programmes in force today; None when it charges nothing.

    A waiver goes before a charge, then what names more (kind, agency), then what began later. A programme of one kind
    or agency is for orders of that one only.
    """
    fitting = [
        programme
        for programme in programmes
        if programme.provider_account == provider_account
        and (programme.kind is None or kinds == {programme.kind})
        and (programme.agency_code is None or agencies == {programme.agency_code})
    ]
    if not fitting:
        return None
    chosen = max(fitting, key=_precedence)
    return ServiceFee(programme=chosen, amount=fee_of(chosen, amount))


def _precedence(programme: FeeProgramme) -> tuple[bool, int, int, str]:
    named = (programme.kind is not None) + (programme.agency_code is not None)
    is_waiver = programme.borne_by is FeeBearer.WAIVED
    return (is_waiver, named, programme.valid_from.toordinal(), programme.code)


def fee_of(programme: FeeProgramme, amount: Money) -> Money:
    """The fee of an amount under a programme, in whole đồng.

    The part per million and the VAT on top are each rounded half up to the đồng, once.
    """
    fee = programme.fixed + _half_up(amount.amount * programme.per_million, 1_000_000)
    fee = max(fee, programme.fee_min or 0)
    if programme.fee_max is not None:
        fee = min(fee, programme.fee_max)
    if not programme.vat_inclusive:
        fee += _half_up(fee * programme.vat_per_mille, 1_000)
    return Money(fee, amount.currency)


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
