"""KeyPay's other side: create, pay page, callback, return, detail, refund. No settlement file is known."""

import hmac
import json
from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, request

from providers.simulator.protocol import WRONG_KEY, Document, OutboundCall, Protocol
from providers.simulator.statement_lines import StatementDay
from providers.simulator.truth import Payment

TIME_TO_PAY_S = 900
# Only 0 (paid) is documented; the demo account calls 1 and 2 refusals.
STATUSES = {"success": "0", "insufficient": "1", "cancel": "2", "unclear": "7"}
UNDER_WAY = "3"
NOT_FOUND = "14"


class Keypay(Protocol):
    """One client."""

    name = "keypay"
    title_vi = title_en = "KeyPay"
    demo: ClassVar[Mapping[str, str]] = {
        "client": "DEMOKP",
        "key_1": "DEMO-ONLY-KEYPAY-CLIENT-KEY-1",
        "key_2": "DEMO-ONLY-KEYPAY-CLIENT-KEY-2",
    }
    outcomes = tuple(STATUSES)

    def blueprint(self) -> Blueprint:
        """Routes under /keypay; the pay page is the shared one."""
        routes = Blueprint(self.name, __name__, url_prefix="/keypay")
        routes.post("/create", endpoint="create")(self._create)
        routes.post("/detail", endpoint="detail")(self._detail)
        routes.post("/refund", endpoint="refund")(self._refund)
        routes.post("/refund-detail", endpoint="refund_detail")(self._refund_detail)
        return routes

    def callback(self, payment: Payment, *, forged: bool) -> OutboundCall | None:
        """The result as JSON."""
        return OutboundCall(
            method="POST",
            url=payment.callback_url,
            headers={"content-type": "application/json"},
            body=json.dumps(self._result(payment, WRONG_KEY if forged else self.own("key_2"))).encode(),
        )

    def is_acknowledged(self, status: int, body: bytes) -> bool:
        """return_code 0 ends the calls."""
        try:
            got = json.loads(body)
        except ValueError:
            return False
        return status == 200 and isinstance(got, dict) and got.get("return_code") == 0

    def return_url(self, payment: Payment) -> str:
        """The way back, with the fields of the callback."""
        mark = "&" if urlsplit(payment.return_url).query else "?"
        return payment.return_url + mark + urlencode(self._result(payment, self.own("key_2")))

    def statement(self, day: StatementDay, on: date) -> Document:
        """A plain list for people: KeyPay's own file is not known and no adapter reads this one."""
        rows = [f"{line.kind},{line.attempt_ref},{line.provider_ref},{line.amount}" for line in day.lines]
        return Document(
            name=f"KEYPAY_{on:%Y%m%d}.csv", content="\n".join(rows).encode(), media_type="text/csv"
        )

    def _result(self, payment: Payment, key: str) -> dict[str, str]:
        fields = {
            "client_id": payment.merchant,
            "transaction_id": payment.attempt_ref,
            "transaction_code": payment.provider_ref,
            "trans_amount": str(payment.amount),
            "payment_fee": "0",
            "command": "PAY",
            "addition_fee": "0",
            "version": "3.0",
            "currency_code": "VND",
            "status": STATUSES[payment.outcome],
        }
        return {**fields, "check_sum": _mac(key, *_payment_values(fields))}

    def _create(self) -> Response:
        asked = _asked()
        if asked.get("client_id") != self.own("client"):
            return _json({"error": "2", "msg": "client_id"})
        if not self._is_signed(asked, _payment_values(asked)):
            return _json({"error": "3", "msg": "check_sum"})
        amount = str(asked.get("trans_amount", ""))
        reference = str(asked.get("transaction_id", ""))
        if not amount.isdigit() or not 0 < len(reference) <= 20 or asked.get("version") != "3.0":
            return _json({"error": "4", "msg": "format"})
        known = self.engine.find(self.name, reference) is not None
        payment = self.engine.open(
            Payment(
                provider=self.name,
                attempt_ref=reference,
                merchant=self.own("client"),
                amount=int(amount),
                status="opened",
                outcome="",
                provider_ref=self.engine.truth.next_number(),
                created_raw="",
                expires_at=self.engine.now_s() + TIME_TO_PAY_S,
                paid_at=None,
                return_url=str(asked.get("return_url", "")),
                callback_url=self.callback_url(),
                memo=str(asked.get("description", "")),
                locale="en" if asked.get("locale") == "en" else "vi",
            )
        )
        page = f"{request.host_url}pay/{self.name}/{reference}"
        answer: dict[str, Any] = {"error": "0", "msg": "success", "payment_url": page}
        answer["data"] = {"url_pay": page, "transaction_code": payment.provider_ref}
        if known:
            answer = {"error": "5", "msg": "transaction_id is known"}
        return self.engine.answer("create", self.name, reference, _json(answer))

    def _detail(self) -> Response:
        asked = _asked()
        values = [str(asked.get(name, "")) for name in ("client_id", "command", "transaction_id")]
        if not self._is_signed(asked, values):
            return _json({"error": "3", "msg": "check_sum"})
        reference = values[2]
        faults = self.engine.faults(self.name, reference)
        payment = self.engine.find(self.name, reference)
        answer: dict[str, Any] = {"error": "0", "msg": "success", "client_id": values[0]}
        if payment is None or "query_not_found" in faults:
            answer |= {"error": NOT_FOUND, "msg": "not found"}
        else:
            answer["data"] = self._state(payment, asked, faults_pending="query_pending" in faults)
            if "query_other_payment" in faults:
                answer["data"]["transaction_id"] = "PCOTHER0000000001"
        key = WRONG_KEY if "query_bad_signature" in faults else self.own("key_2")
        answer["check_sum"] = _mac(key, *values)
        return self.engine.answer("query", self.name, reference, _json(answer))

    def _state(self, payment: Payment, asked: Mapping[str, Any], *, faults_pending: bool) -> dict[str, Any]:
        status = STATUSES.get(payment.outcome, UNDER_WAY)
        if faults_pending:
            status = UNDER_WAY
        elif payment.status == "opened" and self.engine.is_expired(payment):
            status = STATUSES["cancel"]
        return {
            "transaction_id": payment.attempt_ref,
            "transaction_code": payment.provider_ref,
            "trans_amount": payment.amount,
            "addition_fee": 0,
            "currency_code": "VND",
            "status": int(status),
        }

    def _refund(self) -> Response:
        asked = _asked()
        names = ("amount", "client_id", "command", "reason", "transaction_id")
        values = [str(asked.get(name, "")) for name in names]
        if not self._is_signed(asked, values):
            return _json({"error": "3", "msg": "check_sum"})
        reference = values[4]
        payment = self.engine.find(self.name, reference)
        done = None
        if payment is not None and values[0].isdigit():
            done = self.engine.refund(payment, values[3].rpartition(" ")[2], int(values[0]))
        answer: dict[str, Any] = {"error": "0" if done else "9", "msg": "success" if done else "refused"}
        if done:
            answer["data"] = {"transaction_refund_code": done.provider_ref}
        faults = self.engine.faults(self.name, reference)
        key = WRONG_KEY if "refund_bad_signature" in faults else self.own("key_2")
        answer["check_sum"] = _mac(key, *values)
        return self.engine.answer("refund", self.name, reference, _json(answer))

    def _refund_detail(self) -> Response:
        asked = _asked()
        names = ("client_id", "command", "transaction_refund_code")
        values = [str(asked.get(name, "")) for name in names]
        if not self._is_signed(asked, values):
            return _json({"error": "3", "msg": "check_sum"})
        done = self.engine.truth.refund_by_number(self.name, values[2])
        reference = done.attempt_ref if done else ""
        faults = self.engine.faults(self.name, reference)
        answer: dict[str, Any] = {"error": "0" if done else NOT_FOUND, "client_id": values[0]}
        if done:
            status = UNDER_WAY if "refund_query_pending" in faults else STATUSES["success"]
            answer["data"] = {
                "transaction_refund_code": values[2],
                "amount": done.amount,
                "status": int(status),
            }
        key = WRONG_KEY if "refund_query_bad_signature" in faults else self.own("key_2")
        answer["check_sum"] = _mac(key, *values)
        return self.engine.answer("refund_query", self.name, reference, _json(answer))

    def _is_signed(self, asked: Mapping[str, Any], values: list[str]) -> bool:
        given = str(asked.get("check_sum", ""))
        return hmac.compare_digest(_mac(self.own("key_1"), *values).encode(), given.encode())


def _payment_values(fields: Mapping[str, Any]) -> list[str]:
    names = ["addition_fee", "client_id", "command", "trans_amount", "transaction_id", "version"]
    return [str(fields.get(name, "")) for name in names]


def _mac(key: str, *values: str) -> str:
    return hmac.new(key.encode(), "|".join(values).encode(), "sha256").hexdigest()


def _asked() -> dict[str, Any]:
    got = request.get_json(silent=True)
    return got if isinstance(got, dict) else {}


def _json(members: Mapping[str, Any]) -> Response:
    return Response(json.dumps(members), mimetype="application/json")


PROTOCOL = Keypay
