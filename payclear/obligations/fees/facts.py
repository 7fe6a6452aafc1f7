"""What a portal tells of a dossier's fee, and what is shown of its price. Pure; called by schemas, rules and pages of fees."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Any

from payclear.catalogue.domain import CollectionMode, CollectionTiming
from payclear.kernel.errors import InvalidInput
from payclear.kernel.money import Money
from payclear.kernel.states import StateTable, register
from payclear.obligations.domain import Line, LineType
from payclear.obligations.rules.fees import FeeItem, PayerClaim, Price, PriceLine, ServiceCharge


class Channel(StrEnum):
    """Where the dossier was filed; tariffs may differ."""

    ONLINE = "online"
    COUNTER = "counter"


class PricedBy(StrEnum):
    """Whose price it is: the catalogue's, or the portal's where the catalogue does not know the procedure."""

    CATALOGUE = "catalogue"
    PORTAL = "portal"


class ExemptionReason(StrEnum):
    """Why nothing is to be paid."""

    PAYER_CLASS = "payer_class"
    ZERO_FEE = "zero_fee"
    DISCOUNT = "discount"
    OVERRIDE = "override"


class UnknownProcedure(InvalidInput):
    """The catalogue does not know the procedure."""

    code = "unknown_procedure"


class StatedFeeRefused(InvalidInput):
    """A portal may not state this fee: `reason` says whether the catalogue has it, or portals state none here."""

    code = "stated_fee_refused"


class FilingDateRefused(InvalidInput):
    """The filing date lies in the future, or so far back that it is a slip."""

    code = "filing_date_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeFacts:
    """The facts that a fee is priced by. `declared_total` is what the portal expects, compared and never believed."""

    channel: Channel
    items: tuple[FeeItem, ...] = ()
    claim: PayerClaim | None = None
    charges: tuple[ServiceCharge, ...] = ()
    declared_total: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedDossier:
    """A price by the catalogue. `places`: locality and collecting agency of the state's items, by item code."""

    price: Price
    places: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """Why nothing is to be paid, with the law it rests on."""

    reason: ExemptionReason
    legal_basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideView:
    """Another price for one line, set by one person and checked by another, or waiting for the second."""

    state: str
    from_amount: Money
    to_amount: Money
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedLine:
    """One line of a fee with what explains its amount, before any override."""

    line_no: int
    item_code: str
    rule_id: str
    legal_basis: str
    quantity: int
    years: int
    declared_value: Money | None
    full_amount: Money
    priced_amount: Money
    discount: Fraction
    relief: PayerClaim | None
    locality: str
    collecting_agency: str


@dataclass(frozen=True, slots=True)
class Collection:
    """How a procedure's fee is collected."""

    mode: CollectionMode
    timing: CollectionTiming

    @property
    def is_counter_only(self) -> bool:
        """Whether nobody may pay it online."""
        return self.mode is CollectionMode.COUNTER


@dataclass(frozen=True, slots=True, kw_only=True)
class FeePricing:
    """How a dossier's fee came about. `code_on` is the date within the dossier's code, which may differ from the filing.

    `collection`: where and when it is paid, as the catalogue says today; None where it does not know the procedure.
    """

    dossier_code_raw: str
    code_on: date | None
    procedure_code: str
    procedure_code_raw: str
    filed_on: date
    priced_by: PricedBy
    channel: Channel | None
    unused_claim: str | None
    lines: tuple[ExplainedLine, ...]
    exemption: Exemption | None
    overrides: tuple[tuple[int, OverrideView], ...]
    collection: Collection | None = None


class OverrideState(StrEnum):
    """Where another price stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"


OVERRIDE_STATES = register(
    StateTable(
        name="fee_override",
        initial=OverrideState.PROPOSED,
        transitions={
            (OverrideState.PROPOSED, "approved"): OverrideState.APPROVED,
            (OverrideState.PROPOSED, "refused"): OverrideState.REFUSED,
        },
        terminal=frozenset({OverrideState.APPROVED, OverrideState.REFUSED}),
    )
)


class QuarantineState(StrEnum):
    """Where a dossier with an odd code stands."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REFUSED = "refused"


QUARANTINE_STATES = register(
    StateTable(
        name="dossier_quarantine",
        initial=QuarantineState.WAITING,
        transitions={
            (QuarantineState.WAITING, "accepted"): QuarantineState.ACCEPTED,
            (QuarantineState.WAITING, "refused"): QuarantineState.REFUSED,
        },
        terminal=frozenset({QuarantineState.ACCEPTED, QuarantineState.REFUSED}),
    )
)


def exemption_of(lines: Iterable[PriceLine]) -> Exemption:
    """Why a price of nothing is nothing: by the payer's class before a discount before a fee of zero."""
    free = tuple(lines)
    if any(line.relief is not None for line in free):
        reason = ExemptionReason.PAYER_CLASS
    elif any(line.full_amount.is_positive for line in free):
        reason = ExemptionReason.DISCOUNT
    else:
        reason = ExemptionReason.ZERO_FEE
    return Exemption(reason=reason, legal_basis="; ".join(dict.fromkeys(line.legal_basis for line in free)))


def lines_of(price: Price) -> tuple[Line, ...]:
    """The lines of what is owed that a price makes."""
    return tuple(
        Line(
            type=LineType(line.type.value),
            name_vi=line.name_vi,
            amount=line.amount,
            beneficiary_account=line.beneficiary.account,
            chapter=line.beneficiary.chapter,
            sub_item=line.beneficiary.sub_item,
        )
        for line in price.lines
    )


def contents_digest(procedure: str, filed_on: date, facts: FeeFacts | None, lines: Iterable[Line]) -> bytes:
    """What a registration says besides who and where, as a digest: the same contents again are the same obligation.

    The order of items and charges does not matter; the total that a portal expects is no part of it.
    """
    told: dict[str, Any] = {"procedure": procedure, "filed_on": filed_on.isoformat()}
    if facts is None:
        told["lines"] = [
            [
                line.type,
                line.name_vi,
                line.amount.amount,
                line.beneficiary_account,
                line.chapter,
                line.sub_item,
            ]
            for line in lines
        ]
    else:
        told |= _told(facts)
    return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).digest()


def _told(facts: FeeFacts) -> Mapping[str, Any]:
    claim = facts.claim
    return {
        "channel": facts.channel,
        "items": sorted(
            [
                item.item_code,
                item.quantity,
                item.years,
                -1 if item.declared_value is None else item.declared_value.amount,
            ]
            for item in facts.items
        ),
        "claim": None if claim is None else [claim.payer_class, claim.evidence_ref],
        "charges": sorted(
            [
                charge.type,
                charge.code,
                charge.name_vi,
                charge.amount.amount,
                charge.beneficiary_account,
                charge.rule_id,
                charge.legal_basis,
            ]
            for charge in facts.charges
        ),
    }
