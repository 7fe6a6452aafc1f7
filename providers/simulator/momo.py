"""MoMo's other side: create, query, refund, the wallet page, the IPN, the return, the settlement workbook."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from flask import Blueprint, Response, request

from providers.simulator.pages import pay_page
from providers.simulator.protocol import WRONG_KEY, XLSX, Document, OutboundCall, Protocol
from providers.simulator.statement_lines import Line, StatementDay
from providers.simulator.truth import LOCAL, Payment, from_timestamp
from providers.simulator.workbooks import Layout, write_workbook

_CODES = {"success": 0, "insufficient": 1001, "cancel": 1006}
_MESSAGES = {
    0: "Successful.",
    11: "Access denied.",
    13: "Merchant authentication failed.",
    20: "Bad format request.",
    22: "The transaction amount is out of range.",
    41: "Duplicated orderId.",
    42: "Invalid orderId or orderId is not found.",
    1000: "Transaction is initiated, waiting for user confirmation.",
    1001: "Transaction failed due to insufficient funds.",
    1005: "Transaction failed because the url or QR code expired.",
    1006: "Transaction failed because user has denied to confirm the payment.",
    1081: "Refund rejected.",
    7000: "Transaction is being processed.",
}
_CREATE = "accessKey amount extraData ipnUrl orderId orderInfo partnerCode redirectUrl requestId requestType"
_QUERY = "accessKey orderId partnerCode requestId"
_REFUND = "accessKey amount description orderId partnerCode requestId transId"
_IPN = (
    "accessKey amount extraData message orderId orderInfo orderType partnerCode payType requestId responseTime"
    " resultCode transId"
)
_LIVES_S = 900.0
_LAYOUT = Layout(
    header=("SO_HD", "NGAY_GIAO_DICH", "TEN_KH", "SO_TIEN", "SDT", "TRANG_THAI", "TID"),
    sheet="Giao dịch",
    total_label="TỔNG CỘNG",
    amount_column="SO_TIEN",
)
_STATUSES = {
    "paid": "Thành công",
    "failed": "Thất bại",
    "refunded": "Hoàn tiền",
    "suspected": "Đang xử lý",
    "odd": "Trạng thái 42",
}


class Momo(Protocol):
    """One partner."""

    name = "momo"
    title_vi = "Ví MoMo"
    title_en = "MoMo wallet"
    demo = MappingProxyType(
        {
            "partner_code": "MOMODEMO",
            "access_key": "DEMOONLYMOMOACCESS",
            "secret_key": "DEMO-ONLY-MOMO-SECRET-KEY-000001",
        }
    )

    def blueprint(self) -> Blueprint:
        """Routes under /momo."""
        routes = Blueprint(self.name, __name__, url_prefix="/momo")

        @routes.post("/v2/gateway/api/create")
        def create() -> Response:
            return self._answer("create", _CREATE, self._create)

        @routes.post("/v2/gateway/api/query")
        def query() -> Response:
            return self._answer("query", _QUERY, self._query)

        @routes.post("/v2/gateway/api/refund")
        def refund() -> Response:
            return self._answer("refund", _REFUND, self._refund)

        @routes.post("/v2/gateway/api/refund/query")
        def refund_query() -> Response:
            return self._answer("refund_query", _QUERY, self._query_refund)

        @routes.get("/v2/gateway/pay/<attempt_ref>")
        def page(attempt_ref: str) -> str:
            return pay_page(self.engine, self.open(attempt_ref))

        @routes.get("/statements")
        def statements() -> Response:
            return self._statement()

        return routes

    def callback(self, payment: Payment, *, forged: bool) -> OutboundCall | None:
        """The IPN: JSON, signed over thirteen fields."""
        if not payment.callback_url:
            return None
        body = json.dumps(self._result(payment, WRONG_KEY if forged else self.own("secret_key")))
        return OutboundCall(
            method="POST",
            url=payment.callback_url,
            headers={"content-type": "application/json; charset=UTF-8"},
            body=body.encode("utf-8"),
        )

    def is_acknowledged(self, status: int, body: bytes) -> bool:
        """204 and nothing else."""
        return status == 204

    def return_url(self, payment: Payment) -> str:
        """The return carries the fields of the IPN."""
        fields = self._result(payment, self.own("secret_key"))
        mark = "&" if urlsplit(payment.return_url).query else "?"
        return payment.return_url + mark + urlencode(fields, quote_via=quote)

    def statement(self, day: StatementDay, on: date) -> Document:
        """MOMOAPP workbook: one sheet."""
        name = f"MOMOAPP_{self.own('partner_code')}_{on:%Y%m%d}.xlsx"
        return Document(name=name, content=write_workbook(_LAYOUT, day, on, _cells), media_type=XLSX)

    def _answer(self, kind: str, names: str, work: Any) -> Response:
        fields = request.get_json(silent=True, force=True)
        if not isinstance(fields, dict):
            return _json({"resultCode": 20, "message": _MESSAGES[20]}, 400)
        code = self._refusal(fields, names)
        result = {"resultCode": code} if code else work(fields)
        answer = {
            "partnerCode": fields.get("partnerCode"),
            "orderId": fields.get("orderId"),
            "requestId": fields.get("requestId"),
            "responseTime": self._now_ms(),
            "message": _MESSAGES[result["resultCode"]],
            **result,
        }
        reference = answer.pop("attempt_ref", None) or str(fields.get("orderId", ""))
        if kind == "query" and "query_other_payment" in self.engine.faults(self.name, reference):
            answer["orderId"] = "PCOTHER0000000001"
        return self.engine.answer(kind, self.name, reference, _json(answer, 400 if code else 200))

    def _refusal(self, fields: Mapping[str, Any], names: str) -> int:
        """The code of a request that is wrong in itself, or 0."""
        if fields.get("partnerCode") != self.own("partner_code"):
            return 13
        wanted = [name for name in names.split() if name not in ("accessKey", "extraData")]
        if any(fields.get(name) in (None, "") for name in wanted):
            return 20
        mac = self._mac(fields, names, self.own("secret_key"))
        return 0 if hmac.compare_digest(mac, str(fields.get("signature", ""))) else 13

    def _create(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        amount = fields["amount"]
        if not isinstance(amount, int) or not 1_000 <= amount <= 50_000_000:
            return {"resultCode": 22}
        reference = str(fields["orderId"])
        payment = self.engine.open(
            Payment(
                provider=self.name,
                attempt_ref=reference,
                merchant=str(fields["partnerCode"]),
                amount=amount,
                status="opened",
                outcome="",
                provider_ref="",
                created_raw=str(fields["requestId"]),
                expires_at=self.engine.now_s() + _LIVES_S,
                paid_at=None,
                return_url=str(fields["redirectUrl"]),
                callback_url=str(fields["ipnUrl"]),
                memo=str(fields["orderInfo"]),
                locale="en" if fields.get("lang") == "en" else "vi",
            )
        )
        if (payment.created_raw, payment.amount) != (str(fields["requestId"]), amount):
            return {"resultCode": 41}
        url = f"{request.host_url}momo/v2/gateway/pay/{reference}"
        return {"resultCode": 0, "amount": amount, "payUrl": url}

    def _query(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        reference = str(fields["orderId"])
        payment = self.engine.find(self.name, reference)
        faults = self.engine.faults(self.name, reference)
        if payment is None or "query_not_found" in faults:
            return {"resultCode": 42}
        told = {"extraData": "", "amount": payment.amount, "transId": 0, "payType": "", "refundTrans": []}
        if "query_pending" in faults:
            return {**told, "resultCode": 7000}
        if payment.status == "opened":
            return {**told, "resultCode": 1005 if self.engine.is_expired(payment) else 1000}
        return {
            **told,
            "resultCode": _CODES[payment.outcome],
            "transId": int(payment.provider_ref),
            "payType": "qr",
            "responseTime": _ms(payment),
        }

    def _refund(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        payment = self.engine.truth.payment_by_number(self.name, str(fields["transId"]))
        if payment is None or payment.status != "paid":
            return {"resultCode": 42}
        amount = fields["amount"] if isinstance(fields["amount"], int) else 0
        refund = self.engine.refund(payment, str(fields["orderId"]), amount)
        if refund is None:
            return {"resultCode": 1081, "attempt_ref": payment.attempt_ref}
        number = int(refund.provider_ref)
        return {
            "resultCode": 0,
            "amount": amount,
            "transId": number,
            "attempt_ref": payment.attempt_ref,
        }

    def _query_refund(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        done = self.engine.truth.refund(self.name, str(fields["orderId"]))
        if done is None:
            return {"resultCode": 42}
        pending = "refund_query_pending" in self.engine.faults(self.name, done.attempt_ref)
        told = {
            "orderId": done.refund_ref,
            "amount": done.amount,
            "resultCode": 7000 if pending else 0,
            "transId": int(done.provider_ref),
            "createdTime": int(done.refunded_at * 1000),
        }
        return {"resultCode": 0, "attempt_ref": done.attempt_ref, "refundTrans": [told]}

    def _result(self, payment: Payment, key: str) -> dict[str, Any]:
        """The fields of the IPN and of the return."""
        code = _CODES[payment.outcome]
        fields: dict[str, Any] = {
            "partnerCode": payment.merchant,
            "orderId": payment.attempt_ref,
            "requestId": payment.created_raw,
            "amount": payment.amount,
            "orderInfo": payment.memo,
            "orderType": "momo_wallet",
            "transId": int(payment.provider_ref),
            "resultCode": code,
            "message": _MESSAGES[code],
            "payType": "qr",
            "responseTime": _ms(payment),
            "extraData": "",
        }
        return {**fields, "signature": self._mac(fields, _IPN, key)}

    def _mac(self, fields: Mapping[str, Any], names: str, key: str) -> str:
        values = {**fields, "accessKey": self.own("access_key")}
        text = "&".join(f"{name}={values.get(name, '')}" for name in names.split())
        return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()

    def _now_ms(self) -> int:
        return int(self.engine.now_s() * 1000)

    def _statement(self) -> Response:
        partner, day, sent_at = (
            request.args.get("partner", ""),
            request.args.get("date", ""),
            request.headers.get("x-statement-timestamp", ""),
        )
        message = f"GET|partner={partner}&date={day}|{sent_at}".encode()
        mac = hmac.new(self.own("secret_key").encode(), message, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(mac, request.headers.get("x-statement-signature", "")):
            return Response("signature", status=401)
        try:
            on = datetime.strptime(day, "%Y%m%d").date()
        except ValueError:
            return Response("date", status=400)
        document = self.engine.statement(self.name, on) if partner == self.own("partner_code") else None
        if document is None:
            return Response("no statement", status=404)
        return Response(document.content, mimetype=document.media_type)


def _ms(payment: Payment) -> int:
    return int((payment.paid_at or 0.0) * 1000)


def _cells(line: Line) -> dict[str, str | int]:
    return {
        "SO_HD": line.attempt_ref,
        "NGAY_GIAO_DICH": from_timestamp(line.at).astimezone(LOCAL).strftime("%d/%m/%Y %H:%M:%S"),
        "TEN_KH": "NGUYEN VAN A",
        "SO_TIEN": line.shown or line.amount,
        "SDT": "0900000000",
        "TRANG_THAI": _STATUSES[line.status],
        "TID": line.provider_ref,
    }


def _json(fields: Mapping[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(fields), status=status, mimetype="application/json")


PROTOCOL = Momo
