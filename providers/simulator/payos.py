"""payOS's other side: payment requests and their query, the pay page, the webhook.

The truth keeps the merchant's reference, which the merchant packs into the orderCode; the wire has the number.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, request

from payclear.kernel.iso7064 import mod37_36_check
from providers.simulator.pages import pay_page
from providers.simulator.protocol import WRONG_KEY, OutboundCall, Protocol
from providers.simulator.truth import LOCAL, Payment, from_timestamp

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_WANTED = ("orderCode", "amount", "description", "cancelUrl", "returnUrl", "signature")
_OTHER_CODE = 4_242_424_242


class Payos(Protocol):
    """One payment channel."""

    name = "payos"
    title_vi = "payOS – chuyển khoản VietQR"
    title_en = "payOS – VietQR bank transfer"
    demo = MappingProxyType(
        {
            "client_id": "demo-only-payos-client",
            "api_key": "DEMO-ONLY-PAYOS-API-KEY-00000001",
            "checksum_key": "DEMO-ONLY-PAYOS-CHECKSUM-KEY-001",
        }
    )
    outcomes = ("success", "cancel")

    def blueprint(self) -> Blueprint:
        """Routes under /payos."""
        routes = Blueprint(self.name, __name__, url_prefix="/payos")

        @routes.post("/v2/payment-requests")
        def create() -> Response:
            return self._create()

        @routes.get("/v2/payment-requests/<int:code>")
        def query(code: int) -> Response:
            return self._query(code)

        @routes.get("/web/<link_id>")
        def page(link_id: str) -> str:
            return pay_page(self.engine, self.open(link_id))

        return routes

    def open(self, text: str) -> Payment:
        """The payment behind a page's address: its last part is the link's id."""
        link_id = text.partition("?")[0].rstrip("/").rpartition("/")[2]
        payment = self.engine.truth.payment_by_number(self.name, link_id)
        if payment is None:
            raise self.refuse("unknown")
        return payment

    def callback(self, payment: Payment, *, forged: bool) -> OutboundCall | None:
        """The webhook tells of a transfer; what did not happen is not told."""
        url = self.callback_url()
        if not url or payment.status != "paid":
            return None
        transfer = self._transfer(payment)
        data = {
            "orderCode": payment.extra["order_code"],
            "currency": "VND",
            "paymentLinkId": payment.provider_ref,
            "code": "00",
            "desc": "Thành công",
            **transfer,
        }
        key = WRONG_KEY if forged else self.own("checksum_key")
        body = {"code": "00", "desc": "success", "success": True, "data": data, "signature": _mac(key, data)}
        return OutboundCall(
            method="POST",
            url=url,
            headers={"content-type": "application/json"},
            body=json.dumps(body, ensure_ascii=False).encode("utf-8"),
        )

    def return_url(self, payment: Payment) -> str:
        """The return is not signed."""
        paid = payment.status == "paid"
        fields = {
            "code": "00",
            "id": payment.provider_ref,
            "cancel": "false" if paid else "true",
            "status": "PAID" if paid else "CANCELLED",
            "orderCode": payment.extra["order_code"],
        }
        return payment.return_url + ("&" if urlsplit(payment.return_url).query else "?") + urlencode(fields)

    def _allowed(self) -> bool:
        given = (request.headers.get("x-client-id", ""), request.headers.get("x-api-key", ""))
        return given == (self.own("client_id"), self.own("api_key"))

    def _create(self) -> Response:
        if not self._allowed():
            return Response("unauthorized", status=401)
        fields = request.get_json(silent=True, force=True)
        if not isinstance(fields, dict) or any(fields.get(name) in (None, "") for name in _WANTED):
            return _json({"code": "20", "desc": "Thông tin truyền lên không đúng", "data": None})
        text = "&".join(f"{name}={fields[name]}" for name in sorted(set(_WANTED) - {"signature"}))
        key = self.own("checksum_key").encode()
        mac = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(mac, str(fields["signature"])):
            return _json({"code": "201", "desc": "Mã kiểm tra không hợp lệ", "data": None})
        code, amount = fields["orderCode"], fields["amount"]
        if not isinstance(code, int) or not 0 < code < 2**53 or not isinstance(amount, int) or amount < 1:
            return _json({"code": "20", "desc": "Thông tin truyền lên không đúng", "data": None})
        reference = _reference(code)
        if self.engine.find(self.name, reference) is not None:
            return _json({"code": "231", "desc": "Đơn thanh toán đã tồn tại", "data": None})
        payment = self.engine.open(
            Payment(
                provider=self.name,
                attempt_ref=reference,
                merchant=self.own("client_id"),
                amount=amount,
                status="opened",
                outcome="",
                provider_ref=secrets.token_hex(16),
                created_raw=str(code),
                expires_at=float(fields.get("expiredAt") or self.engine.now_s() + 900),
                paid_at=None,
                return_url=str(fields["returnUrl"]),
                callback_url="",
                memo=str(fields["description"]),
                locale="vi",
                extra={"order_code": code, "asked": amount},
            )
        )
        return self.engine.answer("create", self.name, reference, self._created(payment))

    def _created(self, payment: Payment) -> Response:
        link = f"{request.host_url}payos/web/{payment.provider_ref}"
        data = {
            "bin": "970422",
            "accountNumber": "113366668888",
            "accountName": "KHO BAC NHA NUOC DEMO",
            "amount": payment.amount,
            "description": payment.memo,
            "orderCode": payment.extra["order_code"],
            "currency": "VND",
            "paymentLinkId": payment.provider_ref,
            "status": "PENDING",
            "checkoutUrl": link,
            "qrCode": _qr_text(payment),
        }
        spoilt = "create_bad_signature" in self.engine.faults(self.name, payment.attempt_ref)
        return self._signed(data, spoilt=spoilt)

    def _query(self, code: int) -> Response:
        if not self._allowed():
            return Response("unauthorized", status=401)
        reference = _reference(code)
        payment = self.engine.find(self.name, reference)
        faults = self.engine.faults(self.name, reference)
        if payment is None or "query_not_found" in faults:
            answer = _json({"code": "101", "desc": "Mã thanh toán không tồn tại", "data": None})
            return self.engine.answer("query", self.name, reference, answer)
        told = replace(payment, status="opened") if "query_pending" in faults else payment
        paid = told.amount if told.status == "paid" else 0
        asked = told.extra["asked"]
        data = {
            "id": told.provider_ref,
            "orderCode": _OTHER_CODE if "query_other_payment" in faults else code,
            "amount": asked,
            "amountPaid": paid,
            "amountRemaining": max(asked - paid, 0),
            "status": self._status(told, paid, asked, waits="query_pending" in faults),
            "transactions": [self._transfer(told)] if paid else [],
            "canceledAt": None,
            "cancellationReason": None,
        }
        answer = self._signed(data, spoilt="query_bad_signature" in faults)
        return self.engine.answer("query", self.name, reference, answer)

    def _status(self, payment: Payment, paid: int, asked: int, *, waits: bool) -> str:
        if payment.status == "paid":
            return "PAID" if paid >= asked else "UNDERPAID"
        if payment.status == "failed":
            return "CANCELLED"
        return "EXPIRED" if self.engine.is_expired(payment) and not waits else "PENDING"

    def _transfer(self, payment: Payment) -> dict[str, Any]:
        at = from_timestamp(payment.paid_at or 0.0).astimezone(LOCAL)
        return {
            "amount": payment.amount,
            "description": payment.memo,
            "accountNumber": "113366668888",
            "reference": f"FT{payment.provider_ref[:14].upper()}",
            "transactionDateTime": at.strftime("%Y-%m-%d %H:%M:%S"),
            "counterAccountBankId": "",
            "counterAccountBankName": "",
            "counterAccountName": None,
            "counterAccountNumber": None,
            "virtualAccountName": "",
            "virtualAccountNumber": "",
        }

    def _signed(self, data: Mapping[str, Any], *, spoilt: bool) -> Response:
        signature = "0" * 64 if spoilt else _mac(self.own("checksum_key"), data)
        return _json({"code": "00", "desc": "success", "data": data, "signature": signature})


def _reference(code: int) -> str:
    """The merchant's reference in an orderCode: 50 bits of the order, 3 bits of the attempt."""
    rest, number = code >> 3, code & 7
    letters = ""
    for _ in range(10):
        rest, digit = divmod(rest, 32)
        letters = _ALPHABET[digit] + letters
    return f"PC{letters}{mod37_36_check('PC' + letters)}{number + 1:02d}"


def _qr_text(payment: Payment) -> str:
    """A VietQR text without its checksum's guarantee: nobody pays from it here."""
    amount = str(payment.amount)
    return f"00020101021238570010A00000072701270006970422011311336666888854{len(amount):02d}{amount}5802VN"


def _mac(key: str, data: Mapping[str, Any]) -> str:
    parts = []
    for name, value in sorted(data.items()):
        if value is None or value in ("null", "undefined"):
            shown = ""
        elif isinstance(value, list):
            shown = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        else:
            shown = str(value)
        parts.append(f"{name}={shown}")
    return hmac.new(key.encode(), "&".join(parts).encode(), hashlib.sha256).hexdigest()


def _json(fields: Mapping[str, Any]) -> Response:
    return Response(json.dumps(fields, ensure_ascii=False), mimetype="application/json")


PROTOCOL = Payos
