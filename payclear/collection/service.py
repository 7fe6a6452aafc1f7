"""Takes a bank's message: verify, keep, decide each call in a transaction of its own, answer in the bank's protocol.

A forged message changes nothing but a counter. Where we fail, the message stays kept and the bank is told to come again.
"""

import logging
from uuid import UUID

from psycopg.types.json import Jsonb

from payclear.collection import bills, payments, queries
from payclear.collection.errors import UnknownCollectionAccount
from payclear.collection.records import Reply
from payclear.contract.collection import (
    CollectionAnswer,
    CollectionCall,
    CollectionOperation,
    CollectionVerdict,
)
from payclear.contract.errors import CallbackMalformed, SignatureInvalid
from payclear.contract.manifest import Capability
from payclear.contract.messages import Acknowledgement, InboundRequest
from payclear.contract.registry import ProviderLine
from payclear.db.uow import UnitOfWork
from payclear.identity.domain import is_address_allowed
from payclear.kernel.ids import new_uuid, sha256_hex
from payclear.orders.inquiry import ask_provider
from payclear.runtime import Runtime

log = logging.getLogger(__name__)

# Headers that say something about the message; those of the signature are named by the adapter's manifest.
KEPT_HEADERS = ("content-type", "content-length", "user-agent", "date", "x-request-id")
_KEPT_IN = "collection_message"
ADDRESS_REFUSED = "address_refused"
MOVES_MONEY = frozenset({CollectionOperation.PAY, CollectionOperation.REVERSE})
# After these something was written that must last; any other answer leaves the database as it was.
TAKEN = frozenset(
    {
        CollectionVerdict.BILL_FOUND,
        CollectionVerdict.ACCEPTED,
        CollectionVerdict.SUSPENDED,
        CollectionVerdict.NOT_FOUND,  # a reversal that found nothing is remembered
    }
)


def receive(
    runtime: Runtime, account_code: str, request: InboundRequest, *, address: str = ""
) -> Acknowledgement:
    """Take one message for an account that collects, from a network address; raises UnknownCollectionAccount.

    From a network that is not on the account's list it is answered as a forged one: its signature is not even looked at.
    """
    line = _line(runtime, account_code)
    if not is_address_allowed(address, line.allowed_networks):
        _count_rejection(runtime, line, ADDRESS_REFUSED)
        refused = CollectionAnswer(verdict=CollectionVerdict.SIGNATURE_INVALID)
        return line.provider.answer_collection(line.account, request, (refused,))
    try:
        calls = line.provider.read_collection(line.account, request)
    except (SignatureInvalid, CallbackMalformed) as error:
        _count_rejection(runtime, line, error.code)
        is_forged = isinstance(error, SignatureInvalid)
        verdict = CollectionVerdict.SIGNATURE_INVALID if is_forged else CollectionVerdict.MALFORMED
        return line.provider.answer_collection(line.account, request, (CollectionAnswer(verdict=verdict),))
    try:
        message_id = _keep(runtime, line, request, calls)
        answers = tuple(_decide(runtime, line, call, message_id) for call in calls)
    except Exception:  # whatever it was: the bank is told to come again, in its own words
        log.exception("collection.not_kept", extra={"provider_account": line.code})
        answers = tuple(CollectionAnswer(verdict=CollectionVerdict.TRY_AGAIN, call=call) for call in calls)
    return line.provider.answer_collection(line.account, request, answers)


def _line(runtime: Runtime, account_code: str) -> ProviderLine:
    if account_code in runtime.providers:
        line = runtime.providers.get(account_code)
        if Capability.COLLECTION in line.provider.manifest.capabilities:
            return line
    raise UnknownCollectionAccount("no account of this name collects", provider_account=account_code[:40])


def _keep(
    runtime: Runtime, line: ProviderLine, request: InboundRequest, calls: tuple[CollectionCall, ...]
) -> UUID | None:
    """Keep a message that tells of money, before anything is decided about it; None for a question."""
    if not any(call.operation in MOVES_MONEY for call in calls):
        return None
    wanted = {*KEPT_HEADERS, *line.provider.manifest.callback_headers}
    digest = sha256_hex(f"{request.method} {request.path}\n".encode() + request.body)
    seal = runtime.day_keys.today(runtime.database, runtime.sealer)
    new_id = new_uuid()
    values = {
        "id": new_id,
        "provider_account": line.code,
        "digest": digest,
        "method": request.method,
        "path": request.path,
        "query_string": seal.seal(request.query_string, table=_KEPT_IN, column="query_string", row=new_id),
        "headers": Jsonb({name: value for name, value in request.headers.items() if name in wanted}),
        "body": seal.seal(request.body, table=_KEPT_IN, column="body", row=new_id),
        "received_at": request.received_at,
        "sealed_on": seal.day_on,
    }
    with runtime.database.begin() as uow:
        kept = uow.run(queries.KEEP_MESSAGE, values).fetchone()
        message_id: UUID = kept[0] if kept else uow.one(queries.MESSAGE, (line.code, digest))[0]
        uow.commit()
    return message_id


def _decide(
    runtime: Runtime, line: ProviderLine, call: CollectionCall, message_id: UUID | None
) -> CollectionAnswer:
    """Decide one call. A payment elsewhere that stands in the way is asked about on the spot, once."""
    try:
        reply = _attempt_call(runtime, line, call, message_id)
        if reply.answer.verdict is CollectionVerdict.BEING_CONFIRMED and reply.in_doubt is not None:
            ask_provider(runtime, reply.in_doubt, counts=False)
            reply = _attempt_call(runtime, line, call, message_id)
    except Exception:
        log.exception(
            "collection.not_applied", extra={"provider_account": line.code, "operation": call.operation}
        )
        return CollectionAnswer(verdict=CollectionVerdict.TRY_AGAIN, call=call)
    log.info(
        "collection.answered",
        extra={
            "provider_account": line.code,
            "operation": call.operation,
            "verdict": reply.answer.verdict,
            "order_ref": reply.answer.order_ref,
        },
    )
    return reply.answer


def _attempt_call(
    runtime: Runtime, line: ProviderLine, call: CollectionCall, message_id: UUID | None
) -> Reply:
    with runtime.database.begin() as uow:
        reply = _apply(runtime, uow, line, call, message_id)
        if reply.answer.verdict in TAKEN:
            uow.commit()
    return reply


def _apply(
    runtime: Runtime, uow: UnitOfWork, line: ProviderLine, call: CollectionCall, message_id: UUID | None
) -> Reply:
    if call.operation is CollectionOperation.INQUIRE:
        return bills.inquire(uow, line, call, sealer=runtime.sealer)
    if call.operation is CollectionOperation.STATUS:
        return payments.status(uow, line, call)
    assert message_id is not None, "a message that moves money is kept before"
    if call.operation is CollectionOperation.REVERSE:
        return payments.reverse(uow, line, call, message_id=message_id)
    return payments.pay(uow, line, call, message_id=message_id, settings=runtime.settings.orders)


def _count_rejection(runtime: Runtime, line: ProviderLine, reason: str) -> None:
    with runtime.database.begin() as uow:
        uow.run(queries.COUNT_REJECTION, (line.code, reason, uow.now))
        uow.commit()
    log.warning("collection.rejected", extra={"provider_account": line.code, "reason": reason})
