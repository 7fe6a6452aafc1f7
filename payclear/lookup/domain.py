"""Rules of look-up and clearance: what is answered, which subject a header names, when nothing is owed. Pure.

Called by `service`, `links` and `clearance`. It must never tell an unknown number from a wrong second factor.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from payclear.kernel.errors import InvalidInput
from payclear.obligations.domain import PAYABLE_STATES, ObligationState, normalise_document_no
from payclear.obligations.rules.plates import PlateColour
from payclear.security.structured_fields import Item, StructureInvalid, read_dictionary

RESULTS_MAX: Final = 5
RESULT_LASTS: Final = timedelta(hours=24)
PAYER_LASTS: Final = timedelta(days=7)
_NUMBER_MAX: Final = 60


class LookupStatus(StrEnum):
    """What a look-up answers. `not_found` is also the answer to a wrong second factor."""

    NOT_FOUND = "not_found"
    NOT_YET_UPLOADED = "not_yet_uploaded"
    NOT_YET_PAYABLE = "not_yet_payable"
    MONTHS_PAID = "months_paid"
    MONTHS_OVERLAP = "months_overlap"
    MONTHS_OVER = "months_over"
    PAYABLE = "payable"
    PAYABLE_AT_COUNTER = "payable_at_counter"
    BEING_CONFIRMED = "being_confirmed"
    PAID = "paid"
    PAID_ELSEWHERE = "paid_elsewhere"
    CANCELLED = "cancelled"
    EXEMPTED = "exempted"
    REFUNDED = "refunded"


class LinkPurpose(StrEnum):
    """What a link opens: the result of a look-up for who made it, or what another payer needs to know."""

    RESULT = "result"
    PAYER = "payer"


class ClearanceStatus(StrEnum):
    """Whether decisions of a subject wait to be paid; `UNKNOWN` whenever that can not be said."""

    CLEAR = "CLEAR"
    OUTSTANDING = "OUTSTANDING"
    UNKNOWN = "UNKNOWN"


class UnknownReason(StrEnum):
    """Why nothing can be said."""

    NO_AUTHORITY = "no_authority"  # nobody is named whose decisions must be here
    AUTHORITY_NOT_NAMED = "authority_not_named"  # decisions came from one that is not among them
    KEY_NOT_KEPT = "key_not_kept"  # one does not write this kind of key on its decisions
    COVERAGE_MISSING = (
        "coverage_missing"  # one never said up to which day its decisions are here, by this key
    )
    COVERAGE_STALE = "coverage_stale"  # what one said is too old


class SubjectKind(StrEnum):
    """What names the subject of a clearance."""

    CITIZEN_ID = "citizen-id"
    LICENCE_NO = "licence-no"
    PLATE = "plate"


class ClearancePurpose(StrEnum):
    """What a service asks for; written into the trail with each question."""

    LICENCE_ISSUE = "licence_issue"
    LICENCE_EXCHANGE = "licence_exchange"
    VEHICLE_REGISTRATION = "vehicle_registration"
    VEHICLE_TRANSFER = "vehicle_transfer"
    VEHICLE_INSPECTION = "vehicle_inspection"


class InvalidSubject(InvalidInput):
    """The header Clearance-Subject does not name exactly one subject as its grammar has it."""

    code = "invalid_clearance_subject"


_STATUS_OF_CLOSED: Final = {
    ObligationState.PAID: LookupStatus.PAID,
    ObligationState.EXEMPTED: LookupStatus.EXEMPTED,
    ObligationState.PAID_ELSEWHERE: LookupStatus.PAID_ELSEWHERE,
    ObligationState.CANCELLED: LookupStatus.CANCELLED,
    ObligationState.REFUNDED: LookupStatus.REFUNDED,
}


_STATUS_OF_REFUSED: Final = {
    "nothing_to_pay": LookupStatus.MONTHS_PAID,
    "overlaps": LookupStatus.MONTHS_OVERLAP,
    "arrears": LookupStatus.MONTHS_OVER,
}


def status_of(
    state: ObligationState,
    *,
    holds_money: bool,
    has_quote: bool,
    refusal: str = "",
    is_counter_only: bool = False,
) -> LookupStatus:
    """What is said of an obligation. Total over its states.

    `holds_money`: a try to pay it has no outcome yet, or its money waits for a decision. `has_quote`: what is due
    today can be said; `refusal`: why it can not, of an insurance's months. `is_counter_only`: it is a
    fee that the catalogue takes at counters only.
    """
    if state not in PAYABLE_STATES:
        return _STATUS_OF_CLOSED[state]
    if holds_money:
        return LookupStatus.BEING_CONFIRMED
    if has_quote:
        return LookupStatus.PAYABLE_AT_COUNTER if is_counter_only else LookupStatus.PAYABLE
    return _STATUS_OF_REFUSED.get(refusal, LookupStatus.NOT_YET_PAYABLE)


def status_of_unfound(*, decided_on: date | None, complete_to: date | None) -> LookupStatus:
    """What is said when nothing fits. Only the stated day and the authority's word decide, never a document.

    `complete_to`: up to which day the stated authority's decisions are here; None when it is not stated or never said.
    """
    if decided_on is not None and complete_to is not None and decided_on > complete_to:
        return LookupStatus.NOT_YET_UPLOADED
    return LookupStatus.NOT_FOUND


def document_keys(number: str) -> tuple[str, ...]:
    """The keys a typed number may mean: as it is, and with the stroke of the Đ that many keyboards lack."""
    key = normalise_document_no(number[:_NUMBER_MAX])
    return tuple(dict.fromkeys((key, key.replace("/QD", "/QĐ")))) if key else ()


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a clearance is asked for. Never logged, never in an address."""

    kind: SubjectKind
    value: str = field(repr=False)
    colour: PlateColour | None = None


_FORMS: Final = {
    # A number of 12 or 9 digits, or a passport's.
    SubjectKind.CITIZEN_ID: re.compile(
        r"[0-9]{12}|[0-9]{9}|(?=[0-9]*[A-Za-z])(?=[A-Za-z]*[0-9])[0-9A-Za-z]{6,20}"
    ),
    SubjectKind.LICENCE_NO: re.compile(r"[0-9A-Za-z]{6,20}"),
    SubjectKind.PLATE: re.compile(r"[0-9A-Za-z][0-9A-Za-z. \-]{3,14}"),
}


def read_subject(header: str | None) -> Subject:
    """The subject that a header names: `citizen-id="…"`, `licence-no="…"` or `plate="…";colour="white"` (RFC 9651).

    Raises InvalidSubject; its facts never hold what was sent.
    """
    try:
        members = read_dictionary(header or "")
    except StructureInvalid as error:
        raise InvalidSubject("not a dictionary of RFC 9651", field="Clearance-Subject") from error
    if len(members) != 1:
        raise InvalidSubject("exactly one subject", field="Clearance-Subject")
    ((name, item),) = members.items()
    if name not in set(SubjectKind) or not isinstance(item, Item) or not isinstance(item.value, str):
        raise InvalidSubject("a string named citizen-id, licence-no or plate", field="Clearance-Subject")
    kind = SubjectKind(name)
    value = item.value.strip()
    if not _FORMS[kind].fullmatch(value):
        raise InvalidSubject("the value can not be of this kind", field="Clearance-Subject", kind=name)
    return Subject(kind, value, _colour(kind, item.parameters))


def _colour(kind: SubjectKind, parameters: Mapping[str, object]) -> PlateColour | None:
    if kind is not SubjectKind.PLATE:
        if parameters:
            raise InvalidSubject("only a plate has a parameter", field="Clearance-Subject")
        return None
    colour = parameters.get("colour")
    if set(parameters) != {"colour"} or colour not in set(PlateColour):
        known = ", ".join(PlateColour)
        raise InvalidSubject("a plate needs its colour", field="Clearance-Subject", colours=known)
    return PlateColour(str(colour))


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority whose decisions must be here before anybody is clear, as the catalogue names it."""

    agency_code: str
    keys: frozenset[str]  # kinds of keys that each of its decisions carries
    fresh_days: int  # so many days may its coverage lie behind
    portals: frozenset[str]  # whose word on its coverage counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """The answer to one question."""

    status: ClearanceStatus
    count: int
    reasons: tuple[UnknownReason, ...]


def clearance_of(
    count: int,
    *,
    kind: SubjectKind,
    authorities: Sequence[Authority],
    complete_to: Mapping[str, date],
    issuing: Iterable[str],
    today: date,
) -> Clearance:
    """OUTSTANDING when a decision is unpaid, whether its term is over or not; CLEAR only when nothing can be missing.

    `complete_to`: the day up to which an authority's decisions are here and found by this kind of key. `issuing`:
    agencies whose decisions are here. A payment without an outcome leaves its decision unpaid.
    """
    if count:
        return Clearance(status=ClearanceStatus.OUTSTANDING, count=count, reasons=())
    named = {each.agency_code for each in authorities}
    reasons: set[UnknownReason] = set()
    if not authorities:
        reasons.add(UnknownReason.NO_AUTHORITY)
    if set(issuing) - named:
        reasons.add(UnknownReason.AUTHORITY_NOT_NAMED)
    for authority in authorities:
        reasons |= _missing(authority, complete_to.get(authority.agency_code), kind, today)
    status = ClearanceStatus.UNKNOWN if reasons else ClearanceStatus.CLEAR
    return Clearance(status=status, count=0, reasons=tuple(sorted(reasons)))


def _missing(
    authority: Authority, complete_to: date | None, kind: SubjectKind, today: date
) -> set[UnknownReason]:
    if kind not in authority.keys:
        return {UnknownReason.KEY_NOT_KEPT}
    if complete_to is None:
        return {UnknownReason.COVERAGE_MISSING}
    is_stale = complete_to < today - timedelta(days=authority.fresh_days)
    return {UnknownReason.COVERAGE_STALE} if is_stale else set()
