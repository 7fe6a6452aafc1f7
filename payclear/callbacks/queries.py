"""Every statement of the inbox. `STORE` and `FINISH` are hot: each callback makes both, in one transaction with its effect."""

# Keep a callback as it arrived. An equal one that is being stored at this moment makes us wait for its end;
# no row back means that it is there already.
STORE = """
INSERT INTO inbound_callback (id, provider_account, dedupe_key, method, path, query_string, headers, body, key_id,
                              received_at, sealed_on)
VALUES (%(id)s, %(provider_account)s, %(dedupe_key)s, %(method)s, %(path)s, %(query_string)s, %(headers)s, %(body)s,
        %(key_id)s, %(received_at)s, %(sealed_on)s)
ON CONFLICT (provider_account, dedupe_key) DO NOTHING
RETURNING id
"""

# What became of an equal callback, locked so that a second application waits for the first.
STORED = """
SELECT c.id, p.status, p.verdict, p.tries
FROM inbound_callback c JOIN callback_processing p ON p.callback_id = c.id
WHERE c.provider_account = %s AND c.dedupe_key = %s FOR UPDATE OF p
"""

FINISH = """
INSERT INTO callback_processing (callback_id, status, verdict, evidence_id, tries, next_try_at, error, updated_at)
VALUES (%(id)s, %(status)s, %(verdict)s, %(evidence_id)s, %(tries)s, %(next_try_at)s, %(error)s, %(at)s)
ON CONFLICT (callback_id) DO UPDATE
SET status = excluded.status, verdict = excluded.verdict, evidence_id = excluded.evidence_id, tries = excluded.tries,
    next_try_at = excluded.next_try_at, error = excluded.error, updated_at = excluded.updated_at
"""

COUNT_REJECTION = """
INSERT INTO callback_rejection (provider_account, reason, hour, count)
VALUES (%s, %s, date_trunc('hour', %s::timestamptz), 1)
ON CONFLICT (provider_account, reason, hour) DO UPDATE SET count = callback_rejection.count + 1
"""

# Stored callbacks whose application failed. The lease keeps a second worker away while the first tries.
CLAIM_PENDING = """
WITH due AS MATERIALIZED (
    SELECT callback_id FROM callback_processing WHERE status = 'pending' AND next_try_at <= %s
    ORDER BY next_try_at LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE callback_processing SET next_try_at = %s WHERE callback_id IN (SELECT callback_id FROM due)
RETURNING callback_id
"""

RAW = """
SELECT provider_account, method, path, query_string, headers, body, received_at, sealed_on
FROM inbound_callback WHERE id = %s
"""

LOCK_PROCESSING = "SELECT status, verdict, tries FROM callback_processing WHERE callback_id = %s FOR UPDATE"
