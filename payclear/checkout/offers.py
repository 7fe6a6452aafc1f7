"""What routing decided, arranged for the eye: groups by method, reasons, fees in words; and the QR of a transfer.

Called by `pages`. It decides nothing: order and reasons are those of `routing`.
"""

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import segno

from payclear.catalogue.domain import FeeBearer, Method
from payclear.checkout.domain import PageKind, Standing, is_web_address, transfer_of
from payclear.checkout.routing import Choice, Refusal
from payclear.checkout.transfer_qr import Transfer
from payclear.contract.registry import ProviderRegistry
from payclear.gateway.domain import HealthState
from payclear.i18n.locales import Locale
from payclear.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One account on the page."""

    code: str
    name: str
    refusal: Refusal | None
    limit: Money | None
    reason: str  # a rule's own words, in the reader's language
    fee: Money | None  # what the payer pays to the provider besides
    bearer: FeeBearer | None
    is_troubled: bool  # it answers slowly or seldom


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The accounts of one method, the best first."""

    method: Method
    offers: tuple[Offer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """Everything to choose from: groups with the best first, counters as information, and what is not offered, with why."""

    groups: tuple[Group, ...] = ()
    counters: tuple[Offer, ...] = ()
    closed: tuple[Offer, ...] = ()

    @property
    def open_count(self) -> int:
        """How many can be chosen."""
        return sum(len(group.offers) for group in self.groups)

    @property
    def is_counter_procedure(self) -> bool:
        """Whether nothing is offered because the fee is taken at counters only."""
        return any(offer.refusal is Refusal.COUNTER_PROCEDURE for offer in self.closed)

    @property
    def has_fee(self) -> bool:
        """Whether any of them costs the payer something."""
        return any(offer.fee for group in self.groups for offer in group.offers)


def arrange(choices: Sequence[Choice], providers: ProviderRegistry, locale: Locale) -> Offers:
    """Group what is offered; a group stands where its best account would."""
    by_method: dict[Method, list[Offer]] = {}
    counters, closed = [], []
    for choice in choices:
        offer = _offer(choice, providers, locale)
        if choice.refusal is None:
            by_method.setdefault(choice.method, []).append(offer)
        elif choice.refusal is Refusal.COUNTER_ONLY:
            counters.append(offer)
        else:
            closed.append(offer)
    groups = tuple(Group(method=method, offers=tuple(found)) for method, found in by_method.items())
    return Offers(groups=groups, counters=tuple(counters), closed=tuple(closed))


def _offer(choice: Choice, providers: ProviderRegistry, locale: Locale) -> Offer:
    rule, fee = choice.rule, choice.fee
    is_by_rule = choice.refusal is Refusal.BY_RULE and rule is not None
    return Offer(
        code=choice.account,
        name=providers.name_of(choice.account, locale),
        refusal=choice.refusal,
        limit=choice.limit,
        reason=(rule.reason_en if locale == "en" else rule.reason_vi) if is_by_rule and rule else "",
        fee=fee.for_payer if fee and fee.for_payer.is_positive else None,
        bearer=fee.borne_by if fee else None,
        is_troubled=choice.health in (HealthState.SLOW, HealthState.FAILING),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A transfer to be scanned, or copied line by line."""

    svg: str
    png: str  # a data address, to be saved on the telephone that shows the page
    transfer: Transfer
    minutes_left: int
    link: str  # the provider's own page, empty where it gave no web address


def scan_of(standing: Standing, *, now: datetime) -> Scan | None:
    """What the page shows of a transfer QR; None on every other page."""
    attempt = standing.attempt
    if standing.kind is not PageKind.SCAN or attempt is None or attempt.qr_text is None:
        return None
    transfer = transfer_of(attempt)
    if transfer is None:
        return None
    code = segno.make(attempt.qr_text, error="m", micro=False)
    picture = io.BytesIO()
    code.save(picture, kind="png", scale=8, border=4)
    return Scan(
        svg=code.svg_inline(omitsize=True, svgclass="qr-image", lineclass=None, border=2),
        png="data:image/png;base64," + b64encode(picture.getvalue()).decode("ascii"),
        transfer=transfer,
        minutes_left=max(1, -(-int((attempt.expires_at - now).total_seconds()) // 60)),
        link=attempt.redirect_url if attempt.redirect_url and is_web_address(attempt.redirect_url) else "",
    )
