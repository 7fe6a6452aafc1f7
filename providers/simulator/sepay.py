"""SePay's other side: the gateway's checkout and order look-up, the notification of the transfer that paid."""

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, ClassVar

from flask import Blueprint, Response, redirect, request

from providers.simulator.protocol import WRONG_KEY, OutboundCall, Protocol
from providers.simulator.transfer_notice import BANK_PREFIX, RETRY, signed, transfer_call
from providers.simulator.truth import Payment

_SIGNED = [
    "merchant",
    "env",
    "operation",
    "payment_method",
    "order_amount",
    "currency",
    "order_invoice_number",
    "order_description",
    "customer_id",
    "agreement_id",
    "agreement_name",
    "agreement_type",
    "agreement_payment_frequency",
    "agreement_amount_per_payment",
    "success_url",
    "error_url",
    "cancel_url",
    "order_id",
]
_STATUSES = {"opened": "AUTHENTICATION_NOT_NEEDED", "paid": "CAPTURED", "failed": "CANCELLED"}
_LIFETIME_S = 3600.0


class Sepay(Protocol):
    """One merchant of the gateway, and the bank account its transfers come to."""

    name = "sepay"
    title_vi = title_en = "SePay"
    demo: ClassVar[Mapping[str, str]] = {
        "merchant": "SP-TEST-DVC0001",
        "account": "113366669999",
        "secret": "DEMO-ONLY-SEPAY-SECRET-KEY",
        "key": "DEMO-ONLY-SEPAY-NOTIFICATION-KEY",
    }
    outcomes = ("success", "cancel")
    retry = RETRY
    takes_again = True
    ref_prefix = BANK_PREFIX

    def blueprint(self) -> Blueprint:
        """Routes under /sepay, as SePay has them under its host: with and without the version."""
        routes = Blueprint(self.name, __name__, url_prefix="/sepay")
        for version, mark in (("", ""), ("/v1", "_v1")):
            routes.post(f"{version}/checkout/init", endpoint=f"create{mark}")(self._create)
            routes.get(f"{version}/order/detail/<invoice>", endpoint=f"query{mark}")(self._query)
        return routes

    def callback(self, payment: Payment, *, forged: bool) -> OutboundCall | None:
        """The notification of the transfer; a cancelled order is told to nobody."""
        if payment.status != "paid":
            return None
        return transfer_call(payment, key=WRONG_KEY if forged else self.own("key"))

    def at_sending(self, call: OutboundCall, at: datetime) -> OutboundCall:
        """Every delivery bears a fresh stamp."""
        return signed(call, at)

    def _create(self) -> Response:
        form = request.form.to_dict()
        text = ",".join(f"{name}={form[name]}" for name in _SIGNED if name in form)
        mac = base64.b64encode(hmac.new(self.own("secret").encode(), text.encode(), sha256).digest()).decode()
        if form.get("merchant") != self.own("merchant") or not hmac.compare_digest(
            mac, form.get("signature", "")
        ):
            return Response("signature", status=401)
        if not form.get("order_amount", "").isdigit() or form.get("currency") != "VND":
            return Response("order_amount", status=422)
        payment = self.engine.open(
            Payment(
                provider=self.name,
                attempt_ref=form["order_invoice_number"],
                merchant=self.own("account"),
                amount=int(form["order_amount"]),
                status="opened",
                outcome="",
                provider_ref="",
                created_raw="",
                expires_at=self.engine.now_s() + _LIFETIME_S,
                paid_at=None,
                return_url=form["success_url"],
                callback_url=self.callback_url(),
                memo=f"{form['order_invoice_number']} {form['order_description']}",
                locale="vi",
            )
        )
        answer = redirect(f"{request.host_url}pay/{self.name}/{payment.attempt_ref}", 302)
        if "create_truncated" in self.engine.faults(self.name, payment.attempt_ref):
            del answer.headers["Location"]  # the answer is its head: that is where it is cut
        return self.engine.answer("create", self.name, payment.attempt_ref, answer)  # type: ignore[arg-type]

    def _query(self, invoice: str) -> Response:
        pair = f"{self.own('merchant')}:{self.own('secret')}".encode()
        if request.headers.get("authorization", "") != "Basic " + base64.b64encode(pair).decode():
            return Response("credentials", status=401)
        faults = self.engine.faults(self.name, invoice)
        payment = self.engine.find(self.name, invoice)
        if payment is None or "query_not_found" in faults:
            return self.engine.answer("query", self.name, invoice, Response("{}", status=404))
        status = "opened" if "query_pending" in faults else payment.status
        order: dict[str, Any] = {
            "order_id": f"NP{payment.attempt_ref}",
            "order_invoice_number": "PCOTHER0000000001" if "query_other_payment" in faults else invoice,
            "order_status": _STATUSES[status],
            "order_amount": f"{payment.amount}.00",
            "order_currency": "VND",
            "transactions": [],
        }
        if status == "paid":
            transaction = {
                "transaction_id": payment.provider_ref,
                "transaction_type": "PAYMENT",
                "transaction_status": "APPROVED",
                "transaction_amount": str(payment.amount),
            }
            order["transactions"] = [transaction]
        answer = Response(json.dumps({"data": order}), mimetype="application/json")
        return self.engine.answer("query", self.name, invoice, answer)


PROTOCOL = Sepay
