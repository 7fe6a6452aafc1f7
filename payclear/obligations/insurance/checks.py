"""The invariants of insurance contributions for `payclear verify`. Read-only."""

from payclear.contract.modules import Check

OWN_SHARE_IS_COLLECTED = """
WITH kept AS (
    SELECT order_id, obligation_id, currency, array_agg(own_amount ORDER BY place) FILTER (WHERE own_amount > 0) AS own
    FROM contribution_quote GROUP BY order_id, obligation_id, currency
), asked AS (
    SELECT l.order_id, l.obligation_id, l.currency, array_agg(l.amount ORDER BY l.line_no) AS own
    FROM payment_order_line l JOIN obligation o ON o.id = l.obligation_id
    WHERE o.kind IN ('household_health_insurance', 'voluntary_social_insurance')
    GROUP BY l.order_id, l.obligation_id, l.currency
)
SELECT coalesce(a.order_id, k.order_id)::text AS order_id, coalesce(a.obligation_id, k.obligation_id)::text AS obligation,
       a.own::text AS collected, k.own::text AS own_shares
FROM asked a FULL JOIN kept k USING (order_id, obligation_id, currency)
WHERE a.own IS DISTINCT FROM k.own
UNION ALL
SELECT q.order_id::text, q.obligation_id::text, 'quoted for ' || q.quoted_on, 'ordered for ' || p.quoted_on
FROM contribution_quote q JOIN payment_order p ON p.id = q.order_id WHERE p.quoted_on <> q.quoted_on
"""

MONTHS_ARE_PAID_ONCE = """
WITH standing AS (
    SELECT c.order_id, c.from_on, c.to_on, o.kind, f.index AS code
    FROM contribution_cover c JOIN obligation o ON o.id = c.obligation_id
    JOIN contribution_member m ON (m.obligation_id, m.place) = (c.obligation_id, c.place)
    JOIN obligor_field f ON f.obligor_id = m.obligor_id AND f.field = 'insurance_code'
    WHERE c.taken_back_at IS NULL
)
SELECT a.order_id::text AS order_id, b.order_id::text AS and_order, a.from_on::text AS from_on, b.to_on::text AS to_on
FROM standing a JOIN standing b ON b.kind = a.kind AND b.code = a.code AND b.from_on <= a.to_on AND b.to_on >= a.from_on
     AND b.order_id > a.order_id
UNION ALL
SELECT q.order_id::text, p.state, q.from_on::text, 'paid for and not covered'
FROM contribution_quote q JOIN payment_order p ON p.id = q.order_id AND p.state = 'paid'
LEFT JOIN contribution_cover c ON (c.order_id, c.obligation_id, c.place) = (q.order_id, q.obligation_id, q.place)
WHERE q.months > 0 AND (c.order_id IS NULL OR (c.from_on, c.to_on) <> (q.from_on, q.to_on))
UNION ALL
SELECT c.order_id::text, p.state, c.from_on::text, 'covered and not paid for'
FROM contribution_cover c JOIN payment_order p ON p.id = c.order_id
WHERE c.taken_back_at IS NULL AND p.state <> 'paid'
"""

CHECKS = (
    Check(
        id="INV-72",
        title="An order asks for a contribution exactly what its kept quote gives as own shares, never the state's",
        sql=OWN_SHARE_IS_COLLECTED,
    ),
    Check(
        id="INV-73",
        title="No month of an insured person is paid for twice, and months are covered if and only if they are paid for",
        sql=MONTHS_ARE_PAID_ONCE,
    ),
)
