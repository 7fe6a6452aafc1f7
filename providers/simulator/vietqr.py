"""The banks on both ends of a VietQR: a payer's app that reads the QR, the credit's notification, the statement."""

import io
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import ClassVar

import xlsxwriter
from flask import Blueprint, Response, render_template, request

from providers.simulator.protocol import WRONG_KEY, XLSX, Document, OutboundCall, Protocol
from providers.simulator.statement_lines import Line, StatementDay
from providers.simulator.statement_route import statement_answer
from providers.simulator.transfer_notice import (
    BANK_PREFIX,
    RETRY,
    bank_memo,
    bank_reference,
    signed,
    transfer_call,
)
from providers.simulator.truth import LOCAL, Payment, from_timestamp

_YEAR_S = 365 * 86_400.0
_REFERENCE = re.compile(r"[0-9A-Z]{15}")
_HEADER = ("Ngày giao dịch", "Số tham chiếu", "Số tiền ghi nợ", "Số tiền ghi có", "Số dư", "Mô tả")


class VietQr(Protocol):
    """One bank account that is paid by QR."""

    name = "vietqr"
    title_vi = "Chuyển khoản VietQR"
    title_en = "VietQR transfer"
    demo: ClassVar[Mapping[str, str]] = {
        "bin": "970415",
        "account": "113366668888",
        "key": "DEMO-ONLY-VIETQR-NOTIFICATION-KEY",
    }
    outcomes = ("success",)
    retry = RETRY
    takes_again = True
    ref_prefix = BANK_PREFIX

    def blueprint(self) -> Blueprint:
        """Routes under /vietqr."""
        routes = Blueprint(self.name, __name__, url_prefix="/vietqr")

        @routes.get("/statements")
        def statements() -> Response:
            return statement_answer(self, self.own("key"))

        routes.get("/transfer", endpoint="transfer")(self._bank_app)
        routes.post("/transfer", endpoint="make_transfer")(self._bank_app)
        return routes

    def _bank_app(self) -> str:
        """A payer's banking app: a transfer typed by hand, for want of a telephone that scans the QR."""
        form = request.form
        paid = None
        if request.method == "POST":
            amount, memo = re.sub(r"[ .,₫đ]", "", form.get("amount", "")), form.get("memo", "").strip()
            words = re.findall(r"[0-9A-Za-z]+", memo)
            if form.get("account") == self.own("account") and amount.isdigit() and int(amount) > 0 and words:
                payment = self._transfer(words[0].upper(), int(amount), memo)
                paid = self.engine.pay(payment, "success")
        return render_template(
            "transfer.html",
            account=form.get("account", self.own("account")),
            paid=paid,
            refused=request.method == "POST" and paid is None,
            locale="vi",
        )

    def open(self, text: str) -> Payment:
        """Read a QR as the payer's bank does: checksum, bank, account, amount, purpose."""
        if len(text) < 8 or f"{_crc(text[:-4].encode()):04X}" != text[-4:]:
            raise self.refuse("signature")
        fields = _elements(text)
        beneficiary = _elements(_elements(fields.get("38", "")).get("01", ""))
        if (beneficiary.get("00"), beneficiary.get("01")) != (self.own("bin"), self.own("account")):
            raise self.refuse("merchant")
        purpose = _elements(fields.get("62", "")).get("08", "")
        reference = _REFERENCE.match(purpose)
        if reference is None or not fields.get("54", "").isdigit():
            raise self.refuse("format")
        return self._transfer(reference.group(), int(fields["54"]), purpose)

    def _transfer(self, reference: str, amount: int, memo: str) -> Payment:
        return self.engine.open(
            Payment(
                provider=self.name,
                attempt_ref=reference,
                merchant=self.own("account"),
                amount=amount,
                status="opened",
                outcome="",
                provider_ref="",
                created_raw="",
                expires_at=self.engine.now_s() + _YEAR_S,  # a QR has no end
                paid_at=None,
                return_url="",
                callback_url=self.callback_url(),
                memo=memo,
                locale="vi",
            )
        )

    def callback(self, payment: Payment, *, forged: bool) -> OutboundCall | None:
        """The notification of the credit; nobody tells of a transfer that was not made."""
        if payment.status != "paid":
            return None
        return transfer_call(payment, key=WRONG_KEY if forged else self.own("key"))

    def at_sending(self, call: OutboundCall, at: datetime) -> OutboundCall:
        """Every delivery bears a fresh stamp."""
        return signed(call, at)

    def statement(self, day: StatementDay, on: date) -> Document:
        """The bank's own statement: what moved, and nothing else."""
        name = f"BANK_{self.own('account')}_{on:%Y%m%d}.xlsx"
        return Document(name=name, content=_bank_workbook(self.own("account"), day, on), media_type=XLSX)


def _bank_workbook(account: str, day: StatementDay, on: date) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    book.set_properties({"created": datetime(on.year, on.month, on.day)})
    sheet = book.add_worksheet("Sao kê")
    sheet.write(0, 0, "SAO KÊ TÀI KHOẢN")
    sheet.write(1, 0, f"Số tài khoản: {account}")
    order = list(_HEADER)
    if "moved_columns" in day.file_faults:
        order.reverse()
    sheet.write_row(4, 0, order)
    row, balance = 5, 10_000_000
    for line in day.lines:
        if line.status not in ("paid", "refunded"):
            continue
        balance += line.amount if line.kind == "payment" else -line.amount
        cells = _cells(line) | {"Số dư": f"{balance:,}"}
        for column, title in enumerate(order):
            sheet.write(row, column, cells.get(title, ""))
        row += 1
    sheet.write(row + 1, 0, "Số dư cuối kỳ")
    sheet.write(row + 1, 1, f"{balance:,}")
    book.close()
    return buffer.getvalue()


def _cells(line: Line) -> dict[str, str]:
    shown = line.shown or f"{line.amount:,}"
    number = line.provider_ref
    purpose = line.memo or line.attempt_ref
    if line.kind == "refund":
        memo = f"Hoan tien {line.attempt_ref}"
    else:
        memo = bank_memo(purpose, int(number)) if line.attempt_ref else f"MBVCB.{number}.chuyen tien"
    return {
        "Ngày giao dịch": from_timestamp(line.at).astimezone(LOCAL).strftime("%d/%m/%Y %H:%M:%S"),
        "Số tham chiếu": bank_reference(number),
        "Số tiền ghi có" if line.kind == "payment" else "Số tiền ghi nợ": shown,
        "Mô tả": memo,
    }


def _elements(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    while len(text) >= 4 and text[:4].isdigit():
        length = int(text[2:4])
        found[text[:2]] = text[4 : 4 + length]
        text = text[4 + length :]
    return found


def _crc(data: bytes) -> int:
    crc = 0xFFFF
    for byte in data:
        for bit in range(7, -1, -1):
            carry = (crc >> 15 & 1) ^ (byte >> bit & 1)
            crc = (crc << 1 & 0xFFFF) ^ (0x1021 if carry else 0)
    return crc


PROTOCOL = VietQr
