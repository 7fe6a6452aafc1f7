"""Every statement about portals' activation: histories, proposals, the list. Called by `identity.activation`."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.kernel.ids import new_uuid


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of a portal's activation."""

    version: int
    from_state: str | None
    event: str
    to_state: str
    reason: str
    maker: str
    checker: str | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """A proposed step, open or decided."""

    id: UUID
    portal_code: str
    event: str
    reason: str
    maker: str
    proposed_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class ListedPortal:
    """A portal with the day of its last step and how many keys it has."""

    code: str
    name_vi: str
    kind: str
    state: str
    agency_code: str | None
    since: datetime
    live_keys: int


_INSERT_STEP = """
INSERT INTO portal_activation (portal_code, version, from_state, event, to_state, reason, maker, checker, recorded_at)
VALUES (%(code)s, %(version)s, %(from_state)s, %(event)s, %(to_state)s, %(reason)s, %(maker)s, %(checker)s, %(now)s)
"""
_MOVE = "UPDATE portal SET state = %(to_state)s, version = %(version)s WHERE code = %(code)s"
_LOCK = "SELECT state, version FROM portal WHERE code = %s FOR UPDATE"
_HISTORY = """
SELECT version, from_state, event, to_state, reason, maker, checker, recorded_at
FROM portal_activation WHERE portal_code = %s ORDER BY version
"""
_INSERT_PROPOSAL = """
INSERT INTO portal_proposal (id, portal_code, event, reason, maker, proposed_at)
VALUES (%(id)s, %(code)s, %(event)s, %(reason)s, %(maker)s, %(now)s)
ON CONFLICT DO NOTHING
"""
_OPEN_PROPOSAL = """
SELECT id, portal_code, event, reason, maker, proposed_at, decided_at
FROM portal_proposal WHERE portal_code = %s AND decided_at IS NULL FOR UPDATE
"""
_DECIDE = """
UPDATE portal_proposal SET checker = %(checker)s, decided_at = %(now)s, is_approved = %(is_approved)s
WHERE id = %(id)s AND decided_at IS NULL
"""
_LIST = """
SELECT p.code, p.name_vi, p.kind, p.state, p.agency_code,
       coalesce((SELECT max(a.recorded_at) FROM portal_activation a WHERE a.portal_code = p.code), p.created_at) AS since,
       (SELECT count(*) FROM portal_api_key k WHERE k.portal_code = p.code AND k.revoked_at IS NULL
           AND (k.expires_at IS NULL OR k.expires_at > %(now)s)) AS live_keys
FROM portal p ORDER BY p.kind, p.code
"""
# A province counts once, however many portals it has; its state at an instant is that of its last step before.
_ACTIVE_OF = """
SELECT count(DISTINCT coalesce(a.province, p.agency_code, p.code))
FROM portal p LEFT JOIN agency_place a ON a.agency_code = p.agency_code AND a.valid_from <= %(on)s
    AND (a.valid_to IS NULL OR a.valid_to >= %(on)s)
WHERE p.kind = %(kind)s AND (
    SELECT a.to_state FROM portal_activation a WHERE a.portal_code = p.code AND a.recorded_at <= %(as_of)s
    ORDER BY a.version DESC LIMIT 1) = 'active'
"""
_PROVINCES = """
SELECT count(DISTINCT province) FROM agency_place
WHERE province <> '' AND valid_from <= %(on)s AND (valid_to IS NULL OR valid_to >= %(on)s)
"""
_ACCESS = """
UPDATE portal SET allowed_networks = %(networks)s, requests_per_minute = %(rate)s WHERE code = %(code)s
"""
_AGENCY = "UPDATE portal SET agency_code = %s WHERE code = %s"


def insert_step(
    uow: UnitOfWork,
    code: str,
    *,
    version: int,
    from_state: str | None,
    event: str,
    to_state: str,
    reason: str,
    maker: str,
    checker: str | None,
) -> None:
    """Write one step of the history."""
    uow.run(
        _INSERT_STEP,
        {
            "code": code,
            "version": version,
            "from_state": from_state,
            "event": event,
            "to_state": to_state,
            "reason": reason,
            "maker": maker,
            "checker": checker,
            "now": uow.now,
        },
    )


def move(uow: UnitOfWork, code: str, *, to_state: str, version: int) -> None:
    """Put a portal whose row is locked into a state."""
    uow.run(_MOVE, {"code": code, "to_state": to_state, "version": version})


def lock(uow: UnitOfWork, code: str) -> tuple[str, int] | None:
    """A portal's state and version, its row locked; None when there is no such portal."""
    row = uow.run(_LOCK, (code,)).fetchone()
    return (str(row[0]), int(row[1])) if row else None


def history(uow: UnitOfWork, code: str) -> list[StepRow]:
    """Every step of a portal, the first one first."""
    return uow.rows(StepRow, _HISTORY, (code,))


def insert_proposal(uow: UnitOfWork, code: str, *, event: str, reason: str, maker: str) -> bool:
    """Write a proposal; False while another one of this portal is open."""
    values = {
        "id": new_uuid(),
        "code": code,
        "event": event,
        "reason": reason,
        "maker": maker,
        "now": uow.now,
    }
    return uow.run(_INSERT_PROPOSAL, values).rowcount == 1


def open_proposal(uow: UnitOfWork, code: str) -> ProposalRow | None:
    """The open proposal of a portal, locked."""
    rows = uow.rows(ProposalRow, _OPEN_PROPOSAL, (code,))
    return rows[0] if rows else None


def decide(uow: UnitOfWork, proposal_id: UUID, *, checker: str, is_approved: bool) -> None:
    """Close a proposal."""
    uow.run(_DECIDE, {"id": proposal_id, "checker": checker, "is_approved": is_approved, "now": uow.now})


def listed(uow: UnitOfWork) -> list[ListedPortal]:
    """Every portal, by kind and code."""
    return uow.rows(ListedPortal, _LIST, {"now": uow.now})


def count_active(uow: UnitOfWork, kind: str, *, as_of: datetime) -> int:
    """Of how many bodies of a kind a portal was active at an instant."""
    (count,) = uow.one(_ACTIVE_OF, {"kind": kind, "as_of": as_of, "on": vietnam_date(as_of)})
    return int(count)


def count_provinces(uow: UnitOfWork, on: date) -> int:
    """How many provinces the catalogue knows on a day."""
    (count,) = uow.one(_PROVINCES, {"on": on})
    return int(count)


def set_access(uow: UnitOfWork, code: str, *, networks: list[str], rate: int | None) -> bool:
    """Change from where and how often a portal may call; False when there is no such portal."""
    return uow.run(_ACCESS, {"code": code, "networks": networks, "rate": rate}).rowcount == 1


def set_agency(uow: UnitOfWork, code: str, agency_code: str | None) -> None:
    """Change for which agency a portal speaks."""
    uow.run(_AGENCY, (agency_code, code))
