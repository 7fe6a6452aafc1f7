"""NgânLượng 3.1 in pure functions: the query it is asked with, its XML answers, and what each code means.

Used by client.py and provider.py. It never does I/O and never reads a clock.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from urllib.parse import quote
from xml.etree import ElementTree

from payclear.contract.channels import Channel, Instrument
from payclear.contract.errors import OutcomeUnknown
from payclear.contract.outcomes import Outcome
from payclear.kernel.secret import Secret

VERSION = "3.1"
FIELDS_MAX = 100
# An unpaid order whose time is over can not be paid; the margin is for a payment that is under way at its end.
LAPSE_MARGIN = timedelta(minutes=15)

# What the peer leaves as it is in a query string (vectors: `@`, `:` and `/` stay, a space becomes %20).
_KEPT = "@:/-_.!~*'()"

PAID, REVIEWED, UNPAID = "00", "01", "02"
OUTCOMES: Mapping[str, Outcome] = MappingProxyType(
    {PAID: Outcome.CONFIRMED, REVIEWED: Outcome.PENDING, UNPAID: Outcome.PENDING}
)
# payment_method → how the citizen paid; of the other methods it is known only that they are not the wallet.
_METHODS: Mapping[str, tuple[Channel, Instrument]] = MappingProxyType(
    {
        "NL": (Channel.WALLET, Instrument.WALLET),
        "ATM_OFFLINE": (Channel.ATM, Instrument.UNSTATED),
        "IB_ONLINE": (Channel.EBANKING, Instrument.ACCOUNT),
        "NH_OFFLINE": (Channel.COUNTER_BRANCH, Instrument.UNSTATED),
    }
    | dict.fromkeys(("ATM_ONLINE", "VISA", "MASTER", "JCB"), (Channel.EBANKING, Instrument.CARD))
)
OK = "00"
UNKNOWN_TOKEN = "29"  # noqa: S105 - a code of the protocol
# error_code that says our request itself is wrong: address, parameters, function, version, merchant, password,
# account, bill, amount, currency.
REFUSED = frozenset({"02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12"})


def merchant_password(secret: Secret) -> str:
    """MD5 of the secret, lower-case hexadecimal: NgânLượng's whole authentication."""
    return hashlib.md5(secret.reveal().encode("utf-8"), usedforsecurity=False).hexdigest()


def query_text(fields: Mapping[str, str]) -> str:
    """The query string in the given order, encoded as the peer does."""
    return "&".join(f"{name}={quote(value, safe=_KEPT)}" for name, value in fields.items())


def return_tag(secret: Secret, attempt_ref: str) -> str:
    """What we put into the return address, so that only an address of our making names an attempt."""
    message = f"payclear-return|{attempt_ref}".encode()
    return hmac.digest(secret.reveal().encode("utf-8"), message, hashlib.sha256).hex()[:32]


def read_result(body: bytes) -> dict[str, str]:
    """The children of `<result>` as texts; raises OutcomeUnknown for any other document, or a child given twice."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise OutcomeUnknown("the answer declares entities", reason="not_xml")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - declarations are refused above, the size by the transport
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise OutcomeUnknown("the answer is no XML", reason="not_xml") from error
    children = list(root)
    if root.tag != "result" or len(children) > FIELDS_MAX or any(len(child) for child in children):
        raise OutcomeUnknown("the answer is no flat result", reason="not_a_result")
    fields = {child.tag: (child.text or "").strip() for child in children}
    if len(fields) != len(children):
        raise OutcomeUnknown("a field is given twice", reason="duplicate_field")
    return fields


def channel_and_instrument(method: str) -> tuple[Channel, Instrument]:
    """How the citizen paid; a method that is not named is no more than the gateway's word."""
    return _METHODS.get(method, (Channel.GATEWAY, Instrument.UNSTATED))


def outcome_of(status: str) -> Outcome:
    """What transaction_status says; one nobody knows is `unknown`, never a refusal."""
    return OUTCOMES.get(status, Outcome.UNKNOWN)
