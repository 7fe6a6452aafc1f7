"""SQL of endpoints, the outbox and its log. Called by `webhooks.service`, its handlers and its sender."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.webhooks.domain import Answer

# Places that failing endpoints share, whoever they are.
FAILING_IN_FLIGHT_MAX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRow:
    """An endpoint with its sealed secrets."""

    id: UUID
    portal_code: str
    url: str
    state: str
    event_types: list[str]
    data_key_id: UUID
    kek_id: str
    wrapped_key: bytes
    secret_sealed: bytes
    previous_secret_sealed: bytes | None
    previous_until: datetime | None
    private_key_sealed: bytes
    public_key: str
    failures: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedRow:
    """A delivery that the caller holds under a lease, as try `number`."""

    delivery_id: UUID
    number: int
    created_at: datetime
    endpoint_id: UUID
    event_id: UUID
    event_type: str
    body: bytes


SELECT_ENDPOINT = """
SELECT id, portal_code, url, state, event_types, data_key_id, kek_id, wrapped_key, secret_sealed,
       previous_secret_sealed, previous_until, private_key_sealed, public_key, failures, created_at
  FROM webhook_endpoint
"""
ENDPOINTS_OF = SELECT_ENDPOINT + " WHERE portal_code = %s ORDER BY created_at, id"
ENDPOINTS_BY_ID = SELECT_ENDPOINT + " WHERE id = ANY(%s)"
LOCK_ENDPOINT = SELECT_ENDPOINT + " WHERE id = %s FOR NO KEY UPDATE"

INSERT_ENDPOINT = """
INSERT INTO webhook_endpoint (id, portal_code, url, state, event_types, data_key_id, kek_id, wrapped_key,
                              secret_sealed, private_key_sealed, public_key, created_at)
VALUES (%s, %s, %s, 'active', %s, %s, %s, %s, %s, %s, %s, %s)
"""

# Hot path: one row per endpoint of the portal that wants this type, in the transaction of the event.
# A disabled endpoint parks it, so that nothing is missing once it is enabled again. The ids come from us.
INSERT_DELIVERIES = """
INSERT INTO webhook_delivery
       (id, event_id, endpoint_id, state, attempts, next_attempt_at, created_at, finished_at)
SELECT (%(ids)s::uuid[])[row_number() OVER ()], %(event_id)s, e.id,
       CASE e.state WHEN 'active' THEN 'pending' ELSE 'parked' END, 0,
       CASE e.state WHEN 'active' THEN %(now)s END, %(now)s,
       CASE e.state WHEN 'active' THEN NULL ELSE %(now)s END
  FROM webhook_endpoint e
 WHERE e.portal_code = %(portal_code)s AND %(type)s = ANY(e.event_types)
RETURNING state
"""

# Every active endpoint gives its due deliveries, the oldest first, up to the places it has left. Healthy ones come
# first; failing ones have one place each and a few in all, with those in flight, so that however many receivers are
# down, they do not hold up the others. The claim counts the try and holds it under a lease.
CLAIM_DUE = """
WITH place AS (
    SELECT e.id, e.failures >= %(failures_max)s AS is_failing, COALESCE(busy.in_flight, 0) AS in_flight,
           CASE WHEN e.failures >= %(failures_max)s THEN 1 ELSE %(in_flight_max)s END
           - COALESCE(busy.in_flight, 0) AS free
      FROM webhook_endpoint e
      LEFT JOIN unnest(%(busy_ids)s::uuid[], %(busy_counts)s::integer[]) AS busy(id, in_flight)
        ON busy.id = e.id
     WHERE e.state = 'active'
), failing AS (
    SELECT %(failing_in_flight_max)s - COALESCE(sum(in_flight), 0) AS free FROM place WHERE is_failing
), found AS (
    SELECT d.id, d.next_attempt_at, place.is_failing
      FROM place CROSS JOIN LATERAL (
           SELECT w.id, w.next_attempt_at FROM webhook_delivery w
            WHERE w.endpoint_id = place.id AND w.state = 'pending' AND w.next_attempt_at <= %(now)s
            ORDER BY w.next_attempt_at LIMIT GREATEST(place.free, 0) FOR UPDATE SKIP LOCKED) d
), turn AS (
    SELECT id, next_attempt_at, is_failing,
           row_number() OVER (PARTITION BY is_failing ORDER BY next_attempt_at, id) AS number
      FROM found
), due AS (
    SELECT turn.id FROM turn CROSS JOIN failing
     WHERE NOT turn.is_failing OR turn.number <= failing.free
     ORDER BY turn.is_failing, turn.number LIMIT %(limit)s
), claimed AS (
    UPDATE webhook_delivery w SET attempts = w.attempts + 1, next_attempt_at = %(leased_until)s
      FROM due WHERE w.id = due.id
    RETURNING w.id, w.attempts, w.created_at, w.endpoint_id, w.event_id
)
SELECT c.id AS delivery_id, c.attempts AS number, c.created_at, c.endpoint_id, c.event_id,
       v.type AS event_type, v.body
  FROM claimed c JOIN event v ON v.id = c.event_id
"""

INSERT_ATTEMPT = """
INSERT INTO webhook_attempt (delivery_id, number, sent_at, duration_ms, status, error, body_hash)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (delivery_id, number) DO NOTHING
"""

# A success counts whoever saw it; any other end only for the holder of the last claim.
MARK_DELIVERED = """
UPDATE webhook_delivery SET state = 'delivered', next_attempt_at = NULL, finished_at = %s
 WHERE id = %s AND state <> 'delivered'
"""
MARK_AGAIN = """
UPDATE webhook_delivery SET next_attempt_at = %s WHERE id = %s AND attempts = %s AND state = 'pending'
"""
MARK_PARKED = """
UPDATE webhook_delivery SET state = 'parked', next_attempt_at = NULL, finished_at = %s
 WHERE id = %s AND attempts = %s AND state = 'pending'
"""
PARK_ALL = """
UPDATE webhook_delivery SET state = 'parked', next_attempt_at = NULL, finished_at = %s
 WHERE endpoint_id = %s AND state = 'pending'
"""
COUNT_FAILURE = "UPDATE webhook_endpoint SET failures = failures + 1 WHERE id = %s"
FORGET_FAILURES = "UPDATE webhook_endpoint SET failures = 0 WHERE id = %s AND failures > 0"

UNPARK = """
UPDATE webhook_delivery d SET state = 'pending', next_attempt_at = %s, finished_at = NULL
  FROM event v WHERE v.id = d.event_id AND d.endpoint_id = %s AND d.state = 'parked' AND v.occurred_at >= %s
"""


def insert_endpoint(uow: UnitOfWork, row: EndpointRow) -> None:
    """Write a new endpoint."""
    uow.run(
        INSERT_ENDPOINT,
        (
            row.id,
            row.portal_code,
            row.url,
            row.event_types,
            row.data_key_id,
            row.kek_id,
            row.wrapped_key,
            row.secret_sealed,
            row.private_key_sealed,
            row.public_key,
            row.created_at,
        ),
    )


def lock_portal(uow: UnitOfWork, portal_code: str) -> bool:
    """Hold a portal's row, so that its endpoints are counted one change at a time; False if there is none."""
    # FOR NO KEY UPDATE leaves the foreign keys of orders that are being created alone.
    found = uow.run("SELECT 1 FROM portal WHERE code = %s FOR NO KEY UPDATE", (portal_code,)).fetchone()
    return found is not None


def endpoints_of(uow: UnitOfWork, portal_code: str) -> list[EndpointRow]:
    """A portal's endpoints, the oldest first."""
    return uow.rows(EndpointRow, ENDPOINTS_OF, (portal_code,))


def endpoints_by_id(uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, EndpointRow]:
    """Endpoints by their ids."""
    return {row.id: row for row in uow.rows(EndpointRow, ENDPOINTS_BY_ID, (list(ids),))}


def locked_endpoint(uow: UnitOfWork, endpoint_id: UUID) -> EndpointRow | None:
    """One endpoint under its row lock, which leaves events that are being announced alone."""
    rows = uow.rows(EndpointRow, LOCK_ENDPOINT, (endpoint_id,))
    return rows[0] if rows else None


def public_keys(uow: UnitOfWork) -> list[tuple[UUID, str]]:
    """Every endpoint's id and public key."""
    return uow.run("SELECT id, public_key FROM webhook_endpoint ORDER BY created_at, id").fetchall()


def set_state(uow: UnitOfWork, endpoint_id: UUID, state: str) -> None:
    """Enable or disable an endpoint; its count of failures starts again."""
    uow.run("UPDATE webhook_endpoint SET state = %s, failures = 0 WHERE id = %s", (state, endpoint_id))


def set_secrets(
    uow: UnitOfWork,
    endpoint_id: UUID,
    *,
    secret_sealed: bytes,
    previous_sealed: bytes | None,
    previous_until: datetime | None,
) -> None:
    """Replace an endpoint's secret and keep the one before for a while."""
    uow.run(
        "UPDATE webhook_endpoint SET secret_sealed = %s, previous_secret_sealed = %s, previous_until = %s"
        " WHERE id = %s",
        (secret_sealed, previous_sealed, previous_until, endpoint_id),
    )


def insert_deliveries(
    uow: UnitOfWork, *, ids: Sequence[UUID], event_id: UUID, event_type: str, portal_code: str, now: datetime
) -> list[str]:
    """Write the outbox rows of one event; the states they were written with."""
    rows = uow.run(
        INSERT_DELIVERIES,
        {"ids": list(ids), "event_id": event_id, "type": event_type, "portal_code": portal_code, "now": now},
    ).fetchall()
    return [row[0] for row in rows]


def claim_due(
    uow: UnitOfWork,
    *,
    now: datetime,
    leased_until: datetime,
    limit: int,
    in_flight_max: int,
    failures_max: int,
    failing_in_flight_max: int = FAILING_IN_FLIGHT_MAX,
    busy: dict[UUID, int],
) -> list[ClaimedRow]:
    """Claim due deliveries, at most `limit` in all and `in_flight_max` per endpoint with those `busy` now.

    Endpoints with `failures_max` failures or more have one place each, and `failing_in_flight_max` together.
    """
    return uow.rows(
        ClaimedRow,
        CLAIM_DUE,
        {
            "now": now,
            "leased_until": leased_until,
            "limit": limit,
            "in_flight_max": in_flight_max,
            "failures_max": failures_max,
            "failing_in_flight_max": failing_in_flight_max,
            "busy_ids": list(busy.keys()),
            "busy_counts": list(busy.values()),
        },
    )


def insert_attempt(
    uow: UnitOfWork, *, delivery_id: UUID, number: int, sent_at: datetime, answer: Answer, body_hash: bytes
) -> None:
    """Log one try."""
    uow.run(
        INSERT_ATTEMPT,
        (delivery_id, number, sent_at, answer.duration_ms, answer.status, answer.error, body_hash),
    )


def mark_delivered(uow: UnitOfWork, delivery_id: UUID) -> None:
    """The receiver has it; also when another claim has begun meanwhile."""
    uow.run(MARK_DELIVERED, (uow.now, delivery_id))


def mark_again(uow: UnitOfWork, delivery_id: UUID, number: int, next_attempt_at: datetime) -> None:
    """Try again later, unless a newer claim holds it."""
    uow.run(MARK_AGAIN, (next_attempt_at, delivery_id, number))


def mark_parked(uow: UnitOfWork, delivery_id: UUID, number: int) -> bool:
    """Stop trying, unless a newer claim holds it; whether it was parked."""
    return uow.run(MARK_PARKED, (uow.now, delivery_id, number)).rowcount == 1


def park_all(uow: UnitOfWork, endpoint_id: UUID) -> int:
    """Park everything that waits for an endpoint; how many."""
    return uow.run(PARK_ALL, (uow.now, endpoint_id)).rowcount


def count_failure(uow: UnitOfWork, endpoint_id: UUID) -> None:
    """One more failed try."""
    uow.run(COUNT_FAILURE, (endpoint_id,))


def forget_failures(uow: UnitOfWork, endpoint_id: UUID) -> None:
    """The endpoint answers; writes nothing when it always did."""
    uow.run(FORGET_FAILURES, (endpoint_id,))


def unpark(uow: UnitOfWork, endpoint_id: UUID, since: datetime) -> int:
    """Make parked deliveries of events from an instant on due now; how many."""
    return uow.run(UNPARK, (uow.now, endpoint_id, since)).rowcount
