"""Rules, programmes and dated reference data as frozen values, and the life of a change of the catalogue. Pure."""

from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum

from payclear.kernel.states import StateTable, register


class RuleEffect(StrEnum):
    """What a routing rule does with an account whose case it fits."""

    OFFER = "offer"
    WITHHOLD = "withhold"
    PREFER = "prefer"  # names it before others; decides nothing about whether it is offered


class Method(StrEnum):
    """How a citizen pays with an account; the groups of the payment page, in its order."""

    QR = "qr"
    BANK = "bank"  # bank application or card, on a page of the provider
    WALLET = "wallet"
    COUNTER = "counter"


class DayCondition(StrEnum):
    """On which days a rule holds, by the business calendar of the account."""

    BUSINESS_DAY = "business_day"
    DAY_OFF = "day_off"


class RuleHealth(StrEnum):
    """The health a rule may name. An account that is closed is never offered, whatever the rules say."""

    GOOD = "good"
    SLOW = "slow"
    FAILING = "failing"


class FeeBearer(StrEnum):
    """Who pays a provider's service fee; the state's amount is the same whoever does."""

    PAYER = "PAYER"
    AGENCY = "AGENCY"
    WAIVED = "WAIVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One routing rule; a condition that is None fits everything. The lowest rank that fits decides.

    A procedure is named by its national code. Amounts are in đồng, from and to included. `time_from` is included,
    `time_to` is not, both in Viet Nam; a span may cross midnight. `cut_off_within_minutes`: the account's business day
    ends within so many minutes.
    """

    code: str
    valid_from: date
    valid_to: date | None = None
    rank: int
    effect: RuleEffect
    provider_account: str | None = None
    method: Method | None = None
    kind: str | None = None
    agency_code: str | None = None
    portal_code: str | None = None
    procedure_code: str | None = None
    amount_from: int | None = None
    amount_to: int | None = None
    payer_fee_above: int | None = None
    health: tuple[str, ...] | None = None
    cut_off_within_minutes: int | None = None
    day: DayCondition | None = None
    time_from: time | None = None
    time_to: time | None = None
    reason_vi: str
    reason_en: str
    legal_basis: str

    @property
    def decides(self) -> bool:
        """Whether it says that an account is offered or not."""
        return self.effect is not RuleEffect.PREFER


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeProgramme:
    """What a provider's account charges for a payment, and who bears it, from a day to a day, both included.

    `fixed` plus `per_million` of the amount, kept between `fee_min` and `fee_max`; VAT comes on top unless it is within.
    """

    code: str
    valid_from: date
    valid_to: date | None = None
    provider_account: str
    kind: str | None = None
    agency_code: str | None = None
    borne_by: FeeBearer
    fixed: int = 0
    per_million: int = 0
    fee_min: int | None = None
    fee_max: int | None = None
    vat_inclusive: bool = True
    vat_per_mille: int = 0
    legal_basis: str


class BudgetCodeKind(StrEnum):
    """What a code of the state budget stands for."""

    CHAPTER = "chapter"
    SUB_ITEM = "sub_item"
    LOCALITY = "locality"
    COLLECTING_AGENCY = "collecting_agency"


class CollectionMode(StrEnum):
    """Where a procedure's fee may be paid (DOMAIN F25)."""

    ONLINE = "online"
    COUNTER = "counter"
    MIXED = "mixed"


class CollectionTiming(StrEnum):
    """When a procedure's fee is paid: with the dossier, or when the result is handed over."""

    BEFORE = "before"
    AFTER = "after"


class TariffType(StrEnum):
    """What a price is: phí or lệ phí, the state's revenue, or the service of somebody else beside it."""

    FEE_PHI = "fee_phi"
    FEE_LE_PHI = "fee_le_phi"
    COURIER = "courier"
    OTHER_SERVICE = "other_service"


class TariffBasis(StrEnum):
    """What the amount or the rate of a price is multiplied by."""

    FIXED = "fixed"
    PER_UNIT = "per_unit"
    PER_YEAR = "per_year"
    PERCENT = "percent"


class RoundingName(StrEnum):
    """What becomes of the part below the unit."""

    HALF_UP = "half_up"
    UP = "up"
    DOWN = "down"


class ChangeState(StrEnum):
    """Where a change of the catalogue stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


CHANGE_STATES = register(
    StateTable(
        name="catalogue_change",
        initial=ChangeState.PROPOSED,
        transitions={
            (ChangeState.PROPOSED, "approve"): ChangeState.APPROVED,
            (ChangeState.PROPOSED, "reject"): ChangeState.REJECTED,
            (ChangeState.PROPOSED, "withdraw"): ChangeState.WITHDRAWN,
        },
        terminal=frozenset({ChangeState.APPROVED, ChangeState.REJECTED, ChangeState.WITHDRAWN}),
    )
)


class RowAction(StrEnum):
    """What a change does to a row: a new one, an end for one that stands, other words for a day to come."""

    ADD = "add"
    END = "end"
    CHANGE = "change"  # calendar days in the future only
