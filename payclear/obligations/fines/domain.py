"""Words of fines: ranks of issuers, withheld papers, events of a fine's history, proposals to refund. Pure."""

from enum import StrEnum
from typing import Final

from payclear.kernel.states import StateTable, register

# What the line of a fine is called, whatever a portal wrote: its own words could name the offence.
FINE_LINE_NAME_VI = "Tiền phạt vi phạm hành chính"
SURCHARGE_LINE_NAME_VI = "Tiền chậm nộp phạt"

# A paper's number has no room for a name or a reason.
PAPER_NUMBER: Final = r"[0-9A-Za-zĐđ][0-9A-Za-zĐđ./_\-]*"
PAPER_NUMBER_LENGTH_MAX: Final = 60


class IssuerRank(StrEnum):
    """At which level a decision was signed (DOMAIN 1.3, F41)."""

    TEAM = "team"
    STATION = "station"
    DIVISION = "division"
    DEPARTMENT = "department"
    INSPECTORATE = "inspectorate"
    COMMUNE = "commune"
    PROVINCE = "province"


class PaperType(StrEnum):
    """What an authority keeps until a decision is carried out; its number is not kept here."""

    DRIVER_LICENCE = "driver_licence"
    VEHICLE_REGISTRATION = "vehicle_registration"
    INSPECTION_CERTIFICATE = "inspection_certificate"
    VEHICLE = "vehicle"
    OTHER = "other"


class FineEventKind(StrEnum):
    """What can happen to a fine besides a new version of its decision."""

    SHELTER_OPENED = "shelter_opened"
    SHELTER_CLOSED = "shelter_closed"
    PLAN_GRANTED = "plan_granted"
    PAID = "paid"
    WAIVED = "waived"
    REVERSED = "reversed"
    REFUNDED = "refunded"
    PAID_ELSEWHERE = "paid_elsewhere"
    NOT_PAID_ELSEWHERE = "not_paid_elsewhere"


class ProposalState(StrEnum):
    """Where a proposal to give money of a fine back stands. `withdrawn`: a later version asks for the money again."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    DONE = "done"


class ProposalCarrier(StrEnum):
    """Who gives an accepted proposal's money back: the provider that took it, or the agency itself."""

    PROVIDER = "provider"
    AGENCY = "agency"


class ProposalReason(StrEnum):
    """Why money should go back. `surcharge`: only surcharge was paid that the history asks no more."""

    REDUCED = "reduced"
    CANCELLED = "cancelled"
    SURCHARGE = "surcharge"


_P = ProposalState
PROPOSAL_STATES = register(
    StateTable(
        name="refund_proposal",
        initial=_P.PROPOSED,
        transitions={
            (_P.PROPOSED, "accepted"): _P.ACCEPTED,
            (_P.PROPOSED, "refused"): _P.REFUSED,
            (_P.PROPOSED, "withdrawn"): _P.WITHDRAWN,
            (_P.PROPOSED, "done"): _P.DONE,
            (_P.ACCEPTED, "withdrawn"): _P.WITHDRAWN,
            (_P.ACCEPTED, "done"): _P.DONE,
            # The provider refused, or a later version asks for another sum: an officer looks again.
            (_P.ACCEPTED, "returned"): _P.PROPOSED,
        },
        terminal=frozenset({_P.REFUSED, _P.WITHDRAWN, _P.DONE}),
    )
)
