"""Rules of obligations: states, document keys and quotes. Pure; called by `obligations.service`."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from payclear.kernel.errors import InvalidInput
from payclear.kernel.money import Money, sum_money
from payclear.kernel.states import StateTable, register
from payclear.obligations.rules.insurance import Contribution


class ObligationKind(StrEnum):
    """What the obligation is tied to."""

    DOSSIER_FEE = "dossier_fee"
    TRAFFIC_FINE = "traffic_fine"
    HOUSEHOLD_HEALTH_INSURANCE = "household_health_insurance"
    VOLUNTARY_SOCIAL_INSURANCE = "voluntary_social_insurance"
    TAX = "tax"
    LAND_OBLIGATION = "land_obligation"
    CONTRIBUTION = "contribution"


class ObligationState(StrEnum):
    """Where an obligation stands.

    `exempted`: nothing is to be paid, with a reason. `paid_elsewhere`: the agency says that it was paid without us.
    `refunded`: it was paid and all of the money went back; a fine is owed again instead.
    """

    OPEN = "open"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    EXEMPTED = "exempted"
    PAID_ELSEWHERE = "paid_elsewhere"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class LineType(StrEnum):
    """What a line is; phí and lệ phí are never mixed (DOMAIN 2.9)."""

    FEE_PHI = "fee_phi"
    FEE_LE_PHI = "fee_le_phi"
    FINE = "fine"
    LATE_SURCHARGE = "late_surcharge"
    COURIER = "courier"
    OTHER_SERVICE = "other_service"
    INSURANCE = "insurance"
    TAX = "tax"
    LAND = "land"
    CONTRIBUTION = "contribution"


# Money of somebody else beside what the state asks for: never the state's, and never on its accounts.
CHARGE_LINES = frozenset({LineType.COURIER, LineType.OTHER_SERVICE})


class ServedMethod(StrEnum):
    """How a decision reached the violator; it decides when the term starts (TT 18/2023/TT-BTC)."""

    HANDED = "handed"
    REGISTERED_POST = "registered_post"
    ELECTRONIC = "electronic"


class ObligorField(StrEnum):
    """What may be known of an obligor besides name and number; `factor` is what the public look-up compares."""

    PHONE = "phone"
    PLATE = "plate"
    PLATE_COLOUR = "plate_colour"
    LICENCE_NO = "licence_no"
    INSURANCE_CODE = "insurance_code"
    ADDRESS = "address"
    FACTOR = "factor"


# Stands where the name of somebody stood who asked to be forgotten.
FORGOTTEN_NAME = "(đã xóa theo yêu cầu)"

PAYABLE_STATES = frozenset({ObligationState.OPEN, ObligationState.PARTIALLY_PAID})

_S = ObligationState
OBLIGATION_STATES = register(
    StateTable(
        name="obligation",
        initial=_S.OPEN,
        transitions={
            (_S.OPEN, "part_paid"): _S.PARTIALLY_PAID,
            (_S.OPEN, "paid"): _S.PAID,
            (_S.OPEN, "exempted"): _S.EXEMPTED,
            (_S.OPEN, "paid_elsewhere"): _S.PAID_ELSEWHERE,
            (_S.OPEN, "cancelled"): _S.CANCELLED,
            (_S.PARTIALLY_PAID, "paid"): _S.PAID,
            (_S.PARTIALLY_PAID, "reopened"): _S.OPEN,
            (_S.PARTIALLY_PAID, "paid_elsewhere"): _S.PAID_ELSEWHERE,
            (_S.PARTIALLY_PAID, "cancelled"): _S.CANCELLED,
            # A payment was taken back, or a correction asks for more than was paid.
            (_S.PAID, "reopened"): _S.OPEN,
            (_S.PAID, "part_paid"): _S.PARTIALLY_PAID,
            (_S.PAID, "cancelled"): _S.CANCELLED,
            (_S.PAID, "refunded"): _S.REFUNDED,
            (_S.PAID_ELSEWHERE, "reopened"): _S.OPEN,
            # A decision that was reduced to nothing is replaced by one that asks again.
            (_S.EXEMPTED, "reopened"): _S.OPEN,
        },
        ignored=frozenset(
            {
                (_S.PARTIALLY_PAID, "part_paid"),
                (_S.PAID, "paid"),
                (_S.CANCELLED, "cancelled"),
                (_S.REFUNDED, "refunded"),
                (_S.EXEMPTED, "exempted"),
                (_S.PAID_ELSEWHERE, "paid_elsewhere"),
            }
        ),
        terminal=frozenset({_S.PAID, _S.EXEMPTED, _S.PAID_ELSEWHERE, _S.CANCELLED, _S.REFUNDED}),
        reopening=frozenset(
            {
                (_S.PAID, "reopened"),
                (_S.PAID, "part_paid"),
                (_S.PAID, "cancelled"),
                (_S.PAID, "refunded"),
                (_S.PAID_ELSEWHERE, "reopened"),
                (_S.EXEMPTED, "reopened"),
            }
        ),
    )
)

_PROCEDURE_CODE = re.compile(r"[123]\.\d{6}(?:\.[0-9A-Z.]{1,24})?")


class InvalidDossierCode(InvalidInput):
    """A dossier code in neither of the two national formats (DOMAIN 2.2)."""

    code = "invalid_dossier_code"


class InvalidDecision(InvalidInput):
    """A fine decision whose number or dates can not be true."""

    code = "invalid_fine_decision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of what is owed, with where the money must go."""

    type: LineType
    name_vi: str
    amount: Money
    beneficiary_account: str
    chapter: str
    sub_item: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What is due on one day. Holds until 24:00 of `for_date` in Viet Nam when `depends_on_day`.

    `holds_through`: the last day with the same answer where a later change is known. `contribution`: who pays what of an
    insurance, with the state's share, which is a memo and no line.
    """

    for_date: date
    lines: tuple[Line, ...]
    late_days: int
    surcharge: Money
    depends_on_day: bool
    legal_basis: str
    holds_through: date | None = None
    contribution: Contribution | None = None

    @property
    def last_day(self) -> date | None:
        """The last day it holds; None while nothing is known that would change it."""
        return self.for_date if self.depends_on_day else self.holds_through

    @property
    def total(self) -> Money:
        """The sum of the lines."""
        return sum_money((line.amount for line in self.lines), self.lines[0].amount.currency)


def normalise_document_no(text: str) -> str:
    """Return the key of a document number: NFC, upper case, no white space (DOMAIN 2.5)."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFC", text)).upper()


def check_procedure_code(text: str) -> str:
    """Return the procedure code, else raise InvalidInput."""
    if not _PROCEDURE_CODE.fullmatch(text):
        raise InvalidInput("not a procedure code", field="procedure_code")
    return text


def quote_fee(lines: tuple[Line, ...], *, for_date: date) -> Quote:
    """Quote a dossier fee: the price was fixed at the filing date and does not move."""
    zero = Money(0, lines[0].amount.currency)
    return Quote(
        for_date=for_date, lines=lines, late_days=0, surcharge=zero, depends_on_day=False, legal_basis=""
    )
