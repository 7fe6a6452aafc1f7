"""Takes a callback: verify, keep, apply, answer exactly as the provider expects. Nothing accepted is ever lost.

A bad signature changes nothing but a counter. What was kept and could not be applied is tried again by `jobs`.
"""

import logging
from datetime import timedelta
from uuid import UUID

from psycopg.types.json import Jsonb

from payclear.callbacks import queries
from payclear.callbacks.models import CallbackStatus
from payclear.contract.errors import CallbackMalformed, SignatureInvalid
from payclear.contract.messages import Acknowledgement, InboundRequest, VerifiedCallback
from payclear.contract.outcomes import CallbackVerdict
from payclear.contract.registry import ProviderLine
from payclear.db.uow import UnitOfWork
from payclear.identity.domain import is_address_allowed
from payclear.kernel.ids import new_uuid
from payclear.orders.evidence import Applied, apply_evidence, note_hint
from payclear.runtime import Runtime
from payclear.sealing.service import DaySeal, open_raw

log = logging.getLogger(__name__)

ADDRESS_REFUSED = "address_refused"
TRIES_MAX = 8
FIRST_PAUSE = timedelta(seconds=5)
# Headers that say something about the message; everything else (cookies, proxies' own) is not kept.
KEPT_HEADERS = ("content-type", "content-length", "user-agent", "date", "x-request-id")
_INBOX = "inbound_callback"
# An equal callback is applied again after these: the first could not be, or its order was not there yet.
UNSETTLED = frozenset({CallbackVerdict.ORDER_NOT_FOUND, CallbackVerdict.TRY_AGAIN})


def receive(
    runtime: Runtime, account_code: str, request: InboundRequest, *, address: str = ""
) -> Acknowledgement:
    """Take one callback of a provider account from a network address; raises UnknownProviderAccount.

    From a network that is not on the account's list it is answered as a forged one: its signature is not even looked at.
    """
    line = runtime.providers.get(account_code)
    if not is_address_allowed(address, line.allowed_networks):
        _count_rejection(runtime, line, ADDRESS_REFUSED)
        return line.provider.acknowledge(line.account, CallbackVerdict.SIGNATURE_INVALID, request)
    try:
        verified = line.provider.verify_callback(line.account, request)
    except (SignatureInvalid, CallbackMalformed) as error:
        _count_rejection(runtime, line, error.code)
        is_forged = isinstance(error, SignatureInvalid)
        verdict = CallbackVerdict.SIGNATURE_INVALID if is_forged else CallbackVerdict.MALFORMED
        return line.provider.acknowledge(line.account, verdict, request)
    try:
        verdict = _keep_and_apply(runtime, line, request, verified)
    except Exception as error:  # whatever it was: what the provider told us must survive it
        log.exception("callbacks.not_applied", extra={"provider_account": line.code})
        _keep_for_later(runtime, line, request, verified, error)
        verdict = CallbackVerdict.TRY_AGAIN
    return line.provider.acknowledge(line.account, verdict, request)


def retry(runtime: Runtime, callback_id: UUID) -> CallbackVerdict:
    """Apply a kept callback again; after eight failures it is quarantined for a person."""
    try:
        return _apply_kept(runtime, callback_id)
    except Exception as error:
        log.exception("callbacks.retry_failed", extra={"callback_id": str(callback_id)})
        with runtime.database.begin() as uow:
            status, _verdict, tries = uow.one(queries.LOCK_PROCESSING, (callback_id,))
            if status == CallbackStatus.PENDING:
                _postpone(uow, callback_id, tries=tries + 1, error=error)
            uow.commit()
        return CallbackVerdict.TRY_AGAIN


def _apply_kept(runtime: Runtime, callback_id: UUID) -> CallbackVerdict:
    with runtime.database.begin() as uow:
        account_code, method, path, query_string, headers, body, received_at, sealed_on = uow.one(
            queries.RAW, (callback_id,)
        )
        opened = {
            column: open_raw(
                uow, runtime.sealer, sealed, day_on=sealed_on, table=_INBOX, column=column, row=callback_id
            )
            for column, sealed in (("query_string", query_string), ("body", body))
        }
    line = runtime.providers.get(account_code)
    request = InboundRequest(
        method=method,
        path=path,
        headers=headers,
        received_at=received_at,
        **opened,
    )
    verified = line.provider.verify_callback(line.account, request)
    with runtime.database.begin() as uow:
        # The provider may have called again meanwhile: whoever holds this row decides alone.
        status, verdict, tries = uow.one(queries.LOCK_PROCESSING, (callback_id,))
        if status == CallbackStatus.PROCESSED:
            return CallbackVerdict(verdict)
        applied = _apply(runtime, uow, verified)
        _processed(uow, callback_id, applied, tries=tries + 1)
        uow.commit()
    return applied.verdict


def claim_pending(uow: UnitOfWork, *, limit: int, lease: timedelta) -> list[UUID]:
    """Claim kept callbacks that are due for another try."""
    return [row[0] for row in uow.run(queries.CLAIM_PENDING, (uow.now, limit, uow.now + lease))]


def _keep_and_apply(
    runtime: Runtime, line: ProviderLine, request: InboundRequest, verified: VerifiedCallback
) -> CallbackVerdict:
    seal = runtime.day_keys.today(runtime.database, runtime.sealer)
    with runtime.database.begin() as uow:
        callback_id = _store(uow, line, request, verified, seal)
        tries = 1
        if callback_id is None:
            stored_id, status, verdict, tries_before = uow.one(
                queries.STORED, (line.code, verified.dedupe_key)
            )
            if status == CallbackStatus.PROCESSED and verdict not in UNSETTLED:
                return _repeated(CallbackVerdict(verdict))
            callback_id, tries = stored_id, tries_before + 1
        applied = _apply(runtime, uow, verified)
        _processed(uow, callback_id, applied, tries=tries)
        uow.commit()
    log.info(
        "callbacks.applied",
        extra={"provider_account": line.code, "order_ref": applied.order_ref, "effect": applied.effect},
    )
    return applied.verdict


def _apply(runtime: Runtime, uow: UnitOfWork, verified: VerifiedCallback) -> Applied:
    if verified.confirm_by_query:
        return note_hint(uow, verified.evidence)
    return apply_evidence(uow, verified.evidence, attempts_max=runtime.settings.orders.attempts_max)


def _repeated(verdict: CallbackVerdict) -> CallbackVerdict:
    return CallbackVerdict.ALREADY_KNOWN if verdict is CallbackVerdict.ACCEPTED else verdict


def _keep_for_later(
    runtime: Runtime,
    line: ProviderLine,
    request: InboundRequest,
    verified: VerifiedCallback,
    error: Exception,
) -> None:
    seal = runtime.day_keys.today(runtime.database, runtime.sealer)
    with runtime.database.begin() as uow:
        callback_id = _store(uow, line, request, verified, seal)
        tries = 1
        if callback_id is None:
            callback_id, status, verdict, tries_before = uow.one(
                queries.STORED, (line.code, verified.dedupe_key)
            )
            if status != CallbackStatus.PENDING and verdict not in UNSETTLED:
                return  # applied after all (the commit went through and its answer was lost), or quarantined
            tries = tries_before + 1
        _postpone(uow, callback_id, tries=tries, error=error)
        uow.commit()


def _store(
    uow: UnitOfWork, line: ProviderLine, request: InboundRequest, verified: VerifiedCallback, seal: DaySeal
) -> UUID | None:
    callback_id = new_uuid()
    row = uow.run(
        queries.STORE,
        {
            "id": callback_id,
            "provider_account": line.code,
            "dedupe_key": verified.dedupe_key,
            "method": request.method,
            "path": request.path,
            "query_string": seal.seal(
                request.query_string, table=_INBOX, column="query_string", row=callback_id
            ),
            "headers": Jsonb(_kept_headers(line, request)),
            "body": seal.seal(request.body, table=_INBOX, column="body", row=callback_id),
            "key_id": verified.key_id,
            "received_at": request.received_at,
            "sealed_on": seal.day_on,
        },
    ).fetchone()
    return row[0] if row else None


def _kept_headers(line: ProviderLine, request: InboundRequest) -> dict[str, str]:
    wanted = {*KEPT_HEADERS, *line.provider.manifest.callback_headers}
    return {name: value for name, value in request.headers.items() if name in wanted}


def _processed(uow: UnitOfWork, callback_id: UUID, applied: Applied, *, tries: int) -> None:
    uow.run(
        queries.FINISH,
        {
            "id": callback_id,
            "status": CallbackStatus.PROCESSED,
            "verdict": applied.verdict,
            "evidence_id": applied.evidence_id,
            "tries": tries,
            "next_try_at": None,
            "error": None,
            "at": uow.now,
        },
    )


def _postpone(uow: UnitOfWork, callback_id: UUID, *, tries: int, error: Exception) -> None:
    gives_up = tries >= TRIES_MAX
    uow.run(
        queries.FINISH,
        {
            "id": callback_id,
            "status": CallbackStatus.QUARANTINED if gives_up else CallbackStatus.PENDING,
            "verdict": None,
            "evidence_id": None,
            "tries": tries,
            "next_try_at": None if gives_up else uow.now + FIRST_PAUSE * 2 ** (tries - 1),
            "error": getattr(error, "code", type(error).__name__),
            "at": uow.now,
        },
    )


def _count_rejection(runtime: Runtime, line: ProviderLine, reason: str) -> None:
    with runtime.database.begin() as uow:
        uow.run(queries.COUNT_REJECTION, (line.code, reason, uow.now))
        uow.commit()
    log.warning("callbacks.rejected", extra={"provider_account": line.code, "reason": reason})
