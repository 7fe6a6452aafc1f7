"""The invariants of receipts for `payclear verify` (INV-31, numbering). Read-only."""

from payclear.contract.modules import Check

GAPLESS = """
SELECT COALESCE(r.series, s.series) AS series, r.count, r.highest, s.last_number
  FROM (SELECT series, count(*) AS count, max(number) AS highest, min(number) AS lowest
          FROM receipt WHERE state = 'issued' GROUP BY series) r
  FULL JOIN receipt_series s USING (series)
 WHERE COALESCE(r.count, 0) IS DISTINCT FROM s.last_number
    OR COALESCE(r.highest, 0) IS DISTINCT FROM s.last_number
    OR COALESCE(r.lowest, 1) <> 1
"""

ONE_FOR_EACH_PAID_ORDER = """
SELECT COALESCE(o.id, r.order_id) AS order_id, o.state, o.amount AS order_amount, r.amount AS receipt_amount
  FROM (SELECT id, state, amount, currency FROM payment_order WHERE state IN ('paid', 'reversed')) o
  FULL JOIN receipt r ON r.order_id = o.id
 WHERE r.order_id IS NULL OR o.id IS NULL OR r.amount <> o.amount OR r.currency <> o.currency
    OR (o.state = 'reversed') <> (r.cancelled_at IS NOT NULL)
"""

CHECKS = (
    Check(id="INV-31", title="Receipt numbers are gapless and unique per series", sql=GAPLESS),
    Check(
        id="INV-31b",
        title="Every paid order has one receipt of its amount, a reversed one a cancelled receipt, and no other order has one",
        sql=ONE_FOR_EACH_PAID_ORDER,
    ),
)
