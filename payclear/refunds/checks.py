"""The invariants of refunds for `payclear verify`. Read-only."""

from typing import Any

from payclear.contract.modules import Check
from payclear.contract.registry import UnknownProviderAccount
from payclear.db.uow import UnitOfWork
from payclear.refunds.domain import may_be_asked
from payclear.runtime import current

WITHIN_CAPTURE = """
SELECT attempt_id::text AS attempt, sum(amount)::bigint AS asked, captured_of(attempt_id) AS captured
FROM refund WHERE state <> 'rejected'
GROUP BY attempt_id HAVING sum(amount) > captured_of(attempt_id)
UNION ALL
SELECT 'refund', 0, 0 WHERE NOT EXISTS (
    SELECT 1 FROM pg_trigger WHERE tgrelid = 'refund'::regclass
    AND tgfoid = 'require_refund_within_capture'::regproc AND tgenabled = 'O')
"""

DONE_IS_BOOKED = """
WITH booked AS (
    SELECT e.natural_key, e.attempt_id, sum(p.amount)::bigint AS amount
    FROM journal_entry e JOIN posting p ON p.entry_id = e.id AND p.account_code = 'provider_receivable' AND p.side = 'C'
    WHERE e.template = 'refund_paid' GROUP BY e.id
)
SELECT coalesce(r.refund_ref, b.natural_key) AS refund, r.state, r.amount AS refund_amount, b.amount AS booked_amount
FROM (SELECT * FROM refund WHERE state = 'done') r
FULL JOIN booked b ON b.natural_key = 'refund:' || r.provider_account || ':' || r.refund_ref
WHERE r.id IS NULL OR b.natural_key IS NULL OR r.amount <> b.amount OR r.attempt_id <> b.attempt_id
UNION ALL
SELECT r.refund_ref, r.state, r.amount, NULL FROM refund r
WHERE r.state IN ('done', 'rejected') AND NOT EXISTS (
    SELECT 1 FROM event e WHERE e.aggregate_id = r.order_id AND e.type = 'refund.' ||
        CASE r.state WHEN 'done' THEN 'succeeded' ELSE 'rejected' END
      AND convert_from(e.body, 'UTF8')::jsonb -> 'data' ->> 'refund_ref' = r.refund_ref)
UNION ALL
SELECT r.refund_ref, a.state, r.amount, NULL FROM refund r JOIN payment_attempt a ON a.id = r.attempt_id
WHERE a.state NOT IN ('succeeded', 'surplus') OR a.refund_asked_at IS NULL
"""

# What agencies gave back themselves is no refund of a provider's: see GIVEN_BACK_OF_FINES.
STATE_FOLLOWS_THE_MONEY = """
WITH given AS (
    SELECT r.order_id, sum(r.amount) AS amount FROM refund r
    JOIN payment_attempt a ON a.id = r.attempt_id AND a.state = 'succeeded' WHERE r.state = 'done' GROUP BY r.order_id
), of_fines AS (
    SELECT order_id, sum(principal + surcharge) AS amount FROM fine_event
    WHERE kind = 'refunded' AND NOT (ref <> '' AND instalment_no IS NULL) GROUP BY order_id
), asked AS (
    SELECT l.order_id, sum(l.amount) AS amount FROM payment_order_obligation l
    JOIN obligation b ON b.id = l.obligation_id AND b.kind <> 'traffic_fine' GROUP BY l.order_id
), gone AS (
    SELECT l.obligation_id, l.order_id FROM payment_order_obligation l
    JOIN payment_order o ON o.id = l.order_id AND o.state = 'paid'
    JOIN asked k ON k.order_id = l.order_id JOIN given g ON g.order_id = l.order_id
    LEFT JOIN of_fines f ON f.order_id = l.order_id
    WHERE l.amount > 0 AND g.amount - coalesce(f.amount, 0) >= k.amount
)
SELECT b.id::text AS obligation, b.state, gone.order_id::text AS given_back_of
FROM obligation b LEFT JOIN gone ON gone.obligation_id = b.id
WHERE b.kind <> 'traffic_fine' AND (b.state = 'refunded') <> (gone.obligation_id IS NOT NULL)
   OR b.kind = 'traffic_fine' AND b.state = 'refunded'
"""

GIVEN_ONCE = """
SELECT o.order_ref, g.given AS given_by_agencies, coalesce(sum(r.amount), 0)::bigint AS asked, o.amount, a.refund_asked_at::text
FROM (
    SELECT order_id, sum(principal + surcharge)::bigint AS given FROM fine_event
    WHERE kind = 'refunded' AND ref <> '' AND instalment_no IS NULL GROUP BY order_id
) g
JOIN payment_order o ON o.id = g.order_id
LEFT JOIN payment_attempt a ON a.order_id = o.id AND a.state = 'succeeded'
LEFT JOIN refund r ON r.attempt_id = a.id AND r.state <> 'rejected'
GROUP BY o.id, g.given, a.id
HAVING g.given + coalesce(sum(r.amount), 0) > o.amount OR a.refund_asked_at IS NULL
"""

_NEVER_ASKED = """
SELECT refund_ref, provider_account, state, next_query_at::text, provider_ref IS NOT NULL FROM refund
WHERE state IN ('sent', 'in_doubt') AND (next_query_at IS NULL OR next_query_at > now() + interval '24 hours')
"""


def find_forgotten_refunds(uow: UnitOfWork) -> list[dict[str, Any]]:
    """Refunds without an outcome that nobody asks about, although their provider would say."""
    return [
        {"refund": refund_ref, "state": state, "next_query_at": next_query_at}
        for refund_ref, account, state, next_query_at, is_numbered in uow.run(_NEVER_ASKED)
        if next_query_at is not None or _may_be_asked(account, is_numbered=is_numbered)
    ]


def _may_be_asked(account: str, *, is_numbered: bool) -> bool:
    try:
        manifest = current().providers.get(account).provider.manifest
        return may_be_asked(manifest, is_numbered=is_numbered)
    except UnknownProviderAccount:
        return False


CHECKS = (
    Check(
        id="INV-18b",
        title="Refunds that are not rejected ask back what their attempt captured at most, and the database guards it",
        sql=WITHIN_CAPTURE,
    ),
    Check(
        id="INV-18c",
        title="A refund is done if and only if its amount is booked; its end was announced",
        sql=DONE_IS_BOOKED,
    ),
    Check(
        id="INV-18e",
        title="What was paid is refunded if and only if all of its money went back; a fine never is, it is owed again",
        sql=STATE_FOLLOWS_THE_MONEY,
    ),
    Check(
        id="INV-18f",
        title="Agencies and providers together give back what an order brought at most, and no bank takes it back besides",
        sql=GIVEN_ONCE,
    ),
    Check(
        id="INV-18d",
        title="Every refund without an outcome is asked about within a day, where its provider can be asked",
        find=find_forgotten_refunds,
    ),
)
