"""The national PaymentPlatform's other side: INIT, QUERY and GET_BILL behind one address, CONFIRM to the agency."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from flask import Blueprint, Response, request

from providers.simulator.protocol import WRONG_KEY, OutboundCall, Protocol
from providers.simulator.truth import LOCAL, Payment, from_timestamp

_INIT = [
    "LoaiBanTin",
    "PhienBan",
    "MaDoiTac",
    "MaThamChieu",
    "SoTien",
    "LoaiHinhThanhToan",
    "MaKenhThanhToan",
    "MaThietBi",
    "NgonNgu",
    "MaTienTe",
    "MaNganHang",
    "ThongTinGiaoDich",
    "ThoiGianGD",
    "Ip",
]
_ASK = ["LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "ThoiGianGD"]
_CONFIRM = [
    "LoaiBanTin",
    "MaLoi",
    "MaDoiTac",
    "MaThamChieu",
    "SoTien",
    "MaTienTe",
    "MaGiaoDich",
    "MaNganHang",
    "ThoiGianGD",
    "ThongTinGiaoDich",
]
_RECEIPT = [
    "MaDichVu",
    "NoiDungThanhToan",
    "HoTenNguoiNop",
    "SoCMNDNguoiNop",
    "DiaChiNguoiNop",
    "MaCoQuanQD",
    "TenCoQuanQD",
    "DSKhoanNop",
]
_STAMP = "%Y%m%d%H%M%S"
_LIFETIME = timedelta(minutes=15)
_NOT_FOUND = "01"


class PaymentPlatform(Protocol):
    """One agency at the platform."""

    name = "paymentplatform"
    title_vi = "Nền tảng thanh toán quốc gia"
    title_en = "National payment platform"
    demo: ClassVar[Mapping[str, str]] = {
        "partner": "000.00.00.G12",
        "key": "DEMO-ONLY-PAYMENTPLATFORM-HASH-KEY",
    }

    def blueprint(self) -> Blueprint:
        """Routes under /paymentplatform."""
        routes = Blueprint(self.name, __name__, url_prefix="/paymentplatform")

        @routes.post("/api")
        def api() -> Response:
            data: Any = request.get_json(silent=True, force=True)
            asked = data if isinstance(data, dict) else {}
            handlers = {"INIT": self._init, "QUERY": self._query, "GET_BILL": self._get_bill}
            handler = handlers.get(str(asked.get("LoaiBanTin")))
            return handler(asked) if handler else _json({"MaLoi": "99", "MoTaLoi": "LoaiBanTin"})

        @routes.get("/receipts/<attempt_ref>")
        def receipt(attempt_ref: str) -> Response:
            return Response(f"%PDF-1.4\n% {attempt_ref}\n%%EOF\n", mimetype="application/pdf")

        return routes

    def callback(self, payment: Payment, *, forged: bool) -> OutboundCall | None:
        """CONFIRM, with the amount as a number."""
        fields = self._confirm(payment)
        fields["MaXacThuc"] = _hash(fields, _CONFIRM, WRONG_KEY if forged else self.own("key"))
        return OutboundCall(
            method="POST",
            url=payment.callback_url,
            headers={"content-type": "application/json; charset=utf-8"},
            body=json.dumps(fields, ensure_ascii=False).encode("utf-8"),
        )

    def is_acknowledged(self, status: int, body: bytes) -> bool:
        """MaLoi 00 ends the calls."""
        try:
            answer = json.loads(body)
        except ValueError:
            return False
        return status == 200 and isinstance(answer, dict) and answer.get("MaLoi") == "00"

    def _confirm(self, payment: Payment) -> dict[str, Any]:
        return {
            "LoaiBanTin": "CONFIRM",
            "MaLoi": "00" if payment.status == "paid" else "99",
            "MaDoiTac": payment.merchant,
            "MaThamChieu": payment.attempt_ref,
            "SoTien": payment.amount,
            "MaTienTe": "VND",
            "MaGiaoDich": payment.provider_ref,
            "MaNganHang": "VIETINBANK",
            "ThoiGianGD": from_timestamp(payment.paid_at or 0.0).astimezone(LOCAL).strftime(_STAMP),
            "ThongTinGiaoDich": payment.memo,
        }

    def _refusal(self, asked: Mapping[str, Any], names: list[str]) -> str:
        if asked.get("MaDoiTac") != self.own("partner") or asked.get("PhienBan") != "1.0.6":
            return "MaDoiTac"
        given = str(asked.get("MaXacThuc", ""))
        return "" if hmac.compare_digest(_hash(asked, names, self.own("key")), given) else "MaXacThuc"

    def _init(self, asked: Mapping[str, Any]) -> Response:
        wrong = self._refusal(asked, _INIT)
        block = asked.get("ThongTinBienLai")
        if not wrong and (not isinstance(block, dict) or any(name not in block for name in _RECEIPT)):
            wrong = "ThongTinBienLai"
        lines = block.get("DSKhoanNop", []) if isinstance(block, dict) else []
        if not wrong and sum(int(line["SoTien"]) for line in lines) != int(asked["SoTien"]):
            wrong = "DSKhoanNop"
        if wrong:
            return _json({"MaLoi": "99", "MoTaLoi": wrong})
        opened = datetime.strptime(str(asked["ThoiGianGD"]), _STAMP).replace(tzinfo=LOCAL)
        payment = self.engine.open(
            Payment(
                provider=self.name,
                attempt_ref=str(asked["MaThamChieu"]),
                merchant=str(asked["MaDoiTac"]),
                amount=int(asked["SoTien"]),
                status="opened",
                outcome="",
                provider_ref="",
                created_raw=str(asked["ThoiGianGD"]),
                expires_at=(opened + _LIFETIME).timestamp(),
                paid_at=None,
                return_url=str(asked.get("return_url", "")),
                callback_url=self.callback_url(),
                memo=str(asked["ThongTinGiaoDich"]),
                locale="vi",
            )
        )
        answer = {
            "MaLoi": "00",
            "MoTaLoi": "Thành công",
            "MaDoiTac": payment.merchant,
            "MaThamChieu": payment.attempt_ref,
            "UrlThanhToan": f"{request.host_url}pay/{self.name}/{payment.attempt_ref}",
        }
        return self.engine.answer("create", self.name, payment.attempt_ref, _json(answer))

    def _query(self, asked: Mapping[str, Any]) -> Response:
        wrong = self._refusal(asked, _ASK)
        reference = str(asked.get("MaThamChieu", ""))
        if wrong:
            return _json({"MaLoi": "99", "MoTaLoi": wrong})
        faults = self.engine.faults(self.name, reference)
        payment = self.engine.find(self.name, reference)
        if payment is None or "query_not_found" in faults:
            fields: dict[str, Any] = {
                "LoaiBanTin": "QUERY",
                "MaLoi": _NOT_FOUND,
                "MaDoiTac": asked["MaDoiTac"],
                "MaThamChieu": reference,
            }
        else:
            fields = self._confirm(payment) | {"LoaiBanTin": "QUERY", "MaLoi": "00"}
            state = {"paid": "1", "failed": "4"}.get(payment.status, "3")
            if payment.status == "opened" and self.engine.is_expired(payment):
                state = "4"
            fields["TrangThaiGD"] = "3" if "query_pending" in faults else state
            if "query_other_payment" in faults:
                fields["MaThamChieu"] = "PCOTHER0000000001"
        key = WRONG_KEY if "query_bad_signature" in faults else self.own("key")
        fields["MaXacThuc"] = _hash(fields, _CONFIRM, key)
        return self.engine.answer("query", self.name, reference, _json(fields))

    def _get_bill(self, asked: Mapping[str, Any]) -> Response:
        wrong = self._refusal(asked, _ASK)
        reference = str(asked.get("MaThamChieu", ""))
        payment = self.engine.find(self.name, reference)
        if wrong or payment is None or payment.status != "paid":
            return _json({"MaLoi": "99", "MoTaLoi": wrong or "Chưa có biên lai", "MaThamChieu": reference})
        url = f"{request.host_url}paymentplatform/receipts/{reference}"
        return _json({"MaLoi": "00", "MaThamChieu": reference, "UrlBienLai": url})


def _hash(fields: Mapping[str, Any], names: list[str], key: str) -> str:
    text = "|".join([*(str(fields.get(name, "")) for name in names), key])
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _json(fields: Mapping[str, Any]) -> Response:
    return Response(json.dumps(fields, ensure_ascii=False), mimetype="application/json")


PROTOCOL = PaymentPlatform
