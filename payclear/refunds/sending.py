"""Calls providers about refunds: intent, call, result, each in its place; no transaction is open during the call.

Called by the jobs of refunds. A refund whose call was cut off is in doubt: the provider is asked, or called again with the
very same request where it takes that as the same refund; where neither works, its statement decides. Silence never
becomes failure.
"""

import logging
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from payclear.contract.errors import NotSent, ProviderError, ProviderRefused
from payclear.contract.manifest import Capability
from payclear.contract.messages import RefundQuery, RefundRequest, RefundResult
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.contract.registry import ProviderLine, UnknownProviderAccount
from payclear.db.uow import UnitOfWork
from payclear.gateway.domain import Operation
from payclear.gateway.errors import NotCalled
from payclear.gateway.service import Place, place
from payclear.orders.checkout import get_attempt
from payclear.refunds.domain import RefundEffect, may_be_asked
from payclear.refunds.records import RefundApplied, RefundView
from payclear.refunds.service import (
    apply_refund_evidence,
    begin_call,
    begin_query,
    captured_by,
    get_refund,
    put_off,
)
from payclear.runtime import Runtime

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
BUSY_PAUSE = timedelta(seconds=10)


def send_refund(runtime: Runtime, refund_id: UUID) -> RefundApplied | None:
    """Send a requested refund to its provider; None when it is not to be sent (any more), or can not be now."""
    line = _line_of(runtime, refund_id)
    if line is None:
        return None
    try:
        with place(runtime, line, Operation.REFUND) as held:
            with runtime.database.begin() as uow:
                refund = begin_call(uow, refund_id, back_at=uow.now + LEASE)
                if refund is None:
                    return None
                request = _request(uow, refund)
                uow.commit()
            result = _send(held, line, request)
    except NotCalled as held_back:
        _hold_back(runtime, refund_id, held_back)
        return None
    return _record(runtime, line, refund, result)


def ask_about_refund(runtime: Runtime, refund_id: UUID) -> RefundApplied | None:
    """Ask what became of a refund that was sent or is in doubt; None when there is nothing, or nobody, to ask."""
    line = _line_of(runtime, refund_id)
    if line is None:
        return None
    has_query = Capability.REFUND_QUERY in line.provider.manifest.capabilities
    try:
        with place(runtime, line, Operation.REFUND_QUERY if has_query else Operation.REFUND) as held:
            with runtime.database.begin() as uow:
                refund = begin_query(uow, refund_id, line.provider.manifest)
                request = _request(uow, refund) if refund is not None else None
                asked_at = uow.now
                uow.commit()
            if refund is None or request is None:
                return None
            ask = _ask if has_query else _repeat
            result = ask(held, line, request, refund.provider_ref, asked_at)
    except NotCalled as held_back:
        _hold_back(runtime, refund_id, held_back)
        return None
    return _record(runtime, line, refund, result)


def _line_of(runtime: Runtime, refund_id: UUID) -> ProviderLine | None:
    with runtime.database.begin() as uow:
        account = get_refund(uow, refund_id).provider_account
    try:
        return runtime.providers.get(account)
    except UnknownProviderAccount:
        log.warning("refunds.account_off", extra={"provider_account": account})
        return None


def _request(uow: UnitOfWork, refund: RefundView) -> RefundRequest:
    """The request, the same at every repetition."""
    attempt = get_attempt(uow, refund.attempt_id)
    return RefundRequest(
        refund_ref=refund.refund_ref,
        attempt_ref=attempt.attempt_ref,
        provider_ref=attempt.provider_ref,
        amount=refund.money,
        captured=captured_by(uow, attempt),
        paid_created_at=attempt.created_at,
        asked_at=refund.asked_at or uow.now,
        asked_by=refund.requested_by,
        reason=refund.reason,
    )


def _send(held: Place, line: ProviderLine, request: RefundRequest) -> RefundResult:
    try:
        return held.call(lambda: line.provider.refund(line.account, request))
    except NotSent as error:
        return RefundResult(outcome=Outcome.NOT_SENT, detail_code=error.code)
    except ProviderRefused as error:
        return RefundResult(outcome=Outcome.REJECTED, detail_code=error.code)
    except ProviderError as error:
        log.warning("refunds.call_failed", extra={"refund_ref": request.refund_ref, "code": error.code})
        return RefundResult(outcome=Outcome.UNKNOWN, detail_code=error.code)
    except Exception:
        # A fault of the adapter: something may have left us.
        log.exception("refunds.adapter_failed", extra={"refund_ref": request.refund_ref})
        return RefundResult(outcome=Outcome.UNKNOWN)


def _repeat(
    held: Place, line: ProviderLine, request: RefundRequest, _provider_ref: str | None, _asked_at: datetime
) -> RefundResult:
    """Make the very same call again. That this one was not sent, or not taken, says nothing about the first."""
    try:
        return held.call(lambda: line.provider.refund(line.account, request))
    except ProviderError as error:
        return _silence(request, error)


def _ask(
    held: Place, line: ProviderLine, request: RefundRequest, provider_ref: str | None, asked_at: datetime
) -> RefundResult:
    query = RefundQuery(
        refund=request, provider_ref=provider_ref, asked_at=asked_at, request_id=secrets.token_hex(16)
    )
    try:
        return held.call(lambda: line.provider.query_refund(line.account, query))
    except ProviderError as error:
        return _silence(request, error)


def _silence(request: RefundRequest, error: ProviderError) -> RefundResult:
    """Our question failed; that says nothing about the refund, not even when no byte was sent."""
    log.warning("refunds.query_failed", extra={"refund_ref": request.refund_ref, "code": error.code})
    return RefundResult(outcome=Outcome.UNKNOWN)


def _hold_back(runtime: Runtime, refund_id: UUID, held_back: NotCalled) -> None:
    """The provider can not be called now; this was no call, so it is not counted."""
    pause = max(BUSY_PAUSE, timedelta(seconds=held_back.retry_after_s))
    with runtime.database.begin() as uow:
        put_off(uow, refund_id, until=uow.now + pause)
        uow.commit()


def _record(runtime: Runtime, line: ProviderLine, refund: RefundView, result: RefundResult) -> RefundApplied:
    with runtime.database.begin() as uow:
        applied = apply_refund_evidence(
            uow,
            refund_id=refund.id,
            outcome=result.outcome,
            source=EvidenceSource.STATUS_QUERY,
            provider_ref=result.provider_ref,
            detail_code=result.detail_code,
            may_ask=may_be_asked(
                line.provider.manifest, is_numbered=bool(result.provider_ref or refund.provider_ref)
            ),
        )
        uow.commit()
    facts = {"refund_ref": refund.refund_ref, "outcome": result.outcome, "effect": applied.effect}
    if applied.effect is RefundEffect.CONTESTED:
        log.error("refunds.contested", extra=facts)
    else:
        log.info("refunds.answered", extra=facts)
    return applied
