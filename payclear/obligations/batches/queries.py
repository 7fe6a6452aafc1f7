"""Every statement of batches. A chunk is written set by set: one statement a table, whatever its number of rows."""

KEEP = """
INSERT INTO decision_batch (id, portal_code, format, sha256, size_bytes, agency_code, complete_to, key_kinds, state,
                            received_by, received_at)
VALUES (%(id)s, %(portal_code)s, %(format)s, %(sha256)s, %(size_bytes)s, %(agency_code)s, %(complete_to)s,
        %(key_kinds)s, 'received', %(by)s, %(at)s)
ON CONFLICT DO NOTHING
"""

SAME_BYTES = """
SELECT id FROM decision_batch
WHERE portal_code = %(portal_code)s AND sha256 = %(sha256)s AND agency_code IS NOT DISTINCT FROM %(agency_code)s
    AND complete_to IS NOT DISTINCT FROM %(complete_to)s AND key_kinds = %(key_kinds)s
"""

KEEP_FILE = """
INSERT INTO decision_file (batch_id, data_key_id, kek_id, wrapped_key, content_sealed) VALUES (%s, %s, %s, %s, %s)
"""

FILE = "SELECT data_key_id, kek_id, wrapped_key, content_sealed FROM decision_file WHERE batch_id = %s"

BATCH = """
SELECT id, portal_code, format, sha256, size_bytes, agency_code, complete_to, key_kinds, state, rows, problem,
       problem_line, problem_column, received_by, received_at, read_at, finished_at
FROM decision_batch WHERE id = %s
"""
LOCK_BATCH = BATCH + " FOR NO KEY UPDATE"

BATCHES_OF = "SELECT count(*) FROM decision_batch WHERE portal_code = %s"

COUNTS = "SELECT result, count(*) FROM decision_row WHERE batch_id = %s GROUP BY result"

COVERED = "SELECT key_kinds FROM decision_coverage WHERE batch_id = %s"

UNFINISHED = """
SELECT id FROM decision_batch WHERE state IN ('received', 'taking') ORDER BY received_at, id LIMIT %s
"""

UNREADABLE = """
UPDATE decision_batch SET state = %(to)s, problem = %(code)s, problem_line = %(line)s, problem_column = %(column)s,
       read_at = %(at)s
WHERE id = %(id)s
"""

READ = "UPDATE decision_batch SET state = %(to)s, rows = %(rows)s, read_at = %(at)s WHERE id = %(id)s"

# PostgreSQL has no ragged arrays: a chunk's row numbers travel as text.
CHUNKS = """
INSERT INTO decision_chunk (batch_id, no, wave, row_nos)
SELECT %s, no, wave, row_nos::integer[]
FROM unnest(%s::integer[], %s::text[]) WITH ORDINALITY AS c (wave, row_nos, no)
"""

# A chunk that nobody has in hand, of the earliest wave that has not ended.
CLAIM = """
SELECT no, row_nos FROM decision_chunk
WHERE batch_id = %(id)s AND done_at IS NULL
    AND wave = (SELECT min(wave) FROM decision_chunk WHERE batch_id = %(id)s AND done_at IS NULL)
ORDER BY no LIMIT 1 FOR UPDATE SKIP LOCKED
"""

DONE = "UPDATE decision_chunk SET done_at = %s WHERE batch_id = %s AND no = %s"

IS_WAITING = "SELECT 1 FROM decision_chunk WHERE batch_id = %s AND done_at IS NULL LIMIT 1"

FINISHED = "UPDATE decision_batch SET state = %(to)s, finished_at = %(at)s WHERE id = %(id)s"

# The keys by which some decision of the authority that can still be asked for could not be found. A plate without its
# colour may be another vehicle's.
KEYS_MISSING = """
SELECT bool_or(r.id_no_index IS NULL) AS id_no,
       bool_or(NOT EXISTS (SELECT 1 FROM obligor_field f WHERE f.obligor_id = r.id AND f.field = 'licence_no')) AS licence_no,
       bool_or(NOT EXISTS (SELECT 1 FROM obligor_field f WHERE f.obligor_id = r.id AND f.field = 'plate_colour')) AS plate
FROM obligation o JOIN obligor r ON r.id = o.obligor_id
WHERE o.kind = 'traffic_fine' AND o.agency_code = %s AND o.state IN ('open', 'partially_paid')
"""

COVER = """
INSERT INTO decision_coverage (batch_id, agency_code, key_kinds, complete_to, recorded_at) VALUES (%s, %s, %s, %s, %s)
"""

# What an authority's uploads are complete for, up to which day, by key.
COVERAGE = """
SELECT kind, max(c.complete_to) FROM decision_coverage c, unnest(c.key_kinds) AS kind
WHERE c.agency_code = %s GROUP BY kind
"""

RESULTS = """
INSERT INTO decision_row (batch_id, chunk_no, row_no, decision_no, result, column_name, code, obligation_id)
SELECT %s, %s, r.* FROM unnest(%s::integer[], %s::text[], %s::text[], %s::text[], %s::text[], %s::uuid[]) AS r
"""

RESULTS_AFTER = """
SELECT row_no, decision_no, result, column_name, code, obligation_id FROM decision_row
WHERE batch_id = %s AND row_no > %s ORDER BY row_no LIMIT %s
"""

# What is known of decisions by their own key: the first version, which a repeated row is compared with.
KNOWN = """
SELECT k.at::int, o.id, o.portal_code, o.obligor_id, v.amount, v.served_on, v.served_method, v.written_term_days,
       f.violation_record_no, r.id_no_index, r.data_key_id, r.kek_id, r.wrapped_key, r.name_sealed
FROM unnest(%s::text[], %s::text[], %s::date[]) WITH ORDINALITY AS k (agency_code, document_key, decided_on, at)
JOIN obligation o ON o.kind = 'traffic_fine' AND o.agency_code = k.agency_code AND o.document_key = k.document_key
    AND o.document_on = k.decided_on
JOIN obligor r ON r.id = o.obligor_id
JOIN fine_decision f ON f.obligation_id = o.id
JOIN fine_version v ON v.obligation_id = o.id AND v.version_no = 1
"""

PLATES = "SELECT obligor_id, index FROM obligor_field WHERE field = ANY(%s) AND obligor_id = ANY(%s) AND index IS NOT NULL"

VERSIONS = "SELECT kind, document_key, decided_on, amount FROM fine_version WHERE obligation_id = %s AND version_no > 1"

# In the order of their keys, so that two chunks with the same decisions never wait for each other in a ring.
REGISTER = """
WITH made AS (
    INSERT INTO obligation (id, kind, portal_code, agency_code, document_no, document_key, document_on, principal,
                            currency, state, version, obligor_id, created_at)
    SELECT d.id, 'traffic_fine', %(portal_code)s, d.agency_code, d.document_no, d.document_key, d.document_on,
           d.principal, %(currency)s, 'open', 1, d.obligor_id, %(at)s
    FROM unnest(%(ids)s::uuid[], %(agencies)s::text[], %(numbers)s::text[], %(keys)s::text[], %(days)s::date[],
                %(amounts)s::bigint[], %(obligors)s::uuid[])
         AS d (id, agency_code, document_no, document_key, document_on, principal, obligor_id)
    ORDER BY d.agency_code, d.document_key, d.document_on
    ON CONFLICT DO NOTHING
    RETURNING id
)
INSERT INTO obligation_transition (obligation_id, version, from_state, event, to_state, order_id, recorded_at)
SELECT id, 1, NULL, 'registered', 'open', NULL, %(at)s FROM made
"""

LINES = """
INSERT INTO obligation_line (obligation_id, line_no, type, name_vi, amount, currency, beneficiary_account, chapter,
                             sub_item)
SELECT l.id, 1, 'fine', %(name)s, l.amount, %(currency)s, l.account, l.chapter, l.sub_item
FROM unnest(%(ids)s::uuid[], %(amounts)s::bigint[], %(accounts)s::text[], %(chapters)s::text[],
            %(sub_items)s::text[]) AS l (id, amount, account, chapter, sub_item)
"""

DECISIONS = """
WITH d AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(numbers)s::text[], %(keys)s::text[], %(days)s::date[], %(amounts)s::bigint[],
                         %(served)s::date[], %(methods)s::text[], %(terms)s::integer[], %(dues)s::date[],
                         %(late_accounts)s::text[], %(late_chapters)s::text[], %(late_sub_items)s::text[],
                         %(records)s::text[], %(papers)s::text[])
         AS d (id, decision_no, document_key, decided_on, amount, served_on, served_method, written_term_days, due_on,
               account, chapter, sub_item, violation_record_no, paper)
), decision AS (
    INSERT INTO fine_decision (obligation_id, decision_no, decided_on, served_on, served_method, due_on,
                               surcharge_beneficiary_account, surcharge_chapter, surcharge_sub_item, written_term_days,
                               violation_record_no, versions, events)
    SELECT id, decision_no, decided_on, served_on, served_method, due_on, account, chapter, sub_item,
           written_term_days, violation_record_no, 1, 0 FROM d
), paper AS (
    INSERT INTO withheld_paper (obligation_id, paper_no, type) SELECT id, 1, paper FROM d WHERE paper IS NOT NULL
)
INSERT INTO fine_version (obligation_id, version_no, kind, decision_no, document_key, decided_on, effective_on, amount,
                          served_on, served_method, written_term_days, due_on, recorded_at, recorded_by)
SELECT id, 1, 'issued', decision_no, document_key, decided_on, decided_on, amount, served_on, served_method,
       written_term_days, due_on, %(at)s, %(by)s FROM d
"""
