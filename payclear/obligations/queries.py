"""Every statement of obligations. `LOCK`, `LINES` and `MOVE` are hot: they stand in order creation and capture.

`FIND` stands in every page and answer.
"""

from payclear.catalogue.queries import AGENCY_NAME_EN, AGENCY_NAME_VI, AGENCY_NAMED

# The hot ones take their ids as `(SELECT …)`: PostgreSQL then sees no array whose length it could plan for, and keeps
# one plan for ever. With a plain array it plans anew at every execution, which costs more than the execution.
_COLUMNS = """
    o.id, o.kind, o.portal_code, o.agency_code, o.document_no, o.document_on, o.principal, o.currency, o.state,
    o.version, o.created_at, f.served_on, f.due_on, f.surcharge_beneficiary_account, f.surcharge_chapter,
    f.surcharge_sub_item, f.served_method, f.written_term_days, f.issuer_rank, f.violation_record_no, f.violation_on,
    f.versions, f.events
"""

_FROM = """
    obligation o JOIN agency a ON a.code = o.agency_code LEFT JOIN fine_decision f ON f.obligation_id = o.id
"""

# With the agency's name of a day.
_FOUND = f"""
SELECT {_COLUMNS}, {AGENCY_NAME_VI} AS agency_name_vi, {AGENCY_NAME_EN} AS agency_name_en
FROM {_FROM} {AGENCY_NAMED}
"""

# The obligations an order asks for, locked in id order so that two orders never wait for each other in a ring.
LOCK = f"{_FOUND} WHERE o.id = ANY((SELECT %(ids)s::uuid[])::uuid[]) ORDER BY o.id FOR NO KEY UPDATE OF o"

FIND = f"{_FOUND} WHERE o.id = ANY((SELECT %(ids)s::uuid[])::uuid[]) ORDER BY o.id"

FIND_BY_DOCUMENT = f"""{_FOUND}
WHERE o.kind = %(kind)s AND o.agency_code = %(agency_code)s AND o.document_key = %(key)s
    AND CASE o.kind WHEN 'traffic_fine' THEN o.document_on = %(on)s ELSE o.state NOT IN ('cancelled', 'refunded') END
"""

# A counter knows a number and no agency: every agency's document of this number, or with a version of this number.
FIND_BY_NUMBER = f"""{_FOUND}
WHERE o.id IN (SELECT id FROM obligation WHERE document_key = ANY(%(keys)s)
               UNION SELECT obligation_id FROM fine_version WHERE document_key = ANY(%(keys)s))
ORDER BY o.created_at, o.id LIMIT %(most)s
"""

LINES = """
SELECT obligation_id, type, name_vi, amount, currency, beneficiary_account, chapter, sub_item
FROM obligation_line WHERE obligation_id = ANY((SELECT %s::uuid[])::uuid[]) ORDER BY obligation_id, line_no
"""

# Move obligations to a state and write their history; the rows were locked by the order's own lock order.
MOVE = """
WITH moved AS (
    UPDATE obligation SET state = %(to)s, version = version + 1
    WHERE id = ANY((SELECT %(ids)s::uuid[])::uuid[]) AND state = %(from)s
    RETURNING id, version
)
INSERT INTO obligation_transition (obligation_id, version, from_state, event, to_state, order_id, recorded_at)
SELECT id, version, %(from)s, %(event)s, %(to)s, %(order_id)s, %(at)s FROM moved
"""

# The receipt that was shown when it was paid without us, with the transition that this was.
SHOW_PROOF = """
INSERT INTO paid_elsewhere (obligation_id, version, proof_ref, paid_on, recorded_at, recorded_by)
SELECT id, version, %(proof_ref)s, %(paid_on)s, %(at)s, %(by)s FROM obligation WHERE id = %(id)s
"""
PROOF = """
SELECT proof_ref, paid_on, recorded_at FROM paid_elsewhere WHERE obligation_id = %s ORDER BY version DESC LIMIT 1
"""
PROOF_OF_FINE = """
SELECT ref AS proof_ref, on_date AS paid_on, recorded_at FROM fine_event WHERE obligation_id = %s AND kind = 'paid_elsewhere'
ORDER BY event_no DESC LIMIT 1
"""

# What went back of an order through its provider and its fines bore; what an agency gave back itself is none of it.
GIVEN_BACK_OF_FINES = """
SELECT coalesce(sum(principal + surcharge), 0)::bigint FROM fine_event
WHERE order_id = %s AND kind = 'refunded' AND NOT (ref <> '' AND instalment_no IS NULL)
"""

OBLIGOR_NAMES = """
SELECT o.id, r.id, r.data_key_id, r.kek_id, r.wrapped_key, r.name_sealed
FROM obligation o JOIN obligor r ON r.id = o.obligor_id WHERE o.id = ANY(%s)
"""

PAYER = """
SELECT r.id, r.data_key_id, r.kek_id, r.wrapped_key, r.name_sealed, r.id_no_sealed, coalesce(d.procedure_code, '')
FROM obligation o JOIN obligor r ON r.id = o.obligor_id LEFT JOIN dossier d ON d.obligation_id = o.id
WHERE o.id = %s
"""

OBLIGOR = """
SELECT data_key_id, kek_id, kind, wrapped_key, name_sealed, id_no_sealed FROM obligor WHERE id = %s
"""

OBLIGOR_FIELDS = "SELECT field, sealed FROM obligor_field WHERE obligor_id = %s AND sealed IS NOT NULL"

INSERT_OBLIGORS = """
INSERT INTO obligor (id, kind, data_key_id, kek_id, wrapped_key, name_sealed, id_no_sealed, id_no_index, created_at)
SELECT who.*, %s FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::bytea[], %s::bytea[], %s::bytea[],
                             %s::bytea[]) AS who
"""

INSERT_OBLIGOR_FIELDS = """
INSERT INTO obligor_field (obligor_id, field, no, sealed, index)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::smallint[], %s::bytea[], %s::bytea[])
"""

# The row stays as it is until the end of this transaction: nobody forgets the person while a number is added.
HOLD_OBLIGOR = "SELECT 1 FROM obligor WHERE id = %s AND forgotten_at IS NULL FOR SHARE"

# Further second factors behind those that are there; one that is there stays.
ADD_FACTORS = """
INSERT INTO obligor_field (obligor_id, field, no, index)
SELECT %(id)s, 'factor', (SELECT coalesce(max(no), 0) FROM obligor_field WHERE obligor_id = %(id)s) + f.at, f.index
FROM unnest(%(indexes)s::bytea[]) WITH ORDINALITY AS f (index, at)
WHERE NOT EXISTS (SELECT 1 FROM obligor_field k WHERE k.obligor_id = %(id)s AND k.field = 'factor' AND k.index = f.index)
"""

HAS_FACTOR = """
SELECT EXISTS (SELECT 1 FROM obligation o JOIN obligor_field f ON f.obligor_id = o.obligor_id AND f.field = 'factor'
               WHERE o.id = %s)
"""

INSERT_OBLIGATION = """
WITH made AS (
    INSERT INTO obligation (id, kind, portal_code, agency_code, document_no, document_key, document_on, principal,
                            currency, state, version, obligor_id, created_at)
    VALUES (%(id)s, %(kind)s, %(portal_code)s, %(agency_code)s, %(document_no)s, %(document_key)s, %(document_on)s,
            %(principal)s, %(currency)s, 'open', 1, %(obligor_id)s, %(at)s)
    ON CONFLICT DO NOTHING
    RETURNING id
)
INSERT INTO obligation_transition (obligation_id, version, from_state, event, to_state, order_id, recorded_at)
SELECT id, 1, NULL, 'registered', 'open', NULL, %(at)s FROM made
"""

INSERT_LINES = """
INSERT INTO obligation_line (obligation_id, line_no, type, name_vi, amount, currency, beneficiary_account, chapter,
                             sub_item)
SELECT %s, line_no, type, name_vi, amount, %s, beneficiary_account, chapter, sub_item
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[]) WITH ORDINALITY
     AS line (type, name_vi, amount, beneficiary_account, chapter, sub_item, line_no)
"""

# How many facts of an obligation were announced, and one more; under the obligation's lock.
NEXT_SEQUENCE = "SELECT count(*) + 1 FROM event WHERE aggregate_id = %s"
