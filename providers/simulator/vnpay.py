"""VNPAY's other side: the pay page, the IPN, the return, the merchant API, the settlement workbook."""

import hmac
from collections.abc import Mapping
from datetime import date, datetime
from hashlib import sha512
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, Response, request

from providers.simulator.pages import pay_page, take
from providers.simulator.protocol import WRONG_KEY, XLSX, Document, OutboundCall, Protocol
from providers.simulator.statement_lines import StatementDay
from providers.simulator.truth import Payment, from_timestamp
from providers.simulator.vnpay_api import VnpayApi
from providers.simulator.vnpay_wire import (
    OUTCOMES,
    PROVIDER,
    is_final_answer,
    query_holds,
    read_stamp,
    signed_query,
    stamp,
)
from providers.simulator.vnpay_workbook import workbook

_REQUIRED = [
    "vnp_Amount",
    "vnp_Command",
    "vnp_CreateDate",
    "vnp_CurrCode",
    "vnp_ExpireDate",
    "vnp_IpAddr",
    "vnp_Locale",
    "vnp_OrderInfo",
    "vnp_OrderType",
    "vnp_ReturnUrl",
    "vnp_TmnCode",
    "vnp_TxnRef",
    "vnp_Version",
]


class Vnpay(Protocol):
    """One terminal."""

    name = PROVIDER
    title_vi = title_en = "VNPAY"
    demo: ClassVar[Mapping[str, str]] = {"terminal": "DEMOV210", "key": "DEMO-ONLY-VNPAY-DEMOV210-HASH-KEY"}
    outcomes = ("success", "insufficient", "suspected", "cancel", "locked", "wrong_otp", "reversed")
    page_codes: ClassVar[Mapping[str, str]] = {
        "signature": "70",
        "merchant": "72",
        "format": "03",
        "expired": "15",
        "ended": "01",
        "unknown": "91",
        "outcome": "99",
    }

    def blueprint(self) -> Blueprint:
        """Routes under /vnpay."""
        routes = Blueprint(self.name, __name__, url_prefix="/vnpay")
        api = VnpayApi(self.engine, terminal=self.own("terminal"), key=self.own("key"))

        @routes.get("/paymentv2/vpcpay.html")
        def show() -> str:
            return pay_page(self.engine, self._open_query(request.query_string.decode("ascii", "replace")))

        @routes.post("/paymentv2/pay/<attempt_ref>")
        def pay(attempt_ref: str) -> Response | str:
            return take(self.engine, self.name, attempt_ref)

        @routes.post("/merchant_webapi/api/transaction")
        def transaction() -> Response:
            return api.answer(request.get_data())

        @routes.get("/statements")
        def statements() -> Response:
            return self._statement()

        return routes

    def open(self, text: str) -> Payment:
        """Check a whole pay URL and remember the payment."""
        return self._open_query(urlsplit(text).query)

    def _open_query(self, query: str) -> Payment:
        pairs = parse_qsl(query, keep_blank_values=True)
        fields = dict(pairs)
        locale = "en" if fields.get("vnp_Locale") == "en" else "vn"
        if len(fields) != len(pairs) or any(not fields.get(name) for name in _REQUIRED):
            raise self.refuse("format", locale)
        if fields["vnp_TmnCode"] != self.own("terminal"):
            raise self.refuse("merchant", locale)
        if not query_holds(query, self.own("key")):
            raise self.refuse("signature", locale)
        fixed = {"vnp_Version": "2.1.0", "vnp_Command": "pay", "vnp_CurrCode": "VND"}
        if fixed.items() - fields.items():
            raise self.refuse("format", locale)
        try:
            hundredfold = int(fields["vnp_Amount"])
            expires = read_stamp(fields["vnp_ExpireDate"])
            read_stamp(fields["vnp_CreateDate"])
        except ValueError:
            raise self.refuse("format", locale) from None
        if hundredfold <= 0 or hundredfold % 100 or len(fields["vnp_Amount"]) > 12:
            raise self.refuse("format", locale)
        return self.engine.open(
            Payment(
                provider=self.name,
                attempt_ref=fields["vnp_TxnRef"],
                merchant=fields["vnp_TmnCode"],
                amount=hundredfold // 100,
                status="opened",
                outcome="",
                provider_ref="",
                created_raw=fields["vnp_CreateDate"],
                expires_at=expires.timestamp(),
                paid_at=None,
                return_url=fields["vnp_ReturnUrl"],
                callback_url=self.callback_url(),
                memo=fields["vnp_OrderInfo"],
                locale=locale,
            )
        )

    def new_reference(self, payment: Payment, outcome: str) -> str:
        """A payment that the payer cancels gets no number."""
        return "0" if outcome == "cancel" else super().new_reference(payment, outcome)

    def callback(self, payment: Payment, *, forged: bool) -> OutboundCall | None:
        """The IPN: a GET with the hash in the query."""
        if not payment.callback_url:
            return None
        query = signed_query(_result(payment), WRONG_KEY if forged else self.own("key"))
        return OutboundCall(method="GET", url=_with(payment.callback_url, query))

    def is_acknowledged(self, status: int, body: bytes) -> bool:
        """RspCode 00 and 02 end the calls and nothing else does."""
        return is_final_answer(status, body)

    def return_url(self, payment: Payment) -> str:
        """The return carries the fields of the IPN."""
        return _with(payment.return_url, signed_query(_result(payment), self.own("key")))

    def statement(self, day: StatementDay, on: date) -> Document:
        """VNPAYGATEWAY workbook: the data on the second sheet."""
        terminal = self.own("terminal")
        name = f"VNPAYGATEWAY_{terminal}_{on:%Y%m%d}.xlsx"
        return Document(name=name, content=workbook(day, terminal=terminal, on=on), media_type=XLSX)

    def _statement(self) -> Response:
        terminal, day_text = request.args.get("tmn_code", ""), request.args.get("date", "")
        sent_at = request.headers.get("x-statement-timestamp", "")
        message = f"GET|{terminal}|{day_text}|{sent_at}".encode()
        mac = hmac.new(self.own("key").encode("utf-8"), message, sha512).hexdigest()
        if not hmac.compare_digest(mac, request.headers.get("x-statement-signature", "")):
            return Response("signature", status=401)
        try:
            on = datetime.strptime(day_text, "%Y%m%d").date()
        except ValueError:
            return Response("date", status=400)
        document = self.engine.statement(self.name, on) if terminal == self.own("terminal") else None
        if document is None:
            return Response("no statement", status=404)
        return Response(document.content, mimetype=document.media_type)


def _result(payment: Payment) -> dict[str, str]:
    """The fields of the IPN and of the return."""
    code, status = OUTCOMES[payment.outcome]
    fields = {
        "vnp_Amount": str(payment.amount * 100),
        "vnp_BankCode": "NCB",
        "vnp_CardType": "ATM",
        "vnp_OrderInfo": payment.memo,
        "vnp_PayDate": stamp(from_timestamp(payment.paid_at or 0.0)),
        "vnp_ResponseCode": code,
        "vnp_TmnCode": payment.merchant,
        "vnp_TransactionNo": payment.provider_ref,
        "vnp_TransactionStatus": status,
        "vnp_TxnRef": payment.attempt_ref,
    }
    if payment.status == "paid":
        fields["vnp_BankTranNo"] = f"VNP{payment.provider_ref}"
    return fields


def _with(url: str, query: str) -> str:
    return url + ("&" if urlsplit(url).query else "?") + query


PROTOCOL = Vnpay
