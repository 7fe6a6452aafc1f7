"""The invariants of the core as queries whose rows are the offenders (RELIABILITY section 2). Read-only; no row means it holds.

Modules and features above add their own; `verify` runs them all in one snapshot.
"""

from collections.abc import Sequence

from payclear.contract.modules import Check

APPEND_ONLY = (
    "obligation_transition",
    "fee_line",
    "payment_order_line",
    "order_transition",
    "payment_evidence",
    "ledger_account",
    "journal_entry",
    "posting",
    "event",
    "audit_entry",
    "audit_seal",
    "audit_checkpoint",
    "inbound_callback",
    "collection_message",
    "routing_decision",
    "attempt_routing",
    "attempt_service_fee",
    "lookup_order",
    "webhook_attempt",
    "refund_transition",
    "personal_data_read",
    "subject_forgetting",
    "retention_act",
    "contribution_notice",
    "contribution_member",
    "contribution_quote",
    "notice",
    "fine_version",
    "fine_event",
    "instalment_plan",
    "instalment",
    "catalogue_change_row",
    "catalogue_change_transition",
    "portal_activation",
    "obligation_lookup",
    "open_data_snapshot",
    "decision_row",
    "decision_coverage",
)


def append_only_check(check_id: str, title: str, tables: Sequence[str]) -> Check:
    """The check that tables which never change have both guards, and that whoever works may only add to them.

    Who works is the application role, and the role that asks: neither may change these tables, own them or be superuser.
    """
    names = ", ".join(f"('{name}')" for name in tables)
    return Check(
        id=check_id,
        title=title,
        sql=f"""
        SELECT t.name AS table_name, 'trigger missing or off' AS fault
        FROM (VALUES {names}) AS t (name)
        WHERE (SELECT count(*) FROM pg_trigger g
               WHERE g.tgrelid = t.name::regclass AND g.tgenabled = 'O'
                 AND g.tgfoid IN ('refuse_change'::regproc, 'refuse_change_but_key'::regproc)) < 2
        UNION ALL
        SELECT t.name, w.who || ' holds ' || right_held
        FROM (VALUES {names}) AS t (name), (VALUES ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS r (right_held),
             (SELECT 'payclear_app'::name UNION SELECT current_user) AS w (who)
        WHERE has_table_privilege(w.who, t.name, r.right_held)
        UNION ALL
        SELECT t.name, current_user || ' owns it, or may act as its owner'
        FROM (VALUES {names}) AS t (name) JOIN pg_class c ON c.oid = t.name::regclass
        WHERE pg_has_role(current_user, c.relowner, 'MEMBER')
        UNION ALL
        SELECT rolname::text, 'is a superuser' FROM pg_roles WHERE rolname = current_user AND rolsuper
        """,
    )


LEDGER_CHECKS = (
    Check(
        id="INV-01",
        title="Each journal entry has at least two legs and balances per currency",
        sql="""
        SELECT e.id::text AS entry, p.currency, count(p.entry_id) AS legs,
               coalesce(sum(CASE p.side WHEN 'D' THEN p.amount ELSE -p.amount END), 0) AS difference
        FROM journal_entry e LEFT JOIN posting p ON p.entry_id = e.id
        GROUP BY e.id, p.currency
        HAVING count(p.entry_id) < 2 OR sum(CASE p.side WHEN 'D' THEN p.amount ELSE -p.amount END) <> 0
        """,
    ),
    Check(
        id="INV-02",
        title="The whole ledger sums to zero per currency",
        sql="""
        SELECT currency, sum(CASE side WHEN 'D' THEN amount ELSE -amount END) AS difference
        FROM posting GROUP BY currency HAVING sum(CASE side WHEN 'D' THEN amount ELSE -amount END) <> 0
        """,
    ),
    append_only_check(
        "INV-03",
        "Tables that never change are guarded by triggers, and the application role may not change them",
        APPEND_ONLY,
    ),
    Check(
        id="INV-03b",
        title="The database refuses unbalanced and late bookings",
        sql="""
        SELECT 'posting' AS table_name, 'late postings are not refused' AS fault WHERE NOT EXISTS (
            SELECT 1 FROM pg_trigger WHERE tgrelid = 'posting'::regclass
            AND tgfoid = 'refuse_late_posting'::regproc AND tgenabled = 'O')
        UNION ALL
        SELECT 'journal_entry', 'balance is not enforced' WHERE NOT EXISTS (
            SELECT 1 FROM pg_trigger WHERE tgrelid = 'journal_entry'::regclass
            AND tgfoid = 'require_balance'::regproc AND tgenabled = 'O' AND tginitdeferred)
        """,
    ),
    Check(
        id="INV-04",
        title="A provider's transaction brought money in once at most",
        sql="""
        SELECT provider_account, provider_ref, count(*) AS attempts FROM payment_attempt
        WHERE state IN ('succeeded', 'surplus', 'reversed') AND provider_ref IS NOT NULL
        GROUP BY provider_account, provider_ref HAVING count(*) > 1
        UNION ALL
        SELECT a.provider_account, a.attempt_ref || ' carries ' || a.provider_ref || ', booked under another', 1
        FROM payment_attempt a WHERE a.state IN ('succeeded', 'surplus', 'reversed') AND a.provider_ref IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM journal_entry e
                          WHERE e.natural_key = 'money-in:' || a.provider_account || ':' || a.provider_ref
                            AND e.attempt_id = a.id)
          AND EXISTS (SELECT 1 FROM journal_entry e WHERE e.attempt_id = a.id)
        UNION ALL
        SELECT provider_account, natural_key, count(*) FROM journal_entry
        GROUP BY provider_account, natural_key HAVING count(*) > 1
        """,
    ),
    Check(
        id="INV-05",
        title="An attempt brought money in, and its bank took it back, if and only if the ledger shows that amount; "
        "an order is paid, or reversed, by exactly one",
        sql="""
        WITH booked AS (
            -- A second payment of the same attempt lies in suspense under its own reference: it is not the attempt's money.
            SELECT e.attempt_id, e.template, sum(p.amount) AS amount FROM journal_entry e
            JOIN payment_attempt a ON a.id = e.attempt_id
            JOIN posting p ON p.entry_id = e.id AND p.account_code = 'provider_receivable' AND p.side = 'D'
            WHERE e.template IN ('payment_captured', 'payment_suspended')
              AND e.natural_key = 'money-in:' || a.provider_account || ':' || coalesce(a.provider_ref, a.attempt_ref)
            GROUP BY e.attempt_id, e.template
        ), taken_back AS (
            SELECT e.attempt_id, sum(p.amount) AS amount FROM journal_entry e
            JOIN posting p ON p.entry_id = e.id AND p.account_code = 'provider_receivable' AND p.side = 'C'
            WHERE e.template = 'payment_reversed' GROUP BY e.attempt_id
        )
        SELECT coalesce(a.attempt_ref, b.attempt_id::text) AS attempt, a.state, b.template, b.amount
        FROM (SELECT * FROM payment_attempt WHERE state IN ('succeeded', 'surplus', 'reversed')) a
        FULL JOIN booked b ON b.attempt_id = a.id
        WHERE a.id IS NULL OR b.attempt_id IS NULL
           OR (a.state IN ('succeeded', 'reversed') AND (b.template <> 'payment_captured' OR b.amount <> a.amount))
           OR (a.state = 'surplus' AND b.template <> 'payment_suspended')
        UNION ALL
        SELECT coalesce(a.attempt_ref, b.attempt_id::text), a.state, 'payment_reversed', b.amount
        FROM (SELECT * FROM payment_attempt WHERE state = 'reversed') a
        FULL JOIN taken_back b ON b.attempt_id = a.id
        WHERE a.id IS NULL OR b.attempt_id IS NULL OR a.amount <> b.amount
        UNION ALL
        SELECT o.order_ref, o.state, 'succeeded attempts', count(a.id)
        FROM payment_order o LEFT JOIN payment_attempt a ON a.order_id = o.id AND a.state = 'succeeded'
        GROUP BY o.id HAVING count(a.id) <> (o.state = 'paid')::int
        UNION ALL
        SELECT o.order_ref, o.state, 'reversed attempts', count(a.id)
        FROM payment_order o LEFT JOIN payment_attempt a ON a.order_id = o.id AND a.state = 'reversed'
        GROUP BY o.id HAVING count(a.id) <> (o.state = 'reversed')::int
        UNION ALL
        SELECT o.order_ref, b.state, 'obligation does not follow its order', l.amount
        FROM payment_order o JOIN payment_order_obligation l ON l.order_id = o.id
        JOIN obligation b ON b.id = l.obligation_id
        WHERE (o.state = 'paid' AND l.amount > 0 AND b.kind <> 'traffic_fine' AND (b.state, l.is_live) NOT IN (('paid', true), ('refunded', false)))
           OR (o.state = 'reversed' AND l.is_live)
        """,
    ),
    Check(
        id="INV-18",
        title="Refunds of an order never exceed what it captured",
        sql="""
        SELECT order_id::text AS order_id,
               sum(p.amount) FILTER (WHERE e.template LIKE 'refund%') AS refunded,
               coalesce(sum(CASE p.side WHEN 'D' THEN p.amount ELSE -p.amount END)
                        FILTER (WHERE e.template LIKE 'payment%'), 0) AS captured
        FROM journal_entry e JOIN posting p ON p.entry_id = e.id AND p.account_code = 'provider_receivable'
        WHERE order_id IS NOT NULL GROUP BY order_id
        HAVING sum(p.amount) FILTER (WHERE e.template LIKE 'refund%')
             > coalesce(sum(CASE p.side WHEN 'D' THEN p.amount ELSE -p.amount END)
                        FILTER (WHERE e.template LIKE 'payment%'), 0)
        """,
    ),
)

ORDER_CHECKS = (
    Check(
        id="INV-07",
        title="Every attempt without an outcome is asked about within a day, none whose money came; an order has one at most",
        sql="""
        SELECT attempt_ref, state, next_query_at::text AS next_query_at FROM payment_attempt
        WHERE state IN ('created', 'sent', 'in_doubt')
          AND (next_query_at IS NULL OR next_query_at > now() + interval '24 hours')
        UNION ALL
        SELECT attempt_ref, state, next_query_at::text FROM payment_attempt
        WHERE next_query_at IS NOT NULL
          AND (state IN ('succeeded', 'surplus', 'reversed')
               OR state IN ('failed', 'expired') AND next_query_at > now() + interval '24 hours')
        UNION ALL
        SELECT order_id::text, 'live attempts', count(*)::text FROM payment_attempt
        WHERE state IN ('created', 'sent', 'in_doubt', 'succeeded') GROUP BY order_id HAVING count(*) > 1
        """,
    ),
    Check(
        id="INV-17",
        title="An order is paid only by evidence equal in amount, currency and merchant; other money lies in suspense with a case",
        sql="""
        SELECT e.attempt_ref, e.effect, e.amount AS evidence_amount, o.amount AS order_amount
        FROM payment_evidence e JOIN payment_attempt a ON a.id = e.attempt_id JOIN payment_order o ON o.id = a.order_id
        WHERE e.effect = 'captured'
          AND (e.amount IS DISTINCT FROM o.amount OR e.currency IS DISTINCT FROM o.currency::text
               OR coalesce(e.merchant_account, a.merchant_account) <> a.merchant_account)
        UNION ALL
        SELECT a.attempt_ref, 'succeeded without evidence', NULL, a.amount FROM payment_attempt a
        WHERE a.state IN ('succeeded', 'reversed') AND NOT EXISTS (
            SELECT 1 FROM payment_evidence e WHERE e.attempt_id = a.id AND e.effect = 'captured')
        UNION ALL
        SELECT a.attempt_ref, 'surplus without a case', NULL, a.amount FROM payment_attempt a
        WHERE a.state = 'surplus' AND NOT EXISTS (SELECT 1 FROM suspense_case c WHERE c.attempt_id = a.id)
        UNION ALL
        SELECT e.natural_key, 'suspense without a case', NULL, NULL FROM journal_entry e
        WHERE e.template = 'payment_suspended' AND e.attempt_id IS NULL AND NOT EXISTS (
            SELECT 1 FROM suspense_case c WHERE c.provider_account = e.provider_account
            AND e.natural_key = 'money-in:' || c.provider_account || ':' || c.provider_ref)
        """,
    ),
    Check(
        id="INV-17b",
        title="Every payment says where it was paid and from what",
        sql="""
        SELECT attempt_ref, coalesce(channel, 'no channel') AS channel, coalesce(instrument, 'no instrument') AS instrument
        FROM payment_attempt
        WHERE state NOT IN ('created', 'sent', 'in_doubt', 'failed', 'expired') AND (channel IS NULL OR instrument IS NULL)
        """,
    ),
    Check(
        id="INV-09",
        title="An idempotency key stands for one effect",
        sql="""
        SELECT k.portal_code, k.key, k.order_ref, 'the order of the stored answer does not exist' AS fault
        FROM (SELECT portal_code, key, convert_from(body, 'UTF8')::jsonb ->> 'order_ref' AS order_ref
              FROM idempotency_key WHERE status = 201) k
        WHERE k.order_ref IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM payment_order o WHERE o.order_ref = k.order_ref AND o.portal_code = k.portal_code)
        UNION ALL
        SELECT portal_code, min(key), convert_from(body, 'UTF8')::jsonb ->> 'order_ref', 'two keys made one order'
        FROM idempotency_key WHERE status = 201 AND convert_from(body, 'UTF8')::jsonb ? 'order_ref'
        GROUP BY portal_code, convert_from(body, 'UTF8')::jsonb ->> 'order_ref' HAVING count(*) > 1
        """,
    ),
)

EVENT_CHECKS = (
    Check(
        id="INV-10",
        title="Every event has one delivery per subscribed endpoint, written in the event's own transaction",
        sql="""
        SELECT e.id::text AS event, w.id::text AS endpoint, 'no delivery' AS fault
        FROM event e JOIN webhook_endpoint w ON w.portal_code = e.portal_code AND e.type = ANY(w.event_types) AND w.created_at < e.occurred_at - interval '1 minute'
        WHERE NOT EXISTS (SELECT 1 FROM webhook_delivery d WHERE d.event_id = e.id AND d.endpoint_id = w.id)
        UNION ALL
        SELECT e.id::text, d.endpoint_id::text, 'delivery of another transaction'
        FROM webhook_delivery d JOIN event e ON e.id = d.event_id WHERE d.xid <> e.xid
        UNION ALL
        SELECT o.id::text, o.state, 'no event for the state' FROM payment_order o
        WHERE o.state <> 'open' AND NOT EXISTS (
            SELECT 1 FROM event e WHERE e.aggregate_id = o.id AND e.type = 'payment_order.' || o.state)
        UNION ALL
        SELECT aggregate_id::text, type, 'announced more than once' FROM event
        WHERE type LIKE 'payment_order.%'
        GROUP BY aggregate_id, type HAVING count(*) > 1
        """,
    ),
    Check(
        id="INV-11",
        title="Every delivery is delivered, due, or parked; a delivered one had an accepted try",
        sql="""
        SELECT d.id::text AS delivery, d.state, d.next_attempt_at::text AS next_attempt_at FROM webhook_delivery d
        WHERE (d.state = 'pending' AND d.next_attempt_at IS NULL)
           OR (d.state = 'delivered' AND NOT EXISTS (
                SELECT 1 FROM webhook_attempt t WHERE t.delivery_id = d.id AND t.status BETWEEN 200 AND 299))
        """,
    ),
    Check(
        id="INV-12",
        title="Every try of an event sent the same bytes",
        sql="""
        SELECT t.delivery_id::text AS delivery, t.number FROM webhook_attempt t
        JOIN webhook_delivery d ON d.id = t.delivery_id JOIN event e ON e.id = d.event_id
        WHERE t.body_hash <> sha256(e.body)
        """,
    ),
    Check(
        id="INV-13",
        title="Events of an order are numbered 1..n without gaps, and the order knows n",
        sql="""
        SELECT e.aggregate_id::text AS order_id, count(*) AS events, max(e.sequence) AS last, o.event_sequence
        FROM event e JOIN payment_order o ON o.id = e.aggregate_id
        GROUP BY e.aggregate_id, o.event_sequence
        HAVING count(*) <> max(e.sequence) OR min(e.sequence) <> 1 OR max(e.sequence) <> o.event_sequence
        UNION ALL
        SELECT o.id::text, 0, 0, o.event_sequence FROM payment_order o
        WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.aggregate_id = o.id)
        """,
    ),
)

INBOX_CHECKS = (
    Check(
        id="INV-14",
        title="Every kept callback is processed, pending with a time, or quarantined",
        sql="""
        SELECT c.id::text AS callback, c.provider_account, p.status
        FROM inbound_callback c LEFT JOIN callback_processing p ON p.callback_id = c.id
        WHERE p.callback_id IS NULL OR (p.status = 'pending' AND p.next_try_at IS NULL)
           OR (p.status = 'processed' AND p.verdict IS NULL)
        """,
    ),
    Check(
        id="INV-15",
        title="What callbacks and counters did came from messages that were verified and kept",
        sql="""
        SELECT e.id::text AS evidence, e.attempt_ref, e.effect FROM payment_evidence e
        WHERE e.source = 'callback' AND e.effect NOT IN ('unmatched', 'repeated')
          AND NOT EXISTS (SELECT 1 FROM callback_processing p WHERE p.evidence_id = e.id)
          AND NOT EXISTS (SELECT 1 FROM collection_payment p WHERE p.attempt_id = e.attempt_id)
        """,
    ),
    Check(
        id="INV-16",
        title="A repeated callback did nothing after the first",
        sql="""
        SELECT e.attempt_id::text AS attempt, count(*) AS times FROM payment_evidence e
        WHERE e.effect IN ('captured', 'suspended')
        GROUP BY e.attempt_id, coalesce(e.provider_ref, '') HAVING count(*) > 1
        UNION ALL
        SELECT provider_account || ' ' || dedupe_key, count(*) FROM inbound_callback
        GROUP BY provider_account, dedupe_key HAVING count(*) > 1
        """,
    ),
)

SCHEMA_CHECKS = (
    Check(
        id="INV-25",
        title="Every point in time is stored with its zone; events of an order follow their sequence",
        sql="""
        SELECT attrelid::regclass || '.' || attname AS place, format_type(atttypid, atttypmod) AS fault
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid AND c.relkind = 'r'
        WHERE c.relnamespace = 'public'::regnamespace AND attnum > 0 AND atttypid = 'timestamp'::regtype
        UNION ALL
        SELECT later.aggregate_id::text, 'sequence ' || later.sequence || ' is older than the one before'
        FROM event later JOIN event earlier
             ON earlier.aggregate_id = later.aggregate_id AND earlier.sequence = later.sequence - 1
        WHERE later.xid < earlier.xid
        """,
    ),
    Check(
        id="INV-29",
        title="Each period of a job was claimed once",
        sql="""
        SELECT job, period, count(*) AS claims FROM job_period GROUP BY job, period HAVING count(*) > 1
        UNION ALL
        SELECT 'job_period', 'its primary key is missing', 0 WHERE NOT EXISTS (
            SELECT 1 FROM pg_constraint WHERE conrelid = 'job_period'::regclass AND contype = 'p')
        """,
    ),
    Check(
        id="INV-30",
        title="Every amount is a 64-bit integer within 10^15",
        sql="""
        SELECT attrelid::regclass || '.' || attname AS place, format_type(atttypid, atttypmod) AS fault
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid AND c.relkind = 'r'
        WHERE c.relnamespace = 'public'::regnamespace AND NOT attisdropped
          AND (attname = 'principal' OR attname ~ '(^|_)amount$') AND atttypid <> 'bigint'::regtype
        UNION ALL
        SELECT 'posting ' || entry_id, amount::text FROM posting WHERE amount <= 0 OR amount > 1000000000000000
        UNION ALL
        SELECT 'payment_order ' || order_ref, amount::text FROM payment_order
        WHERE amount < 0 OR amount > 1000000000000000 OR (amount = 0) <> (state = 'exempted')
        UNION ALL
        SELECT 'obligation ' || id, principal::text FROM obligation
        WHERE principal < 0 OR principal > 1000000000000000
        """,
    ),
)
