"""Song Hong's protocol in pure functions: what is signed, what each code means, how a message is read.

Used by client.py, provider.py and statement.py. It never does I/O and never reads a clock.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from payclear.contract.errors import CallbackMalformed, ProviderError
from payclear.contract.messages import InboundRequest
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.clock import VIETNAM
from payclear.kernel.money import InvalidAmount, Money, parse_amount
from payclear.kernel.secret import Secret
from providers.wire import form_fields, json_object, member

BODY_LIMIT = 16_384
SIGNATURE = "x-tiny-signature"

OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {
        "PAID": Outcome.CONFIRMED,
        "REFUSED": Outcome.REJECTED,
        "CANCELLED": Outcome.REJECTED,
        "OPEN": Outcome.PENDING,
    }
)
ACKNOWLEDGEMENTS: Mapping[CallbackVerdict, int] = MappingProxyType(
    {
        CallbackVerdict.ACCEPTED: 200,
        CallbackVerdict.ALREADY_KNOWN: 200,
        CallbackVerdict.ORDER_NOT_FOUND: 404,
        CallbackVerdict.AMOUNT_MISMATCH: 200,
        CallbackVerdict.SIGNATURE_INVALID: 401,
        CallbackVerdict.MALFORMED: 400,
        CallbackVerdict.TRY_AGAIN: 503,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a callback or an answer says, read strictly."""

    reference: str
    provider_ref: str
    amount: Money | None
    merchant: str
    status: str
    paid_at_raw: str = ""


def mac(key: Secret, raw: bytes) -> str:
    """HMAC-SHA256, hexadecimal."""
    return hmac.digest(key.reveal().encode("utf-8"), raw, hashlib.sha256).hex()


def key_of(keys: Mapping[str, Secret], raw: bytes, given: str) -> str | None:
    """Name the key that signed the bytes, or None; every key is tried."""
    found: str | None = None
    for key_id, key in keys.items():
        holds = hmac.compare_digest(mac(key, raw).encode("ascii"), given.encode("utf-8", "surrogatepass"))
        if holds and found is None:
            found = key_id
    return found


def signing_key_id(keys: Mapping[str, Secret], request: InboundRequest) -> str | None:
    """Name the key that signed a callback, or None."""
    return key_of(keys, request.body, request.headers.get(SIGNATURE, ""))


def read_callback(request: InboundRequest) -> Message:
    """Read a callback whose signature holds."""
    return read_message(request.body, CallbackMalformed)


def read_message(body: bytes, refuse: Callable[..., ProviderError]) -> Message:
    """Read a callback or an answer."""
    data = json_object(body, refuse)
    fields = {
        name: member(data, name, refuse) for name in ("merchant", "ref", "number", "amount", "status", "at")
    }
    try:
        amount = Money(parse_amount(fields["amount"])) if fields["amount"] else None
    except InvalidAmount as error:
        raise refuse("amount is no amount", field="amount") from error
    return Message(
        reference=fields["ref"],
        provider_ref=fields["number"],
        amount=amount,
        merchant=fields["merchant"],
        status=fields["status"],
        paid_at_raw=fields["at"],
    )


def return_reference(request: InboundRequest) -> str | None:
    """Our reference in what the browser brings back."""
    try:
        return form_fields(request.query_string, BODY_LIMIT, CallbackMalformed).get("ref")
    except CallbackMalformed:
        return None


def outcome_of(status: str) -> Outcome:
    """What a status says; `unknown` unless it is listed."""
    return OUTCOMES.get(status, Outcome.UNKNOWN)


def read_time(text: str) -> datetime | None:
    """Vietnamese time as aware UTC."""
    for form in ("%Y%m%d%H%M%S", "%d/%m/%Y %H:%M:%S"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=VIETNAM).astimezone(UTC)
        except ValueError:
            continue
    return None
