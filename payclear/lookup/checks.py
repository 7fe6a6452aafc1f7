"""The invariants of look-up for `payclear verify`. Read-only."""

from payclear.contract.modules import Check

LINKS = """
SELECT l.id::text AS link, o.order_ref,
       CASE WHEN o.created_at >= l.expires_at THEN 'the order was made after the end of its link'
            WHEN o.created_at > l.revoked_at THEN 'the order was made after its link was revoked'
            ELSE 'the order collects another document than its link opens' END AS fault
FROM lookup_order m JOIN lookup_link l ON l.id = m.link_id JOIN payment_order o ON o.id = m.order_id
WHERE o.created_at >= l.expires_at OR o.created_at > l.revoked_at
   OR EXISTS (SELECT 1 FROM payment_order_obligation c WHERE c.order_id = o.id AND c.obligation_id <> l.obligation_id)
UNION ALL
SELECT l.id::text, NULL, 'the link is older than its document, or lasts longer than links do'
FROM lookup_link l JOIN obligation b ON b.id = l.obligation_id
WHERE l.created_at < b.created_at
   OR l.expires_at > l.created_at + CASE l.purpose WHEN 'payer' THEN interval '7 days' ELSE interval '24 hours' END
"""

CHECKS = (
    Check(
        id="INV-74",
        title="A link of the look-up opens its own document only, and nothing after its end",
        sql=LINKS,
    ),
)
