"""Every statement of collection. A payment takes `LOCK_REFERENCE` first, so that a message repeated at once is one payment."""

# Two messages of one bank about the same reference wait for each other until the transaction ends.
LOCK_REFERENCE = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"

_BILL = "provider_account, bill_id, obligation_id, order_id, amount, currency, quoted_on, valid_until"

# A bill of an order, or of an obligation on a day: handed out before, it is handed out again.
KEEP_BILL = f"""
INSERT INTO collection_bill (provider_account, bill_id, obligation_id, order_id, amount, currency, document_no, quoted_on,
                             valid_until, created_at)
VALUES (%(provider_account)s, %(bill_id)s, %(obligation_id)s, %(order_id)s, %(amount)s, %(currency)s, %(document_no)s,
        %(quoted_on)s, %(valid_until)s, %(at)s)
ON CONFLICT DO NOTHING
RETURNING {_BILL}
"""

BILL = f"SELECT {_BILL} FROM collection_bill WHERE provider_account = %s AND bill_id = %s"

UNSPENT_BILL = f"""
SELECT {_BILL} FROM collection_bill
WHERE provider_account = %s AND obligation_id = %s AND quoted_on = %s AND amount = %s AND order_id IS NULL
"""

SPEND_BILL = """
UPDATE collection_bill SET order_id = %s WHERE provider_account = %s AND bill_id = %s AND order_id IS NULL
"""

# Keep a message as it arrived; the same message again is there already.
KEEP_MESSAGE = """
INSERT INTO collection_message (id, provider_account, digest, method, path, query_string, headers, body, received_at,
                                sealed_on)
VALUES (%(id)s, %(provider_account)s, %(digest)s, %(method)s, %(path)s, %(query_string)s, %(headers)s, %(body)s,
        %(received_at)s, %(sealed_on)s)
ON CONFLICT (provider_account, digest) DO NOTHING
RETURNING id
"""

MESSAGE = "SELECT id FROM collection_message WHERE provider_account = %s AND digest = %s"

_PAYMENT = """
    id, bank_ref, bill_id, order_id, attempt_id, amount, currency, state, fingerprint, accepted_at, reversible_until,
    reversed_at, reversal_ref
"""

PAYMENT = f"SELECT {_PAYMENT} FROM collection_payment WHERE provider_account = %s AND bank_ref = %s"

PAYMENT_REVERSED_BY = (
    f"SELECT {_PAYMENT} FROM collection_payment WHERE provider_account = %s AND reversal_ref = %s"
)

RECORD_PAYMENT = """
INSERT INTO collection_payment (id, provider_account, bank_ref, bill_id, order_id, attempt_id, amount, currency, channel,
                                instrument, state, fingerprint, message_id, accepted_at, reversible_until)
VALUES (%(id)s, %(provider_account)s, %(bank_ref)s, %(bill_id)s, %(order_id)s, %(attempt_id)s, %(amount)s, %(currency)s,
        %(channel)s, %(instrument)s, %(state)s, %(fingerprint)s, %(message_id)s, %(at)s, %(reversible_until)s)
"""

RECORD_REVERSAL = """
UPDATE collection_payment SET state = 'reversed', reversed_at = %s, reversal_ref = %s WHERE id = %s
"""

# A reversal of a payment that we do not know. Once the money went back, it went back.
KEEP_EARLY_REVERSAL = """
INSERT INTO collection_early_reversal AS early (provider_account, original_ref, bank_ref, money_moved, message_id, said_at)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (provider_account, original_ref) DO UPDATE SET money_moved = early.money_moved OR excluded.money_moved
"""

EARLY_REVERSAL = (
    "SELECT money_moved FROM collection_early_reversal WHERE provider_account = %s AND original_ref = %s"
)

COUNT_REJECTION = """
INSERT INTO collection_rejection (provider_account, reason, hour, count)
VALUES (%s, %s, date_trunc('hour', %s::timestamptz), 1)
ON CONFLICT (provider_account, reason, hour) DO UPDATE SET count = collection_rejection.count + 1
"""
