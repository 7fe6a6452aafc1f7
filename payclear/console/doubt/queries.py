"""Everything that waits for an answer or a decision, read across features, oldest first. Called by `console.doubt.pages`."""

from typing import Any, Final

from payclear.console.doubt.domain import DoubtEntry, DoubtKind, DoubtTotal, Place
from payclear.console.queries import ATTEMPT_IN_DOUBT
from payclear.db.uow import UnitOfWork

_COLUMNS = "kind, id, since, provider_account, state, ref, order_ref, amount, currency, asked, asked_at, next_at, note"
# Each part reads one partial index or a table of few rows.
_ATTEMPTS = f"""
SELECT 'attempt', a.id, a.created_at, a.provider_account, a.state, a.attempt_ref, o.order_ref,
       a.amount, a.currency::text, a.queries, a.asked_at, a.next_query_at, ''
FROM payment_attempt a JOIN payment_order o ON o.id = a.order_id
WHERE {ATTEMPT_IN_DOUBT}
"""
_REFUNDS = """
SELECT 'refund', r.id, coalesce(r.asked_at, r.requested_at), r.provider_account, r.state, r.refund_ref, o.order_ref,
       r.amount, r.currency::text, r.queries, NULL::timestamptz, r.next_query_at, coalesce(r.detail_code, '')
FROM refund r JOIN payment_order o ON o.id = r.order_id
WHERE r.state IN ('sent', 'in_doubt')
"""
_CALLBACKS = """
SELECT 'callback', c.id, c.received_at, c.provider_account, p.status, c.dedupe_key, NULL, NULL::bigint, NULL, p.tries,
       NULL::timestamptz, p.next_try_at, coalesce(p.error, '')
FROM callback_processing p JOIN inbound_callback c ON c.id = p.callback_id
WHERE p.status <> 'processed'
"""
_CASES = """
SELECT 'case', s.id, s.opened_at, s.provider_account, s.kind, s.attempt_ref, o.order_ref, s.amount, s.currency::text, 0,
       NULL::timestamptz, NULL::timestamptz, s.proposal
FROM suspense_case s LEFT JOIN payment_order o ON o.id = s.order_id
WHERE s.state = 'open'
"""
_PARTS: Final = {
    DoubtKind.ATTEMPT: (_ATTEMPTS, "a.created_at", "a.id", "a.provider_account"),
    DoubtKind.REFUND: (_REFUNDS, "coalesce(r.asked_at, r.requested_at)", "r.id", "r.provider_account"),
    DoubtKind.CALLBACK: (_CALLBACKS, "c.received_at", "c.id", "c.provider_account"),
    DoubtKind.CASE: (_CASES, "s.opened_at", "s.id", "s.provider_account"),
}
_OF_ACCOUNT = "AND (%(account)s::text IS NULL OR {account} = %(account)s)"


def _page_sql(kinds: tuple[DoubtKind, ...]) -> str:
    parts = [
        f"({sql} {_OF_ACCOUNT.format(account=account)} AND ({since}, {id_}) > (%(since)s, %(id)s)"
        f" ORDER BY {since}, {id_} LIMIT %(limit)s)"
        for sql, since, id_, account in (_PARTS[kind] for kind in kinds)
    ]
    return f"""
    SELECT d.*, e.source AS said_source, e.outcome AS said_outcome, e.detail_code AS said_code,
           e.recorded_at AS said_at
    FROM (SELECT * FROM ({" UNION ALL ".join(parts)}) AS every ({_COLUMNS}) ORDER BY since, id LIMIT %(limit)s) AS d
    LEFT JOIN LATERAL (
        SELECT source, outcome, detail_code, recorded_at FROM payment_evidence
        WHERE d.kind = 'attempt' AND attempt_id = d.id ORDER BY recorded_at DESC, id DESC LIMIT 1
    ) e ON true
    ORDER BY since, id
    """


_PAGES: Final = {kinds: _page_sql(kinds) for kinds in (tuple(DoubtKind), *((kind,) for kind in DoubtKind))}

_TOTALS = f"""
SELECT provider_account,
       count(*) FILTER (WHERE age < interval '1 hour') AS hour,
       count(*) FILTER (WHERE age >= interval '1 hour' AND age < interval '1 day') AS day,
       count(*) FILTER (WHERE age >= interval '1 day' AND age < interval '3 days') AS three_days,
       count(*) FILTER (WHERE age >= interval '3 days') AS older,
       coalesce(sum(amount), 0)::bigint AS amount, min(since) AS oldest_at
FROM (SELECT *, %(now)s::timestamptz - since AS age
      FROM ({" UNION ALL ".join(sql for sql, *_ in _PARTS.values())}) AS every ({_COLUMNS})) AS aged
GROUP BY provider_account ORDER BY provider_account
"""


def entries(
    uow: UnitOfWork, *, kind: DoubtKind | None, account: str | None, after: Place, limit: int
) -> list[DoubtEntry]:
    """What is in doubt, oldest first, after a place in the list."""
    values: dict[str, Any] = {
        "now": uow.now,
        "account": account,
        "since": after.since,
        "id": after.id,
        "limit": limit,
    }
    return uow.rows(DoubtEntry, _PAGES[(kind,) if kind else tuple(DoubtKind)], values)


def totals(uow: UnitOfWork) -> list[DoubtTotal]:
    """How much is in doubt by account and age, everything counted."""
    return uow.rows(DoubtTotal, _TOTALS, {"now": uow.now})
