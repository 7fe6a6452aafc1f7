"""Staff accounts and their server-side sessions. Called by the console's login and guard, and by demo data.

The cookie holds a random token, the database its SHA-256. It must never tell whether a login exists, neither
by its answer nor by its time, nor hold a transaction open while a password is hashed.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from payclear.audit.service import record
from payclear.db.uow import Database, UnitOfWork
from payclear.identity import queries
from payclear.identity.domain import (
    SESSION_ABSOLUTE,
    SESSION_TOUCH,
    SessionTimes,
    StaffRole,
    is_login,
    normal_login,
    require_login,
    require_strong_password,
)
from payclear.identity.models import StaffState
from payclear.identity.queries import SessionRow, StaffRow
from payclear.kernel.errors import Conflict, ErrorCategory, PayclearError
from payclear.kernel.ids import new_token, new_uuid
from payclear.security.passwords import hash_password, needs_rehash, verify_password


class LoginFailed(PayclearError):
    """Unknown login, wrong password or disabled account: one answer for all."""

    code = "login_failed"
    category = ErrorCategory.UNAUTHENTICATED


class LoginTaken(Conflict):
    """Another member of staff has this login."""

    code = "login_taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffPrincipal:
    """The member of staff behind a live session."""

    staff_id: UUID
    login: str
    display_name: str
    roles: frozenset[str]
    csrf_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A session just opened; `token` goes into the cookie and is kept nowhere else."""

    token: str = field(repr=False)
    staff: StaffPrincipal


def create_staff(
    uow: UnitOfWork,
    *,
    login: str,
    display_name: str,
    password: str,
    roles: Iterable[StaffRole],
    actor: str = "system",
) -> UUID:
    """Give a member of staff an account; raises LoginTaken, InvalidLogin, WeakPassword."""
    name = normal_login(login)
    require_login(name)
    require_strong_password(password, login=name)
    held = sorted(role.value for role in roles)
    staff = StaffRow(
        id=new_uuid(),
        login=name,
        display_name=display_name,
        password_hash=hash_password(password),
        roles=held,
        state=StaffState.ACTIVE,
    )
    if not queries.insert_staff(uow, staff):
        raise LoginTaken("the login is taken", login=name)
    _audit(uow, actor=actor, action="staff.created", staff_id=staff.id, facts={"roles": ",".join(held)})
    return staff.id


def log_in(database: Database, *, login: str, password: str) -> NewSession:
    """Open a session for a right login and password; raises LoginFailed, in the same time for every reason.

    Opens its own units of work: the password is hashed between them, with no transaction open.
    """
    name = normal_login(login)
    with database.begin() as uow:
        staff = queries.find_staff(uow, name) if is_login(name) else None
    usable = staff if staff is not None and staff.state == StaffState.ACTIVE else None
    holds = verify_password(password, usable.password_hash if usable else None)
    with database.begin() as uow:
        if usable is None or not holds:
            # The name typed may be a password: only known logins are written down.
            _audit(
                uow,
                actor=staff.login if staff else "unknown",
                action="staff.login_failed",
                staff_id=staff.id if staff else None,
                facts={},
            )
            uow.commit()
            raise LoginFailed("login or password does not hold")
        if needs_rehash(usable.password_hash):
            queries.renew_password_hash(uow, usable.id, hash_password(password))
        session = _open(uow, usable)
        uow.commit()
    return session


def require_password(database: Database, *, login: str, password: str) -> None:
    """Prove on the command line who acts; raises LoginFailed as `log_in` does, and leaves no session."""
    session = log_in(database, login=login, password=password)
    with database.begin() as uow:
        log_out(uow, session.token)
        uow.commit()


def _open(uow: UnitOfWork, staff: StaffRow) -> NewSession:
    token, csrf_token = new_token(), new_token()
    queries.forget_sessions(uow, staff.id, before=uow.now - timedelta(days=1))
    queries.insert_session(
        uow,
        token_hash=_digest(token),
        staff_id=staff.id,
        csrf_token=csrf_token,
        expires_at=uow.now + SESSION_ABSOLUTE,
    )
    _audit(uow, actor=staff.login, action="staff.logged_in", staff_id=staff.id, facts={})
    principal = StaffPrincipal(
        staff_id=staff.id,
        login=staff.login,
        display_name=staff.display_name,
        roles=frozenset(staff.roles),
        csrf_token=csrf_token,
    )
    return NewSession(token=token, staff=principal)


def staff_of_session(uow: UnitOfWork, token: str) -> StaffPrincipal | None:
    """Who a cookie's token belongs to; None when it is over, idle for 15 minutes, or its owner disabled.

    Notes the use, at most twice a minute; the caller commits.
    """
    digest = _digest(token)
    row = queries.find_session(uow, digest)
    if row is None or row.staff_state != StaffState.ACTIVE or not _times(row).is_live(uow.now):
        return None
    if uow.now - row.last_seen_at >= SESSION_TOUCH:
        queries.touch_session(uow, digest)
    return StaffPrincipal(
        staff_id=row.staff_id,
        login=row.login,
        display_name=row.display_name,
        roles=frozenset(row.roles),
        csrf_token=row.csrf_token,
    )


def log_out(uow: UnitOfWork, token: str) -> None:
    """End the session of a cookie's token, if it is still open."""
    digest = _digest(token)
    row = queries.find_session(uow, digest)
    if row is not None and queries.end_session(uow, digest):
        _audit(uow, actor=row.login, action="staff.logged_out", staff_id=row.staff_id, facts={})


def disable_staff(uow: UnitOfWork, staff_id: UUID, *, actor: str) -> None:
    """Disable an account and end all its sessions."""
    if queries.disable_staff(uow, staff_id):
        ended = queries.end_sessions(uow, staff_id)
        _audit(uow, actor=actor, action="staff.disabled", staff_id=staff_id, facts={"sessions_ended": ended})


def disable_by_login(uow: UnitOfWork, login: str, *, actor: str) -> bool:
    """Disable the account of a login; False when there is no active one."""
    staff = queries.find_staff(uow, normal_login(login))
    if staff is None or staff.state != StaffState.ACTIVE:
        return False
    disable_staff(uow, staff.id, actor=actor)
    return True


def _times(row: SessionRow) -> SessionTimes:
    return SessionTimes(last_seen_at=row.last_seen_at, expires_at=row.expires_at, ended_at=row.ended_at)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _audit(
    uow: UnitOfWork, *, actor: str, action: str, staff_id: UUID | None, facts: dict[str, str | int]
) -> None:
    record(
        uow,
        actor_type="system" if actor == "system" else "staff",
        actor=actor,
        action=action,
        object_type="staff",
        object_id=str(staff_id) if staff_id else "",
        facts=facts,
    )
