"""The invariants of fees: what is exempted has no money and a reason; a price explains itself to the đồng. Read-only."""

from payclear.contract.modules import Check

CHECKS = (
    Check(
        id="INV-63",
        title="What is exempted has no money and says why; what has no money is exempted",
        sql="""
        SELECT o.id::text AS obligation, o.state, o.principal, 'exempted without a reason' AS fault
        FROM obligation o LEFT JOIN dossier d ON d.obligation_id = o.id
        WHERE o.state = 'exempted' AND o.kind = 'dossier_fee' AND d.exemption_reason IS NULL
        UNION ALL
        -- A fine that was reduced to nothing keeps what it first asked; INV-65 judges it by its history.
        SELECT o.id::text, o.state, o.principal, 'exempted with money' FROM obligation o
        WHERE o.state = 'exempted' AND o.kind <> 'traffic_fine' AND (o.principal <> 0 OR EXISTS (
            SELECT 1 FROM obligation_line l WHERE l.obligation_id = o.id AND l.amount <> 0))
        UNION ALL
        SELECT o.id::text, o.state, o.principal, 'a fee of nothing that is not exempted' FROM obligation o
        WHERE o.kind = 'dossier_fee' AND o.principal = 0 AND o.state NOT IN ('exempted', 'cancelled')
        UNION ALL
        SELECT p.order_ref, p.state, p.amount, 'an order of nothing with an attempt or a booking' FROM payment_order p
        WHERE p.state = 'exempted' AND (
            EXISTS (SELECT 1 FROM payment_attempt a WHERE a.order_id = p.id AND a.state <> 'surplus')
            OR EXISTS (SELECT 1 FROM journal_entry e WHERE e.order_id = p.id AND e.template = 'payment_captured'))
        UNION ALL
        SELECT p.order_ref, o.state, l.amount, 'an order of nothing names what is owed' FROM payment_order p
        JOIN payment_order_obligation l ON l.order_id = p.id JOIN obligation o ON o.id = l.obligation_id
        WHERE p.state = 'exempted' AND (l.amount <> 0 OR l.is_live)
        """,
    ),
    Check(
        id="INV-64",
        title="The lines of a fee that the catalogue priced sum to its principal; each names its rule, and another "
        "amount than the rule's was approved by a second person",
        sql="""
        SELECT o.id::text AS obligation, o.principal, sum(l.amount) AS lines, 'lines do not sum to the principal' AS fault
        FROM dossier d JOIN obligation o ON o.id = d.obligation_id JOIN obligation_line l ON l.obligation_id = o.id
        WHERE d.priced_by = 'catalogue' GROUP BY o.id HAVING sum(l.amount) <> o.principal
        UNION ALL
        SELECT o.id::text, o.principal, l.amount, 'a line without its rule'
        FROM dossier d JOIN obligation o ON o.id = d.obligation_id JOIN obligation_line l ON l.obligation_id = o.id
        LEFT JOIN fee_line f ON f.obligation_id = l.obligation_id AND f.line_no = l.line_no
        WHERE d.priced_by = 'catalogue' AND (f.rule_id IS NULL OR f.rule_id = '')
        UNION ALL
        SELECT o.id::text, l.amount, f.priced_amount, 'another amount than its rule gives'
        FROM fee_line f JOIN obligation o ON o.id = f.obligation_id
        JOIN obligation_line l ON l.obligation_id = f.obligation_id AND l.line_no = f.line_no
        WHERE l.amount <> coalesce((
            SELECT v.to_amount FROM fee_override v
            WHERE v.obligation_id = f.obligation_id AND v.line_no = f.line_no AND v.state = 'approved'
            ORDER BY v.decided_at DESC, v.made_at DESC LIMIT 1), f.priced_amount)
        UNION ALL
        SELECT v.obligation_id::text, v.from_amount, v.to_amount, 'made and decided by one person'
        FROM fee_override v WHERE v.made_by = v.decided_by
        """,
    ),
)
