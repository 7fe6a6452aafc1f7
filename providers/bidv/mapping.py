"""BIDV's biller messages in pure functions: reading, checksums, what each verdict is answered.

Used by provider.py. It never does I/O and never reads a clock.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from payclear.contract.collection import CollectionVerdict as Verdict
from payclear.contract.errors import CallbackMalformed
from payclear.kernel.clock import VIETNAM
from payclear.kernel.money import InvalidAmount, parse_amount
from payclear.kernel.secret import Secret
from providers.wire import json_object, member

BODY_LIMIT: Final = 65_536
# The checksum leaves trans_date open: further from our clock than this, it does not say when money was taken.
STAMP_TOLERANCE: Final = timedelta(days=1)
GET_BILL, PAY_BILL = "getbill", "paybill"

DONE, PARAMETER, CHECKSUM, SERVICE = "000", "001", "004", "006"
NO_CUSTOMER, NO_BILL, UNKNOWN_BILL, AMOUNT, SETTLED, SYSTEM = "011", "012", "021", "022", "023", "031"

_OF_BOTH: Final[Mapping[Verdict, str]] = MappingProxyType(
    {
        Verdict.BILL_FOUND: DONE,
        Verdict.ACCEPTED: DONE,
        Verdict.ALREADY_KNOWN: DONE,  # the same trans_id with the same content: the answer it had
        Verdict.AMOUNT_MISMATCH: AMOUNT,
        Verdict.SIGNATURE_INVALID: CHECKSUM,
        Verdict.MALFORMED: PARAMETER,
        Verdict.TRY_AGAIN: SYSTEM,
        # None of the codes says it: somebody at the bank has to look.
        Verdict.REFERENCE_REUSED: SYSTEM,
        Verdict.SUSPENDED: SYSTEM,
        Verdict.REVERSED: SYSTEM,
        Verdict.TOO_LATE: SYSTEM,
    }
)
CODES: Final[Mapping[str, Mapping[Verdict, str]]] = MappingProxyType(
    {
        GET_BILL: MappingProxyType(
            {
                **_OF_BOTH,
                Verdict.NOT_FOUND: NO_CUSTOMER,
                Verdict.AMBIGUOUS: NO_CUSTOMER,
                Verdict.NOT_PAYABLE: NO_BILL,
                Verdict.ALREADY_PAID: NO_BILL,
                Verdict.BEING_CONFIRMED: NO_BILL,
                Verdict.BILL_MISMATCH: NO_BILL,
            }
        ),
        PAY_BILL: MappingProxyType(
            {
                **_OF_BOTH,
                Verdict.NOT_FOUND: UNKNOWN_BILL,
                Verdict.AMBIGUOUS: UNKNOWN_BILL,
                Verdict.NOT_PAYABLE: UNKNOWN_BILL,
                Verdict.BEING_CONFIRMED: UNKNOWN_BILL,  # a refusal for certain: the bank must not take the money
                Verdict.BILL_MISMATCH: UNKNOWN_BILL,
                Verdict.ALREADY_PAID: SETTLED,
            }
        ),
    }
)
TEXTS: Final[Mapping[Verdict, str]] = MappingProxyType(
    {
        Verdict.BILL_FOUND: "Thành công",
        Verdict.ACCEPTED: "Thành công",
        Verdict.ALREADY_KNOWN: "Thành công (giao dịch đã được ghi nhận trước đó)",
        Verdict.NOT_FOUND: "Không tìm thấy khoản phải nộp",
        Verdict.AMBIGUOUS: "Nhiều hồ sơ trùng số, đề nghị dùng mã thanh toán",
        Verdict.NOT_PAYABLE: "Khoản phải nộp không còn hiệu lực",
        Verdict.ALREADY_PAID: "Khoản phải nộp đã được nộp",
        Verdict.BEING_CONFIRMED: "Đang chờ xác nhận một lần thanh toán khác, không thu thêm",
        Verdict.AMOUNT_MISMATCH: "Số tiền không khớp",
        Verdict.BILL_MISMATCH: "Mã hóa đơn không đúng",
        Verdict.REFERENCE_REUSED: "Mã giao dịch đã dùng cho giao dịch khác",
        Verdict.SUSPENDED: "Đang chờ xử lý",
        Verdict.REVERSED: "Giao dịch đã được huỷ",
        Verdict.TOO_LATE: "Quá hạn huỷ giao dịch",
        Verdict.SIGNATURE_INVALID: "Sai mã kiểm tra",
        Verdict.MALFORMED: "Thiếu hoặc sai tham số",
        Verdict.TRY_AGAIN: "Lỗi hệ thống, đề nghị gửi lại",
    }
)

_DOCUMENT = re.compile(r"[^\W_](?:[\w./-]{0,62}[^\W_])?")
_REFERENCE = re.compile(r"[A-Za-z0-9]{1,64}")


@dataclass(frozen=True, slots=True)
class Message:
    """A message taken apart and not yet believed: the operation of its address, and its fields as text."""

    operation: str
    fields: Mapping[str, str] = field(repr=False)

    def signed_text(self, secret: Secret) -> bytes:
        """What the checksum is over; bill_id, customer_id of a payment and all else are left open."""
        names = ("service_id", "customer_id") if self.operation == GET_BILL else ("trans_id", "amount")
        return "|".join((secret.reveal(), *(self.fields[name] for name in names))).encode("utf-8")


_FIELDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        GET_BILL: ("service_id", "customer_id", "checksum"),
        PAY_BILL: (
            "service_id",
            "customer_id",
            "bill_id",
            "amount",
            "trans_id",
            "trans_date",
            "checksum",
        ),
    }
)


def operation_of(path: str) -> str:
    """The operation in an address, its last part; raises CallbackMalformed."""
    operation = path.rstrip("/").rpartition("/")[2]
    if operation not in _FIELDS:
        raise CallbackMalformed("the address names no operation of ours", field="path")
    return operation


def read_message(path: str, body: bytes) -> Message:
    """Take a message apart; raises CallbackMalformed. Names and accounts of payers are not looked at."""
    operation = operation_of(path)
    if len(body) > BODY_LIMIT:
        raise CallbackMalformed("the message is too long", reason="too_long")
    data: dict[str, Any] = json_object(body, CallbackMalformed)
    return Message(operation, {name: member(data, name, CallbackMalformed) for name in _FIELDS[operation]})


def checksum(secret: Secret, message: Message) -> str:
    """Base64 of the HMAC-SHA256; the secret is its key and stands in the text besides."""
    digest = hmac.digest(secret.reveal().encode("utf-8"), message.signed_text(secret), sha256)
    return base64.b64encode(digest).decode("ascii")


def is_signed_by(secret: Secret, message: Message) -> bool:
    """Whether the checksum is this secret's, in constant time."""
    given = message.fields["checksum"].encode("utf-8")
    return hmac.compare_digest(checksum(secret, message).encode("ascii"), given)


def require_form(message: Message, *, service_id: str) -> None:
    """Hold every field of a verified message to its form; raises CallbackMalformed.

    A payment's checksum is over reference and amount, an inquiry's over service and customer: so that none passes for
    the other, a reference is never our service.
    """
    fields = message.fields
    wanted = {
        "service_id": fields["service_id"] == service_id,
        "customer_id": _DOCUMENT.fullmatch(fields["customer_id"]) is not None,
    }
    if message.operation == PAY_BILL:
        wanted |= {
            "bill_id": _REFERENCE.fullmatch(fields["bill_id"]) is not None,
            "trans_id": _REFERENCE.fullmatch(fields["trans_id"]) is not None
            and fields["trans_id"] != service_id,
            "amount": _amount(fields["amount"]) > 0,
            "trans_date": not fields["trans_date"] or read_time(fields["trans_date"]) is not None,
        }
    for name, holds in wanted.items():
        if not holds:
            raise CallbackMalformed(f"{name} is missing or not of its form", field=name)


def read_time(text: str) -> datetime | None:
    """Read yyyyMMddHHmmss in GMT+7 as aware UTC; None when it is no time."""
    if len(text) != 14 or not (text.isascii() and text.isdigit()):
        return None
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=VIETNAM).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def paid_at(text: str, received_at: datetime) -> datetime | None:
    """When a payment was taken, as far as an unsigned stamp may say; None: when its message came."""
    at = read_time(text)
    return at if at is not None and abs(at - received_at) <= STAMP_TOLERANCE else None


def _amount(text: str) -> int:
    try:
        return parse_amount(text)
    except InvalidAmount:
        return 0
