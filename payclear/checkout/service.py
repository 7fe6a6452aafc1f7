"""The citizen's choice becomes an attempt: intent committed, provider called, answer committed.

Called by the payment page and the return page. It must never start a second attempt while one may still
become money, and never believe what a browser brings back.
"""

import logging
from datetime import timedelta

from payclear.checkout.domain import PageKind, Standing, is_web_address, offers_for, standing_of
from payclear.checkout.queries import ReturnedAttempt, find_returned_attempt
from payclear.contract.errors import OutcomeUnknown, ProviderError
from payclear.contract.messages import CheckoutRequest, CheckoutResult, InboundRequest
from payclear.contract.registry import ProviderLine
from payclear.db.uow import UnitOfWork
from payclear.kernel.errors import ErrorCategory, PayclearError
from payclear.kernel.ids import split_attempt_ref
from payclear.orders.checkout import LAST_CALL, checkout_request, open_attempt, record_checkout
from payclear.orders.domain import LIVE_STATES
from payclear.orders.errors import AttemptInProgress, OrderNotPayable, TooManyAttempts
from payclear.orders.inquiry import ask_provider
from payclear.orders.records import AttemptView, OrderView
from payclear.orders.service import get_by_token
from payclear.runtime import Runtime

log = logging.getLogger(__name__)


class ProviderNotOffered(PayclearError):
    """This provider account does not take this order; the page says which do."""

    code = "provider_not_offered"
    category = ErrorCategory.INVALID


def standing(runtime: Runtime, order: OrderView) -> Standing:
    """Which page an order needs now, by this process's clock and settings."""
    return standing_of(
        order,
        now=runtime.clock.now(),
        attempts_max=runtime.settings.orders.attempts_max,
        last_call=LAST_CALL,
        resume_after=timedelta(seconds=runtime.settings.orders.resume_after_s),
    )


def start(
    runtime: Runtime, token: str, provider_account: str, *, payer_ip: str, public_url: str, locale: str
) -> str:
    """Open an attempt at a provider; returns where the citizen goes next: there, or back to the page.

    Whatever stands in the way of a new attempt leads back to the page, which says what is going on.
    Raises OrderNotFound, UnknownProviderAccount, ProviderNotOffered.
    """
    page = page_path(token, locale)
    line = runtime.providers.get(provider_account)
    with runtime.database.begin() as uow:
        order = get_by_token(uow, token)
        attempt = _open_or_resume(runtime, uow, order, line)
        if attempt is None:
            return page
        uow.commit()
    request = checkout_request(
        attempt,
        order,
        payer_ip=payer_ip,
        locale=locale,
        return_url=f"{public_url}/return/{line.code}/{locale}",
        callback_url=f"{public_url}/callbacks/{line.code}",
    )
    recorded = _record(runtime, attempt, _call(line, request))
    target = recorded.redirect_url
    return target if target and is_web_address(target) and recorded.is_live else page


def _open_or_resume(
    runtime: Runtime, uow: UnitOfWork, order: OrderView, line: ProviderLine
) -> AttemptView | None:
    """A new attempt, or the one whose call was cut off: it is made again with the same reference, never a new one."""
    now = standing(runtime, order)
    if now.kind is PageKind.RESUME and now.attempt is not None:
        repeats_safely = line.provider.manifest.create_repeats_safely
        return now.attempt if repeats_safely and now.attempt.provider_account == line.code else None
    if now.kind is not PageKind.CHOOSE:
        return None
    _require_offered(order, line)
    try:
        return open_attempt(uow, order_id=order.id, line=line, settings=runtime.settings.orders)
    except (AttemptInProgress, OrderNotPayable, TooManyAttempts) as error:
        log.info("checkout.refused", extra={"order_ref": order.order_ref, "code": error.code})
        return None


def page_path(token: str, locale: str) -> str:
    """Where an order's payment page is, in a language."""
    return f"/pay/{token}?lang={locale}"


def _require_offered(order: OrderView, line: ProviderLine) -> None:
    offer = offers_for(order.amount, [line])[0]
    if not offer.is_open:
        raise ProviderNotOffered(
            "the account does not take this order", provider_account=line.code, reason=str(offer.refusal)
        )


def _call(line: ProviderLine, request: CheckoutRequest) -> CheckoutResult | ProviderError:
    try:
        return line.provider.start_checkout(line.account, request)
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
