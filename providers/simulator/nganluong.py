"""NgânLượng's other side: one address, `function` says what is wanted, XML answers, no callback at all."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlencode, urlsplit
from xml.sax.saxutils import escape

from flask import Blueprint, Response, request

from providers.simulator.protocol import Protocol
from providers.simulator.truth import Payment

_STATUSES = {"paid": "00", "opened": "02", "failed": "02"}


class NganLuong(Protocol):
    """One merchant at NgânLượng."""

    name = "nganluong"
    title_vi = title_en = "NgânLượng"
    demo: ClassVar[Mapping[str, str]] = {
        "merchant": "45571",
        "email": "demo@nganluong.vn",
        "secret": "DEMO-ONLY-NGANLUONG-SECRET",
    }
    outcomes = ("success", "cancel")

    def blueprint(self) -> Blueprint:
        """Routes under /nganluong."""
        routes = Blueprint(self.name, __name__, url_prefix="/nganluong")

        @routes.post("/nl35/checkout.api.nganluong.post.php")
        def api() -> Response:
            asked = request.args.to_dict()
            password = hashlib.md5(self.own("secret").encode(), usedforsecurity=False).hexdigest()
            if asked.get("merchant_id") != self.own("merchant"):
                return _xml({"error_code": "06"})
            if not hmac.compare_digest(password, asked.get("merchant_password", "")):
                return _xml({"error_code": "07"})
            if asked.get("function") == "SetExpressCheckout":
                return self._create(asked)
            if asked.get("function") == "GetTransactionDetail":
                return self._query(asked)
            return _xml({"error_code": "04"})

        return routes

    def return_url(self, payment: Payment) -> str:
        """The way back: nothing in it is signed."""
        mark = "&" if urlsplit(payment.return_url).query else "?"
        fields = {"error_code": "00", "token": self._token(payment), "order_code": payment.attempt_ref}
        return payment.return_url + mark + urlencode(fields)

    def _token(self, payment: Payment) -> str:
        mac = hmac.new(self.own("secret").encode(), payment.attempt_ref.encode(), hashlib.sha256)
        return f"{payment.attempt_ref}-{mac.hexdigest()[:32]}"

    def _create(self, asked: Mapping[str, str]) -> Response:
        if asked.get("version") != "3.1":
            return _xml({"error_code": "05"})
        amount = asked.get("total_amount", "")
        if not amount.isdigit() or not int(amount):
            return _xml({"error_code": "11"})
        if asked.get("receiver_email") != self.own("email") or asked.get("cur_code") != "vnd":
            return _xml({"error_code": "12" if asked.get("cur_code") != "vnd" else "08"})
        payment = self.engine.open(
            Payment(
                provider=self.name,
                attempt_ref=asked["order_code"],
                merchant=asked["receiver_email"],
                amount=int(amount),
                status="opened",
                outcome="",
                provider_ref="",
                created_raw="",
                expires_at=self.engine.now_s() + 60 * int(asked.get("time_limit", "1440")),
                paid_at=None,
                return_url=asked["return_url"],
                callback_url="",
                memo=asked.get("order_description", ""),
                locale=asked.get("lang_code", "vi"),
            )
        )
        url = f"{request.host_url}pay/{self.name}/{payment.attempt_ref}"
        answer = _xml({"error_code": "00", "token": self._token(payment), "checkout_url": url})
        return self.engine.answer("create", self.name, payment.attempt_ref, answer)

    def _query(self, asked: Mapping[str, str]) -> Response:
        token = asked.get("token", "")
        reference = token.partition("-")[0]
        payment = self.engine.find(self.name, reference)
        faults = self.engine.faults(self.name, reference)
        known = payment is not None and hmac.compare_digest(self._token(payment), token)
        if payment is None or not known or "query_not_found" in faults:
            return self.engine.answer("query", self.name, reference, _xml({"error_code": "29"}))
        status = "02" if "query_pending" in faults else _STATUSES[payment.status]
        fields = {
            "error_code": "00",
            "token": token,
            "receiver_email": payment.merchant,
            "order_code": "PCOTHER0000000001" if "query_other_payment" in faults else reference,
            "total_amount": str(payment.amount),
            "payment_method": "NL",
            "payment_type": "1",
            "order_description": payment.memo,
            "transaction_status": status,
            "transaction_id": payment.provider_ref,
        }
        return self.engine.answer("query", self.name, reference, _xml(fields))


def _xml(fields: Mapping[str, str]) -> Response:
    body = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    return Response(f'<?xml version="1.0" encoding="utf-8"?><result>{body}</result>', mimetype="text/xml")


PROTOCOL = NganLuong
