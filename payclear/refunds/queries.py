"""Every statement of refunds. Whoever writes a refund holds the lock of its order."""

_COLUMNS = """
    r.id, r.refund_ref, r.attempt_id, r.order_id, r.provider_account, r.amount, r.currency, r.state, r.version, r.reason,
    r.requested_by, r.evidence_rank, r.asked_at, r.provider_ref, r.queries, r.next_query_at, r.requested_at,
    r.decided_at, r.detail_code, a.attempt_ref, o.order_ref
"""
_FROM = "refund r JOIN payment_attempt a ON a.id = r.attempt_id JOIN payment_order o ON o.id = r.order_id"

BY_ID = f"SELECT {_COLUMNS} FROM {_FROM} WHERE r.id = %s"
BY_REF = f"SELECT {_COLUMNS} FROM {_FROM} WHERE r.refund_ref = %s"
NEWEST = f"SELECT {_COLUMNS} FROM {_FROM} ORDER BY r.requested_at DESC, r.id DESC LIMIT %s"

HISTORY = (
    "SELECT recorded_at, event, to_state, source FROM refund_transition WHERE refund_id = %s ORDER BY version"
)

ATTEMPT_OF_REF = "SELECT id, order_id FROM payment_attempt WHERE attempt_ref = %s"

# What the books still hold of an attempt, what its refunds ask back, and how many there were.
STANDING = """
SELECT captured_of(%(attempt)s), coalesce(sum(amount) FILTER (WHERE state <> 'rejected'), 0)::bigint, count(*)
FROM refund WHERE attempt_id = %(attempt)s
"""

INSERT = """
WITH made AS (
    INSERT INTO refund (id, refund_ref, attempt_id, order_id, provider_account, amount, currency, state, version, reason,
                        requested_by, evidence_rank, queries, next_query_at, requested_at)
    VALUES (%(id)s, %(refund_ref)s, %(attempt_id)s, %(order_id)s, %(provider_account)s, %(amount)s, %(currency)s,
            'requested', 1, %(reason)s, %(requested_by)s, -1, 0, %(at)s, %(at)s)
)
INSERT INTO refund_transition (refund_id, version, from_state, event, to_state, recorded_at)
VALUES (%(id)s, 1, NULL, 'requested', 'requested', %(at)s)
"""

MOVE = """
WITH moved AS (
    UPDATE refund
    SET state = %(to)s, version = version + 1, next_query_at = %(next_at)s,
        asked_at = coalesce(asked_at, %(asked_at)s), provider_ref = coalesce(%(provider_ref)s, provider_ref),
        detail_code = coalesce(%(detail_code)s, detail_code), evidence_rank = greatest(evidence_rank, %(rank)s),
        queries = queries + %(counts)s, decided_at = %(decided_at)s
    WHERE id = %(id)s
    RETURNING id, version
)
INSERT INTO refund_transition (refund_id, version, from_state, event, to_state, source, provider_ref, detail_code,
                               recorded_at)
SELECT id, version, %(from)s, %(event)s, %(to)s, %(source)s, %(provider_ref)s, %(detail_code)s, %(at)s FROM moved
"""

RESCHEDULE = "UPDATE refund SET next_query_at = %s, provider_ref = coalesce(%s, provider_ref) WHERE id = %s"

COUNT_QUERY = "UPDATE refund SET queries = queries + 1, next_query_at = %s WHERE id = %s"

# Refunds whose time has come. The lease keeps a second worker away while the first works.
CLAIM_DUE = """
WITH due AS MATERIALIZED (
    SELECT id FROM refund WHERE next_query_at <= %s AND (state = 'requested') = %s
    ORDER BY next_query_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE refund SET next_query_at = %s WHERE id IN (SELECT id FROM due)
RETURNING id
"""

# What is left of an attempt's money at each beneficiary account, in the order in which the capture booked them.
REMAINDERS = """
SELECT p.beneficiary_account, sum(CASE p.side WHEN 'C' THEN p.amount ELSE -p.amount END)::bigint AS remainder
FROM journal_entry e JOIN posting p ON p.entry_id = e.id AND p.account_code = 'beneficiary_payable'
WHERE e.order_id = %s AND e.attempt_id = %s
GROUP BY p.beneficiary_account
ORDER BY min(p.line_no), p.beneficiary_account
"""

# What earlier refunds of an attempt gave back.
GIVEN = """
SELECT coalesce(sum(amount), 0)::bigint FROM refund WHERE attempt_id = %s AND state = 'done' AND id <> %s
"""

# What is asked back of an attempt and not decided yet, without what the order's other fines wait for: a refund names no fine.
ON_ITS_WAY_FOR = """
SELECT greatest(0, coalesce(sum(amount), 0) - (
    SELECT coalesce(sum(least(p.amount, e.held)), 0) FROM refund_proposal p JOIN (
        SELECT obligation_id, sum(CASE kind WHEN 'paid' THEN principal + surcharge ELSE -(principal + surcharge) END) AS held
        FROM fine_event WHERE order_id = %(order)s AND kind IN ('paid', 'refunded', 'reversed') GROUP BY obligation_id
    ) e USING (obligation_id)
    WHERE p.state = 'accepted' AND p.carrier = 'provider' AND p.obligation_id <> %(obligation)s
))::bigint
FROM refund WHERE attempt_id = %(attempt)s AND state NOT IN ('done', 'rejected')
"""

# What agencies gave back themselves of an order's money: under a paper's number, and of no plan.
GIVEN_BY_AGENCY = """
SELECT coalesce(sum(principal + surcharge), 0)::bigint FROM fine_event
WHERE order_id = %s AND kind = 'refunded' AND ref <> '' AND instalment_no IS NULL
"""
