"""Payoo in pure functions: the order's XML, checksums, notifications, and what each status means.

Used by client.py and provider.py. It never does I/O and never reads a clock.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

from payclear.contract.errors import CallbackMalformed
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.clock import VIETNAM
from payclear.kernel.secret import Secret
from providers.wire import form_fields, json_object

BODY_LIMIT = 65_536
# An unpaid order whose time is over can not be paid; the margin is for a payment that is under way at its end.
LAPSE_MARGIN = timedelta(minutes=15)

# How long CancelOrder may be under way; it sets a state, so sending it again gives nothing back twice.
CANCEL_MARGIN = timedelta(minutes=30)

PAID, UNPAID, CANCELLED = "1", "0", "3"
# What a status says. Only 1 (paid) and 3 (cancelled, as CancelOrder sets it) are documented.
OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {PAID: Outcome.CONFIRMED, UNPAID: Outcome.PENDING, CANCELLED: Outcome.REJECTED}
)
# What the order's status says of a refund, which at Payoo is the cancelling of the order.
REFUND_OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {CANCELLED: Outcome.CONFIRMED, PAID: Outcome.PENDING}
)
ACKNOWLEDGEMENTS: Mapping[CallbackVerdict, str] = MappingProxyType(
    {
        CallbackVerdict.ACCEPTED: "NOTIFY_RECEIVED",
        CallbackVerdict.ALREADY_KNOWN: "NOTIFY_RECEIVED",
        CallbackVerdict.ORDER_NOT_FOUND: "ORDER_NOT_FOUND",
        CallbackVerdict.AMOUNT_MISMATCH: "AMOUNT_MISMATCH",
        CallbackVerdict.SIGNATURE_INVALID: "SIGNATURE_INVALID",
        CallbackVerdict.MALFORMED: "MALFORMED",
        CallbackVerdict.TRY_AGAIN: "TRY_AGAIN",
    }
)


@dataclass(frozen=True, slots=True)
class Customer:
    """Who Payoo writes on its order. We give the office that collects, never the citizen."""

    name: str
    phone: str
    address: str
    city: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The order as Payoo's create call has it."""

    session: str
    username: str
    shop_id: str
    shop_title: str
    shop_domain: str
    shop_back_url: str
    order_no: str
    amount: int
    ship_on: str  # dd/MM/yyyy
    description: str
    notify_url: str
    valid_until: str  # yyyyMMddHHmmss
    customer: Customer


@dataclass(frozen=True, slots=True)
class Notice:
    """What `NotifyData` holds: the signed text as it came, and its signature."""

    data: str
    signature: str


def order_xml(shop: Shop) -> str:
    """The `data` of a create call, in the order of the document."""
    customer = "".join(
        _element(name, getattr(shop.customer, name)) for name in ("name", "phone", "address", "city", "email")
    )
    fields = (
        ("session", shop.session),
        ("username", shop.username),
        ("shop_id", shop.shop_id),
        ("shop_title", shop.shop_title),
        ("shop_domain", shop.shop_domain),
        ("shop_back_url", shop.shop_back_url),
        ("order_no", shop.order_no),
        ("order_cash_amount", str(shop.amount)),
        ("order_ship_date", shop.ship_on),
        ("order_ship_days", "0"),
        ("order_description", quote_plus(shop.description)),
        ("notify_url", shop.notify_url),
        ("validity_time", shop.valid_until),
        ("JsonResponse", "true"),
    )
    body = "".join(_element(name, value) for name, value in fields)
    return f"<shops><shop>{body}<customer>{customer}</customer></shop></shops>"


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"


def checksum(key: Secret, *texts: str) -> str:
    """SHA-512 of the key and the texts behind it, upper-case hexadecimal. Not an HMAC."""
    return hashlib.sha512("".join((key.reveal(), *texts)).encode("utf-8", "replace")).hexdigest().upper()


def signing_key_id(keys: Mapping[str, Secret], given: str, *texts: str) -> str | None:
    """Name the key whose checksum of the texts this is, or None; every key is tried, in constant time each."""
    found: str | None = None
    for key_id, key in keys.items():
        holds = hmac.compare_digest(
            checksum(key, *texts).encode("ascii"), given.encode("utf-8", "surrogatepass")
        )
        if holds and found is None:
            found = key_id
    return found


def return_tag(secret: Secret, attempt_ref: str) -> str:
    """What we put into the return address, so that only an address of our making names an attempt."""
    message = f"payclear-return|{attempt_ref}".encode()
    return hmac.digest(secret.reveal().encode("utf-8"), message, hashlib.sha256).hex()[:32]


def read_notice(body: bytes) -> Notice:
    """Open the envelope of a notification, form field `NotifyData`; raises CallbackMalformed.

    The text within is handed on byte for byte, for it is what was signed.
    """
    fields = form_fields(body, BODY_LIMIT, CallbackMalformed)
    # A `+` of the base64 alphabet that was not escaped arrives as a space.
    packed = fields.get("NotifyData", "").replace(" ", "+")
    try:
        envelope = json_object(base64.b64decode(packed, validate=True), CallbackMalformed)
    except (binascii.Error, ValueError) as error:
        raise CallbackMalformed("NotifyData is no base64", field="NotifyData") from error
    data, signature = envelope.get("ResponseData"), envelope.get("Signature")
    if not isinstance(data, str) or not isinstance(signature, str):
        raise CallbackMalformed("the envelope lacks its text or its signature", field="NotifyData")
    if any("\ud800" <= letter <= "\udfff" for letter in data + signature):
        raise CallbackMalformed("the envelope is not Unicode", reason="lone_surrogate")
    return Notice(data, signature)


def outcome_of(status: str) -> Outcome:
    """What a status says; one nobody knows is `unknown`, never a refusal."""
    return OUTCOMES.get(status, Outcome.UNKNOWN)


def time_text(at: datetime) -> str:
    """An aware instant as Payoo writes it: yyyyMMddHHmmss in GMT+7."""
    return at.astimezone(VIETNAM).strftime("%Y%m%d%H%M%S")


def read_time(text: str) -> datetime | None:
    """Read yyyyMMddHHmmss in GMT+7 as aware UTC; None when it is no time."""
    if len(text) != 14 or not (text.isascii() and text.isdigit()):
        return None
    try:
        local = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=VIETNAM)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
