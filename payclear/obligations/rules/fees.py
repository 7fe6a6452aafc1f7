"""The price of a dossier: phí and lệ phí by the tariff in force at the filing date (DOMAIN 2.9).

Called when a dossier's fee is registered; the price is kept on the obligation and never moves afterwards.
It must never guess: a tariff that is missing or ambiguous is an error, not a zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from payclear.kernel.errors import Conflict, InvalidInput
from payclear.kernel.money import Money, sum_money
from payclear.obligations.rules.rounding import Rounding
from payclear.obligations.rules.tariffs import (
    STATE_REVENUE,
    Basis,
    PriceType,
    Procedure,
    TariffNotInForce,
    TariffRow,
    UnknownFeeItem,
    choose,
)


class ProcedureNotInForce(InvalidInput):
    """The administrative procedure was not in force on the filing date."""

    code = "procedure_not_in_force"


class InvalidFeeFacts(InvalidInput):
    """Quantities, years, declared value, evidence or charges that can not be priced; `reason` says which."""

    code = "invalid_fee_facts"


class PriceOverrideRefused(InvalidInput):
    """A local override without a reason, without a second person, or of a line that is not there."""

    code = "price_override_refused"


class DeclaredTotalDiffers(Conflict):
    """The total that the portal states is not what the tariff gives."""

    code = "declared_total_differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeItem:
    """One item of the tariff as the dossier needs it."""

    item_code: str
    quantity: int = 1
    years: int = 1
    declared_value: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerClaim:
    """A class of payers that pay less, with a reference to the evidence; never the evidence itself."""

    payer_class: str
    evidence_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beneficiary:
    """Where a line's money goes; the budget codes are empty for money that is not the state's."""

    account: str
    chapter: str = ""
    sub_item: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """The facts of one dossier. `agency_path`: the agency and those above it, the nearest first.

    `beneficiaries` by item code: the account depends on agency and service, not on the tariff.
    """

    procedure: Procedure
    filed_on: date
    agency_path: tuple[str, ...]
    channel: str
    beneficiaries: Mapping[str, Beneficiary]
    items: tuple[FeeItem, ...] = ()
    claim: PayerClaim | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCharge:
    """A service of somebody else beside the dossier, such as delivery of the result by post (F68)."""

    type: PriceType
    code: str
    name_vi: str
    amount: Money
    beneficiary_account: str
    rule_id: str
    legal_basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceOverride:
    """A price set by hand for one item: why, by whom, and who checked it (F60)."""

    item_code: str
    amount: Money
    reason: str
    made_by: str
    checked_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """One line with everything that explains it: the rule, its law, the factors, the relief, the override.

    `full_amount` is the tariff's amount before discount and override.
    """

    type: PriceType
    code: str
    name_vi: str
    amount: Money
    full_amount: Money
    beneficiary: Beneficiary
    rule_id: str
    legal_basis: str
    quantity: int = 1
    years: int = 1
    declared_value: Money | None = None
    discount: Fraction = Fraction(0)
    rounding: Rounding | None = None
    relief: PayerClaim | None = None
    override: PriceOverride | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a dossier costs, fixed at its filing date. `unused_claim`: a claim that no row of the tariff rewards."""

    filed_on: date
    lines: tuple[PriceLine, ...]
    unused_claim: PayerClaim | None

    @property
    def total(self) -> Money:
        """The sum of the lines."""
        return sum_money((line.amount for line in self.lines), self.lines[0].amount.currency)

    @property
    def is_free(self) -> bool:
        """Whether nothing is to be paid: then there is no order, the lines say why."""
        return not self.total.is_positive


def price_dossier(
    filing: Filing,
    tariff: Iterable[TariffRow],
    *,
    charges: Sequence[ServiceCharge] = (),
    overrides: Sequence[PriceOverride] = (),
) -> Price:
    """Price a dossier at its filing date; lines in the order of their codes, the charges last.

    Raises ProcedureNotInForce, UnknownFeeItem, TariffNotInForce, TariffAmbiguous, InvalidFeeFacts and
    PriceOverrideRefused.
    """
    if not filing.procedure.holds_on(filing.filed_on):
        raise ProcedureNotInForce(
            "not in force on the filing date",
            procedure_code=filing.procedure.code,
            filed_on=filing.filed_on.isoformat(),
        )
    _check_facts(filing)
    named = {item.item_code: item for item in filing.items}
    chosen = _chosen_rows(filing, tariff, named)
    due = {code: row for code, row in chosen.items() if code in named or not row.is_optional}
    _require_something(filing, due, charges)
    by_hand = _checked_overrides(overrides, due)
    lines = [
        _line(due[code], named.get(code, FeeItem(item_code=code)), filing, by_hand.get(code))
        for code in sorted(due)
    ]
    return Price(
        filed_on=filing.filed_on,
        lines=(*lines, *_charge_lines(charges, filing, due, chosen)),
        unused_claim=None if any(line.relief for line in lines) else filing.claim,
    )


def require_declared_total(price: Price, declared: Money) -> None:
    """Compare with the total the portal states, to the đồng; raises DeclaredTotalDiffers."""
    if declared != price.total:
        raise DeclaredTotalDiffers(
            "not what the tariff gives", declared=declared.amount, total=price.total.amount
        )


def _check_facts(filing: Filing) -> None:
    codes = [item.item_code for item in filing.items]
    if len(set(codes)) != len(codes):
        raise InvalidFeeFacts("an item is named twice", reason="repeated_item")
    if filing.claim is not None and not filing.claim.evidence_ref.strip():
        raise InvalidFeeFacts("a claim without evidence", reason="no_evidence")


def _chosen_rows(
    filing: Filing, tariff: Iterable[TariffRow], named: Mapping[str, FeeItem]
) -> dict[str, TariffRow]:
    """The row of every item that has a price; every item that is named must."""
    rows = [row for row in tariff if row.procedure_code == filing.procedure.code]
    chosen = choose(
        rows,
        on=filing.filed_on,
        payer_class=None if filing.claim is None else filing.claim.payer_class,
        agency_path=filing.agency_path,
        channel=filing.channel,
    )
    for code in named:
        if code not in chosen:
            raise _no_price(filing, code, is_known=any(row.item_code == code for row in rows))
    return chosen


def _require_something(
    filing: Filing, due: Mapping[str, TariffRow], charges: Sequence[ServiceCharge]
) -> None:
    """A fee of the state is never missing by mistake: only a procedure that has none goes without."""
    has_fee = any(row.type in STATE_REVENUE for row in due.values())
    if filing.procedure.has_state_fee and not has_fee:
        raise _no_price(filing, "", is_known=True)
    if not due and not charges:
        raise InvalidFeeFacts("nothing is asked for", reason="no_charge")


def _no_price(filing: Filing, code: str, *, is_known: bool) -> UnknownFeeItem | TariffNotInForce:
    if not is_known:
        return UnknownFeeItem("no such item in the tariff", item_code=code[:40])
    return TariffNotInForce(
        "no price on the filing date",
        procedure_code=filing.procedure.code,
        item_code=code[:40],
        filed_on=filing.filed_on.isoformat(),
    )


def _line(row: TariffRow, item: FeeItem, filing: Filing, override: PriceOverride | None) -> PriceLine:
    exact, currency = _bounded(row, _exact(row, item))
    full = row.rounding.money(exact, currency)
    amount = row.rounding.money(exact * (1 - row.discount), currency)
    beneficiary = filing.beneficiaries.get(row.item_code)
    if beneficiary is None:
        raise InvalidFeeFacts("no account for this item", reason="no_beneficiary", item_code=row.item_code)
    return PriceLine(
        type=row.type,
        code=row.item_code,
        name_vi=row.name_vi,
        amount=amount if override is None else override.amount,
        full_amount=full,
        beneficiary=beneficiary,
        rule_id=row.id,
        legal_basis=row.legal_basis,
        quantity=item.quantity,
        years=item.years,
        declared_value=item.declared_value,
        discount=row.discount,
        rounding=row.rounding,
        relief=filing.claim if row.payer_class is not None else None,
        override=override,
    )


def _exact(row: TariffRow, item: FeeItem) -> tuple[Fraction, str]:
    """The amount before bounds and rounding; facts that the basis does not use must not be given."""
    if item.quantity < 1 or item.years < 1:
        raise InvalidFeeFacts("counted from one", reason="not_positive", item_code=item.item_code)
    counts = row.basis in (Basis.PER_UNIT, Basis.PER_YEAR)
    if (item.quantity > 1 and not counts) or (item.years > 1 and row.basis is not Basis.PER_YEAR):
        raise InvalidFeeFacts("this item is not counted", reason="not_counted", item_code=item.item_code)
    if (item.declared_value is not None) != (row.basis is Basis.PERCENT):
        raise InvalidFeeFacts(
            "a declared value goes with a percentage", reason="declared_value", item_code=item.item_code
        )
    if item.declared_value is not None and row.rate is not None:
        if item.declared_value.amount < 0:
            raise InvalidFeeFacts("a negative value", reason="declared_value", item_code=item.item_code)
        return row.rate * item.declared_value.amount, item.declared_value.currency
    assert row.amount is not None
    return Fraction(row.amount.amount * item.quantity * item.years), row.amount.currency


def _bounded(row: TariffRow, exact: tuple[Fraction, str]) -> tuple[Fraction, str]:
    amount, currency = exact
    if row.least is not None:
        amount = max(amount, Fraction(row.least.amount))
    if row.most is not None:
        amount = min(amount, Fraction(row.most.amount))
    return amount, currency


def _checked_overrides(
    overrides: Sequence[PriceOverride], due: Mapping[str, TariffRow]
) -> dict[str, PriceOverride]:
    by_item: dict[str, PriceOverride] = {}
    for override in overrides:
        reason = _why_refused(override, due, by_item)
        if reason:
            raise PriceOverrideRefused("not allowed", reason=reason, item_code=override.item_code[:40])
        by_item[override.item_code] = override
    return by_item


def _why_refused(
    override: PriceOverride, due: Mapping[str, TariffRow], before: Mapping[str, PriceOverride]
) -> str:
    made_by, checked_by = override.made_by.strip(), override.checked_by.strip()
    problems = {
        "no_such_line": override.item_code not in due,
        "repeated": override.item_code in before,
        "no_reason": not override.reason.strip(),
        "no_second_person": not made_by or not checked_by or made_by == checked_by,
        "negative": override.amount.amount < 0,
    }
    return next((reason for reason, is_so in problems.items() if is_so), "")


def _charge_lines(
    charges: Sequence[ServiceCharge],
    filing: Filing,
    due: Mapping[str, TariffRow],
    chosen: Mapping[str, TariffRow],
) -> tuple[PriceLine, ...]:
    """What the portal states for services of others; never in place of a price that the tariff has."""
    state_accounts = {
        filing.beneficiaries[code].account for code, row in due.items() if row.type in STATE_REVENUE
    }
    has_courier = any(row.type is PriceType.COURIER for row in chosen.values())
    codes = set(due)
    for charge in charges:
        problems = {
            "state_revenue": charge.type in STATE_REVENUE,
            "state_account": charge.beneficiary_account in state_accounts,
            "repeated_item": charge.code in codes,
            "in_tariff": charge.code in chosen or (has_courier and charge.type is PriceType.COURIER),
            "not_positive": not charge.amount.is_positive,
        }
        for reason, is_so in problems.items():
            if is_so:
                raise InvalidFeeFacts("not a charge of somebody else", reason=reason, item_code=charge.code)
        codes.add(charge.code)
    return tuple(
        PriceLine(
            type=charge.type,
            code=charge.code,
            name_vi=charge.name_vi,
            amount=charge.amount,
            full_amount=charge.amount,
            beneficiary=Beneficiary(account=charge.beneficiary_account),
            rule_id=charge.rule_id,
            legal_basis=charge.legal_basis,
        )
        for charge in charges
    )
