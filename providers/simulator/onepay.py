"""OnePay's other side: the pay page, the IPN, the return, queryDR, the settlement workbook.

The demo merchant's key and names are invented; the page's time to pay is 15 minutes.
"""

import hmac
from collections.abc import Mapping
from datetime import date
from typing import ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Blueprint, Response, request

from providers.simulator.pages import pay_page
from providers.simulator.protocol import XLSX, Document, OutboundCall, Protocol
from providers.simulator.statement_lines import Line, StatementDay
from providers.simulator.statement_route import statement_answer
from providers.simulator.truth import LOCAL, Payment, from_timestamp
from providers.simulator.workbooks import Layout, write_workbook

TIME_TO_PAY_S = 900
CODES = {"success": "0", "insufficient": "21", "cancel": "99", "locked": "10", "pending_at_bank": "300"}
WRONG_HEX_KEY = "00" * 16
LAYOUT = Layout(
    header=(
        "BANK_ID",
        "MERCHANT_ID",
        "TRAN_DATE",
        "TRANSACTION_ID",
        "MERCHANT_TRANS_REF",
        "ORDER_REF",
        "AMOUNT",
        "TRANSACTION_STATE",
    ),
    sheet="Transactions",
    total_label="TOTAL",
    amount_column="AMOUNT",
)
STATES = {
    "paid": "Approved",
    "failed": "Failed",
    "refunded": "Refunded",
    "suspected": "Pending",
    "odd": "State 42",
}
_NEEDED = (
    "vpc_Version",
    "vpc_Command",
    "vpc_AccessCode",
    "vpc_Merchant",
    "vpc_Amount",
    "vpc_Currency",
    "vpc_Locale",
    "vpc_MerchTxnRef",
    "vpc_OrderInfo",
    "vpc_ReturnURL",
    "vpc_TicketNo",
)


class Onepay(Protocol):
    """One merchant of the domestic gateway."""

    name = "onepay"
    title_vi = "OnePay (nội địa)"
    title_en = "OnePay domestic"
    demo: ClassVar[Mapping[str, str]] = {
        "merchant": "DEMOONEPAY",
        "access_code": "DE300001",
        "key": "DE300000DE300000DE300000DE300000",
        "query_user": "demo",
        "query_password": "DEMO-ONLY-ONEPAY-QUERY-PASSWORD",
    }
    outcomes = tuple(CODES)

    def blueprint(self) -> Blueprint:
        """Routes under /onepay."""
        routes = Blueprint(self.name, __name__, url_prefix="/onepay")

        @routes.get("/onecomm-pay/vpc.op")
        def show() -> str:
            return pay_page(self.engine, self._open(request.query_string.decode("ascii", "replace")))

        @routes.post("/onecomm-pay/Vpcdps.op")
        def query() -> Response:
            return self._query(dict(parse_qsl(request.get_data(as_text=True))))

        @routes.get("/statements")
        def statements() -> Response:
            return statement_answer(self, self.own("key"))

        return routes

    def open(self, text: str) -> Payment:
        """Check a whole pay URL and remember the payment."""
        return self._open(urlsplit(text).query)

    def _open(self, query: str) -> Payment:
        pairs = parse_qsl(query, keep_blank_values=True)
        fields = dict(pairs)
        locale = "en" if fields.get("vpc_Locale") == "en" else "vi"
        if len(fields) != len(pairs) or any(not fields.get(name) for name in _NEEDED):
            raise self.refuse("format", locale)
        account = {"vpc_Merchant": self.own("merchant"), "vpc_AccessCode": self.own("access_code")}
        if account.items() - fields.items():
            raise self.refuse("merchant", locale)
        if not hmac.compare_digest(_mac(fields, self.own("key")), fields.get("vpc_SecureHash", "")):
            raise self.refuse("signature", locale)
        hundredfold = fields["vpc_Amount"]
        if fields["vpc_Currency"] != "VND" or not hundredfold.isdigit() or not hundredfold.endswith("00"):
            raise self.refuse("format", locale)
        return self.engine.open(
            Payment(
                provider=self.name,
                attempt_ref=fields["vpc_MerchTxnRef"],
                merchant=fields["vpc_Merchant"],
                amount=int(hundredfold) // 100,
                status="opened",
                outcome="",
                provider_ref="",
                created_raw="",
                expires_at=self.engine.now_s() + TIME_TO_PAY_S,
                paid_at=None,
                return_url=fields["vpc_ReturnURL"],
                callback_url=self.callback_url(),
                memo=fields["vpc_OrderInfo"],
                locale=locale,
            )
        )

    def callback(self, payment: Payment, *, forged: bool) -> OutboundCall | None:
        """The IPN: a GET with the fields of the return."""
        key = WRONG_HEX_KEY if forged else self.own("key")
        return OutboundCall(method="GET", url=_joined(payment.callback_url, _signed(_result(payment), key)))

    def is_acknowledged(self, status: int, body: bytes) -> bool:
        """responsecode=1 ends the calls."""
        return status == 200 and body.strip().startswith(b"responsecode=1")

    def return_url(self, payment: Payment) -> str:
        """The way back, with the signed result."""
        return _joined(payment.return_url, _signed(_result(payment), self.own("key")))

    def _query(self, asked: dict[str, str]) -> Response:
        reference = asked.get("vpc_MerchTxnRef", "")
        known = {
            "vpc_Command": "queryDR",
            "vpc_Merchant": self.own("merchant"),
            "vpc_AccessCode": self.own("access_code"),
            "vpc_User": self.own("query_user"),
            "vpc_Password": self.own("query_password"),
        }
        right = hmac.compare_digest(_mac(asked, self.own("key")), asked.get("vpc_SecureHash", ""))
        if known.items() - asked.items() or not right:
            return Response("vpc_DRExists=E&vpc_Message=Access+denied", mimetype="text/plain")
        faults = self.engine.faults(self.name, reference)
        payment = self.engine.find(self.name, reference)
        answer = {"vpc_Merchant": asked["vpc_Merchant"], "vpc_MerchTxnRef": reference, "vpc_DRExists": "N"}
        if payment is not None and "query_not_found" not in faults:
            answer |= _result(payment) | {"vpc_Command": "queryDR", "vpc_DRExists": "Y"}
            if payment.status == "opened" or "query_pending" in faults:
                answer["vpc_TxnResponseCode"] = "100"
        if "query_other_payment" in faults:
            answer["vpc_MerchTxnRef"] = "PCOTHER0000000001"
        key = WRONG_HEX_KEY if "query_bad_signature" in faults else self.own("key")
        text = Response(_signed(answer, key), mimetype="text/plain")
        return self.engine.answer("query", self.name, reference, text)

    def statement(self, day: StatementDay, on: date) -> Document:
        """ONEPAY workbook: one sheet."""

        def values(line: Line) -> dict[str, str | int]:
            return {
                "BANK_ID": "970436",
                "MERCHANT_ID": self.own("merchant"),
                "TRAN_DATE": from_timestamp(line.at).astimezone(LOCAL).strftime("%d/%m/%Y %H:%M:%S"),
                "TRANSACTION_ID": line.provider_ref,
                "MERCHANT_TRANS_REF": line.attempt_ref,
                "ORDER_REF": line.memo,
                "AMOUNT": line.shown or line.amount,
                "TRANSACTION_STATE": STATES[line.status],
            }

        name = f"ONEPAY_{self.own('merchant')}_{on:%Y%m%d}.xlsx"
        return Document(name=name, content=write_workbook(LAYOUT, day, on, values), media_type=XLSX)


def _result(payment: Payment) -> dict[str, str]:
    """The fields of the IPN, the return and queryDR."""
    return {
        "vpc_AdditionData": "970436",
        "vpc_Amount": f"{payment.amount}00",
        "vpc_Command": "pay",
        "vpc_CurrencyCode": "VND",
        "vpc_Locale": "en" if payment.locale == "en" else "vn",
        "vpc_MerchTxnRef": payment.attempt_ref,
        "vpc_Merchant": payment.merchant,
        "vpc_OrderInfo": payment.memo,
        "vpc_TransactionNo": payment.provider_ref or "0",
        "vpc_TxnResponseCode": CODES.get(payment.outcome, "100"),
        "vpc_Version": "2",
    }


def _mac(fields: Mapping[str, str], key: str) -> str:
    covered = [
        (name, value)
        for name, value in fields.items()
        if value and name.split("_")[0] in ("vpc", "user") and not name.startswith("vpc_SecureHash")
    ]
    text = "&".join("=".join(pair) for pair in sorted(covered))
    return hmac.new(bytes.fromhex(key), text.encode("utf-8"), "sha256").hexdigest().upper()


def _signed(fields: Mapping[str, str], key: str) -> str:
    return urlencode({**fields, "vpc_SecureHash": _mac(fields, key)})


def _joined(url: str, query: str) -> str:
    return url + ("&" if urlsplit(url).query else "?") + query


PROTOCOL = Onepay
