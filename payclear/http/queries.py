"""The statements of idempotency keys, for `http.idempotency`; CLAIM and STORE stand in every POST."""

# Take the key for this transaction, and look whether its answer is there. The look-up's snapshot may be older
# than the lock by a moment: `http.idempotency` looks again (FIND) before it believes a refusal, and the
# primary key is the guard.
CLAIM = """
SELECT pg_try_advisory_xact_lock(%(lock)s) AS is_mine, k.fingerprint, k.status, k.content_type, k.location,
       k.body
FROM (VALUES (1)) AS always LEFT JOIN idempotency_key k ON k.portal_code = %(portal_code)s AND k.key = %(key)s
"""

FIND = """
SELECT true AS is_mine, fingerprint, status, content_type, location, body
FROM idempotency_key WHERE portal_code = %(portal_code)s AND key = %(key)s
"""

STORE = """
INSERT INTO idempotency_key (portal_code, key, fingerprint, status, content_type, location, body, created_at)
VALUES (%(portal_code)s, %(key)s, %(fingerprint)s, %(status)s, %(content_type)s, %(location)s, %(body)s,
        %(at)s)
"""

FORGET = """
DELETE FROM idempotency_key
WHERE (portal_code, key) IN (SELECT portal_code, key FROM idempotency_key WHERE created_at < %s LIMIT %s)
"""
