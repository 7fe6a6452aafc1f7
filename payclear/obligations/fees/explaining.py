"""Reads how fees came about: their facts, what explains each line, why nothing is to be paid. For the API and pages."""

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import Any
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.money import Money
from payclear.obligations.fees import queries
from payclear.obligations.fees.collection import collections
from payclear.obligations.fees.facts import (
    Channel,
    Exemption,
    ExemptionReason,
    ExplainedLine,
    FeePricing,
    OverrideView,
    PricedBy,
)
from payclear.obligations.rules.fees import PayerClaim


def pricings(uow: UnitOfWork, obligation_ids: Sequence[UUID]) -> dict[UUID, FeePricing]:
    """How the fees of some obligations came about; what is no dossier fee is not in the answer."""
    ids = (list(obligation_ids),)
    collected = collections(uow, obligation_ids, vietnam_date(uow.now))
    overrides: dict[UUID, list[tuple[int, OverrideView]]] = defaultdict(list)
    for owner, line_no, state, from_amount, to_amount, reason in uow.run(queries.OVERRIDES_OF, ids):
        view = OverrideView(
            state=state, from_amount=Money(from_amount), to_amount=Money(to_amount), reason=reason
        )
        overrides[owner].append((line_no, view))
    lines: dict[UUID, list[ExplainedLine]] = defaultdict(list)
    for row in uow.run(queries.FEE_LINES, ids):
        lines[row[0]].append(_line(row))
    return {
        row[0]: FeePricing(
            dossier_code_raw=row[1],
            code_on=row[2],
            procedure_code=row[3],
            procedure_code_raw=row[4],
            filed_on=row[5],
            priced_by=PricedBy(row[6]),
            channel=None if row[7] is None else Channel(row[7]),
            unused_claim=row[8],
            lines=tuple(lines[row[0]]),
            exemption=None
            if row[9] is None
            else Exemption(reason=ExemptionReason(row[9]), legal_basis=row[10]),
            overrides=tuple(overrides[row[0]]),
            collection=collected.get(row[0]),
        )
        for row in uow.run(queries.DOSSIERS, ids)
    }


def pricing_of(uow: UnitOfWork, obligation_id: UUID) -> FeePricing | None:
    """How one fee came about; None for what is no dossier fee."""
    return pricings(uow, [obligation_id]).get(obligation_id)


def _line(row: Sequence[Any]) -> ExplainedLine:
    (
        _,
        line_no,
        item_code,
        rule_id,
        legal_basis,
        quantity,
        years,
        declared_value,
        full_amount,
        priced_amount,
        numerator,
        denominator,
        payer_class,
        evidence_ref,
        locality,
        collecting_agency,
    ) = row
    return ExplainedLine(
        line_no=line_no,
        item_code=item_code,
        rule_id=rule_id,
        legal_basis=legal_basis,
        quantity=quantity,
        years=years,
        declared_value=None if declared_value is None else Money(declared_value),
        full_amount=Money(full_amount),
        priced_amount=Money(priced_amount),
        discount=Fraction(numerator, denominator),
        relief=None
        if payer_class is None
        else PayerClaim(payer_class=payer_class, evidence_ref=evidence_ref),
        locality=locality,
        collecting_agency=collecting_agency,
    )
