"""The citizen's choice becomes an attempt: intent committed, provider called, answer committed.

Called by the payment page and the return page. It must never start a second attempt while one may still
become money, and never believe what a browser brings back.
"""

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from payclear.checkout.decisions import Routing, decide, keep, tie
from payclear.checkout.domain import PageKind, Standing, is_web_address, standing_of, transfer_of
from payclear.checkout.queries import ReturnedAttempt, find_returned_attempt
from payclear.contract.errors import NotSent, OutcomeUnknown, ProviderError
from payclear.contract.manifest import Capability
from payclear.contract.messages import CheckoutRequest, CheckoutResult, InboundRequest
from payclear.contract.registry import ProviderLine
from payclear.db.uow import UnitOfWork
from payclear.gateway import service as gateway
from payclear.gateway.domain import Operation
from payclear.gateway.errors import NotCalled
from payclear.kernel.errors import ErrorCategory, PayclearError
from payclear.kernel.ids import split_attempt_ref
from payclear.kernel.money import Money
from payclear.ledger.service import given_back
from payclear.obligations.fees.explaining import pricings
from payclear.obligations.fees.facts import Exemption
from payclear.orders.bills import bill_for
from payclear.orders.checkout import LAST_CALL, checkout_request, open_attempt, record_checkout
from payclear.orders.domain import LIVE_STATES
from payclear.orders.errors import AttemptInProgress, OrderNotPayable, TooManyAttempts
from payclear.orders.inquiry import ask_provider, bring_forward
from payclear.orders.records import AttemptView, OrderView
from payclear.orders.service import get_by_token
from payclear.orders.suspense import money_came_since
from payclear.runtime import Runtime

log = logging.getLogger(__name__)


class ProviderNotOffered(PayclearError):
    """This provider account does not take this order, or no longer; the page says which do."""

    code = "provider_not_offered"
    category = ErrorCategory.INVALID


def standing(runtime: Runtime, uow: UnitOfWork, order: OrderView) -> Standing:
    """Which page an order needs now, by this process's clock and settings."""
    return standing_of(
        order,
        now=runtime.clock.now(),
        attempts_max=runtime.settings.orders.attempts_max,
        last_call=LAST_CALL,
        resume_after=timedelta(seconds=runtime.settings.orders.resume_after_s),
        late_money=money_came_since(uow, order),
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """What the payment page shows. `routing` only where there is something to choose.

    `exemptions`: why nothing is to be paid, by obligation, for those of the order that are exempted. `given_back`: what
    went back to the payer of what was paid.
    """

    order: OrderView
    standing: Standing
    routing: Routing | None
    exemptions: Mapping[UUID, Exemption]
    given_back: Money


def show(runtime: Runtime, token: str) -> Shown:
    """What the page of an order shows now. What it offers is kept with its reasons; a live attempt is asked about soon.

    Raises OrderNotFound.
    """
    with runtime.database.begin() as uow:
        order = get_by_token(uow, token)
        now = standing(runtime, uow, order)
        routing = None
        if now.kind is PageKind.CHOOSE:
            routing = decide(runtime, uow, order)
            keep(uow, order.id, routing)
        _look(runtime, uow, order)
        exemptions = _exemptions(uow, order)
        given = Money.zero(order.amount.currency)
        if now.kind is PageKind.PAID:
            given = given_back(uow, order.id, order.amount.currency)
        uow.commit()
    return Shown(order, now, routing, exemptions, given)


def _exemptions(uow: UnitOfWork, order: OrderView) -> Mapping[UUID, Exemption]:
    if all(line.amount.is_positive for line in order.lines):
        return {}
    found = pricings(uow, [document.obligation_id for document in order.documents])
    return {id_: pricing.exemption for id_, pricing in found.items() if pricing.exemption is not None}


def start(
    runtime: Runtime, token: str, provider_account: str, *, payer_ip: str, public_url: str, locale: str
) -> str:
    """Open an attempt at a provider; returns where the citizen goes next: there, or back to the page.

    Whatever stands in the way of a new attempt leads back to the page, which says what is going on.
    Raises OrderNotFound, UnknownProviderAccount, ProviderNotOffered.
    """
    page = page_path(token, locale)
    line = runtime.providers.get(provider_account)
    with ExitStack() as stack:
        with runtime.database.begin() as uow:
            order = get_by_token(uow, token)
            attempt = _open_or_resume(runtime, uow, order, line)
            if attempt is None:
                _look(runtime, uow, order)
                uow.commit()
                return page
            is_repeated = attempt in order.attempts
            bill = bill_for(uow, order, line, sealer=runtime.sealer)
            held = _place(runtime, line, stack)
            uow.commit()
        request = checkout_request(
            attempt,
            order,
            payer_ip=payer_ip,
            locale=locale,
            return_url=f"{public_url}/return/{line.code}/{locale}",
            callback_url=f"{public_url}/callbacks/{line.code}",
            bill=bill,
        )
        answer = _call(held, line, request)
    if is_repeated and isinstance(answer, NotSent):
        return page  # nothing left us now; what the cut-off call did, the next query says
    recorded = _record(runtime, attempt, answer)
    target = recorded.redirect_url
    if not recorded.is_live or transfer_of(recorded) is not None:
        return page
    return target if target and is_web_address(target) else page


def _place(runtime: Runtime, line: ProviderLine, stack: ExitStack) -> gateway.Place:
    """A place for the call; without one no attempt is kept, for it would be one try less for nothing."""
    try:
        return stack.enter_context(gateway.place(runtime, line, Operation.CHECKOUT))
    except NotCalled as error:
        reason = str(error.facts["reason"])
        raise ProviderNotOffered("it can not be called", provider_account=line.code, reason=reason) from error


def _open_or_resume(
    runtime: Runtime, uow: UnitOfWork, order: OrderView, line: ProviderLine
) -> AttemptView | None:
    """A new attempt, or the one whose call was cut off: it is made again with the same reference, never a new one."""
    now = standing(runtime, uow, order)
    if now.kind is PageKind.RESUME and now.attempt is not None:
        repeats_safely = line.provider.manifest.create_repeats_safely
        return now.attempt if repeats_safely and now.attempt.provider_account == line.code else None
    if now.kind is not PageKind.CHOOSE:
        return None
    routing = decide(runtime, uow, order)
    choice = routing.of(line.code)
    if choice is None or not choice.is_offered:
        refusal = str(choice.refusal) if choice else "unknown"
        raise ProviderNotOffered(
            "the account does not take this order", provider_account=line.code, reason=refusal
        )
    decision_id = keep(uow, order.id, routing)
    try:
        attempt = open_attempt(uow, order_id=order.id, line=line, settings=runtime.settings.orders)
    except (AttemptInProgress, OrderNotPayable, TooManyAttempts) as error:
        log.info("checkout.refused", extra={"order_ref": order.order_ref, "code": error.code})
        uow.rollback()
        return None
    tie(uow, attempt, decision_id, choice)
    return attempt


def _look(runtime: Runtime, uow: UnitOfWork, order: OrderView) -> None:
    """Somebody looks at the order: have the provider of a live attempt asked soon, and wait for nobody."""
    attempt = order.live_attempt
    if attempt is not None and may_be_asked(runtime, attempt):
        bring_forward(uow, attempt)


def may_be_asked(runtime: Runtime, attempt: AttemptView) -> bool:
    """Whether the attempt's provider answers questions; one that does not is heard by its notification and statement."""
    code = attempt.provider_account
    if code not in runtime.providers:
        return False
    return Capability.STATUS_QUERY in runtime.providers.get(code).provider.manifest.capabilities


def page_path(token: str, locale: str) -> str:
    """Where an order's payment page is, in a language."""
    return f"/pay/{token}?lang={locale}"


def _call(
    held: gateway.Place, line: ProviderLine, request: CheckoutRequest
) -> CheckoutResult | ProviderError:
    try:
        return held.call(lambda: line.provider.start_checkout(line.account, request))
    except ProviderError as error:
        log.warning("checkout.failed", extra={"attempt_ref": request.attempt_ref, "code": error.code})
        return error
    except Exception:
        # A fault of the adapter: something may have left us, so the attempt is in doubt, not failed.
        log.exception("checkout.adapter_failed", extra={"attempt_ref": request.attempt_ref})
        return OutcomeUnknown("the adapter failed", provider_account=line.code)


def _record(runtime: Runtime, attempt: AttemptView, answer: CheckoutResult | ProviderError) -> AttemptView:
    with runtime.database.begin() as uow:
        recorded = record_checkout(uow, attempt.id, answer, attempts_max=runtime.settings.orders.attempts_max)
        uow.commit()
    log.info(
        "checkout.started",
        extra={
            "attempt_ref": attempt.attempt_ref,
            "provider_account": attempt.provider_account,
            "state": recorded.state,
        },
    )
    return recorded


def returned_attempt(
    runtime: Runtime, provider_account: str, request: InboundRequest
) -> ReturnedAttempt | None:
    """The attempt a browser came back from, when what it brought is signed by the provider; else None.

    Raises UnknownProviderAccount.
    """
    line = runtime.providers.get(provider_account)
    hint = line.provider.read_return(line.account, request)
    if not hint.signature_holds or split_attempt_ref(hint.attempt_ref or "") is None:
        log.info("checkout.return_unreadable", extra={"provider_account": provider_account})
        return None
    with runtime.database.begin() as uow:
        return find_returned_attempt(
            uow, attempt_ref=str(hint.attempt_ref), provider_account=provider_account
        )


def settle_return(runtime: Runtime, returned: ReturnedAttempt) -> None:
    """Ask the provider once about an attempt that is still open; after a failure the query job goes on."""
    if returned.state not in LIVE_STATES:
        return
    try:
        ask_provider(runtime, returned.attempt_id, counts=False)
    except Exception:
        log.exception("checkout.return_query_failed", extra={"attempt_id": str(returned.attempt_id)})
