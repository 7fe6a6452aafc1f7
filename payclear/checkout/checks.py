"""The invariants of routing and service fees for `payclear verify`. Read-only."""

from payclear.contract.modules import Check

# Clocks of two machines may differ: a minute is allowed them.
OFFERED = """
SELECT a.attempt_ref, a.provider_account, d.id::text AS decision,
       CASE WHEN d.order_id <> a.order_id THEN 'the decision is of another order'
            WHEN d.decided_at > a.created_at + interval '1 minute' THEN 'the decision is younger than the attempt'
            ELSE 'the decision did not offer the account' END AS fault
FROM attempt_routing r JOIN payment_attempt a ON a.id = r.attempt_id JOIN routing_decision d ON d.id = r.decision_id
WHERE d.order_id <> a.order_id OR d.decided_at > a.created_at + interval '1 minute'
   OR NOT d.choices @> jsonb_build_array(jsonb_build_object('account', a.provider_account, 'offered', true))
UNION ALL
-- Who was shown a decision chose from one; a payment at a bank's counter was not chosen on the page.
SELECT a.attempt_ref, a.provider_account, NULL, 'no decision' FROM payment_attempt a
WHERE NOT EXISTS (SELECT 1 FROM attempt_routing r WHERE r.attempt_id = a.id)
  AND NOT EXISTS (SELECT 1 FROM collection_payment c WHERE c.attempt_id = a.id)
  AND EXISTS (SELECT 1 FROM routing_decision d WHERE d.order_id = a.order_id AND d.decided_at <= a.created_at)
"""

# `fees.fee_of` once more, in the database's own whole numbers.
FEES = """
WITH proportional AS (
    SELECT f.attempt_id, f.amount AS fee, f.currency AS fee_currency, f.borne_by AS fee_borne_by,
           a.attempt_ref, a.provider_account AS paid_with, a.currency,
           (a.created_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS made_on, p.*,
           p.fixed + div(2 * a.amount::numeric * p.per_million + 1000000, 2000000) AS charged
    FROM attempt_service_fee f JOIN payment_attempt a ON a.id = f.attempt_id
    JOIN service_fee_programme p ON p.code = f.programme_code AND p.valid_from = f.programme_from
), bounded AS (
    SELECT *, least(greatest(charged, coalesce(fee_min, 0)), coalesce(fee_max, 1000000000000000)) AS net
    FROM proportional
), whole AS (
    SELECT *, net + CASE WHEN vat_inclusive THEN 0 ELSE div(2 * net * vat_per_mille + 1000, 2000) END AS owed
    FROM bounded
)
SELECT attempt_ref, code AS programme, fee, owed::text AS computed, borne_by FROM whole
WHERE fee <> owed OR fee_currency <> currency OR fee_borne_by <> borne_by OR paid_with <> provider_account
   OR made_on < valid_from OR made_on > valid_to
UNION ALL
SELECT a.attempt_ref, f.programme_code, f.amount, 'a fee without a decision', f.borne_by
FROM attempt_service_fee f JOIN payment_attempt a ON a.id = f.attempt_id
WHERE NOT EXISTS (SELECT 1 FROM attempt_routing r WHERE r.attempt_id = f.attempt_id)
"""

CHECKS = (
    Check(
        id="INV-40",
        title="An attempt chosen on the payment page was offered by the decision it came from",
        sql=OFFERED,
    ),
    Check(
        id="INV-41",
        title="The service fee of an attempt is what its programme, in force that day, makes of the amount",
        sql=FEES,
    ),
)
