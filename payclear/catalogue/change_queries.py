"""Every statement about changes of the catalogue."""

from payclear.catalogue.tables import TABLES

ROWS_OF = {name: f"SELECT to_jsonb(t) FROM {name} t" for name in TABLES}

LOCK = "SELECT pg_advisory_xact_lock(hashtext('payclear.catalogue.change'))"

INSERT_CHANGE = """
INSERT INTO catalogue_change (id, state, version, file_name, digest, reason, made_by, made_at)
VALUES (%(id)s, %(state)s, 1, %(file_name)s, %(digest)s, %(reason)s, %(made_by)s, %(made_at)s)
"""

INSERT_ROW = """
INSERT INTO catalogue_change_row (change_id, place, table_name, row_id, action, file_name, line, before, after)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""

INSERT_TRANSITION = """
INSERT INTO catalogue_change_transition (change_id, version, from_state, event, to_state, actor, recorded_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""

DECIDE = """
UPDATE catalogue_change SET state = %(state)s, version = version + 1, checked_by = %(checked_by)s,
    checked_at = %(checked_at)s, check_reason = %(check_reason)s
WHERE id = %(id)s RETURNING version
"""

_CHANGE = """
SELECT c.id, c.state, c.version, c.file_name, c.digest, c.reason, c.made_by, c.made_at, c.checked_by, c.checked_at,
       c.check_reason, (SELECT count(*) FROM catalogue_change_row r WHERE r.change_id = c.id) AS rows
FROM catalogue_change c
"""
CHANGE = _CHANGE + "WHERE c.id = %s"
CHANGE_LOCKED = _CHANGE + "WHERE c.id = %s FOR UPDATE OF c"
CHANGES = _CHANGE + (
    "WHERE (%(below)s::uuid IS NULL OR (c.made_at, c.id) < (SELECT made_at, id FROM catalogue_change WHERE id = %(below)s))"
    " ORDER BY c.made_at DESC, c.id DESC LIMIT %(limit)s"
)

ROWS = """
SELECT table_name AS "table", row_id, action, before, after, file_name AS file, line
FROM catalogue_change_row WHERE change_id = %s ORDER BY place
"""
