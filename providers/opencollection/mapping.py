"""The open collection API in pure functions: what each message says, and what each verdict is answered.

Never does I/O, never reads a clock. docs/banks.md is the specification.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from payclear.contract.channels import Channel, Instrument
from payclear.contract.collection import (
    CollectedBill,
    CollectionAnswer,
    CollectionCall,
    CollectionOperation,
    CollectionVerdict,
)
from payclear.contract.errors import CallbackMalformed
from payclear.kernel.money import AMOUNT_MAX, Money

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
FUTURE_TOLERANCE = timedelta(minutes=5)
AGE_MAX = timedelta(days=400)  # a stamp before is a broken clock, and would book money on a day long closed

OPERATIONS: Mapping[str, CollectionOperation] = MappingProxyType(
    {
        "/bills/inquire": CollectionOperation.INQUIRE,
        "/payments": CollectionOperation.PAY,
        "/payments/reverse": CollectionOperation.REVERSE,
        "/payments/status": CollectionOperation.STATUS,
    }
)

_V = CollectionVerdict
# The HTTP status and the title of a refusal; what is not here is an answer with status 200.
REFUSALS: Mapping[CollectionVerdict, tuple[int, str]] = MappingProxyType(
    {
        _V.NOT_FOUND: (404, "Nothing of ours has this number"),
        _V.AMBIGUOUS: (409, "Several documents have this number: ask by payment code"),
        _V.NOT_PAYABLE: (409, "The bill can not be paid any more: ask for it again"),
        _V.ALREADY_PAID: (409, "This is paid already"),
        _V.BEING_CONFIRMED: (409, "A payment elsewhere is being confirmed: take no money"),
        _V.REFERENCE_REUSED: (409, "The bank reference stands for another payment"),
        _V.REVERSED: (409, "The payment was taken back"),
        _V.TOO_LATE: (409, "Too late to take it back: it must become a refund"),
        _V.AMOUNT_MISMATCH: (422, "Not the amount of the bill"),
        _V.BILL_MISMATCH: (422, "No bill of this account, or one of another document"),
        _V.MALFORMED: (400, "The message can not be read"),
        _V.SIGNATURE_INVALID: (401, "The signature does not hold"),
        _V.TRY_AGAIN: (503, "Not decided now: send the same message again"),
    }
)

_REFERENCE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BILL_ID = re.compile(r"[1-9][0-9]{14}")
_DOCUMENT_NO = re.compile(r"[^\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]{1,100}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)

# The members of each message: those it must have, and those it may have.
_MEMBERS: Mapping[CollectionOperation, tuple[frozenset[str], frozenset[str]]] = MappingProxyType(
    {
        CollectionOperation.INQUIRE: (frozenset({"message_id", "document_no"}), frozenset()),
        CollectionOperation.PAY: (
            frozenset({"bank_ref", "bill_id", "amount", "currency", "paid_at", "channel", "instrument"}),
            frozenset({"document_no", "money_moved"}),
        ),
        CollectionOperation.REVERSE: (
            frozenset({"bank_ref", "original_ref", "amount", "currency", "reversed_at"}),
            frozenset({"money_moved"}),
        ),
        CollectionOperation.STATUS: (frozenset({"message_id", "bank_ref"}), frozenset()),
    }
)


def operation_of(path: str, account_code: str) -> CollectionOperation | None:
    """The operation that an address names; None for an address that is none of ours."""
    return OPERATIONS.get(path.removeprefix(f"/collection/{account_code}"))


def read_call(
    operation: CollectionOperation, message: Mapping[str, Any], received_at: datetime
) -> CollectionCall:
    """Read one message; raises CallbackMalformed for anything it must not hold."""
    required, optional = _MEMBERS[operation]
    if not required <= message.keys() <= required | optional:
        raise CallbackMalformed("a member is missing or not known", reason="members")
    if operation is CollectionOperation.INQUIRE:
        return CollectionCall(
            operation=operation,
            bank_ref=_text(message, "message_id", _REFERENCE),
            document_no=_text(message, "document_no", _DOCUMENT_NO),
        )
    bank_ref = _text(message, "bank_ref", _REFERENCE)
    if operation is CollectionOperation.STATUS:
        _text(message, "message_id", _REFERENCE)
        return CollectionCall(operation=operation, bank_ref=bank_ref)
    if operation is CollectionOperation.REVERSE:
        stamp = _text(message, "reversed_at", _TIME)
        return CollectionCall(
            operation=operation,
            bank_ref=bank_ref,
            original_ref=_text(message, "original_ref", _REFERENCE),
            amount=_money(message),
            money_moved=_flag(message, "money_moved"),
            paid_at=_instant(stamp, received_at),
            paid_at_raw=stamp,
        )
    stamp = _text(message, "paid_at", _TIME)
    return CollectionCall(
        operation=operation,
        bank_ref=bank_ref,
        document_no=_text(message, "document_no", _DOCUMENT_NO) if "document_no" in message else "",
        bill_id=_text(message, "bill_id", _BILL_ID),
        amount=_money(message),
        money_moved=_flag(message, "money_moved"),
        paid_at=_instant(stamp, received_at),
        paid_at_raw=stamp,
        channel=_word(message, "channel", Channel),
        instrument=_word(message, "instrument", Instrument),
    )


def reply_of(answer: CollectionAnswer) -> tuple[int, str, bytes]:
    """The status, the media type and the body that answer a call."""
    call = answer.call
    if _is_refused(answer):
        status, title = REFUSALS[answer.verdict]
        return status, PROBLEM_JSON, _json({"code": answer.verdict.value, "title": title, "status": status})
    body: dict[str, Any] = {"result": answer.verdict.value}
    if call is not None and call.operation is CollectionOperation.INQUIRE:
        body["bills"] = [_bill(bill) for bill in answer.bills]
        return 200, JSON, _json(body)
    if call is not None:
        body["bank_ref"] = call.bank_ref
        if call.original_ref:
            body["original_ref"] = call.original_ref
    if answer.order_ref:
        body["order_ref"] = answer.order_ref
    if answer.at is not None and call is not None and call.operation is CollectionOperation.STATUS:
        body["at"] = _stamp(answer.at)
    return 200, JSON, _json(body)


def _is_refused(answer: CollectionAnswer) -> bool:
    if answer.verdict is _V.REVERSED:
        # The answer to a question about a payment, the refusal of anything that would pay or take it back.
        return answer.call is None or answer.call.operation is not CollectionOperation.STATUS
    return answer.verdict in REFUSALS


def _bill(bill: CollectedBill) -> dict[str, Any]:
    return {
        "bill_id": bill.bill_id,
        "document_no": bill.document_no,
        "payer_name": bill.payer_name,
        "description": bill.description,
        "amount": bill.amount.amount,
        "currency": bill.amount.currency,
        "valid_until": _stamp(bill.valid_until),
    }


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _text(message: Mapping[str, Any], name: str, grammar: re.Pattern[str]) -> str:
    value = message[name]
    if not isinstance(value, str) or not grammar.fullmatch(value) or not value.strip():
        raise CallbackMalformed(f"{name} is not written as it must be", field=name)
    return value


def _word(message: Mapping[str, Any], name: str, words: Callable[[str], Channel | Instrument]) -> str:
    value = message[name]
    try:
        if isinstance(value, str):
            return words(value).value
    except ValueError:
        pass
    raise CallbackMalformed(f"{name} is not one of ours", field=name)


def _flag(message: Mapping[str, Any], name: str) -> bool:
    value = message.get(name, False)
    if not isinstance(value, bool):
        raise CallbackMalformed(f"{name} is true or false", field=name)
    return value


def _money(message: Mapping[str, Any]) -> Money:
    amount = message["amount"]
    # A number with a fraction or an exponent was read as text, true and false are numbers to Python.
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 < amount <= AMOUNT_MAX:
        raise CallbackMalformed("amount is a whole number of đồng above zero", field="amount")
    if message["currency"] != "VND":
        raise CallbackMalformed("currency is VND", field="currency")
    return Money(amount)


def _instant(stamp: str, received_at: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(stamp).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise CallbackMalformed("a time that does not exist", reason="time") from error
    if at > received_at + FUTURE_TOLERANCE:
        raise CallbackMalformed("a time in the future", reason="time")
    if at < received_at - AGE_MAX:
        raise CallbackMalformed("a time too long ago", reason="time")
    return at
