"""Every statement of orders and attempts. The hot ones: CREATE for a new order; LOCK_BY_ATTEMPT, ATTEMPTS, LINES and APPLY
for each piece of evidence. The lock of the order's row guards its attempts too: whoever writes an attempt holds it."""

# A new order with the obligations it collects, the lines of its quote and its first history row, in one statement.
# The partial unique index on live obligations and the unique portal_ref are the guards. What is exempted is not collected:
# any number of orders may name it.
CREATE = """
WITH made AS (
    INSERT INTO payment_order (id, order_ref, payment_code, pay_token, portal_code, portal_ref, state, version,
                               event_sequence, amount, currency, quoted_on, expires_at, return_url, locale, created_at,
                               closed_at)
    VALUES (%(id)s, %(order_ref)s, %(payment_code)s, %(pay_token)s, %(portal_code)s, %(portal_ref)s, %(state)s,
            %(version)s, 1, %(amount)s, %(currency)s, %(quoted_on)s, %(expires_at)s, %(return_url)s, %(locale)s,
            %(at)s, %(closed_at)s)
), collected AS (
    INSERT INTO payment_order_obligation (order_id, obligation_id, amount, is_live, instalment_no)
    SELECT %(id)s, obligation_id, amount, amount > 0, instalment_no
    FROM unnest(%(obligation_ids)s::uuid[], %(obligation_amounts)s::bigint[], %(obligation_instalments)s::int[])
         AS o (obligation_id, amount, instalment_no)
), quoted AS (
    INSERT INTO payment_order_line (order_id, line_no, obligation_id, type, name_vi, amount, currency,
                                    beneficiary_account, chapter, sub_item)
    SELECT %(id)s, line_no, obligation_id, type, name_vi, amount, %(currency)s, beneficiary_account, chapter, sub_item
    FROM unnest(%(line_obligations)s::uuid[], %(line_types)s::text[], %(line_names)s::text[],
                %(line_amounts)s::bigint[], %(line_accounts)s::text[], %(line_chapters)s::text[],
                %(line_sub_items)s::text[])
         WITH ORDINALITY
         AS l (obligation_id, type, name_vi, amount, beneficiary_account, chapter, sub_item, line_no)
)
INSERT INTO order_transition (object_id, version, object, order_id, from_state, event, to_state, recorded_at)
VALUES (%(id)s, 1, 'order', %(id)s, NULL, 'created', 'open', %(at)s)
"""

# The second step of an order that had nothing to collect from the start.
EXEMPT = """
INSERT INTO order_transition (object_id, version, object, order_id, from_state, event, to_state, recorded_at)
VALUES (%(id)s, 2, 'order', %(id)s, 'open', 'exempted', 'exempted', %(at)s)
"""

_ORDER = """
    o.id, o.order_ref, o.payment_code, o.pay_token, o.portal_code, o.portal_ref, o.state, o.version,
    o.event_sequence, o.amount, o.currency, o.quoted_on, o.expires_at, o.return_url, o.locale, o.created_at,
    o.closed_at, o.paid_at
"""

LOCK = f"SELECT {_ORDER} FROM payment_order o WHERE o.id = %s FOR NO KEY UPDATE"

# The lock comes first and in a statement of its own: what is read after it is not older than the lock.
LOCK_BY_ATTEMPT = f"""
SELECT {_ORDER} FROM payment_order o
WHERE o.id = (SELECT order_id FROM payment_attempt WHERE attempt_ref = %s AND provider_account = %s)
FOR NO KEY UPDATE
"""

# The orders that words of a memo name, by attempt, payment code or order reference, and that have been tried at this account.
NAMED_ORDERS = """
SELECT DISTINCT o.id, o.amount, o.currency
FROM unnest(%(refs)s::text[]) AS r (ref)
JOIN LATERAL (
    SELECT order_id AS id FROM payment_attempt WHERE attempt_ref = r.ref
    UNION SELECT id FROM payment_order WHERE payment_code = r.ref
    UNION SELECT id FROM payment_order WHERE order_ref = r.ref
) AS named ON true
JOIN payment_order o ON o.id = named.id
WHERE EXISTS (SELECT 1 FROM payment_attempt a WHERE a.order_id = o.id AND a.provider_account = %(account)s)
"""

BY_REF = f"SELECT {_ORDER} FROM payment_order o WHERE o.order_ref = %s AND o.portal_code = %s"
BY_PORTAL_REF = f"SELECT {_ORDER} FROM payment_order o WHERE o.portal_code = %s AND o.portal_ref = %s"
BY_TOKEN = f"SELECT {_ORDER} FROM payment_order o WHERE o.pay_token = %s"
BY_PAYMENT_CODE = f"SELECT {_ORDER} FROM payment_order o WHERE o.payment_code = %s"
LIVE_ORDER_OF_OBLIGATION = f"""
SELECT {_ORDER} FROM payment_order_obligation l JOIN payment_order o ON o.id = l.order_id
WHERE l.obligation_id = %s AND l.is_live
"""
BY_ID = f"SELECT {_ORDER} FROM payment_order o WHERE o.id = %s"

# Of `l`, an order that collects an obligation no more: money came for it late, and less than that went back.
# Counted, not EXISTS: whatever plan PostgreSQL takes, it begins with the obligation's own orders and never with the cases.
HOLDS_LATE_MONEY = """
NOT l.is_live AND 0 < (SELECT count(*) FROM suspense_case c WHERE c.order_id = l.order_id AND c.state = 'open')
AND 0 < (SELECT coalesce(sum(CASE p.side WHEN 'C' THEN p.amount ELSE -p.amount END), 0)
         FROM journal_entry e JOIN posting p ON p.entry_id = e.id AND p.account_code = 'suspense'
         WHERE e.order_id = l.order_id)
"""
# Without a LIMIT: an obligation has few orders, and PostgreSQL must never be led to walk all orders from the newest.
HOLDING_MONEY = f"""
SELECT l.order_id FROM payment_order_obligation l
WHERE l.obligation_id = ANY((SELECT %(ids)s::uuid[])::uuid[]) AND {HOLDS_LATE_MONEY}
  AND (%(since)s::timestamptz IS NULL OR 0 < (
      SELECT count(*) FROM suspense_case c
      WHERE c.order_id = l.order_id AND c.state = 'open' AND c.opened_at > %(since)s))
ORDER BY l.order_id DESC
"""

ATTEMPTS = """
SELECT id, order_id, number, attempt_ref, provider_account, state, version, amount, currency, merchant_account,
       provider_ref, redirect_url, evidence_rank, queries, next_query_at, created_at, expires_at, decided_at, paid_at,
       channel, instrument, qr_text
FROM payment_attempt WHERE order_id = %s ORDER BY number
"""

ATTEMPT = """
SELECT id, order_id, number, attempt_ref, provider_account, state, version, amount, currency, merchant_account,
       provider_ref, redirect_url, evidence_rank, queries, next_query_at, created_at, expires_at, decided_at, paid_at,
       channel, instrument, qr_text
FROM payment_attempt WHERE id = %s
"""
ATTEMPT_BY_REF = ATTEMPT.replace("WHERE id = %s", "WHERE attempt_ref = %s")

LINES = """
SELECT n.obligation_id, n.type, n.name_vi, n.amount, n.currency, n.beneficiary_account, n.chapter, n.sub_item,
       o.instalment_no, b.state
FROM payment_order_line n JOIN payment_order_obligation o USING (order_id, obligation_id)
JOIN obligation b ON b.id = n.obligation_id
WHERE n.order_id = %s ORDER BY n.line_no
"""

OBLIGATION_IDS = (
    "SELECT obligation_id FROM payment_order_obligation WHERE order_id = %s ORDER BY obligation_id"
)

# One piece of evidence and all that it does to the attempt and the order, with their history rows.
# A null event leaves the state and its version as they are. The provider's reference, channel and instrument are
# those of the money that the attempt took: later words about another try do not change them.
APPLY = """
WITH evidence AS (
    INSERT INTO payment_evidence (id, attempt_id, provider_account, attempt_ref, source, outcome, effect, provider_ref,
                                  amount, currency, merchant_account, paid_at, paid_at_raw, detail_code, recorded_at)
    VALUES (%(evidence_id)s, %(attempt_id)s, %(provider_account)s, %(attempt_ref)s, %(source)s, %(outcome)s,
            %(effect)s, %(provider_ref)s, %(evidence_amount)s, %(evidence_currency)s, %(merchant_account)s,
            %(paid_at)s, %(paid_at_raw)s, %(detail_code)s, %(at)s)
), attempt AS (
    UPDATE payment_attempt
    SET state = coalesce(%(attempt_to)s, state),
        version = version + (%(attempt_to)s::text IS NOT NULL)::int,
        provider_ref = CASE WHEN %(takes_money)s THEN coalesce(%(provider_ref)s, provider_ref)
                            WHEN %(is_live)s THEN coalesce(provider_ref, %(provider_ref)s) ELSE provider_ref END,
        evidence_rank = greatest(evidence_rank, %(rank)s),
        next_query_at = CASE WHEN %(ask_at)s::timestamptz IS NOT NULL THEN %(ask_at)s
                             WHEN %(is_live)s OR %(keeps_schedule)s THEN next_query_at END,
        decided_at = CASE WHEN %(decides)s THEN %(at)s ELSE decided_at END,
        paid_at = coalesce(paid_at, %(money_at)s),
        channel = CASE WHEN %(takes_money)s THEN coalesce(%(channel)s, channel) ELSE channel END,
        instrument = CASE WHEN %(takes_money)s THEN coalesce(%(instrument)s, instrument) ELSE instrument END
    WHERE id = %(attempt_id)s
    RETURNING id, version
), attempt_history AS (
    INSERT INTO order_transition (object_id, version, object, order_id, from_state, event, to_state, evidence_id,
                                  recorded_at)
    SELECT id, version, 'attempt', %(order_id)s, %(attempt_from)s, %(attempt_event)s, %(attempt_to)s, %(evidence_id)s,
           %(at)s
    FROM attempt WHERE %(attempt_to)s::text IS NOT NULL
), moved AS (
    UPDATE payment_order
    SET state = %(order_to)s, version = version + 1, event_sequence = event_sequence + 1, closed_at = %(at)s,
        paid_at = CASE WHEN %(order_to)s = 'paid' THEN %(money_at)s ELSE paid_at END
    WHERE id = %(order_id)s AND %(order_to)s::text IS NOT NULL
    RETURNING id, version
)
INSERT INTO order_transition (object_id, version, object, order_id, from_state, event, to_state, evidence_id,
                              recorded_at)
SELECT id, version, 'order', id, %(order_from)s, %(order_event)s, %(order_to)s, %(evidence_id)s, %(at)s FROM moved
"""

# Evidence that names no attempt of ours: kept, nothing else.
KEEP_UNMATCHED = """
INSERT INTO payment_evidence (id, provider_account, attempt_ref, source, outcome, effect, provider_ref, amount, currency,
                              merchant_account, paid_at, paid_at_raw, detail_code, recorded_at)
VALUES (%(evidence_id)s, %(provider_account)s, %(attempt_ref)s, %(source)s, %(outcome)s, 'unmatched', %(provider_ref)s,
        %(evidence_amount)s, %(evidence_currency)s, %(merchant_account)s, %(paid_at)s, %(paid_at_raw)s,
        %(detail_code)s, %(at)s)
"""

# The provider's transaction that was first said to be the money of an attempt booked without one.
NAMED_SINCE = """
SELECT provider_ref FROM payment_evidence
WHERE attempt_id = %s AND outcome = 'confirmed' AND effect = 'repeated' AND provider_ref IS NOT NULL
ORDER BY recorded_at, id LIMIT 1
"""

OPEN_CASE = """
INSERT INTO suspense_case (id, kind, state, provider_account, attempt_ref, provider_ref, order_id, attempt_id,
                           evidence_id, amount, currency, proposal, opened_at)
VALUES (%s, %s, 'open', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (provider_account, attempt_ref, kind, provider_ref) DO NOTHING
"""

# `state` is `created`, except for money that came beside a live attempt: its row is `surplus` from the start, because the
# order may have one live attempt only; its history says `created` and the evidence of the same transaction moves it on.
INSERT_ATTEMPT = """
WITH made AS (
    INSERT INTO payment_attempt (id, order_id, number, attempt_ref, provider_account, state, version, amount, currency,
                                 merchant_account, evidence_rank, queries, next_query_at, created_at, expires_at,
                                 channel, instrument)
    VALUES (%(id)s, %(order_id)s, %(number)s, %(attempt_ref)s, %(provider_account)s, %(state)s, 1, %(amount)s,
            %(currency)s, %(merchant_account)s, -1, 0, %(ask_at)s, %(at)s, %(expires_at)s, %(channel)s,
            %(instrument)s)
)
INSERT INTO order_transition (object_id, version, object, order_id, from_state, event, to_state, recorded_at)
VALUES (%(id)s, 1, 'attempt', %(order_id)s, NULL, 'created', 'created', %(at)s)
"""

# What the provider answered to our create call. The redirect address and the QR are kept so that the page can show them again.
MOVE_ATTEMPT = """
WITH moved AS (
    UPDATE payment_attempt
    SET state = %(to)s, version = version + 1, redirect_url = coalesce(%(redirect_url)s, redirect_url),
        qr_text = coalesce(%(qr_text)s, qr_text),
        provider_ref = coalesce(%(provider_ref)s, provider_ref), next_query_at = %(ask_at)s,
        decided_at = CASE WHEN %(ask_at)s::timestamptz IS NULL THEN %(at)s END
    WHERE id = %(id)s
    RETURNING id, version, order_id
)
INSERT INTO order_transition (object_id, version, object, order_id, from_state, event, to_state, recorded_at)
SELECT id, version, 'attempt', order_id, %(from)s, %(event)s, %(to)s, %(at)s FROM moved
"""

MOVE_ORDER = """
WITH moved AS (
    UPDATE payment_order
    SET state = %(to)s, version = version + 1, event_sequence = event_sequence + 1, closed_at = %(at)s
    WHERE id = %(id)s
    RETURNING id, version
)
INSERT INTO order_transition (object_id, version, object, order_id, from_state, event, to_state, recorded_at)
SELECT id, version, 'order', id, %(from)s, %(event)s, %(to)s, %(at)s FROM moved
"""

NOTE_REFUND = "UPDATE payment_attempt SET refund_asked_at = coalesce(refund_asked_at, %s) WHERE id = %s"

# A statement settles payments without the locks of their orders: whoever takes one back locks the attempt itself, too.
NOTE_SETTLED = """
UPDATE payment_attempt SET evidence_rank = %(rank)s WHERE id = ANY(%(ids)s) AND state <> 'reversed'
"""
LOCK_FOR_REVERSAL = """
SELECT evidence_rank, refund_asked_at IS NOT NULL FROM payment_attempt WHERE id = %s FOR NO KEY UPDATE
"""

# A fact about an order that does not move it: a refund of it. Under the order's lock.
COUNT_EVENT = (
    "UPDATE payment_order SET event_sequence = event_sequence + 1 WHERE id = %s RETURNING event_sequence"
)

RELEASE_OBLIGATIONS = "UPDATE payment_order_obligation SET is_live = false WHERE order_id = %s AND is_live"

RELEASE_SOME = """
UPDATE payment_order_obligation SET is_live = false WHERE order_id = %s AND obligation_id = ANY(%s) AND is_live
"""

# What an order promised was overtaken while somebody pays: no further try may begin.
END_PROMISE = "UPDATE payment_order SET expires_at = least(expires_at, %s) WHERE id = %s"

# Attempts of one account whose time to be asked about has come. The lease keeps a second worker away while the first asks.
CLAIM_DUE_QUERIES = """
WITH due AS MATERIALIZED (
    SELECT id FROM payment_attempt WHERE provider_account = %s AND next_query_at <= %s
    ORDER BY next_query_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE payment_attempt SET next_query_at = %s WHERE id IN (SELECT id FROM due)
RETURNING id
"""

# A query is about to be made: note it, and when it counts, when to ask next should no answer come. No row: nothing to ask.
NOTE_ASKED = """
UPDATE payment_attempt
SET asked_at = %(at)s, queries = queries + %(counts)s::boolean::int,
    next_query_at = coalesce(%(next_at)s, next_query_at)
WHERE id = %(id)s AND next_query_at IS NOT NULL
RETURNING id
"""

PUT_OFF_QUERY = "UPDATE payment_attempt SET next_query_at = %s WHERE id = %s AND next_query_at IS NOT NULL"

# Somebody looks at an attempt without an outcome; no row when it was asked about, or made, just before.
BRING_FORWARD = """
UPDATE payment_attempt SET asked_at = %(at)s
WHERE id = %(id)s AND next_query_at IS NOT NULL AND coalesce(asked_at, created_at) <= %(before)s
RETURNING id
"""

# Open orders past their time with no attempt whose outcome is still unknown.
DUE_TO_EXPIRE = """
SELECT o.id FROM payment_order o
WHERE o.state = 'open' AND o.expires_at <= %s
  AND NOT EXISTS (SELECT 1 FROM payment_attempt a
                  WHERE a.order_id = o.id AND a.state IN ('created', 'sent', 'in_doubt'))
ORDER BY o.expires_at LIMIT %s
"""
