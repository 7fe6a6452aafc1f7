"""Receipts: one for each paid order, numbered without a gap, opened by an unguessable code.

Called by the handler of `payment_order.paid`, the numbering job and the receipt page.
A receipt is never changed once it has its number; when the bank takes the payment back, it is marked as cancelled.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.jobs.queue import wake
from payclear.kernel.errors import ErrorCategory, PayclearError
from payclear.kernel.ids import new_uuid, public_id
from payclear.kernel.money import Money
from payclear.receipts import queries
from payclear.receipts.domain import ReceiptState, full_number, new_verification_code, series_of
from payclear.receipts.queries import ReceiptRow

ISSUE_BATCH = 500


class ReceiptNotFound(PayclearError):
    """There is no receipt behind this code."""

    code = "receipt_not_found"
    category = ErrorCategory.NOT_FOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptView:
    """A receipt as it may be shown; `number` and `issued_at` are None while it waits for its number."""

    id: UUID
    public_id: str
    state: ReceiptState
    number: str | None
    verification_code: str
    amount: Money
    paid_at: datetime
    issued_at: datetime | None
    cancelled_at: datetime | None
    order_id: UUID
    order_ref: str
    payment_code: str
    portal_code: str
    portal_ref: str
    provider_account: str | None
    provider_ref: str | None


def open_receipt(uow: UnitOfWork, *, order_id: UUID, amount: Money, paid_at: datetime) -> bool:
    """Write the receipt of a paid order, to be numbered by the job; False when there is one already."""
    written = queries.insert_receipt(
        uow,
        receipt_id=new_uuid(),
        order_id=order_id,
        verification_code=new_verification_code(),
        amount=amount.amount,
        currency=amount.currency,
        paid_at=paid_at,
    )
    if written:
        wake(uow, "receipts.issue")
    return written


def cancel_receipt(uow: UnitOfWork, order_id: UUID) -> None:
    """Mark the receipt of an order as cancelled; it keeps its number, or still gets it, so that the series has no gap."""
    queries.cancel_receipt(uow, order_id)


def issue_waiting(uow: UnitOfWork) -> int:
    """Number up to ISSUE_BATCH receipts of the oldest series that has any waiting; how many."""
    oldest = queries.oldest_pending(uow)
    if oldest is None:
        return 0
    series = series_of(oldest)
    last = queries.lock_series(uow, series.code)
    new_last = queries.issue(
        uow,
        series=series.code,
        begins_at=series.begins_at,
        ends_at=series.ends_at,
        last=last,
        limit=ISSUE_BATCH,
    )
    return new_last - last


def get_receipt(uow: UnitOfWork, verification_code: str) -> ReceiptView:
    """The receipt that a code opens; raises ReceiptNotFound. Case and spaces of the code do not matter."""
    row = queries.by_code(uow, "".join(verification_code.upper().split()))
    if row is None:
        raise ReceiptNotFound("no receipt has this code")
    return _view(row)


def for_order(uow: UnitOfWork, order_id: UUID) -> ReceiptView | None:
    """The receipt of an order, or None while it is not paid."""
    row = queries.by_order(uow, order_id)
    return _view(row) if row else None


def _view(row: ReceiptRow) -> ReceiptView:
    return ReceiptView(
        id=row.id,
        public_id=public_id("rcp", row.id),
        state=ReceiptState(row.state),
        number=full_number(row.series, row.number),
        verification_code=row.verification_code,
        amount=Money(row.amount, row.currency),
        paid_at=row.paid_at,
        issued_at=row.issued_at,
        cancelled_at=row.cancelled_at,
        order_id=row.order_id,
        order_ref=row.order_ref,
        payment_code=row.payment_code,
        portal_code=row.portal_code,
        portal_ref=row.portal_ref,
        provider_account=row.provider_account,
        provider_ref=row.provider_ref,
    )
