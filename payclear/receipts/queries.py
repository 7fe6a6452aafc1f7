"""SQL of receipts and their series. Called by `receipts.service` and `receipts.checks`."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from payclear.db.uow import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRow:
    """A receipt with the names of its order and of the attempt that paid it."""

    id: UUID
    order_id: UUID
    state: str
    series: str | None
    number: int | None
    verification_code: str
    amount: int
    currency: str
    paid_at: datetime
    created_at: datetime
    issued_at: datetime | None
    cancelled_at: datetime | None
    order_ref: str
    payment_code: str
    portal_code: str
    portal_ref: str
    provider_account: str | None
    provider_ref: str | None


# Hot path: one row in the transaction that made the order paid; a second announcement changes nothing.
INSERT_RECEIPT = """
INSERT INTO receipt (id, order_id, state, verification_code, amount, currency, paid_at, created_at)
VALUES (%s, %s, 'pending', %s, %s, %s, %s, %s) ON CONFLICT (order_id) DO NOTHING
"""

CANCEL_RECEIPT = "UPDATE receipt SET cancelled_at = %s WHERE order_id = %s AND cancelled_at IS NULL"

OLDEST_PENDING = "SELECT min(paid_at) FROM receipt WHERE state = 'pending'"

ENSURE_SERIES = "INSERT INTO receipt_series (series, last_number) VALUES (%s, 0) ON CONFLICT DO NOTHING"
LOCK_SERIES = "SELECT last_number FROM receipt_series WHERE series = %s FOR UPDATE"

# Runs under the lock of the series, so it sees every number given before, and its own are without a gap.
ISSUE = """
WITH waiting AS (
    SELECT id, paid_at FROM receipt
     WHERE state = 'pending' AND paid_at >= %(begins_at)s AND paid_at < %(ends_at)s
     ORDER BY paid_at, id LIMIT %(limit)s
), numbered AS (
    SELECT id, %(last)s + row_number() OVER (ORDER BY paid_at, id) AS number FROM waiting
), issued AS (
    UPDATE receipt r SET state = 'issued', series = %(series)s, number = n.number, issued_at = %(now)s
      FROM numbered n WHERE n.id = r.id
    RETURNING r.number
)
UPDATE receipt_series SET last_number = %(last)s + (SELECT count(*) FROM issued) WHERE series = %(series)s
RETURNING last_number
"""

SELECT_RECEIPT = """
SELECT r.id, r.order_id, r.state, r.series, r.number, r.verification_code, r.amount, r.currency, r.paid_at,
       r.created_at, r.issued_at, r.cancelled_at, o.order_ref, o.payment_code, o.portal_code, o.portal_ref,
       a.provider_account, a.provider_ref
  FROM receipt r
  JOIN payment_order o ON o.id = r.order_id
  LEFT JOIN payment_attempt a ON a.order_id = r.order_id AND a.state IN ('succeeded', 'reversed')
"""
BY_CODE = SELECT_RECEIPT + " WHERE r.verification_code = %s"
BY_ORDER = SELECT_RECEIPT + " WHERE r.order_id = %s"


def insert_receipt(
    uow: UnitOfWork,
    *,
    receipt_id: UUID,
    order_id: UUID,
    verification_code: str,
    amount: int,
    currency: str,
    paid_at: datetime,
) -> bool:
    """Write a receipt that waits for its number; False when the order has one."""
    parameters = (receipt_id, order_id, verification_code, amount, currency, paid_at, uow.now)
    return uow.run(INSERT_RECEIPT, parameters).rowcount == 1


def cancel_receipt(uow: UnitOfWork, order_id: UUID) -> None:
    """Write when a receipt was cancelled, once."""
    uow.run(CANCEL_RECEIPT, (uow.now, order_id))


def oldest_pending(uow: UnitOfWork) -> datetime | None:
    """When the oldest payment was made whose receipt waits for its number."""
    row = uow.run(OLDEST_PENDING).fetchone()
    return row[0] if row else None


def lock_series(uow: UnitOfWork, series: str) -> int:
    """Hold a series until the end of the transaction; its last number."""
    uow.run(ENSURE_SERIES, (series,))
    (last,) = uow.run(LOCK_SERIES, (series,)).fetchall()
    return int(last[0])


def issue(
    uow: UnitOfWork, *, series: str, begins_at: datetime, ends_at: datetime, last: int, limit: int
) -> int:
    """Number waiting receipts of a locked series in the order they were paid; the new last number."""
    (row,) = uow.run(
        ISSUE,
        {
            "series": series,
            "begins_at": begins_at,
            "ends_at": ends_at,
            "last": last,
            "limit": limit,
            "now": uow.now,
        },
    ).fetchall()
    return int(row[0])


def by_code(uow: UnitOfWork, verification_code: str) -> ReceiptRow | None:
    """The receipt that a code opens."""
    rows = uow.rows(ReceiptRow, BY_CODE, (verification_code,))
    return rows[0] if rows else None


def by_order(uow: UnitOfWork, order_id: UUID) -> ReceiptRow | None:
    """The receipt of an order."""
    rows = uow.rows(ReceiptRow, BY_ORDER, (order_id,))
    return rows[0] if rows else None
