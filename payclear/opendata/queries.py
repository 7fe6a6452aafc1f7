"""Every statement of open data: payments, tries, look-ups and the funnel as they were known at an instant; snapshots.

What was known is read from when things were recorded: histories that only grow. People are counted, never named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from payclear.db.uow import UnitOfWork

DIMENSIONS: Final = ("kind", "agency", "procedure", "province", "channel")


@dataclass(frozen=True, slots=True)
class CellRow:
    """One cell of payments: which dimension it belongs to (none: the total), and what it came to."""

    dimension: str
    code: str
    people: int
    payments: int
    amount: int
    median_minutes: int | None
    p90_minutes: int | None


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """One cell of the funnel."""

    dimension: str
    code: str
    people: int
    registered: int
    served: int
    looked_up: int
    ordered: int
    paid: int
    part_paid: int
    paid_elsewhere: int
    exempted: int
    refunded: int
    cancelled: int
    open: int


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """Figures as they were published."""

    day: date
    as_of: datetime
    body: bytes


# Where an agency stood on the day; the names are those of the day.
_PLACE = """
place AS (
    SELECT DISTINCT ON (agency_code) agency_code, coalesce(province, '') AS province
    FROM agency_place WHERE valid_from <= %(day)s AND (valid_to IS NULL OR valid_to >= %(day)s)
    ORDER BY agency_code, valid_from DESC, id
)
"""

# An order is paid at an instant when its last step recorded until then says so: not when it was taken back.
_PAID = f"""
WITH {_PLACE}, paid AS MATERIALIZED (
    SELECT b.kind, b.agency_code, coalesce(d.procedure_code, '') AS procedure_code,
           coalesce(p.province, '') AS province, coalesce(a.channel, '') AS channel,
           coalesce(encode(r.id_no_index, 'hex'), r.id::text) AS person, l.amount,
           greatest(0, floor(extract(epoch FROM o.paid_at - b.created_at) / 60))::bigint AS minutes
    FROM payment_order o
    JOIN payment_order_obligation l ON l.order_id = o.id AND l.amount > 0
    JOIN obligation b ON b.id = l.obligation_id
    JOIN obligor r ON r.id = b.obligor_id
    LEFT JOIN dossier d ON d.obligation_id = b.id
    LEFT JOIN place p ON p.agency_code = b.agency_code
    LEFT JOIN LATERAL (
        SELECT channel FROM payment_attempt
        WHERE order_id = o.id AND state IN ('succeeded', 'reversed') ORDER BY number DESC LIMIT 1
    ) a ON true
    WHERE o.paid_at >= %(begins_at)s AND o.paid_at < %(ends_at)s AND (
        SELECT t.to_state FROM order_transition t
        WHERE t.object = 'order' AND t.object_id = o.id AND t.recorded_at <= %(as_of)s
        ORDER BY t.version DESC LIMIT 1) = 'paid'
)
"""
PAYMENTS = (
    _PAID
    + """
SELECT CASE WHEN grouping(kind) = 0 THEN 'kind' WHEN grouping(agency_code) = 0 THEN 'agency'
            WHEN grouping(procedure_code) = 0 THEN 'procedure' WHEN grouping(province) = 0 THEN 'province'
            WHEN grouping(channel) = 0 THEN 'channel' ELSE '' END AS dimension,
       coalesce(kind, agency_code, procedure_code, province, channel, '') AS code,
       count(DISTINCT person) AS people, count(*) AS payments, coalesce(sum(amount), 0)::bigint AS amount,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY minutes) AS median_minutes,
       percentile_disc(0.9) WITHIN GROUP (ORDER BY minutes) AS p90_minutes
FROM paid
GROUP BY GROUPING SETS ((), (kind), (agency_code), (procedure_code), (province), (channel))
"""
)
PEOPLE_OF_GROUPS = (
    _PAID
    + """
SELECT g.name, count(DISTINCT person)
FROM paid LEFT JOIN unnest(%(kinds)s::text[], %(groups)s::text[]) AS k (kind, name) ON k.kind = paid.kind
CROSS JOIN LATERAL (SELECT coalesce(k.name, 'other') AS name) AS g
GROUP BY g.name
"""
)

# Orders and tries that began on the day, by where they stood at the instant.
TRIES = """
SELECT object, to_state, count(*) FROM (
    SELECT t.object, (
        SELECT n.to_state FROM order_transition n
        WHERE n.object = t.object AND n.object_id = t.object_id AND n.recorded_at <= %(as_of)s
        ORDER BY n.version DESC LIMIT 1) AS to_state
    FROM order_transition t
    WHERE t.version = 1 AND t.recorded_at >= %(begins_at)s AND t.recorded_at < %(ends_at)s
      AND t.recorded_at <= %(as_of)s
) AS begun GROUP BY object, to_state
"""

LOOKUPS = """
SELECT channel, answer, sum(lookups)::bigint FROM lookup_count
WHERE minute >= %(begins_at)s AND minute < %(ends_at)s AND minute < %(as_of)s
GROUP BY channel, answer
"""

# What was registered until the end of the day, and what had become of it at the instant. Service is read from the version
# in force then: the decision's own row says what is known now. An obligation's channel is that of its newest payment, which
# is settled with the money; before there is money a try's channel is a guess that evidence may change.
FUNNEL = f"""
WITH {_PLACE}, owed AS MATERIALIZED (
    SELECT b.kind, b.agency_code, coalesce(p.province, '') AS province,
           coalesce(encode(r.id_no_index, 'hex'), r.id::text) AS person,
           width_bucket(%(day)s::date - (b.created_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date, %(bands)s::int[]) AS age,
           coalesce(m.channel, 'none') AS channel,
           b.kind <> 'traffic_fine' OR coalesce((
               SELECT v.served_on FROM fine_version v
               WHERE v.obligation_id = b.id AND v.due_on IS NOT NULL AND v.recorded_at <= %(as_of)s
               ORDER BY v.version_no DESC LIMIT 1) <= %(as_of_day)s, false) AS served,
           EXISTS (SELECT 1 FROM obligation_lookup u WHERE u.obligation_id = b.id AND u.first_at < %(as_of)s) AS looked_up,
           EXISTS (SELECT 1 FROM payment_order_obligation l JOIN payment_order o ON o.id = l.order_id
                   WHERE l.obligation_id = b.id AND o.created_at <= %(as_of)s AND o.amount > 0) AS ordered,
           (SELECT t.to_state FROM obligation_transition t
            WHERE t.obligation_id = b.id AND t.recorded_at <= %(as_of)s ORDER BY t.version DESC LIMIT 1) AS state
    FROM obligation b
    JOIN obligor r ON r.id = b.obligor_id
    LEFT JOIN place p ON p.agency_code = b.agency_code
    LEFT JOIN LATERAL (
        SELECT coalesce(a.channel, '') AS channel
        FROM payment_order_obligation l
        JOIN payment_order o ON o.id = l.order_id AND o.paid_at IS NOT NULL
        JOIN payment_attempt a ON a.order_id = o.id AND a.state IN ('succeeded', 'reversed')
        WHERE l.obligation_id = b.id AND l.amount > 0 AND (
            SELECT t.to_state FROM order_transition t
            WHERE t.object = 'order' AND t.object_id = o.id AND t.recorded_at <= %(as_of)s
            ORDER BY t.version DESC LIMIT 1) = 'paid'
        ORDER BY o.paid_at DESC, o.id LIMIT 1
    ) m ON true
    WHERE b.created_at < %(ends_at)s AND b.created_at <= %(as_of)s
)
SELECT CASE WHEN grouping(kind) = 0 THEN 'kind' WHEN grouping(agency_code) = 0 THEN 'agency'
            WHEN grouping(province) = 0 THEN 'province' WHEN grouping(channel) = 0 THEN 'channel'
            WHEN grouping(age) = 0 THEN 'age' ELSE '' END AS dimension,
       coalesce(kind, agency_code, province, channel, age::text, '') AS code,
       count(DISTINCT person) AS people, count(*) AS registered,
       count(*) FILTER (WHERE served) AS served, count(*) FILTER (WHERE looked_up) AS looked_up,
       count(*) FILTER (WHERE ordered) AS ordered, count(*) FILTER (WHERE state = 'paid') AS paid,
       count(*) FILTER (WHERE state = 'partially_paid') AS part_paid,
       count(*) FILTER (WHERE state = 'paid_elsewhere') AS paid_elsewhere,
       count(*) FILTER (WHERE state = 'exempted') AS exempted,
       count(*) FILTER (WHERE state = 'refunded') AS refunded,
       count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
       count(*) FILTER (WHERE state = 'open') AS open
FROM owed GROUP BY GROUPING SETS ((), (kind), (agency_code), (province), (channel), (age))
"""

PROCEDURE_NAMES = """
SELECT DISTINCT ON (code) code, name_vi FROM procedure
WHERE code = ANY(%(codes)s) AND valid_from <= %(day)s ORDER BY code, valid_from DESC, id
"""

_INSERT = """
INSERT INTO open_data_snapshot (day, as_of, made_at, body, body_hash)
VALUES (%(day)s, %(as_of)s, %(now)s, %(body)s, sha256(%(body)s)) ON CONFLICT DO NOTHING
"""
_SNAPSHOT = "SELECT day, as_of, body FROM open_data_snapshot"
LATEST = _SNAPSHOT + " ORDER BY day DESC, as_of DESC LIMIT 1"
OF_DAY = _SNAPSHOT + " WHERE day = %s ORDER BY as_of DESC LIMIT 1"
DAYS = "SELECT DISTINCT day FROM open_data_snapshot ORDER BY day DESC LIMIT %s"
NEWEST = _SNAPSHOT + " ORDER BY day DESC, as_of DESC LIMIT %s"


def payments(uow: UnitOfWork, period: dict[str, Any]) -> list[CellRow]:
    """Every cell of the payments of a period, the total among them."""
    return uow.rows(CellRow, PAYMENTS, period)


def people_of_groups(
    uow: UnitOfWork, period: dict[str, Any], *, kinds: Sequence[str], groups: Sequence[str]
) -> dict[str, int]:
    """Of how many people the payments of each group of kinds speak."""
    cursor = uow.run(PEOPLE_OF_GROUPS, {**period, "kinds": list(kinds), "groups": list(groups)})
    return {name: int(people) for name, people in cursor}


def tries(uow: UnitOfWork, period: dict[str, Any]) -> dict[tuple[str, str], int]:
    """Orders and attempts that began in a period, by (`order` or `attempt`, state)."""
    return {(kind, state): int(count) for kind, state, count in uow.run(TRIES, period)}


def lookups(uow: UnitOfWork, period: dict[str, Any]) -> dict[tuple[str, str], int]:
    """Look-ups of a period, by (channel, answer)."""
    return {(channel, answer): int(count) for channel, answer, count in uow.run(LOOKUPS, period)}


def funnel(uow: UnitOfWork, period: dict[str, Any]) -> list[FunnelRow]:
    """Every cell of the funnel; an age is the number of its band."""
    return uow.rows(FunnelRow, FUNNEL, period)


def procedure_names(uow: UnitOfWork, codes: Sequence[str], day: date) -> dict[str, str]:
    """Names of procedures as of a day."""
    return dict(uow.run(PROCEDURE_NAMES, {"codes": list(codes), "day": day}).fetchall())


def insert_snapshot(uow: UnitOfWork, *, day: date, as_of: datetime, body: bytes) -> bool:
    """Keep published figures; False when this day and as-of time are there."""
    values = {"day": day, "as_of": as_of, "now": uow.now, "body": body}
    return uow.run(_INSERT, values).rowcount == 1


def latest(uow: UnitOfWork) -> SnapshotRow | None:
    """The newest published figures."""
    rows = uow.rows(SnapshotRow, LATEST)
    return rows[0] if rows else None


def of_day(uow: UnitOfWork, day: date) -> SnapshotRow | None:
    """The newest published figures of a day."""
    rows = uow.rows(SnapshotRow, OF_DAY, (day,))
    return rows[0] if rows else None


def days(uow: UnitOfWork, limit: int) -> list[date]:
    """The newest days that were published."""
    return [row[0] for row in uow.run(DAYS, (limit,))]


def newest(uow: UnitOfWork, limit: int) -> list[SnapshotRow]:
    """The newest snapshots."""
    return uow.rows(SnapshotRow, NEWEST, (limit,))
