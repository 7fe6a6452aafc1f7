"""A portal's way from registered to retired: every step has a reason and two people. Called by `service` and the desk.

Suspending stops what a portal itself writes; what citizens have paid or are paying goes on. To stop a leaked key at
once, revoke it: that needs one person only.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final

from payclear.audit.service import record
from payclear.db.uow import UnitOfWork
from payclear.identity import activation_queries, queries
from payclear.identity.activation_queries import ListedPortal, ProposalRow, StepRow
from payclear.identity.domain import (
    PORTAL_STATES,
    PortalKind,
    PortalState,
    StaffRole,
    allows,
    normal_login,
    read_networks,
)
from payclear.identity.models import StaffState
from payclear.kernel.errors import Conflict, ErrorCategory, InvalidInput, NotFound, PayclearError

SYSTEM: Final = "system"
REASON_CHARACTERS_MAX: Final = 500
# The shortest way to a state, for demonstrations and tests, and for portals that were there before this history.
_WAYS: Final = {
    PortalState.REGISTERED: (),
    PortalState.TESTING: ("testing_began",),
    PortalState.ACTIVE: ("testing_began", "activated"),
    PortalState.SUSPENDED: ("testing_began", "activated", "suspended"),
    PortalState.RETIRED: ("retired",),
}


class PortalNotFound(NotFound):
    """No portal has this code."""

    code = "portal_not_found"


class ProposalOpen(Conflict):
    """A proposal for this portal waits already."""

    code = "portal_proposal_open"


class ProposalNotFound(NotFound):
    """Nothing is proposed for this portal."""

    code = "portal_proposal_not_found"


class PortalActive(Conflict):
    """The portal may write: for whom it speaks becomes wider only behind two people."""

    code = "portal_active"


class SamePerson(PayclearError):
    """Who proposed a step can not approve it."""

    code = "portal_same_person"
    category = ErrorCategory.FORBIDDEN


class NotAuthorised(PayclearError):
    """No active officer has this login."""

    code = "staff_not_authorised"
    category = ErrorCategory.FORBIDDEN


def begin(uow: UnitOfWork, code: str, state: PortalState, *, maker: str, reason: str) -> int:
    """Write the first steps of a portal that was just stored in `state`; the number of the last one."""
    activation_queries.insert_step(
        uow,
        code,
        version=1,
        from_state=None,
        event="registered",
        to_state=PORTAL_STATES.initial,
        reason=reason,
        maker=maker,
        checker=None,
    )
    here, version = PORTAL_STATES.initial, 1
    for event in _WAYS[state]:
        here, version = _step(
            uow, code, here, version, event=event, maker=SYSTEM, checker=None, reason=reason
        )
    return version


def propose(uow: UnitOfWork, code: str, event: str, *, reason: str, maker: str) -> None:
    """Propose a step that another member of staff has to approve.

    Raises PortalNotFound, IllegalTransition for a step that can not follow, ProposalOpen, InvalidInput without a
    reason, NotAuthorised.
    """
    name = require_officer(uow, maker)
    told = reason.strip()
    if not 3 <= len(told) <= REASON_CHARACTERS_MAX:
        raise InvalidInput("say why, in 3 to 500 characters", field="reason")
    state, _version = _locked(uow, code)
    PORTAL_STATES.next(state, event)
    if not activation_queries.insert_proposal(uow, code, event=event, reason=told, maker=name):
        raise ProposalOpen("decide the open proposal first", portal_code=code)
    _audit(uow, actor=name, action="portal.step_proposed", code=code, facts={"event": event})


def approve(uow: UnitOfWork, code: str, *, checker: str) -> PortalState:
    """Take the step that was proposed; the state the portal is in now.

    Raises PortalNotFound, ProposalNotFound, SamePerson, NotAuthorised, IllegalTransition.
    """
    name = require_officer(uow, checker)
    state, version = _locked(uow, code)
    proposal = _open(uow, code)
    if proposal.maker == name:
        raise SamePerson("somebody else has to approve", portal_code=code)
    activation_queries.decide(uow, proposal.id, checker=name, is_approved=True)
    to_state, _ = _step(
        uow,
        code,
        state,
        version,
        event=proposal.event,
        maker=proposal.maker,
        checker=name,
        reason=proposal.reason,
    )
    _audit(uow, actor=name, action="portal.state_changed", code=code, facts={"state": to_state})
    return PortalState(to_state)


def reject(uow: UnitOfWork, code: str, *, checker: str) -> None:
    """Close what was proposed without taking the step; who proposed it may do so too."""
    name = require_officer(uow, checker)
    _locked(uow, code)
    proposal = _open(uow, code)
    activation_queries.decide(uow, proposal.id, checker=name, is_approved=False)
    _audit(uow, actor=name, action="portal.step_rejected", code=code, facts={"event": proposal.event})


def set_access(
    uow: UnitOfWork, code: str, *, networks: Iterable[str], requests_per_minute: int | None, actor: str
) -> list[str]:
    """Say from which networks and how often a portal may call; the networks as stored.

    Raises PortalNotFound, InvalidNetwork, InvalidInput.
    """
    stored = read_networks(networks)
    if requests_per_minute is not None and not 1 <= requests_per_minute <= 1_000_000:
        raise InvalidInput("1 to 1000000 requests a minute", field="requests_per_minute")
    if not activation_queries.set_access(uow, code, networks=stored, rate=requests_per_minute):
        raise PortalNotFound("no such portal", portal_code=code[:40])
    facts = {"networks": stored, "requests_per_minute": requests_per_minute or 0}
    _audit(uow, actor=actor, action="portal.access_changed", code=code, facts=facts)
    return stored


def bind(uow: UnitOfWork, code: str, agency_code: str | None, *, actor: str) -> None:
    """Bind a portal to the agency it speaks for, with those below it; None lets it speak for every one.

    One that was bound to none may be bound at any time. What gives it other agencies waits until it may not write, so
    that two people let it write again. Raises PortalNotFound, PortalActive, ProposalOpen.
    """
    state, _version = _locked(uow, code)
    portal = queries.find_portal(uow, code)
    assert portal is not None, "it was locked"
    if portal.agency_code == agency_code:
        return
    if portal.agency_code is not None:
        if state == PortalState.ACTIVE:
            raise PortalActive("suspend the portal first", portal_code=code)
        if activation_queries.open_proposal(uow, code) is not None:
            raise ProposalOpen("who approves it has to know this: reject it first", portal_code=code)
    activation_queries.set_agency(uow, code, agency_code)
    facts: dict[str, object] = {"agency_code": agency_code or "", "before": portal.agency_code or ""}
    _audit(uow, actor=actor, action="portal.agency_changed", code=code, facts=facts)


def history(uow: UnitOfWork, code: str) -> list[StepRow]:
    """Every step of a portal, the first one first; raises PortalNotFound."""
    if queries.find_portal(uow, code) is None:
        raise PortalNotFound("no such portal", portal_code=code[:40])
    return activation_queries.history(uow, code)


def portals(uow: UnitOfWork) -> list[ListedPortal]:
    """Every portal with its state."""
    return activation_queries.listed(uow)


def count_active(uow: UnitOfWork, kind: PortalKind, *, as_of: datetime) -> int:
    """Of how many provinces, ministries, … a portal was active at an instant."""
    return activation_queries.count_active(uow, kind.value, as_of=as_of)


def count_provinces(uow: UnitOfWork, *, on: date) -> int:
    """How many provinces the catalogue knows on a day."""
    return activation_queries.count_provinces(uow, on)


def require_officer(uow: UnitOfWork, login: str) -> str:
    """The login of an active officer as it is stored; raises NotAuthorised."""
    name = normal_login(login)
    staff = queries.find_staff(uow, name)
    if staff is None or staff.state != StaffState.ACTIVE or not allows(staff.roles, StaffRole.OFFICER):
        raise NotAuthorised("no active officer has this login")
    return name


def _step(
    uow: UnitOfWork,
    code: str,
    state: str,
    version: int,
    *,
    event: str,
    maker: str,
    checker: str | None,
    reason: str,
) -> tuple[str, int]:
    to_state = PORTAL_STATES.next(state, event).to
    activation_queries.insert_step(
        uow,
        code,
        version=version + 1,
        from_state=state,
        event=event,
        to_state=to_state,
        reason=reason,
        maker=maker,
        checker=checker,
    )
    activation_queries.move(uow, code, to_state=to_state, version=version + 1)
    return to_state, version + 1


def _locked(uow: UnitOfWork, code: str) -> tuple[str, int]:
    found = activation_queries.lock(uow, code)
    if found is None:
        raise PortalNotFound("no such portal", portal_code=code[:40])
    return found


def _open(uow: UnitOfWork, code: str) -> ProposalRow:
    proposal = activation_queries.open_proposal(uow, code)
    if proposal is None:
        raise ProposalNotFound("nothing is proposed", portal_code=code)
    return proposal


def _audit(uow: UnitOfWork, *, actor: str, action: str, code: str, facts: dict[str, object]) -> None:
    record(
        uow,
        actor_type=SYSTEM if actor == SYSTEM else "staff",
        actor=actor,
        action=action,
        object_type="portal",
        object_id=code,
        facts=facts,
    )
