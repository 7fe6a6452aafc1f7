"""Every statement of runs, matching and counting. All are set-based: no statement is run once per line."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from payclear.db.uow import UnitOfWork

_RUN = """
    id, provider_account, business_on, statement_id, step, verdict, hold, absence, is_complete, passes, rules,
    control_count, control_sum, lines_count, lines_sum, problems_count, matched_count, matched_sum,
        differing_count,
    differing_sum, excluded_count, excluded_sum, ours_count, ours_sum, ours_matched_count, ours_matched_sum,
    ours_explained_count, ours_explained_sum, started_at, as_of
"""

RUN = f"SELECT {_RUN} FROM reconciliation_run WHERE id = %s"

RUN_OF_STATEMENT = f"""
SELECT {_RUN} FROM reconciliation_run
WHERE provider_account = %s AND business_on = %s AND statement_id IS NOT DISTINCT FROM %s
"""

RUNS_OF_DAY = f"""
SELECT {_RUN} FROM reconciliation_run WHERE provider_account = %s AND business_on = %s ORDER BY started_at, id
"""

START = f"""
INSERT INTO reconciliation_run (id, provider_account, business_on, statement_id, step, verdict, absence,
    is_complete,
    passes, rules, lines_count, lines_sum, problems_count, matched_count, matched_sum, differing_count,
        differing_sum,
    excluded_count, excluded_sum, ours_count, ours_sum, ours_matched_count, ours_matched_sum,
        ours_explained_count,
    ours_explained_sum, started_at, seen_at, as_of)
VALUES (%(id)s, %(account)s, %(on)s, %(statement_id)s, %(step)s, 'incomplete', %(absence)s, false,
        0, %(rules)s, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, %(at)s, %(seen_at)s, %(as_of)s)
RETURNING {_RUN}
"""

# The file came after all: the run that waited for it takes it.
GIVE_FILE = f"""
UPDATE reconciliation_run
SET statement_id = %(statement_id)s, step = 'fetched', absence = NULL, seen_at = %(at)s, as_of = NULL
WHERE id = %(id)s AND step = 'awaiting'
RETURNING {_RUN}
"""

STILL_ABSENT = "UPDATE reconciliation_run SET absence = %s WHERE id = %s AND step = 'awaiting'"

# The provider delivered this very file again: what it does not list by now, it does not list.
SEEN_AGAIN = "UPDATE reconciliation_run SET seen_at = %s WHERE id = %s"

PARSED = """
UPDATE reconciliation_run
SET step = %(to)s, control_count = %(control_count)s, control_sum = %(control_sum)s, lines_count = %(count)s,
    lines_sum = %(sum)s, problems_count = %(problems)s, hold = %(hold)s
WHERE id = %(id)s AND step = %(from)s
"""

STEP = """
UPDATE reconciliation_run
SET step = %(to)s, hold = %(hold)s, is_complete = %(is_complete)s, as_of = coalesce(%(as_of)s, as_of)
WHERE id = %(id)s AND step = %(from)s
"""

PASSED = """
UPDATE reconciliation_run SET step = %(to)s, passes = passes + 1, rules = %(rules)s
WHERE id = %(id)s AND step = %(from)s
"""

# The last day before this one whose run came to its end: what was captured well before it is matched or
# listed.
LAST_DONE_BEFORE = """
SELECT max(business_on) FROM reconciliation_run
WHERE provider_account = %s AND business_on < %s AND passes > 0
"""

# Lines without a final place: those of this statement, and earlier ones whose discrepancy waits for a
# missing side.
# A line whose money the door put into suspense stays with its case.
_SCOPE = """
    SELECT l.statement_id, l.line_no
    FROM statement_line l
    WHERE l.statement_id = %(statement)s
      AND NOT EXISTS (SELECT 1 FROM reconciliation_match m
                      WHERE m.statement_id = l.statement_id AND m.line_no = l.line_no)
      AND NOT EXISTS (SELECT 1 FROM statement_line_exclusion x
                      WHERE x.statement_id = l.statement_id AND x.line_no = l.line_no)
      AND NOT EXISTS (SELECT 1 FROM discrepancy d
                      WHERE d.statement_id = l.statement_id AND d.line_no = l.line_no
                          AND d.state = 'resolved')
    UNION
    SELECT d.statement_id, d.line_no
    FROM discrepancy d
    WHERE d.provider_account = %(account)s AND d.state IN ('pending', 'open') AND d.statement_id IS NOT NULL
    EXCEPT
    SELECT d.statement_id, d.line_no
    FROM discrepancy d
    JOIN suspense_case c ON c.provider_account = d.provider_account AND c.attempt_ref = d.attempt_ref
                        AND c.state = 'open'
    WHERE d.provider_account = %(account)s AND d.state IN ('pending', 'open') AND d.has_case
"""

# A line that kept only a payment code or an order reference, or several, means the attempt that the door would find by them:
# the one that has this transaction, else the newest live one, else the newest; of several orders that of the paid amount.
_MEANT = """
LEFT JOIN LATERAL (
    SELECT CASE WHEN count(*) = 1 THEN min(one.attempt_ref)
                WHEN count(*) FILTER (WHERE is_paid_amount) = 1
                THEN min(one.attempt_ref) FILTER (WHERE is_paid_amount) END AS attempt_ref
    FROM (
        SELECT DISTINCT ON (o.id) a.attempt_ref, o.amount = l.amount AND o.currency = l.currency AS is_paid_amount
        FROM (
            SELECT id FROM payment_order WHERE payment_code = ANY(string_to_array(l.attempt_ref, ' '))
            UNION SELECT id FROM payment_order WHERE order_ref = ANY(string_to_array(l.attempt_ref, ' '))
            UNION SELECT order_id FROM payment_attempt WHERE attempt_ref = ANY(string_to_array(l.attempt_ref, ' '))
        ) AS named_order
        JOIN payment_order o ON o.id = named_order.id
        JOIN payment_attempt a ON a.order_id = o.id AND a.provider_account = %(account)s
        ORDER BY o.id, a.attempt_ref = ANY(string_to_array(l.attempt_ref, ' ')) DESC,
                 a.provider_ref IS NOT DISTINCT FROM l.provider_ref DESC,
                 a.state IN ('created', 'sent', 'in_doubt') DESC, a.number DESC
    ) AS one
) AS meant ON l.attempt_ref <> '' AND l.attempt_ref !~ '^PC[0-9A-Z]{13}$'
"""

LINES = f"""
WITH scope AS MATERIALIZED ({_SCOPE})
SELECT s.id, s.sha256, s.business_on, l.line_no, coalesce(meant.attempt_ref, l.attempt_ref), l.provider_ref, l.amount,
       l.currency, l.outcome, l.kind, l.occurred_at
FROM scope
JOIN statement s ON s.id = scope.statement_id
JOIN statement_line l ON l.statement_id = scope.statement_id AND l.line_no = scope.line_no
{_MEANT}
ORDER BY s.business_on, s.version, s.id, l.line_no
"""

# What the ledger says came in for an attempt: an attempt in suspense may have brought another amount than
# was asked. Further payments of the same attempt are booked under references of their own and stay apart.
BOOKED_FOR = """
    (SELECT coalesce(sum(p.amount), 0)::bigint
     FROM journal_entry e JOIN posting p ON p.entry_id = e.id
     WHERE e.order_id = a.order_id AND e.attempt_id = a.id
       AND e.natural_key = 'money-in:' || a.provider_account || ':' || coalesce(a.provider_ref, a.attempt_ref)
       AND p.account_code = 'provider_receivable' AND p.side = 'D')
"""

# Our side: money of the window that no line has yet, whatever the lines name, and what is open from earlier
# days.
ITEMS = f"""
WITH scope AS MATERIALIZED ({_SCOPE}),
named AS MATERIALIZED (
    SELECT coalesce(meant.attempt_ref, l.attempt_ref) AS attempt_ref, l.provider_ref
    FROM scope JOIN statement_line l ON l.statement_id = scope.statement_id AND l.line_no = scope.line_no
    {_MEANT}
),
held AS (
    SELECT DISTINCT d.attempt_id
    FROM discrepancy d
    JOIN suspense_case c ON c.provider_account = d.provider_account AND c.attempt_ref = d.attempt_ref
                        AND c.state = 'open'
    WHERE d.provider_account = %(account)s AND d.state IN ('pending', 'open') AND d.has_case
),
wanted AS (
    SELECT a.id FROM payment_attempt a
    WHERE a.provider_account = %(account)s AND a.state IN ('succeeded', 'surplus')
      AND a.paid_at >= %(since)s AND a.paid_at < %(until)s
      AND NOT EXISTS (SELECT 1 FROM reconciliation_match m WHERE m.attempt_id = a.id)
    UNION
    SELECT a.id FROM payment_attempt a
    WHERE a.provider_account = %(account)s AND a.state = 'reversed'
      AND a.paid_at >= %(since)s AND a.paid_at < %(until)s
    UNION
    SELECT a.id FROM named n
    JOIN payment_attempt a ON a.attempt_ref = n.attempt_ref AND a.provider_account = %(account)s
    UNION
    SELECT d.attempt_id FROM discrepancy d
    WHERE d.provider_account = %(account)s AND d.state IN ('pending', 'open') AND d.attempt_id IS NOT NULL
    UNION
    SELECT m.attempt_id FROM named n
    JOIN statement_line l ON l.provider_account = %(account)s AND l.provider_ref = n.provider_ref
    JOIN reconciliation_match m ON m.statement_id = l.statement_id AND m.line_no = l.line_no
)
SELECT a.id, a.attempt_ref, coalesce(a.provider_ref, ''),
       CASE a.state WHEN 'surplus' THEN {BOOKED_FOR} ELSE a.amount END, a.currency, a.state, a.paid_at,
       m.attempt_id IS NOT NULL OR held.attempt_id IS NOT NULL
FROM wanted
JOIN payment_attempt a ON a.id = wanted.id
LEFT JOIN reconciliation_match m ON m.attempt_id = a.id
LEFT JOIN held ON held.attempt_id = a.id
"""

# Refunds that no line has, and those that a refund line of the pass names although an earlier line has them, be it by the
# transaction of that line. The payment's own transaction names no refund: all its refunds share it.
REFUNDS = f"""
WITH scope AS MATERIALIZED ({_SCOPE}),
named AS MATERIALIZED (
    SELECT l.attempt_ref, l.provider_ref
    FROM scope JOIN statement_line l ON l.statement_id = scope.statement_id AND l.line_no = scope.line_no
    WHERE l.kind = 'refund'
)
SELECT r.id, r.refund_ref, a.attempt_ref, coalesce(own.provider_ref, ''), r.amount, r.currency,
       r.state, r.decided_at, m.refund_id IS NOT NULL
FROM refund r
JOIN payment_attempt a ON a.id = r.attempt_id
LEFT JOIN reconciliation_match m ON m.refund_id = r.id
LEFT JOIN statement_line listed ON listed.statement_id = m.statement_id AND listed.line_no = m.line_no
CROSS JOIN LATERAL (SELECT nullif(coalesce(r.provider_ref, listed.provider_ref), a.provider_ref) AS provider_ref) own
WHERE r.provider_account = %(account)s AND r.requested_at < %(until)s
  AND (m.refund_id IS NULL
       OR own.provider_ref IN (SELECT provider_ref FROM named)
       OR r.refund_ref IN (SELECT attempt_ref FROM named UNION ALL SELECT provider_ref FROM named))
"""

COPY_MATCHES = """
COPY reconciliation_match (statement_id, line_no, attempt_id, refund_id, run_id, pass_no, amount, currency, stage,
                           is_other_day, matched_at) FROM STDIN
"""

COPY_EXCLUSIONS = (
    "COPY statement_line_exclusion (statement_id, line_no, run_id, rule, excluded_at) FROM STDIN"
)

# Which of these facts the books hold already.
BOOKED_KEYS = "SELECT natural_key FROM journal_entry WHERE natural_key = ANY(%s)"

# Money kept as unknown that the door has booked by now under the same provider transaction: it is in the books twice.
RECEIPTS_BOOKED_TWICE = """
SELECT u.id, p.amount, p.currency
FROM discrepancy d
JOIN journal_entry u ON u.id = d.entry_id AND u.template = 'unknown_receipt'
JOIN journal_entry m ON m.natural_key = 'money-in:' || substr(u.natural_key, length('unknown:') + 1)
JOIN posting p ON p.entry_id = u.id AND p.account_code = 'suspense'
WHERE d.provider_account = %s AND d.state IN ('pending', 'open')
  AND NOT EXISTS (SELECT 1 FROM journal_entry c WHERE c.natural_key = 'unknown-cleared:' || u.id)
"""

UNSETTLED_PASSES = """
SELECT m.pass_no, m.kind, m.currency, count(*), sum(m.amount)::bigint
FROM (SELECT *, CASE WHEN refund_id IS NULL THEN 'payment' ELSE 'refund' END AS kind FROM reconciliation_match) m
WHERE m.run_id = %(run)s
  AND NOT EXISTS (SELECT 1 FROM reconciliation_settlement s WHERE s.run_id = m.run_id
      AND s.pass_no = m.pass_no AND s.kind = m.kind)
GROUP BY m.pass_no, m.kind, m.currency ORDER BY m.pass_no, m.kind
"""

SETTLED = """
INSERT INTO reconciliation_settlement (run_id, pass_no, kind, entry_id, matches, amount, currency, booked_at)
VALUES (%(run)s, %(pass_no)s, %(kind)s, %(entry_id)s, %(matches)s, %(amount)s, %(currency)s, %(at)s)
"""

# Where every line of a statement is; `places` must be 1 for each.
LINE_PLACES = """
SELECT count(*), coalesce(sum(amount), 0)::bigint,
       count(*) FILTER (WHERE is_matched), coalesce(sum(amount) FILTER (WHERE is_matched), 0)::bigint,
       count(*) FILTER (WHERE is_differing), coalesce(sum(amount) FILTER (WHERE is_differing), 0)::bigint,
       count(*) FILTER (WHERE is_excluded), coalesce(sum(amount) FILTER (WHERE is_excluded), 0)::bigint,
       count(*) FILTER (WHERE is_matched::int + is_differing::int + is_excluded::int <> 1),
       count(*) FILTER (WHERE is_matched AND is_other_day)
FROM (
    SELECT l.amount, m.line_no IS NOT NULL AS is_matched, x.line_no IS NOT NULL AS is_excluded,
           d.line_no IS NOT NULL AS is_differing, m.is_other_day
    FROM statement_line l
    LEFT JOIN reconciliation_match m ON m.statement_id = l.statement_id AND m.line_no = l.line_no
    LEFT JOIN statement_line_exclusion x ON x.statement_id = l.statement_id AND x.line_no = l.line_no
    LEFT JOIN discrepancy d ON d.statement_id = l.statement_id AND d.line_no = l.line_no
        AND d.state <> 'resolved'
    WHERE l.statement_id = %(statement)s
) AS line
"""

# What our books say came in on the business day, and what became of it.
OUR_DAY = f"""
SELECT count(*), coalesce(sum(amount), 0)::bigint,
       count(*) FILTER (WHERE is_matched), coalesce(sum(amount) FILTER (WHERE is_matched), 0)::bigint,
       count(*) FILTER (WHERE is_explained AND NOT is_matched),
       coalesce(sum(amount) FILTER (WHERE is_explained AND NOT is_matched), 0)::bigint
FROM (
    SELECT CASE a.state WHEN 'surplus' THEN {BOOKED_FOR} ELSE a.amount END AS amount,
           EXISTS (SELECT 1 FROM reconciliation_match m WHERE m.attempt_id = a.id) AS is_matched,
           EXISTS (SELECT 1 FROM discrepancy d WHERE d.attempt_id = a.id
               AND d.state <> 'resolved') AS is_explained
    FROM payment_attempt a
    WHERE a.provider_account = %(account)s AND a.state IN ('succeeded', 'surplus')
      AND a.paid_at >= %(start)s AND a.paid_at < %(until)s
) AS item
"""

# Discrepancies of the account that stand at this day: its own and those carried from earlier days.
STANDING = """
SELECT count(*) FILTER (WHERE state = 'open'), count(*) FILTER (WHERE state = 'pending')
FROM discrepancy WHERE provider_account = %(account)s AND state IN ('pending', 'open') AND first_on <= %(on)s
"""

FINISH = """
UPDATE reconciliation_run
SET step = %(to)s, verdict = %(verdict)s, as_of = %(at)s, matched_count = %(matched_count)s,
    matched_sum = %(matched_sum)s, differing_count = %(differing_count)s, differing_sum = %(differing_sum)s,
    excluded_count = %(excluded_count)s, excluded_sum = %(excluded_sum)s, ours_count = %(ours_count)s,
    ours_sum = %(ours_sum)s, ours_matched_count = %(ours_matched_count)s,
        ours_matched_sum = %(ours_matched_sum)s,
    ours_explained_count = %(ours_explained_count)s, ours_explained_sum = %(ours_explained_sum)s
WHERE id = %(id)s AND step = %(from)s
"""

# Days of the last weeks, by account, for catching up: the newest run of the day is not through a whole file. It was cut
# off, waits for the file, or read one that was broken, which the provider may have mended; one that is held waits for a
# person.
UNFINISHED_DAYS = """
SELECT wanted.day::date
FROM generate_series(%(from)s::date, %(to)s::date, interval '1 day') AS wanted (day)
WHERE NOT EXISTS (
    SELECT 1 FROM (
        SELECT r.step, r.is_complete FROM reconciliation_run r
        WHERE r.provider_account = %(account)s AND r.business_on = wanted.day
        ORDER BY r.started_at DESC, r.id DESC LIMIT 1
    ) AS newest
    WHERE newest.step = 'held' OR (newest.step = 'done' AND newest.is_complete))
ORDER BY 1
"""

# The first of the unbroken days up to and including this one that are whole: the newest file of each was delivered
# after the day was over, read without a problem and worked through. Null when this day is not whole itself.
# All business days of an account are as long, so the end of an earlier one is counted back from this one's.
FIRST_WHOLE_DAY = """
SELECT min(day)
FROM (
    SELECT day, day + row_number() OVER (ORDER BY day DESC)::int AS island
    FROM (
        SELECT DISTINCT ON (business_on) business_on AS day,
               step = 'done' AND is_complete
               AND seen_at >= %(over_at)s - (%(on)s::date - business_on) * interval '24 hours' AS is_whole
        FROM reconciliation_run
        WHERE provider_account = %(account)s AND business_on <= %(on)s
        ORDER BY business_on, started_at DESC, id DESC
    ) AS newest
    WHERE is_whole
) AS whole
WHERE island = %(on)s::date + 1
"""

# Live attempts whose whole life lies in decidable days and that no line names, by their reference or the provider's.
# A file that came before the first of them was made can not name any.
UNLISTED_ATTEMPTS = """
WITH silent AS MATERIALIZED (
    SELECT a.order_id, a.attempt_ref, a.provider_ref, a.created_at, o.payment_code, o.order_ref
    FROM payment_attempt a JOIN payment_order o ON o.id = a.order_id
    WHERE a.provider_account = %(account)s AND a.next_query_at IS NOT NULL
      AND a.state IN ('created', 'sent', 'in_doubt')
      AND a.created_at >= %(since)s AND a.expires_at < %(until)s
), file AS MATERIALIZED (
    SELECT f.id FROM statement f
    WHERE f.provider_account = %(account)s AND f.fetched_at >= (SELECT min(created_at) FROM silent)
)
SELECT s.attempt_ref
FROM silent s
WHERE NOT EXISTS (SELECT 1 FROM statement_line l JOIN file ON file.id = l.statement_id
                  WHERE l.attempt_ref = s.attempt_ref)
  AND NOT EXISTS (SELECT 1 FROM statement_line l JOIN file ON file.id = l.statement_id
                  WHERE l.attempt_ref = s.payment_code)
  AND NOT EXISTS (SELECT 1 FROM statement_line l JOIN file ON file.id = l.statement_id
                  WHERE l.attempt_ref = s.order_ref)
  AND NOT EXISTS (SELECT 1 FROM statement_line l
                  WHERE l.provider_account = %(account)s AND l.provider_ref = s.provider_ref)
ORDER BY s.order_id, s.attempt_ref LIMIT %(limit)s
"""

_TIMES = """
SELECT l.statement_id, l.line_no, l.occurred_at, l.occurred_at_raw
FROM unnest(%s::uuid[], %s::int[]) AS wanted (statement_id, line_no)
JOIN statement_line l USING (statement_id, line_no)
"""


def one(uow: UnitOfWork, sql: str, parameters: Sequence[Any] | dict[str, Any]) -> tuple[Any, ...]:
    """The row of a query that always has exactly one."""
    row = uow.run(sql, parameters).fetchone()
    assert row is not None, "an aggregate has a row"
    return tuple(row)


def times_of(
    uow: UnitOfWork, places: Sequence[tuple[UUID, int]]
) -> dict[tuple[UUID, int], tuple[datetime | None, str]]:
    """When lines say that they happened: the instant and the provider's own stamp."""
    rows = uow.run(_TIMES, ([statement_id for statement_id, _ in places], [line_no for _, line_no in places]))
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def copy_rows(uow: UnitOfWork, copy_statement: str, rows: Iterable[tuple[Any, ...]]) -> int:
    """Stream rows into a table by COPY; returns how many."""
    count = 0
    with uow.driver.cursor() as cursor, cursor.copy(copy_statement) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count
