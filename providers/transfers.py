"""Bank transfers as their recipient sees them: a signed notification in SePay's form, and our references in memos.

Called by the adapters whose money comes by plain transfer (vietqr, sepay). Pure. It never guesses: a reference
counts only with its check character, and what a memo does not say stays unsaid.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from payclear.contract.errors import CallbackMalformed
from payclear.kernel.clock import VIETNAM
from payclear.kernel.ids import find_order_refs, is_order_ref, split_attempt_ref
from payclear.kernel.memo import compact
from payclear.kernel.money import InvalidAmount, Money, parse_amount
from payclear.kernel.payment_code import LENGTH, find_payment_codes, is_payment_code
from payclear.kernel.secret import Secret
from providers.wire import json_object, member

TIMESTAMP_HEADER = "x-sepay-timestamp"
SIGNATURE_HEADER = "x-sepay-signature"
BODY_LIMIT = 65_536
# SePay gives up five hours after the transfer; whether a repetition carries a fresh stamp is not published.
PAST_TOLERANCE_S = 6 * 3600
FUTURE_TOLERANCE_S = 300
REFERENCES_MAX = 8

_STAMP = re.compile(r"[1-9][0-9]{8,10}")
_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")
_ID = re.compile(r"[0-9]{1,18}")
_ACCOUNT = re.compile(r"[A-Za-z0-9]{1,40}")
_ORDER_REF_LENGTH = 13
_ATTEMPT_REF_LENGTH = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferNotice:
    """One transfer on our account. `reference` is what its memo names of ours (see `find_reference`), empty for nothing."""

    id: str
    is_incoming: bool
    account_number: str
    sub_account: str
    amount: Money
    reference: str
    bank_ref: str
    at: datetime | None
    at_raw: str


def signing_key_id(keys: Mapping[str, Secret], headers: Mapping[str, str], body: bytes) -> str | None:
    """Name the key that signed `timestamp.body` under these headers (lower-case names), or None."""
    stamp, given = headers.get(TIMESTAMP_HEADER, ""), headers.get(SIGNATURE_HEADER, "")
    if not _STAMP.fullmatch(stamp) or not _SIGNATURE.fullmatch(given):
        return None
    message = stamp.encode("ascii") + b"." + body
    found: str | None = None
    for key_id, key in keys.items():
        mac = "sha256=" + hmac.digest(key.reveal().encode("utf-8"), message, hashlib.sha256).hex()
        if hmac.compare_digest(mac, given) and found is None:
            found = key_id
    return found


def is_fresh(headers: Mapping[str, str], at: datetime) -> bool:
    """Whether a notification's stamp lies within the window of SePay's repetitions."""
    stamp = headers.get(TIMESTAMP_HEADER, "")
    if not _STAMP.fullmatch(stamp):
        return False
    age_s = at.timestamp() - int(stamp)
    return -FUTURE_TOLERANCE_S <= age_s <= PAST_TOLERANCE_S


def read_notice(body: bytes) -> TransferNotice:
    """Read a verified notification; raises CallbackMalformed."""
    if len(body) > BODY_LIMIT:
        raise CallbackMalformed("the notification is too long", reason="too_long")
    data = json_object(body, CallbackMalformed)
    number = _required(data, "id", _ID)
    account_number = _required(data, "accountNumber", _ACCOUNT)
    kind = member(data, "transferType", CallbackMalformed)
    if kind not in ("in", "out"):
        raise CallbackMalformed("transferType is neither in nor out", field="transferType")
    try:
        amount = Money(parse_amount(member(data, "transferAmount", CallbackMalformed)))
    except InvalidAmount as error:
        raise CallbackMalformed("transferAmount is not an amount", field="transferAmount") from error
    memos = [member(data, name, CallbackMalformed) for name in ("code", "content", "description")]
    at_raw = member(data, "transactionDate", CallbackMalformed)[:40]
    return TransferNotice(
        id=number,
        is_incoming=kind == "in",
        account_number=account_number,
        sub_account=member(data, "subAccount", CallbackMalformed)[:40],
        amount=amount,
        reference=find_reference(memos),
        bank_ref=member(data, "referenceCode", CallbackMalformed)[:100],
        at=read_time(at_raw),
        at_raw=at_raw,
    )


def _required(data: Mapping[str, object], name: str, grammar: re.Pattern[str]) -> str:
    value = member(data, name, CallbackMalformed)
    if not grammar.fullmatch(value):
        raise CallbackMalformed(f"{name} is missing or malformed", field=name)
    return value


def find_reference(memos: Iterable[str]) -> str:
    """Our references in the memos: of attempts, else of orders, else payment codes, else nothing.

    Several of the surest kind stand with spaces between, the surest first: which of them exist, and which is meant by
    the amount, only the books can say.
    """
    texts = [text for text in memos if text]
    for find in (find_attempt_refs, find_order_refs, find_payment_codes):
        found = list(dict.fromkeys(reference for text in texts for reference in find(text)))
        if found:
            return " ".join(found[:REFERENCES_MAX])
    return ""


def find_attempt_refs(text: str) -> list[str]:
    """The attempt references a memo may contain, the surest first, each once.

    The two digits behind an order reference are its attempt's number only where a written word ends with them, or
    where a payment code follows: a code glued to the order reference must not lend it its digits.
    """
    memo = compact(text)
    found: list[tuple[int, str]] = []
    for start in range(len(memo.text) - _ATTEMPT_REF_LENGTH + 1):
        middle, end = start + _ORDER_REF_LENGTH, start + _ATTEMPT_REF_LENGTH
        candidate = memo.text[start:end]
        if not is_order_ref(memo.text[start:middle]) or split_attempt_ref(candidate) is None:
            continue
        if memo.is_whole_words(start, end) and middle not in memo.ends:
            found.append((0, candidate))
        elif is_payment_code(memo.text[end : end + LENGTH]) or (end in memo.ends and middle not in memo.ends):
            found.append((1, candidate))
    return list(dict.fromkeys(candidate for _, candidate in sorted(found, key=lambda each: each[0])))


def read_time(text: str) -> datetime | None:
    """Read `YYYY-MM-DD HH:mm:ss` in GMT+7 as aware UTC; None when it is no time."""
    if len(text) != 19 or not text.isascii():
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=VIETNAM).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
