"""Every statement of the ledger. `BOOK` is hot: it stands in the transaction of each callback."""

# One entry with its postings in one statement. The entry is refused silently when its natural key is booked
# already; then no posting is written either, and no row comes back. The balance is checked by the deferred
# trigger at commit.
BOOK = """
WITH entry AS (
    INSERT INTO journal_entry
        (id, template, natural_key, provider_account, order_id, attempt_id, business_on, recorded_at)
    VALUES (%(id)s, %(template)s, %(natural_key)s, %(provider_account)s, %(order_id)s, %(attempt_id)s,
            %(business_on)s, %(recorded_at)s)
    ON CONFLICT (natural_key) DO NOTHING
    RETURNING id
)
INSERT INTO posting
    (entry_id, line_no, account_code, side, amount, currency, provider_account, beneficiary_account)
SELECT entry.id, leg.line_no, leg.account, leg.side, leg.amount, leg.currency, %(provider_account)s, leg.beneficiary
FROM entry, unnest(%(accounts)s::text[], %(sides)s::text[], %(amounts)s::bigint[], %(currencies)s::text[],
                   %(beneficiaries)s::text[])
     WITH ORDINALITY AS leg (account, side, amount, currency, beneficiary, line_no)
"""

# What went back to payers of the money that paid an order; not of money that came besides.
GIVEN_BACK = """
SELECT coalesce(sum(p.amount), 0)::bigint
FROM journal_entry e JOIN posting p ON p.entry_id = e.id AND p.account_code = 'provider_receivable' AND p.side = 'C'
WHERE e.order_id = %(order_id)s AND e.template = 'refund_paid' AND e.attempt_id IN (
    SELECT attempt_id FROM journal_entry WHERE order_id = %(order_id)s AND template = 'payment_captured')
"""

BOOKED_FOR = "SELECT attempt_id FROM journal_entry WHERE natural_key = %s"
IS_BOOKED = "SELECT 1 FROM journal_entry WHERE natural_key = %s"

# Balance of every account and provider account; debit minus credit for assets, the reverse for liabilities.
TRIAL_BALANCE = """
SELECT p.account_code, a.kind, p.provider_account, p.currency,
       coalesce(sum(p.amount) FILTER (WHERE p.side = 'D'), 0)::bigint AS debit,
       coalesce(sum(p.amount) FILTER (WHERE p.side = 'C'), 0)::bigint AS credit
FROM posting p JOIN ledger_account a ON a.code = p.account_code
GROUP BY p.account_code, a.kind, p.provider_account, p.currency
ORDER BY p.account_code, p.provider_account, p.currency
"""
