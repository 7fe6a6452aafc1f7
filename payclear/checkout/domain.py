"""What the payment page says and offers: which page an order needs, which accounts can take it. Pure.

Called by the page and by `checkout.service`, so that what is shown and what is accepted are the same rule.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from payclear.contract.manifest import Capability
from payclear.contract.registry import ProviderLine
from payclear.kernel.money import Money
from payclear.orders.domain import AttemptState, OrderState
from payclear.orders.records import AttemptView, OrderView


class PageKind(StrEnum):
    """Which page an order needs now."""

    CHOOSE = "choose"  # nothing is on its way: choose a provider
    CONTINUE = "continue"  # the citizen was sent to a provider and can go on there
    RESUME = (
        "resume"  # we stopped before the provider's answer was kept: ask it again, under the same reference
    )
    CONFIRMING = "confirming"  # the outcome is not known: do not pay again
    REVIEW = "review"  # money came that the order can not take: a person looks at it
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


WAITING: Final = frozenset({PageKind.CONTINUE, PageKind.RESUME, PageKind.CONFIRMING})
_CLOSED: Final = {
    OrderState.FAILED: PageKind.FAILED,
    OrderState.EXPIRED: PageKind.EXPIRED,
    OrderState.CANCELLED: PageKind.CANCELLED,
}


class Refusal(StrEnum):
    """Why a provider account is not offered."""

    BELOW_MINIMUM = "below_minimum"
    ABOVE_MAXIMUM = "above_maximum"
    NOT_ONLINE = "not_online"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One provider account on the page; with a refusal it is shown with its reason and can not be chosen."""

    code: str
    name_vi: str
    name_en: str
    refusal: Refusal | None = None
    limit: Money | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can be chosen."""
        return self.refusal is None


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
    order: OrderView, *, now: datetime, attempts_max: int, last_call: timedelta, resume_after: timedelta
) -> Standing:
    """Which page an order needs. Total over all states of orders and attempts.

    No new attempt is offered when less than `last_call` is left. After `resume_after` whoever was calling the
    provider for an attempt has surely gone, and the call may be made again.
    """
    return Standing(
        kind=_kind(order, now=now, attempts_max=attempts_max, last_call=last_call, resume_after=resume_after),
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


def offers_for(amount: Money, lines: Iterable[ProviderLine]) -> tuple[Offer, ...]:
    """Every provider account in the configuration's order, with the reason where one can not take it."""
    return tuple(_offer(amount, line) for line in lines)


def _offer(amount: Money, line: ProviderLine) -> Offer:
    manifest, account = line.provider.manifest, line.account
    refusal, limit = None, None
    if not manifest.capabilities & {Capability.REDIRECT}:
        refusal = Refusal.NOT_ONLINE
    elif amount.amount < manifest.amount_min:
        refusal, limit = Refusal.BELOW_MINIMUM, Money(manifest.amount_min, amount.currency)
    elif amount.amount > manifest.amount_max:
        refusal, limit = Refusal.ABOVE_MAXIMUM, Money(manifest.amount_max, amount.currency)
    return Offer(
        code=account.code,
        name_vi=account.name_vi or manifest.title_vi,
        name_en=account.name_en or manifest.title_en,
        refusal=refusal,
        limit=limit,
    )


def return_link(order: OrderView) -> str:
    """The portal's return address with `order_ref` and `status` added: a hint, never a proof."""
    parts = urlsplit(order.return_url)
    added = {"order_ref": order.order_ref, "status": order.public_status.value}
    kept = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in added
    ]
    return urlunsplit(parts._replace(query=urlencode([*kept, *added.items()])))
