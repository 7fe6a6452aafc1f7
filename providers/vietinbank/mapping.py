"""VietinBank's collection messages in pure functions: reading, the signed strings, what each verdict is answered.

Used by provider.py. Values are signed one behind the other without a separator, so one signature fits several
readings: every field is held to its own form, and what the signature leaves open is never trusted. No clock, no I/O.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from payclear.contract.collection import CollectionVerdict as Verdict
from payclear.contract.errors import CallbackMalformed
from payclear.kernel.clock import VIETNAM
from payclear.kernel.money import InvalidAmount, parse_amount
from providers.wire import json_object, member

BODY_LIMIT: Final = 262_144
RECORDS_MAX: Final = 200

# What the bank writes into `balance`, by option: the amount once more, nothing, or the account's own balance.
SAME, EMPTY, RUNNING = BALANCES = ("amount", "empty", "running")

INQ_BILL, NOTIFY_TRANS, INQ_CUSTOMER = "1100", "1200", "1300"
REPLIES: Final = MappingProxyType({INQ_BILL: "1110", NOTIFY_TRANS: "1210", INQ_CUSTOMER: "1310"})
HEADER_FIELDS: Final = (
    "msgId",
    "msgType",
    "channelId",
    "providerId",
    "merchantId",
    "productId",
    "timestamp",
    "recordNum",
    "signature",
    "encrypt",
    "gatewayId",
    "username",
)

RECEIVED, BAD_SIGNATURE, UNKNOWN_CUSTOMER, NOT_CLEARED, UNKNOWN_ERROR = "00", "01", "02", "03", "99"
CODES: Final[Mapping[Verdict, str]] = MappingProxyType(
    {
        Verdict.BILL_FOUND: RECEIVED,
        Verdict.ACCEPTED: RECEIVED,
        Verdict.ALREADY_KNOWN: RECEIVED,
        Verdict.SUSPENDED: RECEIVED,  # the money is kept, and a person decides: the bank need not come again
        Verdict.SIGNATURE_INVALID: BAD_SIGNATURE,
        Verdict.NOT_FOUND: UNKNOWN_CUSTOMER,
        Verdict.AMBIGUOUS: UNKNOWN_CUSTOMER,
        Verdict.NOT_PAYABLE: NOT_CLEARED,
        Verdict.ALREADY_PAID: NOT_CLEARED,
        Verdict.BEING_CONFIRMED: NOT_CLEARED,
        Verdict.AMOUNT_MISMATCH: NOT_CLEARED,
        Verdict.BILL_MISMATCH: NOT_CLEARED,
        Verdict.REFERENCE_REUSED: NOT_CLEARED,
        Verdict.REVERSED: NOT_CLEARED,
        Verdict.TOO_LATE: NOT_CLEARED,
        Verdict.MALFORMED: UNKNOWN_ERROR,
        Verdict.TRY_AGAIN: UNKNOWN_ERROR,
    }
)
TEXTS: Final[Mapping[Verdict, str]] = MappingProxyType(
    {
        Verdict.BILL_FOUND: "Thành công",
        Verdict.ACCEPTED: "Thành công",
        Verdict.ALREADY_KNOWN: "Giao dịch đã được ghi nhận trước đó",
        Verdict.SUSPENDED: "Đã nhận tiền, đang chờ xử lý",
        Verdict.SIGNATURE_INVALID: "Chữ ký không hợp lệ",
        Verdict.NOT_FOUND: "Không tìm thấy khoản phải nộp",
        Verdict.AMBIGUOUS: "Nhiều hồ sơ trùng số, đề nghị dùng mã thanh toán",
        Verdict.NOT_PAYABLE: "Khoản phải nộp không còn hiệu lực",
        Verdict.ALREADY_PAID: "Khoản phải nộp đã được nộp",
        Verdict.BEING_CONFIRMED: "Đang chờ xác nhận một lần thanh toán khác, không thu thêm",
        Verdict.AMOUNT_MISMATCH: "Số tiền không khớp",
        Verdict.BILL_MISMATCH: "Mã hóa đơn không đúng",
        Verdict.REFERENCE_REUSED: "Mã giao dịch đã dùng cho giao dịch khác",
        Verdict.REVERSED: "Giao dịch đã được huỷ",
        Verdict.TOO_LATE: "Quá hạn huỷ giao dịch, chuyển sang hoàn trả",
        Verdict.MALFORMED: "Không đọc được nội dung",
        Verdict.TRY_AGAIN: "Chưa xử lý được, đề nghị gửi lại",
    }
)

# A notification may come late, after an outage at either end; a stamp beyond these is a misreading, not a time.
AGE_MAX, AHEAD_MAX = timedelta(days=400), timedelta(days=1)

_REFERENCE = re.compile(r"[A-Za-z0-9]{1,64}")
_DOCUMENT = re.compile(r"[^\W_](?:[\w./-]{0,62}[^\W_])?")
_NAME = re.compile(r"(?:[^\W\d_](?:[^\W\d_]|[ .,'-]){0,119})?")
_BILL = re.compile(r"[A-Za-z0-9]{0,40}")
_WORD = re.compile(r"[A-Za-z0-9._:/-]{0,64}")
_REMARK = re.compile(r"[^\x00-\x1f\x7f]{0,500}")


@dataclass(frozen=True, slots=True)
class Message:
    """A message taken apart and not yet believed. `header` as text; `data` as it came."""

    type: str
    header: Mapping[str, str] = field(repr=False)
    data: Mapping[str, Any] = field(repr=False)

    def records(self) -> list[dict[str, Any]]:
        """The records of a notification; raises CallbackMalformed when they are not what the header counts."""
        records = self.data.get("records")
        if not isinstance(records, list) or not 0 < len(records) <= RECORDS_MAX:
            raise CallbackMalformed("there are no records, or too many", field="records")
        if not all(isinstance(record, dict) for record in records):
            raise CallbackMalformed("a record is no object", field="records")
        if self.header["recordNum"] not in ("", str(len(records))):
            raise CallbackMalformed("recordNum does not count the records", field="recordNum")
        return records


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a record of a genuine message can not be acted on: the name of the field, never its value."""

    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One movement of money as the bank tells it. `is_reversal`: it takes `original_id` back."""

    trans_id: str
    original_id: str
    is_reversal: bool
    paid_at: datetime
    paid_at_raw: str
    document_no: str
    bill_id: str
    amount: int
    channel: str
    payment_method: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What the account's contract fixes, and when the message came."""

    trans_id_length: int
    account_number: str
    virtual_account_prefix: str
    balance: str
    received_at: datetime

    def owns(self, bank_account: str, document_no: str) -> bool:
        """Whether money on this account is ours: no account, the collection account, or the document's virtual one."""
        virtual = f"{self.virtual_account_prefix}{document_no}" if self.virtual_account_prefix else ""
        return bank_account in ("", self.account_number, virtual)

    def parts(self, amount: str, balance: str) -> bool:
        """Whether amount and balance can be told apart in the signed text: the second repeats the first, or is not sent.

        With a running balance they can not: then only the bill says whether the amount is the true one.
        """
        if self.balance == RUNNING:
            return not balance or _is_amount(balance, least=0)
        return balance == (amount if self.balance == SAME else "")


def signed_text(*values: str) -> bytes:
    """What is signed: the values one behind the other, absent ones as nothing."""
    return "".join(values).encode("utf-8")


def inquiry_text(data: Mapping[str, Any]) -> bytes:
    """The signed text of a 1100."""
    return signed_text(*_texts(data, "transId", "transTime", "custCode"))


def notice_text(records: list[dict[str, Any]]) -> bytes:
    """The signed text of a 1200: every record's, in their order."""
    return b"".join(_record_text(record) for record in records)


def inquiry_reply_text(details: Mapping[str, str], *, channel_id: str, code: str) -> bytes:
    """The signed text of a 1110."""
    names = ("transTime", "custCode", "custName", "billId", "amount")
    return signed_text(details["transId"], channel_id, *(details[name] for name in names), code)


def notice_reply_text(records: list[dict[str, Any]], *, code: str) -> bytes:
    """The signed text of a 1210; `status` of each record is our answer by now."""
    names = ("transId", "originalId", "transTime", "custCode", "custName", "custAcct", "amount")
    return signed_text(code) + b"".join(
        signed_text(*_texts(record, *names), status_code(record)) for record in records
    )


def read_message(body: bytes) -> Message:
    """Take a message apart; raises CallbackMalformed."""
    if len(body) > BODY_LIMIT:
        raise CallbackMalformed("the message is too long", reason="too_long")
    whole = json_object(body, CallbackMalformed)
    header, data = whole.get("header"), whole.get("data")
    if not isinstance(header, dict) or not isinstance(data, dict):
        raise CallbackMalformed("header or data is missing", field="header")
    fields = {name: member(header, name, CallbackMalformed) for name in HEADER_FIELDS}
    if not _WORD.fullmatch(fields["msgId"]) or not _WORD.fullmatch(fields["channelId"]):
        raise CallbackMalformed("msgId or channelId is malformed", field="msgId")
    return Message(fields["msgType"], fields, data)


def read_inquiry(data: Mapping[str, Any], rules: Rules) -> tuple[str, str]:
    """Reference and document number of a verified 1100; raises CallbackMalformed."""
    reference, stamp, document_no = _texts(data, "transId", "transTime", "custCode")
    for name, holds in (
        ("transId", _is_reference(reference, rules)),
        ("transTime", _time(stamp, rules) is not None),
        ("custCode", _DOCUMENT.fullmatch(document_no)),
    ):
        if not holds:
            raise CallbackMalformed(f"{name} is not of its form", field=name)
    return reference, document_no


def read_record(record: Mapping[str, Any], rules: Rules) -> Record | Unreadable:
    """What one record of a verified 1200 says, or which field can not be acted on."""
    bad = next(_defects(record, rules), None)
    if bad is not None:
        return Unreadable(bad)
    text = {name: value for name, value in record.items() if isinstance(value, str | int)}
    reference, original, stamp = _texts(text, "transId", "originalId", "transTime")
    paid_at = _time(stamp, rules)
    if paid_at is None:
        return Unreadable("transTime")
    return Record(
        trans_id=reference,
        original_id=original,
        is_reversal=bool(original),
        paid_at=paid_at,
        paid_at_raw=stamp,
        document_no=member(text, "custCode", CallbackMalformed),
        bill_id=member(text, "billId", CallbackMalformed),
        amount=parse_amount(member(text, "amount", CallbackMalformed)),
        channel=member(text, "channelId", CallbackMalformed),
        payment_method=member(text, "paymentMethod", CallbackMalformed),
    )


def _defects(record: Mapping[str, Any], rules: Rules) -> Iterator[str]:
    """Names of the fields that are not what a settled payment or reversal of ours must have."""
    reference, original, stamp, document_no = _texts(record, "transId", "originalId", "transTime", "custCode")
    name, bank_account, bank_ref, remark = _texts(record, "custName", "custAcct", "bankTransId", "remark")
    type_, bill_id, currency = _texts(record, "transType", "billId", "currencyCode")
    yield from (
        field
        for field, holds in (
            ("transId", _is_reference(reference, rules)),
            ("originalId", not original or _is_reference(original, rules)),
            # transType is not signed, originalId is: they must tell the same.
            ("transType", type_ == ("D" if original else "C")),
            ("transTime", _time(stamp, rules) is not None),
            ("custCode", _DOCUMENT.fullmatch(document_no)),
            ("custName", _NAME.fullmatch(name)),
            ("custAcct", rules.owns(bank_account, document_no)),
            ("amount", _is_amount(member(record, "amount", CallbackMalformed), least=1)),
            ("balance", rules.parts(*_texts(record, "amount", "balance"))),
            ("status", status_code(record) == RECEIVED),
            ("bankTransId", _WORD.fullmatch(bank_ref)),
            ("remark", _REMARK.fullmatch(remark)),
            ("billId", _BILL.fullmatch(bill_id)),
            ("currencyCode", currency in ("", "VND")),
        )
        if not holds
    )


def status_code(record: Mapping[str, Any]) -> str:
    """`status.code` of a record, empty without one; raises CallbackMalformed."""
    status = record.get("status")
    if status is None:
        return ""
    if not isinstance(status, dict):
        raise CallbackMalformed("status is no object", field="status")
    return member(status, "code", CallbackMalformed)


def time_text(at: datetime) -> str:
    """An aware instant as the bank writes it: yyyyMMddHHmmss in GMT+7."""
    return at.astimezone(VIETNAM).strftime("%Y%m%d%H%M%S")


def words(table: str) -> dict[str, str]:
    """Read an option such as `211901=COUNTER_BRANCH, 211902=ATM`; raises ValueError."""
    pairs = [entry.strip() for entry in table.split(",") if entry.strip()]
    if not all(pair.count("=") == 1 for pair in pairs):
        raise ValueError("not a list of value=WORD")
    return {value.strip(): word.strip() for value, _, word in (pair.partition("=") for pair in pairs)}


def _record_text(record: Mapping[str, Any]) -> bytes:
    names = ("transId", "originalId", "transTime", "custCode", "custName", "custAcct", "amount", "balance")
    return signed_text(*_texts(record, *names), status_code(record), *_texts(record, "bankTransId", "remark"))


def _texts(data: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    return tuple(member(data, name, CallbackMalformed) for name in names)


def _is_reference(text: str, rules: Rules) -> bool:
    return len(text) == rules.trans_id_length and _REFERENCE.fullmatch(text) is not None


def _is_amount(text: str, *, least: int) -> bool:
    try:
        return parse_amount(text) >= least
    except InvalidAmount:
        return False


def _time(text: str, rules: Rules) -> datetime | None:
    if len(text) != 14 or not (text.isascii() and text.isdigit()):
        return None
    try:
        at = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=VIETNAM).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if rules.received_at - AGE_MAX <= at <= rules.received_at + AHEAD_MAX else None
