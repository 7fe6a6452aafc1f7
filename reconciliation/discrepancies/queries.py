"""Every statement that reads and writes discrepancies."""

# `case_open`: the door put this money into suspense and its case is still with a person.
_ROW = """
    d.id, d.identity, d.version, d.key, d.code, d.state, d.first_on, d.last_on, d.age_business_days,
        d.attempt_id,
    d.attempt_ref, d.provider_ref, d.statement_id, d.line_no, d.ours, d.theirs, d.has_case,
    d.has_case AND EXISTS (SELECT 1 FROM suspense_case c
                           WHERE c.provider_account = d.provider_account AND c.attempt_ref = d.attempt_ref
                             AND c.state = 'open') AS case_open,
    d.entry_id
"""

LIVE = f"""
SELECT {_ROW} FROM discrepancy d
WHERE d.provider_account = %(account)s AND d.state IN ('pending', 'open')
"""

LIVE_OF = f"""
SELECT {_ROW} FROM discrepancy d
WHERE d.provider_account = %(account)s AND d.state IN ('pending', 'open')
  AND (d.key = ANY(%(keys)s)
       OR (d.statement_id, d.line_no) IN (SELECT * FROM unnest(%(statements)s::uuid[], %(line_nos)s::int[])))
"""

BY_IDENTITY = f"SELECT {_ROW} FROM discrepancy d WHERE d.identity = ANY(%s) AND d.state = 'resolved'"

INSERT = """
INSERT INTO discrepancy (id, identity, version, leg, provider_account, key, code, state, owner, first_on,
    last_on,
                         age_business_days, attempt_id, attempt_ref, provider_ref, statement_id, line_no,
                             ours, theirs,
                         currency, has_case, entry_id, resolution, opened_at, resolved_at)
VALUES (%(id)s, %(identity)s, 1, 'A', %(account)s, %(key)s, %(code)s, %(state)s, %(owner)s, %(first_on)s,
    %(last_on)s,
        %(age)s, %(attempt_id)s, %(attempt_ref)s, %(provider_ref)s, %(statement_id)s, %(line_no)s, %(ours)s,
        %(theirs)s, %(currency)s, %(has_case)s, %(entry_id)s, NULL, %(at)s, NULL)
"""

CHANGE = """
UPDATE discrepancy
SET version = %(version)s, code = %(code)s, state = %(state)s, owner = %(owner)s, last_on = %(last_on)s,
    age_business_days = %(age)s, attempt_id = coalesce(%(attempt_id)s, attempt_id),
        statement_id = %(statement_id)s,
    line_no = %(line_no)s, ours = %(ours)s, theirs = %(theirs)s, has_case = %(has_case)s,
    provider_ref = coalesce(nullif(%(provider_ref)s, ''), provider_ref),
    entry_id = coalesce(%(entry_id)s, entry_id), resolution = %(resolution)s, resolved_at = %(resolved_at)s
WHERE id = %(id)s AND version = %(version)s - 1
"""

EVENT = """
INSERT INTO discrepancy_event (discrepancy_id, number, run_id, event, code, state, resolution, last_on,
                               age_business_days, ours, theirs, statement_id, line_no, recorded_at)
VALUES (%(id)s, %(version)s, %(run_id)s, %(event)s, %(code)s, %(state)s, %(resolution)s, %(last_on)s, %(age)s,
        %(ours)s, %(theirs)s, %(statement_id)s, %(line_no)s, %(at)s)
"""
