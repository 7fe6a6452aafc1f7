"""Every statement of privacy. It reads other features' tables, and writes none of theirs but keys: to wrap or destroy them."""

from typing import Final

from payclear.catalogue.queries import AGENCY_NAME_VI, AGENCY_NAMED

SUBJECT_STATE: Final = "SELECT forgotten_at FROM obligor WHERE id = %s"

INSERT_READ: Final = """
INSERT INTO personal_data_read (id, obligor_id, purpose, purpose_id, fields, reader, read_at, audit_entry_id)
VALUES (%(id)s, %(obligor_id)s, %(purpose)s, %(purpose_id)s, %(fields)s, %(reader)s, %(at)s, %(audit_entry_id)s)
"""

MESSAGES: Final = {
    table: f"SELECT query_string, body, sealed_on FROM {table} WHERE id = %s"
    for table in ("inbound_callback", "collection_message")
}

# Everybody who bears an identity number or insurance code: a person has a row for each obligation and each notice.
SUBJECTS: Final = """
SELECT id FROM obligor WHERE id_no_index = %s AND forgotten_at IS NULL
UNION
SELECT f.obligor_id FROM obligor_field f WHERE f.field = 'insurance_code' AND f.index = %s
ORDER BY 1
"""

LOCK_SUBJECTS: Final = """
SELECT id FROM obligor WHERE id = ANY(%s) AND forgotten_at IS NULL ORDER BY id FOR UPDATE
"""

# What is owed by, or insures, these subjects.
CONCERNED: Final = """
concerned AS (
    SELECT o.id FROM obligation o WHERE o.obligor_id = ANY(%(ids)s)
    UNION
    SELECT m.obligation_id FROM contribution_member m WHERE m.obligor_id = ANY(%(ids)s)
)
"""

# Whatever keeps a subject from being forgotten, as (code, how many).
HINDRANCES: Final = f"""
WITH {CONCERNED}, orders AS (
    SELECT DISTINCT order_id AS id FROM payment_order_obligation WHERE obligation_id IN (SELECT id FROM concerned)
)
SELECT 'owed', count(*) FROM obligation WHERE id IN (SELECT id FROM concerned) AND state IN ('open', 'partially_paid')
UNION ALL
SELECT 'order_under_way', count(*) FROM payment_order
WHERE id IN (SELECT id FROM orders) AND state = 'open'
UNION ALL
SELECT 'payment_in_doubt', count(*) FROM payment_attempt
WHERE order_id IN (SELECT id FROM orders) AND state IN ('created', 'sent', 'in_doubt')
UNION ALL
SELECT 'refund_under_way', count(*) FROM refund
WHERE order_id IN (SELECT id FROM orders) AND state IN ('requested', 'sent', 'in_doubt')
UNION ALL
SELECT 'refund_proposed', count(*) FROM refund_proposal
WHERE obligation_id IN (SELECT id FROM concerned) AND state IN ('proposed', 'accepted')
UNION ALL
SELECT 'case_open', count(*) FROM suspense_case
WHERE order_id IN (SELECT id FROM orders) AND state = 'open'
"""

LAST_USE: Final = f"""
WITH {CONCERNED}
SELECT greatest(
    (SELECT max(created_at) FROM obligor WHERE id = ANY(%(ids)s)),
    (SELECT max(recorded_at) FROM obligation_transition WHERE obligation_id IN (SELECT id FROM concerned)),
    (SELECT max(coalesce(o.closed_at, o.created_at)) FROM payment_order_obligation p
     JOIN payment_order o ON o.id = p.order_id WHERE p.obligation_id IN (SELECT id FROM concerned))
)
"""

FORGET_FIELDS: Final = "DELETE FROM obligor_field WHERE obligor_id = ANY(%s)"

FORGET: Final = """
UPDATE obligor SET wrapped_key = NULL, name_sealed = NULL, id_no_sealed = NULL, id_no_index = NULL, forgotten_at = %s
WHERE id = ANY(%s) AND forgotten_at IS NULL
"""

# The other rows of the same people: what was registered while a request waited.
SAME_PEOPLE: Final = """
SELECT id FROM obligor WHERE id = ANY(%(ids)s) AND forgotten_at IS NULL
UNION
SELECT r.id FROM obligor k JOIN obligor r ON r.id_no_index = k.id_no_index WHERE k.id = ANY(%(ids)s)
UNION
SELECT f.obligor_id FROM obligor_field k JOIN obligor_field f ON f.field = k.field AND f.index = k.index
WHERE k.obligor_id = ANY(%(ids)s) AND k.field = 'insurance_code'
ORDER BY 1
"""

INSERT_REQUEST: Final = """
INSERT INTO forgetting_request (id, obligor_ids, ground, ground_id, is_again, maker, made_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""

LOCK_REQUEST: Final = """
SELECT obligor_ids, ground, ground_id, is_again, maker FROM forgetting_request
WHERE id = %s AND checker IS NULL AND made_at > %s FOR NO KEY UPDATE
"""

CONFIRM_REQUEST: Final = "UPDATE forgetting_request SET checker = %s, checked_at = %s WHERE id = %s"

INSERT_FORGETTING: Final = """
INSERT INTO subject_forgetting (obligor_id, ground, ground_id, forgotten_by, forgotten_at, audit_entry_id, request_id)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""

FORGOTTEN: Final = (
    "SELECT obligor_id, ground, ground_id FROM subject_forgetting ORDER BY forgotten_at, obligor_id"
)

OWED: Final = f"""
WITH {CONCERNED}
SELECT o.id, o.kind, o.portal_code, a.code, {AGENCY_NAME_VI}, o.document_no, o.document_on, o.principal, o.currency, o.state,
       o.created_at
FROM obligation o JOIN agency a ON a.code = o.agency_code {AGENCY_NAMED}
WHERE o.id IN (SELECT id FROM concerned) ORDER BY o.created_at, o.id
"""

PAID: Final = f"""
WITH {CONCERNED}
SELECT p.obligation_id, o.order_ref, o.state, p.amount, o.currency, o.created_at, o.paid_at, r.series, r.number
FROM payment_order_obligation p JOIN payment_order o ON o.id = p.order_id LEFT JOIN receipt r ON r.order_id = o.id
WHERE p.obligation_id IN (SELECT id FROM concerned) ORDER BY o.created_at, o.id
"""

READS: Final = "SELECT read_at, reader, purpose, fields FROM personal_data_read WHERE obligor_id = ANY(%s) ORDER BY read_at, id"

# Questions for the clearance of a person: the trail names the subject by the blind index it was searched by.
CLEARANCES: Final = """
SELECT recorded_at, facts ->> 'portal', facts ->> 'purpose', facts ->> 'subject_kind' FROM audit_entry
WHERE action = 'clearance.asked' AND object_id IN (
    SELECT encode(%(number)s, 'hex')
    UNION SELECT encode(index, 'hex') FROM obligor_field WHERE obligor_id = ANY(%(ids)s) AND field = 'licence_no')
ORDER BY recorded_at, id
"""

# Obligors whose last use lies before an instant and whose every obligation has ended. Whether they may go is asked again.
PAST_THEIR_TIME: Final = """
SELECT r.id FROM obligor r
WHERE r.forgotten_at IS NULL AND r.created_at < %(until)s AND r.id > %(after)s
  AND NOT EXISTS (SELECT 1 FROM obligation o WHERE o.obligor_id = r.id AND o.state IN ('open', 'partially_paid'))
ORDER BY r.id LIMIT %(limit)s
"""

# A day stays as long as one of its messages has still to be applied, or waits for a person.
ERASE_DAYS: Final = """
UPDATE day_key SET wrapped_key = NULL, erased_at = %s
WHERE day_on IN (
    SELECT k.day_on FROM day_key k WHERE k.erased_at IS NULL AND k.day_on < %s
      AND NOT EXISTS (SELECT 1 FROM callback_processing p JOIN inbound_callback c ON c.id = p.callback_id
                      WHERE p.status <> 'processed' AND c.sealed_on = k.day_on)
    ORDER BY k.day_on LIMIT %s)
"""

DELETE_FILES: Final = """
DELETE FROM decision_file WHERE batch_id IN (
    SELECT f.batch_id FROM decision_file f JOIN decision_batch b ON b.id = f.batch_id
    WHERE b.state IN ('finished', 'unreadable') AND coalesce(b.finished_at, b.read_at, b.received_at) < %s
    LIMIT %s)
"""

INSERT_ACT: Final = """
INSERT INTO retention_act (id, rule_id, record, until_at, rows_erased, done_at) VALUES (%s, %s, %s, %s, %s, %s)
"""

# Every table that keeps wrapped keys, of modules too, with the columns of its primary key.
KEY_TABLES: Final = """
SELECT c.relname::text,
       array(SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey)
             WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY array_position(i.indkey, a.attnum))
FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
  AND 3 = (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid
           AND a.attname IN ('data_key_id', 'kek_id', 'wrapped_key') AND NOT a.attisdropped)
ORDER BY c.relname
"""
