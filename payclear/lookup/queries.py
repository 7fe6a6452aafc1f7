"""Every statement of look-up, links and clearance. The look-up runs the same ones whether it finds something or not."""

from payclear.catalogue.queries import AGENCY_NAME_EN, AGENCY_NAME_VI, AGENCY_NAMED
from payclear.obligations.fees.queries import COLLECTION_OF_DOSSIER
from payclear.orders.queries import HOLDS_LATE_MONEY

# Take one try: no row when the meter is full. A meter at rest takes `room` at once, then one every `every`.
TAKE = """
INSERT INTO lookup_meter (key, rests_at) VALUES (%(key)s, %(now)s + %(every)s)
ON CONFLICT (key) DO UPDATE SET rests_at = greatest(lookup_meter.rests_at, %(now)s) + %(every)s
WHERE lookup_meter.rests_at <= %(now)s + %(room)s
RETURNING rests_at
"""
RESTS_AT = "SELECT rests_at FROM lookup_meter WHERE key = %s"
GIVE_BACK = "UPDATE lookup_meter SET rests_at = rests_at - %(every)s WHERE key = %(key)s"
FORGET_METERS = "DELETE FROM lookup_meter WHERE rests_at < %s"

_FOUND = f"""
SELECT o.id, r.id AS obligor_id, r.data_key_id, r.kek_id, r.wrapped_key, r.name_sealed, p.sealed AS plate_sealed,
       EXISTS (SELECT 1 FROM payment_order_obligation l JOIN payment_attempt t ON t.order_id = l.order_id
               WHERE l.obligation_id = o.id AND l.is_live
                 AND t.state IN ('created', 'sent', 'in_doubt', 'surplus'))
       OR EXISTS (SELECT 1 FROM payment_order_obligation l WHERE l.obligation_id = o.id AND {HOLDS_LATE_MONEY})
       AS holds_money,
       EXISTS (SELECT 1 FROM dossier d CROSS JOIN LATERAL ({COLLECTION_OF_DOSSIER}) AS c
               WHERE d.obligation_id = o.id AND c.collection_mode = 'counter') AS is_counter_only,
       (SELECT coalesce(sum(b.amount), 0)::bigint FROM payment_order_obligation l
        JOIN payment_attempt t ON t.order_id = l.order_id AND t.state = 'succeeded'
        JOIN refund b ON b.attempt_id = t.id AND b.state = 'done'
        WHERE l.obligation_id = o.id AND l.is_live AND l.amount > 0) AS given_back
FROM obligation o JOIN obligor r ON r.id = o.obligor_id
LEFT JOIN LATERAL (SELECT sealed FROM obligor_field
                   WHERE obligor_id = r.id AND field = 'plate' AND sealed IS NOT NULL ORDER BY no LIMIT 1) AS p ON true
"""

# Start from the second factor, never from the number: whether a number exists must not show in the plan or its time.
FIND = f"""
WITH fitting AS MATERIALIZED (
    SELECT DISTINCT obligor_id FROM obligor_field
    WHERE field = 'factor' AND index = ANY((SELECT %(factors)s::bytea[])::bytea[])
)
{_FOUND}
WHERE o.obligor_id = ANY(ARRAY(SELECT obligor_id FROM fitting))
  AND (o.document_key || '' = ANY((SELECT %(keys)s::text[])::text[])
       OR EXISTS (SELECT 1 FROM fine_version v
                  WHERE v.obligation_id = o.id AND v.document_key = ANY((SELECT %(keys)s::text[])::text[])))
  AND (%(agency_code)s::text IS NULL OR o.agency_code || '' = %(agency_code)s)
  AND (%(document_on)s::date IS NULL OR o.document_on = %(document_on)s)
ORDER BY o.created_at, o.id LIMIT %(most)s
"""
FIND_ONE = f"{_FOUND} WHERE o.id = %(id)s"

# What a look-up writes are meters and counts: nobody waits for the disk, and a crash may lose the last of them.
LAZILY = "SET LOCAL synchronous_commit = off"

_LINK = "id, obligation_id, purpose, created_at, expires_at, revoked_at"
ADD_LINK = f"""
INSERT INTO lookup_link (id, token_digest, obligation_id, purpose, created_at, expires_at)
VALUES (%(id)s, %(token_digest)s, %(obligation_id)s, %(purpose)s, %(at)s, %(expires_at)s)
RETURNING {_LINK}
"""
LINK = f"SELECT {_LINK} FROM lookup_link WHERE token_digest = %s"
REVOKE_LINKS = """
UPDATE lookup_link SET revoked_at = %(at)s
WHERE obligation_id = %(obligation_id)s AND purpose = 'payer' AND revoked_at IS NULL AND expires_at > %(at)s
RETURNING id
"""
ADD_ORDER = "INSERT INTO lookup_order (order_id, link_id) VALUES (%s, %s)"

# Unpaid decisions of a subject. The first is for an identity number, the second for a plate or a licence.
UNPAID_BY_ID_NO = """
SELECT count(*) FROM obligor r JOIN obligation o ON o.obligor_id = r.id
WHERE r.id_no_index = %s AND o.kind = 'traffic_fine' AND o.state IN ('open', 'partially_paid')
"""
UNPAID_BY_FIELD = """
SELECT count(DISTINCT o.id) FROM obligor_field f JOIN obligation o ON o.obligor_id = f.obligor_id
WHERE f.field = %s AND f.index = ANY(%s) AND o.kind = 'traffic_fine' AND o.state IN ('open', 'partially_paid')
"""

# The agencies whose decisions are here: from one to the next along the index, never through all decisions.
_ISSUING = """
WITH RECURSIVE issuing (code) AS (
    SELECT min(agency_code) FROM obligation WHERE kind = 'traffic_fine'
    UNION ALL
    SELECT (SELECT min(o.agency_code) FROM obligation o WHERE o.kind = 'traffic_fine' AND o.agency_code > i.code)
    FROM issuing i WHERE i.code IS NOT NULL
)
"""
ISSUING = f"{_ISSUING} SELECT code FROM issuing WHERE code IS NOT NULL"

# What a visitor may choose from.
AGENCIES = f"""{_ISSUING}
SELECT a.code, {AGENCY_NAME_VI}, {AGENCY_NAME_EN} FROM agency a {AGENCY_NAMED}
WHERE a.code IN (SELECT code FROM issuing) OR a.code IN (SELECT agency_code FROM decision_coverage)
ORDER BY a.code
"""

# Up to which day an authority's decisions are here: for all, and by a kind of key for some.
COMPLETE_TO = "SELECT max(complete_to) FROM decision_coverage WHERE agency_code = %s"
# A fine that was registered, or became payable again, since without that key could not be found by it: the authority's
# word no longer holds.
COMPLETE_TO_BY_KEY = """
SELECT a.code, max(c.complete_to) FROM unnest(%(agencies)s::text[], %(portals)s::text[]) AS a (code, portal)
CROSS JOIN LATERAL (SELECT v.complete_to, v.recorded_at
                    FROM decision_coverage v JOIN decision_batch b ON b.id = v.batch_id
                    WHERE v.agency_code = a.code AND v.key_kinds @> ARRAY[%(key)s::text] AND b.portal_code = a.portal
                    ORDER BY v.complete_to DESC, v.recorded_at DESC LIMIT 1) AS c
WHERE NOT EXISTS (
    SELECT 1 FROM (
        SELECT id FROM obligation
        WHERE kind = 'traffic_fine' AND agency_code = a.code AND created_at > c.recorded_at
        UNION ALL
        SELECT obligation_id FROM obligation_transition WHERE event = 'reopened' AND recorded_at > c.recorded_at
    ) AS since JOIN obligation o ON o.id = since.id JOIN obligor r ON r.id = o.obligor_id
    WHERE o.kind = 'traffic_fine' AND o.agency_code = a.code
      AND o.state IN ('open', 'partially_paid')
      AND CASE %(key)s
          WHEN 'id_no' THEN r.id_no_index IS NULL
          ELSE NOT EXISTS (SELECT 1 FROM obligor_field f WHERE f.obligor_id = r.id AND f.field = %(field)s)
          END)
GROUP BY a.code
"""
