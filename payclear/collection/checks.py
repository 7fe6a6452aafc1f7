"""The invariants of collection at counters for `payclear verify`. Read-only."""

from payclear.contract.modules import Check

REFERENCE_ONCE = """
SELECT provider_account, reference, count(*) AS times
FROM (SELECT provider_account, bank_ref AS reference FROM collection_payment
      UNION ALL
      SELECT provider_account, reversal_ref FROM collection_payment WHERE reversal_ref IS NOT NULL) said
GROUP BY provider_account, reference HAVING count(*) > 1
"""

# The other direction, money without a payment, is INV-15: what came by no callback came by a payment at a counter.
HOLDS_ITS_MONEY = """
SELECT p.bank_ref, p.state, a.attempt_ref, a.state AS attempt_state
FROM collection_payment p LEFT JOIN payment_attempt a ON a.id = p.attempt_id
WHERE (p.state = 'accepted' AND a.state IS DISTINCT FROM 'succeeded')
   OR (p.state = 'reversed' AND a.state IS DISTINCT FROM 'reversed')
   OR (p.state = 'suspended' AND a.id IS NOT NULL AND a.state <> 'surplus')
   OR (a.id IS NOT NULL AND (a.provider_account <> p.provider_account OR a.provider_ref IS DISTINCT FROM p.bank_ref
                             OR a.order_id IS DISTINCT FROM p.order_id))
UNION ALL
SELECT p.bank_ref, p.state, e.template, 'booked otherwise than ' || p.amount
FROM collection_payment p
LEFT JOIN journal_entry e ON e.natural_key = 'money-in:' || p.provider_account || ':' || p.bank_ref
LEFT JOIN posting l ON l.entry_id = e.id AND l.account_code = 'provider_receivable' AND l.side = 'D'
WHERE l.amount IS DISTINCT FROM p.amount OR l.currency IS DISTINCT FROM p.currency
UNION ALL
SELECT p.bank_ref, p.state, r.bank_ref, 'its money went back before it came'
FROM collection_payment p JOIN collection_early_reversal r
     ON r.provider_account = p.provider_account AND r.original_ref = p.bank_ref AND r.money_moved
"""

BILL_EQUALS_ORDER = """
SELECT b.bill_id, o.order_ref, b.amount AS bill_amount, o.amount AS order_amount
FROM collection_bill b JOIN payment_order o ON o.id = b.order_id
WHERE b.quoted_on = o.quoted_on AND (b.amount <> o.amount OR b.currency <> o.currency)
UNION ALL
SELECT p.bank_ref, o.order_ref, p.amount, o.amount
FROM collection_payment p JOIN payment_order o ON o.id = p.order_id
WHERE p.state IN ('accepted', 'reversed') AND (p.amount <> o.amount OR p.currency <> o.currency)
UNION ALL
SELECT b.bill_id, o.order_ref || ' has this code, and the bill knows no order', b.amount, o.amount
FROM collection_bill b JOIN payment_order o ON o.payment_code = b.bill_id
WHERE b.order_id IS NULL
"""

CHECKS = (
    Check(
        id="INV-42",
        title="A bank's reference stands for one payment or one reversal",
        sql=REFERENCE_ONCE,
    ),
    Check(
        id="INV-43",
        title="A payment at a counter is accepted if and only if its attempt holds its money, and is booked once",
        sql=HOLDS_ITS_MONEY,
    ),
    Check(
        id="INV-44",
        title="A bill asks what its order collects, and an accepted payment is of that amount",
        sql=BILL_EQUALS_ORDER,
    ),
)
