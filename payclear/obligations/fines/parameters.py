"""The law of fines as the catalogue has it, made into the rules that `rules` computes with.

Kinds of parameters and their values: `fine_term` {days_after_service: {handed, registered_post, electronic},
first_late_day_without_proof}; `late_surcharge` {per_day: "5/10000", rounding: {mode, unit}}; `instalments` {least:
{person, organisation}, first_share: "40/100", parts_most, months_most}; `late_quote` {choice, up_to, beyond}.
"""

from datetime import date
from fractions import Fraction

from payclear.catalogue.parameters import ParameterRecord, register_kind
from payclear.catalogue.reading import parameters
from payclear.db.uow import UnitOfWork
from payclear.kernel.money import Money
from payclear.obligations.domain import ServedMethod
from payclear.obligations.rules.fines import LateQuoteChoice, LateQuotePolicy, TermRule
from payclear.obligations.rules.instalments import InstalmentRule, ObligorKind
from payclear.obligations.rules.rounding import Rounding, RoundingMode
from payclear.obligations.rules.surcharge import SurchargeRule


def term_rules(uow: UnitOfWork) -> tuple[TermRule, ...]:
    """Every rule of the term to pay."""
    return tuple(_term(record) for record in parameters(uow, "fine_term"))


def surcharge_rules(uow: UnitOfWork) -> tuple[SurchargeRule, ...]:
    """Every rate of the surcharge."""
    return tuple(_surcharge(record) for record in parameters(uow, "late_surcharge"))


def instalment_rules(uow: UnitOfWork) -> tuple[InstalmentRule, ...]:
    """Every rule of paying in parts."""
    return tuple(_instalments(record) for record in parameters(uow, "instalments"))


def late_quote_policies(uow: UnitOfWork, *, on: date) -> tuple[LateQuotePolicy, ...]:
    """Every policy for money on a late quote; where none is in force the money waits in suspense for a person."""
    rows = tuple(_late_quote(record) for record in parameters(uow, "late_quote"))
    if any(row.holds_on(on) for row in rows):
        return rows
    return (
        LateQuotePolicy(
            id="none", valid_from=on, legal_basis="none in force", choice=LateQuoteChoice.SUSPENSE
        ),
    )


def _term(record: ParameterRecord) -> TermRule:
    days = record.value["days_after_service"]
    return TermRule(
        id=record.id,
        valid_from=record.valid_from,
        valid_to=record.valid_to,
        legal_basis=record.legal_basis,
        days_after_service={ServedMethod(method): int(term) for method, term in days.items()},
        first_late_day_without_proof=int(record.value["first_late_day_without_proof"]),
    )


def _surcharge(record: ParameterRecord) -> SurchargeRule:
    rounding = record.value["rounding"]
    return SurchargeRule(
        id=record.id,
        valid_from=record.valid_from,
        valid_to=record.valid_to,
        legal_basis=record.legal_basis,
        per_day=Fraction(record.value["per_day"]),
        rounding=Rounding(RoundingMode(rounding["mode"]), int(rounding["unit"])),
    )


def _instalments(record: ParameterRecord) -> InstalmentRule:
    value = record.value
    return InstalmentRule(
        id=record.id,
        valid_from=record.valid_from,
        valid_to=record.valid_to,
        legal_basis=record.legal_basis,
        least={ObligorKind(kind): Money(amount) for kind, amount in value["least"].items()},
        first_share=Fraction(value["first_share"]),
        parts_most=int(value["parts_most"]),
        months_most=int(value["months_most"]),
    )


def _late_quote(record: ParameterRecord) -> LateQuotePolicy:
    value = record.value
    up_to, beyond = value.get("up_to"), value.get("beyond")
    return LateQuotePolicy(
        id=record.id,
        valid_from=record.valid_from,
        valid_to=record.valid_to,
        legal_basis=record.legal_basis,
        choice=LateQuoteChoice(value["choice"]),
        up_to=Money(up_to) if up_to is not None else None,
        beyond=LateQuoteChoice(beyond) if beyond is not None else None,
    )


register_kind("fine_term", _term)
register_kind("late_surcharge", _surcharge)
register_kind("instalments", _instalments)
register_kind("late_quote", _late_quote)
