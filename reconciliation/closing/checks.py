"""The invariants of reconciliation for `payclear verify` (INV-04b, INV-22, INV-23). A row is an offender."""

# ruff: noqa: S608  (statements are put together from constants of this package, never from input)

from payclear.contract.modules import Check
from payclear.operations.checks import append_only_check
from reconciliation.queries import BOOKED_FOR

EVERY_LINE_ONCE = """
WITH line AS (
    SELECT r.id AS run_id, l.statement_id, l.line_no, l.amount, l.provider_account,
           num_nonnulls(m.line_no, x.line_no, d.line_no) AS places,
           m.amount AS matched_amount
    FROM reconciliation_run r
    JOIN statement_line l ON l.statement_id = r.statement_id
    LEFT JOIN reconciliation_match m ON m.statement_id = l.statement_id AND m.line_no = l.line_no
    LEFT JOIN statement_line_exclusion x ON x.statement_id = l.statement_id AND x.line_no = l.line_no
    LEFT JOIN discrepancy d ON d.statement_id = l.statement_id AND d.line_no = l.line_no
        AND d.state <> 'resolved'
    WHERE r.step = 'done'
)
SELECT provider_account, 'line ' || line_no || ' of statement ' || statement_id AS item,
       'in ' || places || ' places' AS fault
FROM line WHERE places <> 1
UNION ALL
SELECT provider_account, 'line ' || line_no || ' of statement ' || statement_id, 'matched with another amount'
FROM line WHERE matched_amount IS NOT NULL AND matched_amount <> amount
UNION ALL
SELECT r.provider_account, 'run ' || r.id,
       'the file lists ' || r.lines_sum || ', its lines add up to ' || coalesce(sum(l.amount), 0)
FROM reconciliation_run r LEFT JOIN statement_line l ON l.statement_id = r.statement_id
WHERE r.step = 'done'
GROUP BY r.id HAVING coalesce(sum(l.amount), 0) <> r.lines_sum OR count(l.line_no) <> r.lines_count
UNION ALL
SELECT r.provider_account, 'run ' || r.id, 'the parts do not add up to the whole'
FROM reconciliation_run r
WHERE r.step = 'done'
  AND (r.matched_count + r.differing_count + r.excluded_count <> r.lines_count
       OR r.matched_sum + r.differing_sum + r.excluded_sum <> r.lines_sum)
UNION ALL
SELECT r.provider_account, 'run ' || m.run_id || ' pass ' || m.pass_no, 'matched and not settled to the đồng'
FROM (SELECT *, CASE WHEN refund_id IS NULL THEN 'payment' ELSE 'refund' END AS kind FROM reconciliation_match) m
JOIN reconciliation_run r ON r.id = m.run_id AND r.step = 'done'
LEFT JOIN reconciliation_settlement s ON s.run_id = m.run_id AND s.pass_no = m.pass_no AND s.kind = m.kind
GROUP BY r.provider_account, m.run_id, m.pass_no, m.kind, s.amount
HAVING s.amount IS NULL OR sum(m.amount) <> s.amount
"""

# What each provider owes us by the ledger, against what is open by name: payments that no statement has
# settled less refunds that none has, further payments of an attempt in suspense, money of unknown bills and of unknown
# owners in suspense.
RECEIVABLE_IS_OPEN_ITEMS = f"""
WITH balance AS (
    SELECT provider_account, currency, sum(CASE side WHEN 'D' THEN amount ELSE -amount END) AS amount
    FROM posting WHERE account_code = 'provider_receivable' GROUP BY provider_account, currency
), item AS (
    SELECT a.provider_account, a.currency, CASE a.state WHEN 'surplus'
        THEN {BOOKED_FOR} ELSE a.amount END AS amount
    FROM payment_attempt a
    WHERE a.state IN ('succeeded', 'surplus')
      AND NOT EXISTS (SELECT 1 FROM reconciliation_match m
                      JOIN reconciliation_settlement s ON s.run_id = m.run_id AND s.pass_no = m.pass_no
                          AND s.kind = 'payment'
                      WHERE m.attempt_id = a.id)
    UNION ALL
    SELECT f.provider_account, f.currency, -f.amount
    FROM refund f
    WHERE f.state = 'done'
      AND NOT EXISTS (SELECT 1 FROM reconciliation_match m
                      JOIN reconciliation_settlement s ON s.run_id = m.run_id AND s.pass_no = m.pass_no
                          AND s.kind = 'refund'
                      WHERE m.refund_id = f.id)
    UNION ALL
    SELECT a.provider_account, p.currency, p.amount
    FROM payment_attempt a
    JOIN journal_entry e ON e.order_id = a.order_id AND e.attempt_id = a.id AND e.template = 'payment_suspended'
        AND e.natural_key <> 'money-in:' || a.provider_account || ':' || coalesce(a.provider_ref, a.attempt_ref)
    JOIN posting p ON p.entry_id = e.id AND p.account_code = 'provider_receivable'
    UNION ALL
    SELECT e.provider_account, p.currency, p.amount
    FROM journal_entry e
    JOIN posting p ON p.entry_id = e.id AND p.account_code = 'provider_receivable'
    WHERE e.template = 'payment_suspended' AND e.attempt_id IS NULL
    UNION ALL
    SELECT d.provider_account, p.currency, p.amount
    FROM discrepancy d
    JOIN posting p ON p.entry_id = d.entry_id AND p.account_code = 'provider_receivable'
    WHERE NOT EXISTS (SELECT 1 FROM journal_entry c WHERE c.natural_key = 'unknown-cleared:' || d.entry_id)
), open_items AS (
    SELECT provider_account, currency, sum(amount) AS amount FROM item GROUP BY provider_account, currency
)
SELECT coalesce(b.provider_account, o.provider_account) AS provider_account,
       coalesce(b.amount, 0) AS ledger_says, coalesce(o.amount, 0) AS open_items_say, 'they differ' AS fault
FROM balance b FULL JOIN open_items o USING (provider_account, currency)
WHERE coalesce(b.amount, 0) <> coalesce(o.amount, 0)
UNION ALL
SELECT a.provider_account, a.amount, 0,
    'attempt ' || a.attempt_ref || ' is older than its limit and nobody lists it'
FROM payment_attempt a
WHERE a.state IN ('succeeded', 'surplus')
  AND NOT EXISTS (SELECT 1 FROM reconciliation_match m WHERE m.attempt_id = a.id)
  AND NOT EXISTS (SELECT 1 FROM discrepancy d WHERE d.attempt_id = a.id AND d.state <> 'resolved')
  AND EXISTS (SELECT 1 FROM reconciliation_run r
              WHERE r.provider_account = a.provider_account AND r.step = 'done'
                AND r.business_on > (a.paid_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date + 1
                AND r.as_of > a.decided_at)
"""

TAKEN_BACK_IS_NOT_SETTLED = """
SELECT a.provider_account, a.attempt_ref AS item, 'settled by a statement, and ' || a.state AS fault
FROM reconciliation_match m JOIN payment_attempt a ON a.id = m.attempt_id
WHERE a.state NOT IN ('succeeded', 'surplus')
"""

# Each pass clears what the door has booked since. A run that began after both entries and is done has had its passes.
RECEIPT_TWICE_IN_THE_BOOKS = """
SELECT u.provider_account, u.natural_key AS item, 'booked as unknown and again through the door' AS fault
FROM journal_entry u
JOIN journal_entry m ON m.natural_key = 'money-in:' || substr(u.natural_key, length('unknown:') + 1)
WHERE u.template = 'unknown_receipt'
  AND NOT EXISTS (SELECT 1 FROM journal_entry c
                  WHERE c.natural_key = 'unknown-cleared:' || u.id AND c.template = 'unknown_receipt_cleared')
  AND EXISTS (SELECT 1 FROM reconciliation_run r
              WHERE r.provider_account = u.provider_account AND r.step = 'done'
                AND r.started_at > greatest(u.recorded_at, m.recorded_at))
"""

APPEND_ONLY = (
    "statement",
    "statement_line",
    "statement_problem",
    "statement_line_exclusion",
    "reconciliation_match",
    "reconciliation_settlement",
    "discrepancy_event",
)

CHECKS = (
    append_only_check("INV-03c", "What a statement said and what became of it never changes", APPEND_ONLY),
    Check(
        id="INV-04b",
        title="Money kept as unknown leaves suspense once the door has booked the same provider transaction",
        sql=RECEIPT_TWICE_IN_THE_BOOKS,
    ),
    Check(
        id="INV-22",
        title="Each statement line is matched once or in one open case; file = matched + cases",
        sql=EVERY_LINE_ONCE,
    ),
    Check(
        id="INV-23",
        title="What a provider owes by the ledger is the sum of the open items; an old item is listed",
        sql=RECEIVABLE_IS_OPEN_ITEMS,
    ),
    Check(
        id="INV-23b",
        title="What a statement settled still holds its money: no bank took it back afterwards",
        sql=TAKEN_BACK_IS_NOT_SETTLED,
    ),
)
