"""What the commands `payclear portal …` and `payclear staff …` do; returns the lines to print.

Whoever acts is a member of staff and gives the password: two names typed by one person are not two people.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from payclear.catalogue.service import require_agency
from payclear.db.uow import UnitOfWork
from payclear.identity import activation
from payclear.identity.domain import PortalKind, PortalState, StaffRole
from payclear.identity.service import (
    ALL_SCOPES,
    approve_step,
    change_access,
    create_portal,
    get_portal,
    issue_api_key,
    revoke_api_key,
)
from payclear.identity.sessions import create_staff, disable_by_login, require_password
from payclear.kernel.clock import VIETNAM, vietnam_date
from payclear.kernel.problems import OperatorProblem
from payclear.runtime import Runtime
from payclear.webhooks.service import Actor, register_endpoint

# What `activate` means where a portal stands.
_ACTIVATING: Final = {PortalState.TESTING.value: "activated", PortalState.SUSPENDED.value: "resumed"}


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who acts, with the password that proves it."""

    login: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPortal:
    """What is said of a portal when it is registered."""

    code: str
    name_vi: str
    name_en: str
    kind: str
    agency_code: str | None
    return_urls: Sequence[str]
    networks: Sequence[str]
    requests_per_minute: int | None


def register(runtime: Runtime, portal: NewPortal, *, by: Signatory) -> list[str]:
    """Register a portal: it may read, until two people let it collect."""

    def act(uow: UnitOfWork, login: str) -> list[str]:
        if portal.agency_code is not None:
            require_agency(uow, portal.agency_code, vietnam_date(uow.now))
        create_portal(
            uow,
            code=portal.code,
            name_vi=portal.name_vi,
            name_en=portal.name_en,
            return_url_prefixes=portal.return_urls,
            state=PortalState.REGISTERED,
            kind=PortalKind(portal.kind),
            agency_code=portal.agency_code,
            networks=portal.networks,
            requests_per_minute=portal.requests_per_minute,
            actor=login,
        )
        return [
            _speech_line(portal.code, portal.agency_code),
            f"{portal.code} is registered. Next: payclear portal test {portal.code}",
        ]

    return _as_officer(runtime, by, act)


def propose(runtime: Runtime, code: str, step: str, *, reason: str, by: Signatory) -> list[str]:
    """Propose that a portal is tested, activated (or resumed), suspended or retired."""

    def act(uow: UnitOfWork, login: str) -> list[str]:
        state = get_portal(uow, code).state
        events = {
            "test": "testing_began",
            "activate": _ACTIVATING.get(state, "activated"),
            "suspend": "suspended",
            "retire": "retired",
        }
        activation.propose(uow, code, events[step], reason=reason, maker=login)
        return [
            f"Proposed for {code}: {events[step]}. Somebody else approves: payclear portal approve {code}"
        ]

    return _as_officer(runtime, by, act)


def approve(runtime: Runtime, code: str, *, by: Signatory) -> list[str]:
    """Approve what was proposed for a portal."""

    def act(uow: UnitOfWork, login: str) -> list[str]:
        state = approve_step(uow, code, checker=login)
        return [f"{code} is {state}.", _speech_line(code, get_portal(uow, code).agency_code)]

    return _as_officer(runtime, by, act)


def reject(runtime: Runtime, code: str, *, by: Signatory) -> list[str]:
    """Close what was proposed for a portal without doing it."""

    def act(uow: UnitOfWork, login: str) -> list[str]:
        activation.reject(uow, code, checker=login)
        return [f"The proposal for {code} is closed; {code} stays {get_portal(uow, code).state}."]

    return _as_officer(runtime, by, act)


def access(
    runtime: Runtime, code: str, *, networks: Iterable[str], requests_per_minute: int | None, by: Signatory
) -> list[str]:
    """Say from which networks and how often a portal may call; none of either lifts the limit."""

    def act(uow: UnitOfWork, login: str) -> list[str]:
        stored = change_access(
            uow, code, networks=networks, requests_per_minute=requests_per_minute, actor=login
        )
        return [_access_line(code, stored, requests_per_minute)]

    return _as_officer(runtime, by, act)


def bind(runtime: Runtime, code: str, *, agency_code: str | None, by: Signatory) -> list[str]:
    """Say for which agency a portal speaks; None lets it speak for every one."""

    def act(uow: UnitOfWork, login: str) -> list[str]:
        if agency_code is not None:
            require_agency(uow, agency_code, vietnam_date(uow.now))
        activation.bind(uow, code, agency_code, actor=login)
        return [_speech_line(code, agency_code)]

    return _as_officer(runtime, by, act)


def issue_key(
    runtime: Runtime, code: str, *, scopes: Sequence[str], days: int | None, by: Signatory
) -> list[str]:
    """Give a portal a key; it is shown this once."""

    def act(uow: UnitOfWork, login: str) -> list[str]:
        expires_at = uow.now + timedelta(days=days) if days else None
        key = issue_api_key(uow, code, scopes=scopes or ALL_SCOPES, expires_at=expires_at, actor=login)
        return [f"Key id:  {key.key_id}", f"API key: {key.full_text}", "It is not shown again."]

    return _as_officer(runtime, by, act)


def revoke_key(runtime: Runtime, key_id: str, *, by: Signatory) -> list[str]:
    """End a key within a second; one person is enough, for a key that leaked can not wait for a second one."""

    def act(uow: UnitOfWork, login: str) -> list[str]:
        revoke_api_key(uow, key_id, actor=login)
        return [f"{key_id} is revoked."]

    return _as_officer(runtime, by, act)


def add_endpoint(runtime: Runtime, code: str, url: str, *, events: Sequence[str], by: Signatory) -> list[str]:
    """Register where a portal gets its events; the secrets are shown this once."""

    def act(uow: UnitOfWork, login: str) -> list[str]:
        made = register_endpoint(
            uow,
            runtime.sealer,
            code,
            url,
            events,
            allow_hosts=runtime.settings.webhooks.allow_hosts,
            actor=Actor("staff", login),
        )
        return [
            f"Endpoint:       {made.public_id}",
            f"Webhook secret: {made.secret.reveal()}",
            f"Public key:     {made.public_key}",
            "The secret is not shown again.",
        ]

    return _as_officer(runtime, by, act)


def portals(runtime: Runtime) -> list[str]:
    """Every portal with its state, and of how many provinces one is active."""
    with runtime.database.begin() as uow:
        listed = activation.portals(uow)
        active = activation.count_active(uow, PortalKind.PROVINCE, as_of=uow.now)
        known = activation.count_provinces(uow, on=vietnam_date(uow.now))
    lines = [
        f"{each.code:<24} {each.kind:<12} {each.state:<10} since {each.since.astimezone(VIETNAM):%d/%m/%Y}"
        f"  {each.live_keys} live keys  {each.agency_code or 'every agency'}  {each.name_vi}"
        for each in listed
    ]
    return [*(lines or ["There is no portal."]), f"{active} of {known} provinces active."]


def show(runtime: Runtime, code: str) -> list[str]:
    """One portal, what it may do, and how it came to stand there."""
    with runtime.database.begin() as uow:
        portal = get_portal(uow, code)
        steps = activation.history(uow, code)
    lines = [f"{portal.code}  {portal.state}  {portal.kind}  {portal.name_vi}"]
    lines.append(_speech_line(code, portal.agency_code))
    lines.append(_access_line(code, portal.allowed_networks, portal.requests_per_minute))
    for step in steps:
        people = step.maker if step.checker is None else f"{step.maker}, {step.checker}"
        at = step.recorded_at.astimezone(VIETNAM)
        lines.append(f"  {at:%d/%m/%Y %H:%M}  {step.event} → {step.to_state}  ({people})  {step.reason}")
    return lines


def add_staff(runtime: Runtime, login: str, *, name: str, roles: Sequence[str], password: str) -> list[str]:
    """Give a member of staff an account; who may run commands on this machine may do this."""
    with runtime.database.begin() as uow:
        held = [StaffRole(role) for role in roles]
        create_staff(uow, login=login, display_name=name, password=password, roles=held)
        uow.commit()
    return [f"{login} has an account: {', '.join(sorted(roles))}."]


def disable_staff(runtime: Runtime, login: str) -> list[str]:
    """Disable an account at once, with all its sessions."""
    with runtime.database.begin() as uow:
        if not disable_by_login(uow, login, actor=activation.SYSTEM):
            raise OperatorProblem(f"No active member of staff has the login {login}.")
        uow.commit()
    return [f"{login} is disabled."]


def _as_officer(runtime: Runtime, by: Signatory, act: Callable[[UnitOfWork, str], list[str]]) -> list[str]:
    require_password(runtime.database, login=by.login, password=by.password)
    with runtime.database.begin() as uow:
        lines = act(uow, activation.require_officer(uow, by.login))
        uow.commit()
    return lines


def _access_line(code: str, networks: Iterable[str], requests_per_minute: int | None) -> str:
    where = ", ".join(networks) or "any network"
    often = f"{requests_per_minute} requests a minute" if requests_per_minute else "no limit of requests"
    return f"{code} calls from {where}, with {often}."


def _speech_line(code: str, agency_code: str | None) -> str:
    if agency_code is None:
        return f"WARNING: {code} speaks for every agency. Right for a national portal only: payclear portal agency {code} …"
    return f"{code} speaks for {agency_code} and the agencies below it."
