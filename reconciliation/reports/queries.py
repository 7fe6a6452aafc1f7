"""Every statement that a report reads. Each looks at nothing later than the report's as-of time."""

from collections.abc import Iterator
from typing import Any

from payclear.db.uow import UnitOfWork

FILES = """
SELECT r.id, coalesce(s.version, 0), coalesce(s.name, ''), coalesce(s.sha256, ''), coalesce(s.size_bytes, 0),
       s.fetched_at, r.step, r.hold, r.absence, r.is_complete, r.lines_count, r.control_count, r.control_sum
FROM reconciliation_run r LEFT JOIN statement s ON s.id = r.statement_id
WHERE r.provider_account = %(account)s AND r.business_on = %(on)s
ORDER BY s.version NULLS FIRST, r.started_at, r.id
"""

# Count and sum of the lines that each place holds, from their rows.
MATCHED = """
SELECT count(*), coalesce(sum(m.amount), 0)::bigint,
       count(*) FILTER (WHERE m.is_other_day), coalesce(sum(m.amount) FILTER (WHERE m.is_other_day),
           0)::bigint
FROM statement s JOIN reconciliation_match m ON m.statement_id = s.id AND m.matched_at <= %(as_of)s
WHERE s.provider_account = %(account)s AND s.business_on = %(on)s
"""

EXCLUSIONS = """
SELECT s.version, l.line_no, l.attempt_ref, l.provider_ref, l.amount, l.currency, x.rule
FROM statement s
JOIN statement_line_exclusion x ON x.statement_id = s.id AND x.excluded_at <= %(as_of)s
JOIN statement_line l ON l.statement_id = x.statement_id AND l.line_no = x.line_no
WHERE s.provider_account = %(account)s AND s.business_on = %(on)s
ORDER BY s.version, l.line_no
"""

# Each discrepancy by its last event up to then: what stands, and what this day's runs resolved.
DISCREPANCIES = """
SELECT e.code, e.state, e.resolution, d.first_on, e.age_business_days, d.attempt_ref, d.provider_ref,
    s.version,
       e.line_no, s.business_on, e.ours, e.theirs, d.currency, l.amount
FROM discrepancy d
JOIN LATERAL (SELECT * FROM discrepancy_event v
              WHERE v.discrepancy_id = d.id AND v.recorded_at <= %(as_of)s
              ORDER BY v.number DESC LIMIT 1) e ON true
LEFT JOIN statement s ON s.id = e.statement_id
LEFT JOIN statement_line l ON l.statement_id = e.statement_id AND l.line_no = e.line_no
WHERE d.provider_account = %(account)s AND d.first_on <= %(on)s AND d.opened_at <= %(as_of)s
  AND (d.resolved_at IS NULL OR d.resolved_at >= %(since)s)
  AND (e.state <> 'resolved' OR e.run_id = ANY(%(runs)s))
ORDER BY CASE e.state WHEN 'open' THEN 0 WHEN 'pending' THEN 1 ELSE 2 END, e.code, d.first_on, d.attempt_ref,
         d.provider_ref, s.version, e.line_no, d.identity
"""

PROBLEMS = """
SELECT s.version, p.line_no, p.code, p.detail
FROM statement s JOIN statement_problem p ON p.statement_id = s.id
WHERE s.provider_account = %(account)s AND s.business_on = %(on)s
ORDER BY s.version, p.number
"""

SETTLEMENTS = """
SELECT t.pass_no, t.entry_id::text, t.matches, t.amount, t.currency
FROM reconciliation_run r JOIN reconciliation_settlement t ON t.run_id = r.id AND t.booked_at <= %(as_of)s
WHERE r.provider_account = %(account)s AND r.business_on = %(on)s
ORDER BY r.started_at, t.pass_no
"""

_MATCHES = """
SELECT s.version, l.line_no, l.attempt_ref, l.provider_ref, l.amount, l.currency, m.stage, m.is_other_day
FROM statement s
JOIN reconciliation_match m ON m.statement_id = s.id AND m.matched_at <= %(as_of)s
JOIN statement_line l ON l.statement_id = m.statement_id AND l.line_no = m.line_no
WHERE s.provider_account = %(account)s AND s.business_on = %(on)s
ORDER BY s.version, l.line_no
"""

# Days with a run, the newest first; a page goes on below the last day shown.
DAYS = """
SELECT r.provider_account, r.business_on, r.step, r.verdict, r.as_of, r.lines_count, r.matched_count,
    r.matched_sum
FROM reconciliation_run r
WHERE (%(account)s::text IS NULL OR r.provider_account = %(account)s) AND r.business_on < %(before)s
ORDER BY r.business_on DESC, r.provider_account, r.started_at, r.id
LIMIT %(limit)s
"""


def stream_matches(uow: UnitOfWork, parameters: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """The matched lines of a day in order, a window at a time."""
    with uow.driver.cursor(name="report_matches") as cursor:
        cursor.itersize = 2_000
        cursor.execute(_MATCHES, parameters)
        yield from cursor
