"""Every statement that keeps files and their lines."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from payclear.db.uow import UnitOfWork

# One account's intake takes turns, so that versions count up without a gap.
LOCK_ACCOUNT = "SELECT pg_advisory_xact_lock(hashtextextended('reconciliation:' || %s, 0))"

SAME_BYTES = """
SELECT id, version FROM statement WHERE provider_account = %s AND business_on = %s AND sha256 = %s
"""

NEXT_VERSION = """
SELECT coalesce(max(version), 0) + 1 FROM statement WHERE provider_account = %s AND business_on = %s
"""

KEEP = """
INSERT INTO statement (id, provider_account, business_on, version, sha256, size_bytes, name, media_type,
                       content_sealed, data_key_id, kek_id, wrapped_key, fetched_at)
VALUES (%(id)s, %(provider_account)s, %(business_on)s, %(version)s, %(sha256)s, %(size_bytes)s, %(name)s,
        %(media_type)s, %(content_sealed)s, %(data_key_id)s, %(kek_id)s, %(wrapped_key)s, %(fetched_at)s)
"""

CONTENT = """
SELECT business_on, sha256, name, media_type, content_sealed, data_key_id, kek_id, wrapped_key
FROM statement WHERE id = %s
"""

# The same bytes, earlier, under another day of the account (F01): an honest empty day may repeat, one with
# lines may not.
ON_ANOTHER_DAY = """
SELECT other.business_on
FROM statement own JOIN statement other USING (provider_account, sha256)
WHERE own.id = %s AND other.business_on <> own.business_on AND other.fetched_at <= own.fetched_at
ORDER BY other.business_on LIMIT 1
"""

_COPY_LINES = """
COPY statement_line (statement_id, line_no, provider_account, attempt_ref, provider_ref, amount, currency,
    outcome,
                     kind, occurred_at, occurred_at_raw) FROM STDIN
"""
_COPY_PROBLEMS = "COPY statement_problem (statement_id, number, line_no, code, detail) FROM STDIN"

# Lines that an earlier, accepted version of the same day lists in the very same way.
_EARLIER = """
    SELECT l.provider_ref, l.attempt_ref, l.amount, l.currency, l.outcome, l.kind
    FROM statement s
    JOIN reconciliation_run r ON r.statement_id = s.id AND r.step NOT IN ('awaiting', 'fetched', 'parsed',
        'held')
    JOIN statement_line l ON l.statement_id = s.id
    WHERE s.provider_account = %(account)s AND s.business_on = %(on)s AND s.id <> %(statement)s
"""
_OWN = """
    SELECT l.provider_ref, l.attempt_ref, l.amount, l.currency, l.outcome, l.kind
    FROM statement_line l WHERE l.statement_id = %(statement)s
"""

# How many lines of earlier versions a new version lacks or shows otherwise. EXCEPT compares whole lines.
LOST_LINES = f"SELECT count(*) FROM ({_EARLIER} EXCEPT {_OWN}) AS lost"

_WHOLE_LINE = "provider_ref, attempt_ref, amount, currency, outcome, kind"

# F08: only new rows of a new version take part. Twins within one file are kept apart by their ordinal.
EXCLUDE_REPEATED = f"""
WITH earlier AS (
    SELECT DISTINCT {_WHOLE_LINE}, row_number() OVER (PARTITION BY statement_id, {_WHOLE_LINE}) AS ordinal
    FROM (
        SELECT l.* FROM statement s
        JOIN reconciliation_run r ON r.statement_id = s.id AND r.step NOT IN ('awaiting', 'fetched',
            'parsed', 'held')
        JOIN statement_line l ON l.statement_id = s.id
        WHERE s.provider_account = %(account)s AND s.business_on = %(on)s AND s.id <> %(statement)s
    ) AS line
), own AS (
    SELECT l.*, row_number() OVER (PARTITION BY {_WHOLE_LINE} ORDER BY l.line_no) AS ordinal
    FROM statement_line l WHERE l.statement_id = %(statement)s
)
INSERT INTO statement_line_exclusion (statement_id, line_no, run_id, rule, excluded_at)
SELECT o.statement_id, o.line_no, %(run)s, 'repeated_in_version', %(at)s
FROM own o JOIN earlier e USING ({_WHOLE_LINE}, ordinal)
"""


def copy_lines(uow: UnitOfWork, rows: Iterable[tuple[Any, ...]]) -> None:
    """Stream lines into the table; nothing is held but the row at hand."""
    with uow.driver.cursor() as cursor, cursor.copy(_COPY_LINES) as copy:
        for row in rows:
            copy.write_row(row)


def copy_problems(uow: UnitOfWork, statement_id: UUID, rows: Iterable[tuple[int, str, str]]) -> int:
    """Stream problems into the table, numbered from 1; returns how many."""
    number = 0
    with uow.driver.cursor() as cursor, cursor.copy(_COPY_PROBLEMS) as copy:
        for number, row in enumerate(rows, start=1):
            copy.write_row((statement_id, number, *row))
    return number
