"""Payoo's other side: the create call, the business API, NotifyData, the settlement workbook."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, ClassVar
from urllib.parse import unquote_plus, urlencode
from xml.etree import ElementTree

from flask import Blueprint, Response, request

from providers.simulator.protocol import WRONG_KEY, XLSX, Document, OutboundCall, Protocol
from providers.simulator.statement_lines import Line, StatementDay
from providers.simulator.statement_route import statement_answer
from providers.simulator.truth import LOCAL, Payment, from_timestamp
from providers.simulator.workbooks import Layout, write_workbook

_STAMP = "%Y%m%d%H%M%S"
_STATUSES = {"opened": 0, "paid": 1, "failed": 3}
_NOT_FOUND = 7
_LAYOUT = Layout(
    header=(
        "THOI_DIEM_THANH_TOAN",
        "MA_DON_HANG",
        "MA_KH",
        "SO_TIEN",
        "KY_THANH_TOAN",
        "HO_TEN",
        "DIA_CHI",
    ),
    sheet="PAYOO",
)


class Payoo(Protocol):
    """One shop at Payoo."""

    name = "payoo"
    title_vi = title_en = "Payoo"
    demo: ClassVar[Mapping[str, str]] = {
        "shop_id": "12345",
        "key": "DEMO-ONLY-PAYOO-CHECKSUM-KEY",
        "username": "demo_BizAPI",
        "password": "DEMO-ONLY-PAYOO-PASSWORD",
        "signature": "DEMO-ONLY-PAYOO-API-SIGNATURE",
        "notify_ip": "118.69.56.194",
    }
    outcomes = ("success", "cancel")

    def blueprint(self) -> Blueprint:
        """Routes under /payoo."""
        routes = Blueprint(self.name, __name__, url_prefix="/payoo")
        routes.post("/v2/paynow/order/create", endpoint="create")(self._create)
        routes.post("/BusinessRestAPI.svc/getorderinfo", endpoint="query")(self._query)
        routes.post("/BusinessRestAPI.svc/CancelOrder", endpoint="cancel")(self._cancel)

        @routes.get("/statements")
        def statements() -> Response:
            return statement_answer(self, self.own("key"))

        return routes

    def callback(self, payment: Payment, *, forged: bool) -> OutboundCall | None:
        """NotifyData: base64 of the text and its checksum, which covers Payoo's address too."""
        text = json.dumps(self._order(payment))
        mac = _checksum(WRONG_KEY if forged else self.own("key"), text, self.own("notify_ip"))
        envelope = json.dumps({"ResponseData": text, "Signature": mac}).encode("utf-8")
        return OutboundCall(
            method="POST",
            url=payment.callback_url,
            headers={"content-type": "application/x-www-form-urlencoded"},
            body=urlencode({"NotifyData": base64.b64encode(envelope).decode("ascii")}).encode("ascii"),
        )

    def is_acknowledged(self, status: int, body: bytes) -> bool:
        """The text NOTIFY_RECEIVED and nothing else."""
        return status == 200 and body.strip() == b"NOTIFY_RECEIVED"

    def statement(self, day: StatementDay, on: date) -> Document:
        """PAYOO workbook: what was paid; it has no status and lists no refund."""
        lines = [line for line in day.lines if line.kind == "payment" and line.status == "paid"]
        told = replace(day, lines=lines)
        name = f"PAYOO_{self.own('shop_id')}_{on:%Y%m%d}.xlsx"
        return Document(name=name, content=write_workbook(_LAYOUT, told, on, _cells), media_type=XLSX)

    def _order(self, payment: Payment) -> dict[str, Any]:
        order: dict[str, Any] = {
            "OrderNo": payment.attempt_ref,
            "OrderCashAmount": payment.amount,
            "ShopId": int(payment.merchant),
            "PaymentStatus": _STATUSES[payment.status],
            "PaymentMethod": 1,
        }
        if payment.paid_at is not None:
            order["PurchaseDate"] = from_timestamp(payment.paid_at).astimezone(LOCAL).strftime(_STAMP)
            order["BillingCode"] = payment.provider_ref
        return order

    def _create(self) -> Response:
        xml = request.form.get("data", "")
        if not hmac.compare_digest(_checksum(self.own("key"), xml), request.form.get("checksum", "")):
            return _json({"result": "fail", "message": "checksum"})
        shop = ElementTree.fromstring(xml).find("shop")  # noqa: S314 - its checksum is ours
        if shop is None:
            return _json({"result": "fail", "message": "data"})
        fields = {child.tag: child.text or "" for child in shop}
        if fields.get("shop_id") != self.own("shop_id") or not fields.get("order_cash_amount", "").isdigit():
            return _json({"result": "fail", "message": "shop"})
        until = datetime.strptime(fields["validity_time"], _STAMP).replace(tzinfo=LOCAL)
        payment = self.engine.open(
            Payment(
                provider=self.name,
                attempt_ref=fields["order_no"],
                merchant=fields["shop_id"],
                amount=int(fields["order_cash_amount"]),
                status="opened",
                outcome="",
                provider_ref="",
                created_raw=fields["validity_time"],
                expires_at=until.timestamp(),
                paid_at=None,
                return_url=fields["shop_back_url"],
                callback_url=fields["notify_url"],
                memo=unquote_plus(fields["order_description"]),
                locale="vi",
            )
        )
        url = f"{request.host_url}pay/{self.name}/{payment.attempt_ref}"
        order = {"order_no": payment.attempt_ref, "amount": payment.amount, "payment_url": url}
        answer = {"result": "success", "order": order, "checksum": _checksum(self.own("key"), url)}
        return self.engine.answer("create", self.name, payment.attempt_ref, _json(answer))

    def _asked(self) -> dict[str, Any] | None:
        """The request within the envelope; None when it is not the shop's."""
        data: Any = request.get_json(silent=True, force=True)
        text = str(data.get("RequestData", "")) if isinstance(data, dict) else ""
        given = str(data.get("Signature", "")) if isinstance(data, dict) else ""
        credentials = tuple(
            request.headers.get(f"api{name}", "") for name in ("username", "password", "signature")
        )
        ours = tuple(self.own(name) for name in ("username", "password", "signature"))
        if credentials != ours or not hmac.compare_digest(_checksum(self.own("key"), text), given):
            return None
        asked: dict[str, Any] = json.loads(text)
        return asked

    def _query(self) -> Response:
        asked = self._asked()
        if asked is None:
            return self._envelope({"ResponseCode": -1})
        reference = str(asked.get("OrderId", ""))
        faults = self.engine.faults(self.name, reference)
        payment = self.engine.find(self.name, reference)
        kind = "query"
        if payment is None or "query_not_found" in faults:
            order: dict[str, Any] = {"ResponseCode": _NOT_FOUND}
        else:
            order = {"ResponseCode": 0, **self._order(payment)}
            if self.engine.truth.refunds_of(self.name, reference):
                kind = "refund_query"
                if "refund_query_pending" not in faults:
                    order["PaymentStatus"] = _STATUSES["failed"]
            if "query_pending" in faults:
                order["PaymentStatus"] = 0
            if "query_other_payment" in faults:
                order["OrderNo"] = "PCOTHER0000000001"
        key = WRONG_KEY if f"{kind}_bad_signature" in faults else ""
        return self.engine.answer(kind, self.name, reference, self._envelope(order, key))

    def _cancel(self) -> Response:
        asked = self._asked()
        reference = str(asked.get("OrderId", "")) if asked else ""
        payment = self.engine.find(self.name, reference)
        done = None
        if asked and payment is not None and asked.get("NewStatus") == 3:
            done = self.engine.refund(payment, str(asked.get("UpdateLog", "")), payment.amount)
        faults = self.engine.faults(self.name, reference)
        key = WRONG_KEY if "refund_bad_signature" in faults else ""
        answer = self._envelope({"ResponseCode": 0 if done else -2}, key)
        return self.engine.answer("refund", self.name, reference, answer)

    def _envelope(self, data: Mapping[str, Any], key: str = "") -> Response:
        text = json.dumps(data)
        return _json({"ResponseData": text, "Signature": _checksum(key or self.own("key"), text)})


def _cells(line: Line) -> dict[str, str | int]:
    return {
        "THOI_DIEM_THANH_TOAN": from_timestamp(line.at).astimezone(LOCAL).strftime("%d/%m/%Y %H:%M:%S"),
        "MA_DON_HANG": line.attempt_ref,
        "SO_TIEN": line.shown or line.amount,
    }


def _checksum(key: str, *texts: str) -> str:
    digest = hashlib.sha512(key.encode("utf-8"))
    for text in texts:
        digest.update(text.encode("utf-8"))
    return digest.hexdigest().upper()


def _json(fields: Mapping[str, Any]) -> Response:
    return Response(json.dumps(fields), mimetype="application/json")


PROTOCOL = Payoo
