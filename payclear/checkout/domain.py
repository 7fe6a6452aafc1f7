"""Which page an order needs now, and the way back to its portal. Pure; which accounts are offered is `routing`.

Called by the page and by `checkout.service`, so that what is shown and what is accepted are the same rule.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from payclear.checkout.transfer_qr import Transfer, read_transfer
from payclear.orders.domain import AttemptState, OrderState
from payclear.orders.records import AttemptView, OrderView


class PageKind(StrEnum):
    """Which page an order needs now."""

    CHOOSE = "choose"  # nothing is on its way: choose a provider
    CONTINUE = "continue"  # the citizen was sent to a provider and can go on there
    SCAN = "scan"  # the page shows the provider's QR, to be scanned or copied into a bank application
    RESUME = (
        "resume"  # we stopped before the provider's answer was kept: ask it again, under the same reference
    )
    CONFIRMING = "confirming"  # the outcome is not known: do not pay again
    REVIEW = "review"  # money came that the order can not take: a person looks at it
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REVERSED = "reversed"  # it was paid at a bank, and the bank took the payment back
    EXEMPTED = "exempted"  # nothing is to be paid


WAITING: Final = frozenset({PageKind.CONTINUE, PageKind.SCAN, PageKind.RESUME, PageKind.CONFIRMING})
_ASKS_TO_PAY: Final = frozenset({PageKind.CHOOSE, PageKind.EXPIRED, PageKind.FAILED})
_CLOSED: Final = {
    OrderState.FAILED: PageKind.FAILED,
    OrderState.EXPIRED: PageKind.EXPIRED,
    OrderState.CANCELLED: PageKind.CANCELLED,
    OrderState.REVERSED: PageKind.REVERSED,
    OrderState.EXEMPTED: PageKind.EXEMPTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the page needs to know about an order now."""

    kind: PageKind
    attempt: AttemptView | None  # the live attempt, or the one that was paid
    last_refused: AttemptView | None  # the last try, when it came to nothing and another may be made
    has_surplus: bool  # money lies in suspense for this order

    @property
    def is_waiting(self) -> bool:
        """Whether the page should ask again by itself."""
        return self.kind in WAITING


def standing_of(
    order: OrderView,
    *,
    now: datetime,
    attempts_max: int,
    last_call: timedelta,
    resume_after: timedelta,
    late_money: bool = False,
) -> Standing:
    """Which page an order needs. Total over all states of orders and attempts.

    No new attempt is offered when less than `last_call` is left. After `resume_after` whoever was calling the
    provider for an attempt has surely gone, and the call may be made again. `late_money`: money for the same has come
    since for another order, which had ended.
    """
    kind = _kind(order, now=now, attempts_max=attempts_max, last_call=last_call, resume_after=resume_after)
    return Standing(
        kind=PageKind.REVIEW if late_money and kind in _ASKS_TO_PAY else kind,
        attempt=order.live_attempt or _paid_attempt(order),
        last_refused=_last_refused(order),
        has_surplus=any(attempt.state == AttemptState.SURPLUS for attempt in order.attempts),
    )


def _kind(
    order: OrderView, *, now: datetime, attempts_max: int, last_call: timedelta, resume_after: timedelta
) -> PageKind:
    if order.state is OrderState.PAID:
        return PageKind.PAID
    live = order.live_attempt
    if live is not None:
        return _kind_of_live(live, now, resume_after)
    # Money that waits for a decision must not be paid a second time, whatever became of the order.
    if any(attempt.state == AttemptState.SURPLUS for attempt in order.attempts):
        return PageKind.REVIEW
    if order.state is not OrderState.OPEN:
        return _CLOSED[order.state]
    if now >= order.expires_at - last_call:
        return PageKind.EXPIRED
    return PageKind.FAILED if len(order.attempts) >= attempts_max else PageKind.CHOOSE


def _kind_of_live(live: AttemptView, now: datetime, resume_after: timedelta) -> PageKind:
    if now >= live.expires_at:
        return PageKind.CONFIRMING
    if live.state == AttemptState.SENT and transfer_of(live) is not None:
        return PageKind.SCAN
    if live.state == AttemptState.SENT and is_web_address(live.redirect_url):
        return PageKind.CONTINUE
    if live.state == AttemptState.CREATED and now >= live.created_at + resume_after:
        return PageKind.RESUME
    return PageKind.CONFIRMING


def _paid_attempt(order: OrderView) -> AttemptView | None:
    return next((attempt for attempt in order.attempts if attempt.state == AttemptState.SUCCEEDED), None)


def _last_refused(order: OrderView) -> AttemptView | None:
    last = order.attempts[-1] if order.attempts else None
    is_refused = last is not None and last.state in (AttemptState.FAILED, AttemptState.EXPIRED)
    return last if is_refused else None


def subject_of(order: OrderView) -> str:
    """What the order is about, for the heading: one kind of obligation, or `mixed`."""
    kinds = {document.kind for document in order.documents}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def is_web_address(url: str | None) -> bool:
    """Whether a provider's address is one that a page may link to."""
    return url is not None and url.startswith(("https://", "http://"))


def transfer_of(attempt: AttemptView) -> Transfer | None:
    """The transfer that an attempt's QR asks for, when it is sound and asks for exactly the attempt's amount."""
    transfer = read_transfer(attempt.qr_text)
    return transfer if transfer is not None and transfer.amount == attempt.money else None


def return_link(order: OrderView) -> str:
    """The portal's return address with `order_ref` and `status` added: a hint, never a proof.

    Empty for an order that no portal sent: one made at a bank's counter.
    """
    if not order.return_url:
        return ""
    parts = urlsplit(order.return_url)
    added = {"order_ref": order.order_ref, "status": order.public_status.value}
    kept = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in added
    ]
    return urlunsplit(parts._replace(query=urlencode([*kept, *added.items()])))
