"""Rules of obligations: states, document keys, late-payment surcharge and quotes. Pure; called by `obligations.service`."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction

from payclear.kernel.errors import InvalidInput
from payclear.kernel.money import Money, sum_money
from payclear.kernel.states import StateTable, register


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
    """

    OPEN = "open"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    EXEMPTED = "exempted"
    PAID_ELSEWHERE = "paid_elsewhere"
    CANCELLED = "cancelled"


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


class ServedMethod(StrEnum):
    """How a decision reached the violator; it decides when the term starts (TT 18/2023/TT-BTC)."""

    HANDED = "handed"
    REGISTERED_POST = "registered_post"
    ELECTRONIC = "electronic"


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
            (_S.PAID_ELSEWHERE, "reopened"): _S.OPEN,
        },
        ignored=frozenset(
            {
                (_S.PARTIALLY_PAID, "part_paid"),
                (_S.PAID, "paid"),
                (_S.CANCELLED, "cancelled"),
                (_S.EXEMPTED, "exempted"),
                (_S.PAID_ELSEWHERE, "paid_elsewhere"),
            }
        ),
        terminal=frozenset({_S.PAID, _S.EXEMPTED, _S.PAID_ELSEWHERE, _S.CANCELLED}),
        reopening=frozenset(
            {
                (_S.PAID, "reopened"),
                (_S.PAID, "part_paid"),
                (_S.PAID, "cancelled"),
                (_S.PAID_ELSEWHERE, "reopened"),
            }
        ),
    )
)

_DOSSIER_CODES = (
    re.compile(r"\d{3}\.\d{2}\.\d{2}\.[A-Z]\d{2}-(\d{6})-\d{4,8}"),
    re.compile(r"[A-Z]\d{2}(?:\.\d{1,3}){0,3}-(\d{6})-\d{4,8}"),
)
_PROCEDURE_CODE = re.compile(r"[123]\.\d{6}(?:\.[0-9A-Z.]{1,24})?")
DAYS_TO_PAY = 10


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
class SurchargeRule:
    """A rate in force, with the account that late money is collected for."""

    per_day: Fraction
    legal_basis: str
    beneficiary_account: str
    chapter: str
    sub_item: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What is due on one day. Holds until 24:00 of `for_date` in Viet Nam when `depends_on_day`."""

    for_date: date
    lines: tuple[Line, ...]
    late_days: int
    surcharge: Money
    depends_on_day: bool
    legal_basis: str

    @property
    def total(self) -> Money:
        """The sum of the lines."""
        return sum_money((line.amount for line in self.lines), self.lines[0].amount.currency)


def normalise_document_no(text: str) -> str:
    """Return the key of a document number: NFC, upper case, no white space (DOMAIN 2.5)."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFC", text)).upper()


def check_dossier_code(text: str) -> str:
    """Return the dossier code when it is in a national format with a real date, else raise InvalidDossierCode."""
    code = text.strip()
    for pattern in _DOSSIER_CODES:
        found = pattern.fullmatch(code)
        if found and _is_yymmdd(found.group(1)):
            return code
    raise InvalidDossierCode("not a dossier code in a national format", dossier_code=code[:40])


def check_procedure_code(text: str) -> str:
    """Return the procedure code, else raise InvalidInput."""
    if not _PROCEDURE_CODE.fullmatch(text):
        raise InvalidInput("not a procedure code", field="procedure_code")
    return text


def fine_due_on(*, served_on: date, decided_on: date, term_days: int = DAYS_TO_PAY) -> date:
    """Return the last day of the term: the day of service plus the term (TT 18/2023/TT-BTC)."""
    if served_on < decided_on:
        raise InvalidDecision("a decision can not be served before it was made")
    return served_on + timedelta(days=term_days)


def late_days(*, due_on: date, paid_on: date) -> int:
    """Count late days, from the day after the deadline to the day before payment, holidays included (TT 18/2023)."""
    return max(0, (paid_on - due_on).days - 1)


def late_surcharge(principal: Money, *, days: int, per_day: Fraction) -> Money:
    """Return `principal × rate × days`, rounded once, half up to the đồng (DOMAIN 2.5)."""
    exact = principal.amount * per_day * days
    return Money((2 * exact.numerator + exact.denominator) // (2 * exact.denominator), principal.currency)


def quote_fee(lines: tuple[Line, ...], *, for_date: date) -> Quote:
    """Quote a dossier fee: the price was fixed at the filing date and does not move."""
    zero = Money(0, lines[0].amount.currency)
    return Quote(
        for_date=for_date, lines=lines, late_days=0, surcharge=zero, depends_on_day=False, legal_basis=""
    )


def quote_fine(lines: tuple[Line, ...], *, due_on: date, for_date: date, rule: SurchargeRule) -> Quote:
    """Quote a fine on a day: its lines, and the late-payment surcharge as a line of its own when any day is late."""
    principal = sum_money((line.amount for line in lines), lines[0].amount.currency)
    days = late_days(due_on=due_on, paid_on=for_date)
    surcharge = late_surcharge(principal, days=days, per_day=rule.per_day)
    quoted = lines
    if surcharge.amount:
        quoted = (
            *lines,
            Line(
                type=LineType.LATE_SURCHARGE,
                name_vi="Tiền chậm nộp phạt",
                amount=surcharge,
                beneficiary_account=rule.beneficiary_account,
                chapter=rule.chapter,
                sub_item=rule.sub_item,
            ),
        )
    return Quote(
        for_date=for_date,
        lines=quoted,
        late_days=days,
        surcharge=surcharge,
        depends_on_day=True,
        legal_basis=rule.legal_basis,
    )


def _is_yymmdd(text: str) -> bool:
    try:
        date(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))
    except ValueError:
        return False
    return True
