"""SePay in pure functions: the checkout form's signature, what order states mean, how notifications are answered.

Used by client.py and provider.py. It never does I/O and never reads a clock.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType

from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import AMOUNT_MAX, InvalidAmount, Money
from payclear.kernel.secret import Secret

# The order in which the fields are signed. One SDK signs in the order of its caller; this is the documented one.
SIGNED_FIELDS = (
    "merchant",
    "env",
    "operation",
    "payment_method",
    "order_amount",
    "currency",
    "order_invoice_number",
    "order_description",
    "customer_id",
    "agreement_id",
    "agreement_name",
    "agreement_type",
    "agreement_payment_frequency",
    "agreement_amount_per_payment",
    "success_url",
    "error_url",
    "cancel_url",
    "order_id",
)
# A gateway order has no published end; after this margin behind the attempt's time an unpaid one is let go.
LAPSE_MARGIN = timedelta(hours=24)

ORDER_OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {
        "CAPTURED": Outcome.CONFIRMED,
        "CANCELLED": Outcome.REJECTED,
        "AUTHENTICATION_NOT_NEEDED": Outcome.PENDING,
        "AUTHENTICATED": Outcome.PENDING,
    }
)
UNPAID = frozenset({"AUTHENTICATION_NOT_NEEDED", "AUTHENTICATED"})
NOTIFICATION_OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {"ORDER_PAID": Outcome.CONFIRMED, "TRANSACTION_VOID": Outcome.UNKNOWN}
)
# SePay repeats until 2xx. A transfer that names nobody is kept here; repeating it would not help.
ACKNOWLEDGEMENTS: Mapping[CallbackVerdict, int] = MappingProxyType(
    {
        CallbackVerdict.ACCEPTED: 200,
        CallbackVerdict.ALREADY_KNOWN: 200,
        CallbackVerdict.ORDER_NOT_FOUND: 200,
        CallbackVerdict.AMOUNT_MISMATCH: 200,
        CallbackVerdict.SIGNATURE_INVALID: 401,
        CallbackVerdict.MALFORMED: 400,
        CallbackVerdict.TRY_AGAIN: 503,
    }
)
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,14})(?:\.0{1,2})?")


def canonical(fields: Mapping[str, str], names: Iterable[str] = SIGNED_FIELDS) -> str:
    """The signed string of a checkout form: `name=value` of the fields there are, joined by commas."""
    return ",".join(f"{name}={fields[name]}" for name in names if name in fields)


def sign(secret: Secret, text: str) -> str:
    """HMAC-SHA256 of a canonical string in base64."""
    mac = hmac.digest(secret.reveal().encode("utf-8"), text.encode("utf-8"), hashlib.sha256)
    return base64.b64encode(mac).decode("ascii")


def return_tag(secret: Secret, attempt_ref: str) -> str:
    """What we put into the return address, so that only an address of our making names an attempt."""
    message = f"payclear-return|{attempt_ref}".encode()
    return hmac.digest(secret.reveal().encode("utf-8"), message, hashlib.sha256).hex()[:32]


def order_outcome(status: str) -> Outcome:
    """What an order's status says; one nobody knows is `unknown`, never a refusal."""
    return ORDER_OUTCOMES.get(status, Outcome.UNKNOWN)


def read_amount(text: str) -> Money:
    """An amount as the gateway writes it, `100000` or `100000.00`; raises InvalidAmount for any fraction."""
    match = _AMOUNT.fullmatch(text)
    if match is None or int(match.group(1)) > AMOUNT_MAX:
        raise InvalidAmount("not a whole number of đồng", reason="malformed")
    return Money(int(match.group(1)))
