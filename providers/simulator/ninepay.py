"""9Pay's other side: the portal page, the callback, the return, inquire and refund. No settlement file is known."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from flask import Blueprint, Response, request

from providers.simulator.pages import pay_page
from providers.simulator.protocol import WRONG_KEY, Document, OutboundCall, Protocol
from providers.simulator.statement_lines import StatementDay
from providers.simulator.truth import Payment, from_timestamp

STATUSES = {"success": 5, "insufficient": 6, "cancel": 8, "suspected": 3, "refused_by_risk": 9}
UNDER_WAY = 2


class Ninepay(Protocol):
    """One merchant of the gateway."""

    name = "ninepay"
    title_vi = title_en = "9Pay"
    demo: ClassVar[Mapping[str, str]] = {
        "merchant": "DEMO9P",
        "secret": "DEMO-ONLY-NINEPAY-SECRET-KEY-0001",
        "checksum": "DEMO-ONLY-NINEPAY-CHECKSUM-KEY-0001",
    }
    outcomes = tuple(STATUSES)

    def blueprint(self) -> Blueprint:
        """Routes under /ninepay."""
        routes = Blueprint(self.name, __name__, url_prefix="/ninepay")

        @routes.get("/portal")
        def portal() -> str:
            return pay_page(self.engine, self.open(request.url))

        @routes.get("/v2/payments/<invoice_no>/inquire")
        def inquire(invoice_no: str) -> Response:
            return self._inquire(invoice_no)

        @routes.post("/refunds/create")
        def refund() -> Response:
            return self._refund()

        return routes

    def open(self, text: str) -> Payment:
        """Check a whole portal URL and remember the payment."""
        endpoint, _, query = text.partition("/portal?")
        fields = {name: values[0] for name, values in parse_qs(query).items()}
        try:
            asked: dict[str, Any] = json.loads(base64.b64decode(fields["baseEncode"], validate=True))
            amount, stamp = int(asked["amount"]), int(asked["time"])
            minutes = int(asked.get("expires_time", 15))
        except (KeyError, ValueError, TypeError):
            raise self.refuse("format") from None
        locale = "en" if asked.get("lang") == "en" else "vi"
        if asked.get("merchantKey") != self.own("merchant"):
            raise self.refuse("merchant", locale)
        text = f"POST\n{endpoint}/payments/create\n{stamp}\n{urlencode(sorted(asked.items()))}"
        if not hmac.compare_digest(_mac(text, self.own("secret")), fields.get("signature", "")):
            raise self.refuse("signature", locale)
        if amount <= 0 or not all(asked.get(name) for name in ("invoice_no", "description", "return_url")):
            raise self.refuse("format", locale)
        return self.engine.open(
            Payment(
                provider=self.name,
                attempt_ref=asked["invoice_no"],
                merchant=asked["merchantKey"],
                amount=amount,
                status="opened",
                outcome="",
                provider_ref="",
                created_raw=str(stamp),
                expires_at=stamp + 60.0 * minutes,
                paid_at=None,
                return_url=asked["return_url"],
                callback_url=self.callback_url(),
                memo=asked["description"],
                locale=locale,
            )
        )

    def callback(self, payment: Payment, *, forged: bool) -> OutboundCall | None:
        """The result and its checksum as a form."""
        body = urlencode(self._result(payment, WRONG_KEY if forged else self.own("checksum")))
        return OutboundCall(
            method="POST",
            url=payment.callback_url,
            headers={"content-type": "application/x-www-form-urlencoded"},
            body=body.encode("ascii"),
        )

    def return_url(self, payment: Payment) -> str:
        """The way back, with the same result."""
        mark = "&" if urlsplit(payment.return_url).query else "?"
        return payment.return_url + mark + urlencode(self._result(payment, self.own("checksum")))

    def statement(self, day: StatementDay, on: date) -> Document:
        """A plain list for people: 9Pay's own file is not known and no adapter reads this one."""
        rows = [f"{line.kind},{line.attempt_ref},{line.provider_ref},{line.amount}" for line in day.lines]
        return Document(
            name=f"NINEPAY_{on:%Y%m%d}.csv", content="\n".join(rows).encode(), media_type="text/csv"
        )

    def _result(self, payment: Payment, key: str) -> dict[str, str]:
        result = base64.b64encode(json.dumps(self._state(payment)).encode("utf-8")).decode("ascii")
        digest = hashlib.sha256(f"{result}{key}".encode()).hexdigest()
        return {"result": result, "checksum": digest.upper(), "version": "2"}

    def _state(self, payment: Payment) -> dict[str, Any]:
        failed = payment.status == "failed"
        return {
            "payment_no": int(payment.provider_ref or 0),
            "invoice_no": payment.attempt_ref,
            "currency": "VND",
            "amount": payment.amount,
            "description": payment.memo,
            "method": "ATM_CARD",
            "card_brand": "NCB",
            "status": STATUSES.get(payment.outcome, UNDER_WAY),
            "failure_reason": "Declined" if failed else None,
            "created_at": from_timestamp(float(payment.created_raw)).isoformat(),
        }

    def _inquire(self, invoice_no: str) -> Response:
        if not self._is_signed({}):
            return _json({"error_code": "401", "failure_reason": "Invalid signature"}, 401)
        faults = self.engine.faults(self.name, invoice_no)
        payment = self.engine.find(self.name, invoice_no)
        if payment is None or "query_not_found" in faults:
            unknown = {"error_code": "404", "failure_reason": "Transaction not found"}
            return self.engine.answer("query", self.name, invoice_no, _json(unknown, 404))
        state = {**self._state(payment), "amount_actually_received": payment.amount}
        if payment.status == "opened":
            state |= {"amount_actually_received": None, "status": UNDER_WAY}
        if payment.status == "opened" and self.engine.is_expired(payment):
            state["status"] = STATUSES["insufficient"]
        if "query_pending" in faults:
            state["status"] = UNDER_WAY
        if "query_other_payment" in faults:
            state["invoice_no"] = "PCOTHER0000000001"
        return self.engine.answer("query", self.name, invoice_no, _json(state))

    def _refund(self) -> Response:
        asked = request.get_json(silent=True)
        if not isinstance(asked, dict) or not self._is_signed(asked):
            return _json({"error_code": "401", "failure_reason": "Invalid signature"}, 401)
        paid = self.engine.truth.settled_on(None, self.name)
        payment = next((each for each in paid if each.provider_ref == asked.get("payment_no")), None)
        done = None
        if payment is not None:
            done = self.engine.refund(payment, str(asked["request_id"]), int(asked["amount"]))
        answer = {
            "request_id": asked.get("request_id"),
            "order_code": asked.get("payment_no"),
            "amount": asked.get("amount"),
            "refund_no": int(done.provider_ref) if done else None,
            "status": UNDER_WAY if done else STATUSES["insufficient"],
            "error_code": "999" if done else "215",
            "failure_reason": "Processing" if done else "Refund refused",
        }
        reference = payment.attempt_ref if payment else ""
        return self.engine.answer("refund", self.name, reference, _json(answer))

    def _is_signed(self, params: Mapping[str, Any]) -> bool:
        stamp = request.headers.get("Date", "")
        lines = [request.method, request.base_url, stamp]
        if params:
            lines.append(urlencode(sorted(params.items())))
        wanted = (
            f"Signature Algorithm=HS256,Credential={self.own('merchant')},SignedHeaders=,"
            f"Signature={_mac(chr(10).join(lines), self.own('secret'))}"
        )
        return hmac.compare_digest(wanted.encode(), request.headers.get("Authorization", "").encode())


def _mac(text: str, key: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), "sha256").digest()).decode()


def _json(members: Mapping[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(members), status=status, mimetype="application/json")


PROTOCOL = Ninepay
