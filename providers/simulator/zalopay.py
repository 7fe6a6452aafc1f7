"""ZaloPay's other side: create, query, refund and its query, the order page, the callback, the settlement workbook.

The truth keeps our reference; the wire has `yymmdd_` in front of it.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, request

from providers.simulator.pages import pay_page
from providers.simulator.protocol import WRONG_KEY, XLSX, Document, OutboundCall, Protocol, RetryRule
from providers.simulator.statement_lines import Line, StatementDay
from providers.simulator.truth import LOCAL, Payment, from_timestamp, local_date
from providers.simulator.workbooks import Layout, write_workbook

_SIGNED = {
    "create": "app_id app_trans_id app_user amount app_time embed_data item",
    "query": "app_id app_trans_id key1",
    "refund": "app_id zp_trans_id amount description timestamp",
    "query_refund": "app_id m_refund_id timestamp",
}
_LAYOUT = Layout(
    header=(
        "NGAY_GIAO_DICH",
        "MA_GD_MERCHANT",
        "MA_GD_ZALOPAY",
        "MA_KH",
        "TEN_KH",
        "TEN_APP",
        "KENH_THANH_TOAN",
        "HINH_THUC_THANH_TOAN",
        "TRANG_THAI_GIAO_DICH",
        "MO_TA",
        "MA_NGAN_HANG",
        "BANK_TRACE_NO",
        "SO_TIEN_GIAO_DICH",
        "NGAY_XULY_HOANTRA",
        "SO_TIEN_HOANTRA",
    ),
    sheet="Giao dịch",
    total_label="TỔNG CỘNG",
    amount_column="SO_TIEN_GIAO_DICH",
)
_STATUSES = {
    "paid": "Thành công",
    "failed": "Thất bại",
    "refunded": "Hoàn tiền",
    "suspected": "Đang xử lý",
    "odd": "Trạng thái 42",
}


class ZaloPay(Protocol):
    """One application."""

    name = "zalopay"
    title_vi = "Ví ZaloPay"
    title_en = "ZaloPay wallet"
    demo = MappingProxyType(
        {
            "app_id": "2999",
            "key1": "DEMO-ONLY-ZALOPAY-KEY1-000000001",
            "key2": "DEMO-ONLY-ZALOPAY-KEY2-000000002",
        }
    )
    outcomes = ("success", "cancel")
    retry = RetryRule(tries_max=4, gaps_s=(60.0,))

    def blueprint(self) -> Blueprint:
        """Routes under /zalopay."""
        routes = Blueprint(self.name, __name__, url_prefix="/zalopay")

        @routes.post("/v2/create")
        def create() -> Response:
            return self._answer("create", self._create)

        @routes.post("/v2/query")
        def query() -> Response:
            return self._answer("query", self._query)

        @routes.post("/v2/refund")
        def refund() -> Response:
            return self._answer("refund", self._refund)

        @routes.post("/v2/query_refund")
        def query_refund() -> Response:
            return self._answer("query_refund", self._query_refund)

        @routes.get("/openinapp/<attempt_ref>")
        def page(attempt_ref: str) -> str:
            return pay_page(self.engine, self.open(attempt_ref))

        @routes.get("/statements")
        def statements() -> Response:
            return self._statement()

        return routes

    def callback(self, payment: Payment, *, forged: bool) -> OutboundCall | None:
        """Only successes are told; the mac is over the string in `data`."""
        if not payment.callback_url or payment.status != "paid":
            return None
        data = json.dumps(
            {
                "app_id": int(payment.merchant),
                "app_trans_id": payment.created_raw,
                "app_time": payment.extra["app_time"],
                "app_user": payment.extra["app_user"],
                "amount": payment.amount,
                "embed_data": payment.extra["embed_data"],
                "item": "[]",
                "zp_trans_id": int(payment.provider_ref),
                "server_time": int((payment.paid_at or 0.0) * 1000),
                "channel": 38,
                "merchant_user_id": "",
                "user_fee_amount": 0,
                "discount_amount": 0,
            }
        )
        mac = _mac(WRONG_KEY if forged else self.own("key2"), data)
        body = json.dumps({"data": data, "mac": mac, "type": 1}).encode()
        return OutboundCall(
            method="POST",
            url=payment.callback_url,
            headers={"content-type": "application/json"},
            body=body,
        )

    def is_acknowledged(self, status: int, body: bytes) -> bool:
        """return_code 1, 2 and -1 end the calls."""
        if status != 200:
            return False
        try:
            answer = json.loads(body)
        except ValueError:
            return False
        return isinstance(answer, dict) and answer.get("return_code") in (1, 2, -1)

    def return_url(self, payment: Payment) -> str:
        """Seven fields and their checksum; empty when the merchant gave no address."""
        url = str(json.loads(payment.extra["embed_data"]).get("redirecturl", ""))
        if not url:
            return ""
        fields = {
            "appid": payment.merchant,
            "apptransid": payment.created_raw,
            "pmcid": "38",
            "bankcode": "",
            "amount": str(payment.amount),
            "discountamount": "0",
            "status": "1" if payment.status == "paid" else "-329",
        }
        fields["checksum"] = _mac(self.own("key2"), "|".join(fields.values()))
        return url + ("&" if urlsplit(url).query else "?") + urlencode(fields)

    def statement(self, day: StatementDay, on: date) -> Document:
        """ZALOPAY workbook: one sheet; refunds carry their amount in two columns."""
        name = f"ZALOPAY_{self.own('app_id')}_{on:%Y%m%d}.xlsx"
        return Document(name=name, content=write_workbook(_LAYOUT, day, on, self._cells), media_type=XLSX)

    def _answer(self, kind: str, work: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Response:
        fields = request.get_json(silent=True, force=True)
        if not isinstance(fields, dict):
            return _json(_failed(-401, "illegal data request"))
        refusal = self._refusal(fields, _SIGNED[kind])
        result = refusal or work(fields)
        reference = result.pop("attempt_ref", "") or str(fields.get("app_trans_id", "")).partition("_")[2]
        played = "refund_query" if kind == "query_refund" else kind
        return self.engine.answer(played, self.name, reference, _json(result))

    def _refusal(self, fields: Mapping[str, Any], names: str) -> dict[str, Any]:
        """The answer to a request that is wrong in itself, or nothing."""
        if str(fields.get("app_id")) != self.own("app_id"):
            return _failed(-402, "illegal app")
        wanted = [name for name in names.split() if name != "key1"]
        if any(fields.get(name) in (None, "") for name in wanted):
            return _failed(-401, "illegal data request")
        values = {**fields, "key1": self.own("key1")}
        mac = _mac(self.own("key1"), "|".join(str(values[name]) for name in names.split()))
        if not hmac.compare_digest(mac, str(fields.get("mac", ""))):
            return _failed(-403, "illegal signature request")
        return {}

    def _create(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        wire_ref = str(fields["app_trans_id"])
        day, _, reference = wire_ref.partition("_")
        lives_s = fields.get("expire_duration_seconds", 900)
        made_s = int(fields["app_time"]) / 1000
        fresh = abs(self.engine.now_s() - made_s) <= 900
        if day != f"{local_date(self.engine.clock.now()):%y%m%d}" or not reference or not fresh:
            return _failed(-401, "illegal data request")
        if not isinstance(fields["amount"], int) or fields["amount"] < 1 or not 300 <= lives_s <= 2_592_000:
            return _failed(-401, "illegal data request")
        if self.engine.find(self.name, reference) is not None:
            return _failed(-68, "duplicate app_trans_id")
        self.engine.open(
            Payment(
                provider=self.name,
                attempt_ref=reference,
                merchant=str(fields["app_id"]),
                amount=fields["amount"],
                status="opened",
                outcome="",
                provider_ref="",
                created_raw=wire_ref,
                expires_at=made_s + lives_s,
                paid_at=None,
                return_url=str(json.loads(str(fields["embed_data"])).get("redirecturl", "")),
                callback_url=str(fields.get("callback_url") or self.callback_url()),
                memo=str(fields.get("description", "")),
                locale="vi",
                extra={
                    "app_time": fields["app_time"],
                    "app_user": fields["app_user"],
                    "embed_data": fields["embed_data"],
                },
            )
        )
        url = f"{request.host_url}zalopay/openinapp/{reference}"
        return _ok(order_url=url, zp_trans_token="T" + reference, order_token="", qr_code="")

    def _query(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        reference = str(fields["app_trans_id"]).partition("_")[2]
        payment = self.engine.find(self.name, reference)
        faults = self.engine.faults(self.name, reference)
        if payment is None or payment.created_raw != fields["app_trans_id"] or "query_not_found" in faults:
            return _failed(-49, "transaction not found")
        if "query_pending" in faults:
            return _processing()
        if payment.status == "opened":
            return _failed(-54, "order expired") if self.engine.is_expired(payment) else _processing()
        if payment.status != "paid":
            return _failed(-329, "cancelled by the user")
        return _ok(
            amount=payment.amount,
            zp_trans_id=int(payment.provider_ref),
            server_time=int((payment.paid_at or 0.0) * 1000),
            discount_amount=0,
        )

    def _refund(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        payment = self.engine.truth.payment_by_number(self.name, str(fields["zp_trans_id"]))
        if payment is None or payment.status != "paid":
            return _failed(-101, "order not found")
        self.engine.lose_refund(payment)
        refund_ref = str(fields.get("m_refund_id", ""))
        today = f"{local_date(self.engine.clock.now()):%y%m%d}_{self.own('app_id')}_"
        if not refund_ref.startswith(today):
            return {**_failed(-401, "illegal data request"), "attempt_ref": payment.attempt_ref}
        if self.engine.truth.refund(self.name, refund_ref) is not None:
            return {**_failed(-23, "duplicate refund"), "attempt_ref": payment.attempt_ref}
        amount = fields["amount"] if isinstance(fields["amount"], int) else 0
        refund = self.engine.refund(payment, refund_ref, amount)
        if refund is None:
            return {**_failed(-14, "refund amount invalid"), "attempt_ref": payment.attempt_ref}
        return {
            **_processing(),
            "refund_id": int(refund.provider_ref),
            "attempt_ref": payment.attempt_ref,
        }

    def _query_refund(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        refund = self.engine.truth.refund(self.name, str(fields["m_refund_id"]))
        if refund is None:
            return _failed(-21, "refund not found")
        pending = "refund_query_pending" in self.engine.faults(self.name, refund.attempt_ref)
        told = _processing() if pending else _ok()
        return {**told, "refund_id": int(refund.provider_ref), "attempt_ref": refund.attempt_ref}

    def _cells(self, line: Line) -> dict[str, str | int]:
        at = from_timestamp(line.at).astimezone(LOCAL)
        stamp = at.strftime("%d/%m/%Y %H:%M:%S")
        payment = self.engine.find(self.name, line.attempt_ref)
        wire_ref = payment.created_raw if payment else f"{at:%y%m%d}_{line.attempt_ref}"
        amount = line.shown or line.amount
        cells: dict[str, str | int] = {
            "NGAY_GIAO_DICH": stamp,
            "MA_GD_MERCHANT": wire_ref if line.attempt_ref else "",
            "MA_GD_ZALOPAY": line.provider_ref,
            "MA_KH": "000001",
            "TEN_KH": "NGUYEN VAN A",
            "TEN_APP": self.own("app_id"),
            "TRANG_THAI_GIAO_DICH": _STATUSES[line.status],
            "MO_TA": line.memo,
            "SO_TIEN_GIAO_DICH": amount,
        }
        if line.kind == "refund":
            cells |= {"NGAY_XULY_HOANTRA": stamp, "SO_TIEN_HOANTRA": amount}
        return cells

    def _statement(self) -> Response:
        app_id, day, sent_at = (
            request.args.get("app_id", ""),
            request.args.get("date", ""),
            request.headers.get("x-statement-timestamp", ""),
        )
        mac = _mac(self.own("key1"), f"GET|app_id={app_id}&date={day}|{sent_at}")
        if not hmac.compare_digest(mac, request.headers.get("x-statement-signature", "")):
            return Response("signature", status=401)
        try:
            on = datetime.strptime(day, "%Y%m%d").date()
        except ValueError:
            return Response("date", status=400)
        document = self.engine.statement(self.name, on) if app_id == self.own("app_id") else None
        if document is None:
            return Response("no statement", status=404)
        return Response(document.content, mimetype=document.media_type)


def _mac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _ok(**members: Any) -> dict[str, Any]:
    return {
        "return_code": 1,
        "return_message": "success",
        "sub_return_code": 1,
        "sub_return_message": "success",
        **members,
    }


def _processing() -> dict[str, Any]:
    return {
        "return_code": 3,
        "return_message": "processing",
        "sub_return_code": 0,
        "sub_return_message": "",
    }


def _failed(sub_code: int, message: str) -> dict[str, Any]:
    return {
        "return_code": 2,
        "return_message": "failed",
        "sub_return_code": sub_code,
        "sub_return_message": message,
    }


def _json(fields: Mapping[str, Any]) -> Response:
    return Response(json.dumps(fields), mimetype="application/json")


PROTOCOL = ZaloPay
