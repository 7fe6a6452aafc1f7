"""Prices a dossier by the catalogue in force at its filing date; the catalogue's rows become the values of the pure rules.

Called when a fee is registered. It must never fall back to a price that a portal states.
"""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from uuid import UUID

from payclear.catalogue.reading import (
    ProcedureRecord,
    ServiceAccount,
    TariffRecord,
    agency_path,
    procedure_records,
    service_accounts,
    tariff_records,
)
from payclear.db.uow import UnitOfWork
from payclear.kernel.money import Money
from payclear.obligations.fees import queries
from payclear.obligations.fees.facts import FeeFacts, PricedDossier, UnknownProcedure
from payclear.obligations.rules.dossier_codes import ProcedureCode, parse_procedure_code
from payclear.obligations.rules.fees import (
    Beneficiary,
    Filing,
    ProcedureNotInForce,
    price_dossier,
    require_declared_total,
)
from payclear.obligations.rules.rounding import Rounding, RoundingMode
from payclear.obligations.rules.tariffs import STATE_REVENUE, Basis, PriceType, Procedure, TariffRow


def find_procedure(uow: UnitOfWork, code: str) -> list[ProcedureRecord]:
    """Every period of the procedure that a code names, be it national, local or of the online service; [] when unknown.

    A local code that the catalogue does not list is looked for under the national number it contains.
    """
    parsed = parse_procedure_code(code)
    wanted = [parsed.key]
    if isinstance(parsed, ProcedureCode):
        wanted += [parsed.procedure, parsed.national]
    for candidate in dict.fromkeys(wanted):
        records = procedure_records(uow, candidate)
        if records:
            return records
    return []


def procedures_behind(uow: UnitOfWork, obligation_ids: Sequence[UUID]) -> list[str]:
    """The national procedure each obligation is for; "" for one that is for no dossier."""
    ids = list(obligation_ids)
    named = dict(uow.run(queries.PROCEDURES_OF, (ids,)).fetchall())
    national = {code: _national(uow, code) for code in set(named.values())}
    return [national[named[each]] if each in named else "" for each in ids]


def _national(uow: UnitOfWork, code: str) -> str:
    records = find_procedure(uow, code)
    if records:
        return records[-1].national_code
    parsed = parse_procedure_code(code)
    return parsed.national if isinstance(parsed, ProcedureCode) else parsed.key


def price(
    uow: UnitOfWork, *, agency_code: str, procedure_code: str, filed_on: date, facts: FeeFacts
) -> PricedDossier:
    """The price of a dossier by what was in force on its filing date.

    Raises UnknownProcedure, ProcedureNotInForce, DeclaredTotalDiffers and what `price_dossier` raises.
    """
    record = _in_force(find_procedure(uow, procedure_code), procedure_code, filed_on)
    accounts = service_accounts(
        uow, agency_code=agency_code, procedure_code=record.national_code, on=filed_on
    )
    tariff = [_tariff_row(row) for row in tariff_records(uow, record.national_code)]
    # What holds for every other item is the agency's own account: the money of somebody else needs a row that names it.
    going = {
        row.item_code: account
        for row in tariff
        if (account := accounts.get(row.item_code) or (row.type in STATE_REVENUE and accounts.get("")))
    }
    filing = Filing(
        procedure=Procedure(
            id=record.id,
            valid_from=record.valid_from,
            valid_to=record.valid_to,
            legal_basis=record.legal_basis,
            code=record.national_code,
            has_state_fee=record.has_state_fee,
        ),
        filed_on=filed_on,
        agency_path=agency_path(uow, agency_code, filed_on),
        channel=facts.channel,
        beneficiaries={code: _beneficiary(account) for code, account in going.items()},
        items=facts.items,
        claim=facts.claim,
    )
    made = price_dossier(filing, tariff, charges=facts.charges)
    if facts.declared_total is not None:
        require_declared_total(made, facts.declared_total)
    places = {code: (account.locality, account.collecting_agency) for code, account in going.items()}
    return PricedDossier(price=made, places=places)


def _in_force(records: Sequence[ProcedureRecord], code: str, filed_on: date) -> ProcedureRecord:
    if not records:
        raise UnknownProcedure("not in the catalogue", procedure_code=code[:40])
    for record in records:
        if record.valid_from <= filed_on and (record.valid_to is None or filed_on <= record.valid_to):
            return record
    raise ProcedureNotInForce(
        "not in force on the filing date", procedure_code=code[:40], filed_on=filed_on.isoformat()
    )


def _tariff_row(record: TariffRecord) -> TariffRow:
    return TariffRow(
        id=record.id,
        valid_from=record.valid_from,
        valid_to=record.valid_to,
        legal_basis=record.legal_basis,
        procedure_code=record.procedure_code,
        item_code=record.item_code,
        name_vi=record.name_vi,
        type=PriceType(record.type),
        basis=Basis(record.basis),
        amount=_money(record.amount),
        rate=None if record.rate is None else Fraction(record.rate),
        least=_money(record.least),
        most=_money(record.most),
        discount=Fraction(record.discount),
        payer_class=record.payer_class,
        channel=record.channel,
        agency_code=record.agency_code,
        is_optional=record.is_optional,
        rounding=Rounding(RoundingMode(record.rounding_mode), record.rounding_unit),
    )


def _money(amount: int | None) -> Money | None:
    return None if amount is None else Money(amount)


def _beneficiary(account: ServiceAccount) -> Beneficiary:
    return Beneficiary(account=account.account, chapter=account.chapter, sub_item=account.sub_item)
