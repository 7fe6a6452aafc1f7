"""The sandbox provider's other side: an invented wallet that takes the money at once, steered by the amount's
last digits.
"""

import csv
import hashlib
import hmac
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, redirect, request

from providers.simulator.pages import pay_page
from providers.simulator.protocol import WRONG_KEY, Document, OutboundCall, Protocol
from providers.simulator.statement_lines import StatementDay
from providers.simulator.truth import Payment, from_timestamp

LATE_BY_S = 1.0
TOLERANCE_S = 300

# The last three digits of the amount → the faults it asks for; anything else succeeds. 101 is refused, 106 is
# answered with broken JSON and not taken, 103 is paid after its time.
STEERING: Mapping[int, tuple[str, ...]] = {
    102: ("create_timeout_after_money", "lose_callback"),
    103: ("pays_late",),
    104: ("duplicate_callback",),
    105: ("wrong_amount",),
    107: ("lose_callback", "query_pending"),
    108: ("callback_wrong_key",),
}
REFUSED, LATE, BROKEN = 101, 103, 106
_CODES = {"": "01", "success": "00", "insufficient": "51", "cancel": "24"}
_COLUMNS = ("kind", "attempt_ref", "provider_ref", "amount", "currency", "status", "occurred_at")
_FIELDS: Mapping[str, Mapping[str, type]] = {
    "create": {
        "attempt_ref": str,
        "amount": int,
        "currency": str,
        "memo": str,
        "created_at": str,
        "expires_at": str,
        "return_url": str,
        "callback_url": str,
        "locale": str,
    },
    "query": {"attempt_ref": str},
    "refund": {"attempt_ref": str, "refund_ref": str, "amount": int},
    "refund_query": {"attempt_ref": str, "refund_ref": str},
    "statement": {"on": str},
}


class BadRequest(ValueError):
    """A request that is not signed or not complete."""


class Sandbox(Protocol):
    """One merchant of the sandbox."""

    name = "sandbox"
    title_vi = "Ngân hàng thử nghiệm"
    title_en = "Sandbox bank"
    takes_again = True
    demo: ClassVar[Mapping[str, str]] = {"merchant": "DEMO", "key": "DEMO-ONLY-SANDBOX-SIGNING-KEY-0001"}

    def blueprint(self) -> Blueprint:
        """Routes under /sandbox."""
        routes = Blueprint(self.name, __name__, url_prefix="/sandbox")

        @routes.errorhandler(BadRequest)
        def bad_request(error: BadRequest) -> tuple[dict[str, str], int]:
            return {"error": str(error)}, 400

        routes.post("/payments", endpoint="create")(self._create)
        routes.post("/payments/query", endpoint="query")(self._query)
        routes.post("/refunds", endpoint="refund")(self._refund)
        routes.post("/refunds/query", endpoint="refund_query")(self._query_refund)
        routes.post("/statements", endpoint="statements")(self._statement)
        routes.get("/pay/<attempt_ref>", endpoint="pay")(self._page)
        return routes

    # What the engine asks.

    def steered(self, payment: Payment) -> list[str]:
        """What the amount asks for."""
        return list(STEERING.get(payment.amount % 1000, ()))

    def callback(self, payment: Payment, *, forged: bool) -> OutboundCall | None:
        """The event, signed anew for every delivery."""
        event = {"event_id": f"evt-{payment.provider_ref}{_suffix(payment)}", **state_of(payment)}
        return OutboundCall(
            method="POST",
            url=payment.callback_url,
            headers={"content-type": "application/json"},
            body=json.dumps(event).encode("utf-8"),
            key=WRONG_KEY if forged else self.own("key"),
        )

    def at_sending(self, call: OutboundCall, at: datetime) -> OutboundCall:
        """Stamp and sign the event."""
        return replace(call, headers={**call.headers, **_signature(call.key, call.body, at)})

    def return_url(self, payment: Payment) -> str:
        """The way back, with a signed status."""
        status = state_of(payment)["status"]
        message = f"{payment.attempt_ref}|{status}".encode()
        mac = hmac.new(self.own("key").encode(), message, hashlib.sha256).hexdigest()
        mark = "&" if urlsplit(payment.return_url).query else "?"
        back = urlencode({"attempt_ref": payment.attempt_ref, "status": status, "signature": mac})
        return payment.return_url + mark + back

    def statement(self, day: StatementDay, on: date) -> Document:
        """The day as CSV with a trailer."""
        name = f"SANDBOX_{self.own('merchant')}_{on:%Y%m%d}.csv"
        return Document(name=name, content=statement_csv(day), media_type="text/csv")

    def before_each_look(self) -> None:
        """Let the late payments be paid whose time has come."""
        self._settle_late(also_early=False)

    def release(self) -> None:
        """Let all late payments be paid."""
        self._settle_late(also_early=True)

    def _settle_late(self, *, also_early: bool) -> None:
        for payment in self.engine.truth.opened(self.name):
            due = self.engine.now_s() >= payment.expires_at + LATE_BY_S
            if payment.amount % 1000 == LATE and (due or also_early):
                self.engine.pay(payment, "success")

    # The wire.

    def _create(self) -> Response:
        asked = self._asked("create")
        if asked["amount"] % 1000 == BROKEN:
            return Response('{"merchant_id": "DEMO", "attempt_ref": "PC', mimetype="application/json")
        payment = self.engine.open(self._payment(asked))
        faults = self.engine.faults(self.name, payment.attempt_ref)
        if payment.status == "opened" and payment.amount % 1000 != LATE and "wait_for_payer" not in faults:
            refused = payment.amount % 1000 == REFUSED
            payment = self.engine.pay(payment, "insufficient" if refused else "success")
        state = state_of(payment)
        if state["status"] == "paid":
            state |= {"status": "pending", "code": "01", "paid_at": None}  # the callback tells, as everywhere
        state["redirect_url"] = f"{request.host_url}sandbox/pay/{payment.attempt_ref}"
        key = WRONG_KEY if "create_bad_signature" in faults else ""
        return self.engine.answer("create", self.name, payment.attempt_ref, self._json(state, key=key))

    def _query(self) -> Response:
        asked = self._asked("query")
        self.before_each_look()
        reference = str(asked["attempt_ref"])
        payment = self.engine.find(self.name, reference)
        faults = self.engine.faults(self.name, reference)
        if payment is None or "query_not_found" in faults:
            names = {"merchant_id": asked["merchant_id"], "attempt_ref": reference}
            return self.engine.answer(
                "query", self.name, reference, self._json({**names, "status": "not_found", "code": "91"})
            )
        state = state_of(payment)
        if "query_pending" in faults:
            state |= {"status": "pending", "code": "01", "paid_at": None}
        if "query_other_payment" in faults:
            state["attempt_ref"] = "PCOTHER0000000001"
        key = WRONG_KEY if "query_bad_signature" in faults else ""
        return self.engine.answer("query", self.name, reference, self._json(state, key=key))

    def _refund(self) -> Response:
        asked = self._asked("refund")
        reference = str(asked["attempt_ref"])
        payment = self.engine.find(self.name, reference)
        done = None
        if payment is not None:
            done = self.engine.refund(payment, str(asked["refund_ref"]), int(asked["amount"]))
        answer = {name: asked[name] for name in ("merchant_id", "attempt_ref", "refund_ref")}
        answer |= {
            "status": "done" if done else "refused",
            "provider_ref": done.provider_ref if done else None,
        }
        faults = self.engine.faults(self.name, reference)
        key = WRONG_KEY if "refund_bad_signature" in faults else ""
        return self.engine.answer("refund", self.name, reference, self._json(answer, key=key))

    def _query_refund(self) -> Response:
        asked = self._asked("refund_query")
        reference = str(asked["attempt_ref"])
        done = self.engine.find_refund(self.name, reference, str(asked["refund_ref"]))
        answer = {name: asked[name] for name in ("merchant_id", "attempt_ref", "refund_ref")}
        faults = self.engine.faults(self.name, reference)
        made = "pending" if "refund_query_pending" in faults else "done"
        answer |= {
            "status": made if done else "not_found",
            "provider_ref": done.provider_ref if done else None,
        }
        key = WRONG_KEY if "refund_query_bad_signature" in faults else ""
        return self.engine.answer("refund_query", self.name, reference, self._json(answer, key=key))

    def _statement(self) -> Response:
        asked = self._asked("statement")
        document = self.engine.statement(self.name, date.fromisoformat(str(asked["on"])))
        if document is None:
            return self._json({"error": "no statement yet"}, status=404)
        return self._signed(document.content, document.media_type)

    def _page(self, attempt_ref: str) -> Response | str:
        payment = self.engine.find(self.name, attempt_ref)
        if payment is None:
            return Response("unknown payment", status=404)
        if payment.status == "opened" and "wait_for_payer" in self.engine.faults(self.name, attempt_ref):
            return pay_page(self.engine, payment)
        return redirect(self.return_url(payment), 303)  # type: ignore[return-value]

    def _payment(self, asked: dict[str, Any]) -> Payment:
        return Payment(
            provider=self.name,
            attempt_ref=str(asked["attempt_ref"]),
            merchant=str(asked["merchant_id"]),
            amount=int(asked["amount"]),
            status="opened",
            outcome="",
            provider_ref=f"SBX{self.engine.truth.next_number()}",
            created_raw=str(asked["created_at"]),
            expires_at=datetime.fromisoformat(str(asked["expires_at"])).timestamp(),
            paid_at=None,
            return_url=str(asked["return_url"]),
            callback_url=str(asked["callback_url"]),
            memo=str(asked["memo"]),
            locale=str(asked["locale"]),
        )

    def _json(self, fields: dict[str, Any], *, status: int = 200, key: str = "") -> Response:
        return self._signed(json.dumps(fields).encode("utf-8"), "application/json", status=status, key=key)

    def _signed(self, body: bytes, media_type: str, *, status: int = 200, key: str = "") -> Response:
        headers = _signature(key or self.own("key"), body, self.engine.clock.now())
        return Response(body, status=status, mimetype=media_type, headers=headers)

    def _asked(self, operation: str) -> dict[str, Any]:
        body = request.get_data()
        stamp = request.headers.get("x-sandbox-timestamp", "")
        given = request.headers.get("x-sandbox-signature", "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12):
            raise BadRequest("timestamp")
        if not hmac.compare_digest(f"sha256={_mac(self.own('key'), stamp, body)}", given):
            raise BadRequest("signature")
        if abs(self.engine.now_s() - int(stamp)) > TOLERANCE_S:
            raise BadRequest("timestamp")
        try:
            asked: Any = json.loads(body)
        except ValueError as error:
            raise BadRequest("json") from error
        if not isinstance(asked, dict) or asked.get("operation") != operation:
            raise BadRequest("operation")
        if asked.get("merchant_id") != self.own("merchant"):
            raise BadRequest("merchant_id")
        for name, kind in _FIELDS[operation].items():
            if not isinstance(asked.get(name), kind) or isinstance(asked.get(name), bool):
                raise BadRequest(name)
        return asked


def state_of(payment: Payment) -> dict[str, Any]:
    """A payment as the API and the callbacks tell it."""
    status = {"opened": "pending", "paid": "paid", "failed": "refused"}[payment.status]
    return {
        "merchant_id": payment.merchant,
        "attempt_ref": payment.attempt_ref,
        "provider_ref": payment.provider_ref,
        "status": status,
        "code": _CODES[payment.outcome],
        "amount": payment.amount,
        "currency": "VND",
        "paid_at": from_timestamp(payment.paid_at).isoformat()
        if payment.paid_at and status == "paid"
        else None,
    }


def statement_csv(day: StatementDay) -> bytes:
    """The day's statement as CSV with a trailer."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    order = list(_COLUMNS)
    if "moved_columns" in day.file_faults:
        order.reverse()
    writer.writerow(order)
    for line in day.lines:
        at = from_timestamp(line.at).isoformat()
        shown = line.shown or line.amount
        cells = (line.kind, line.attempt_ref, line.provider_ref, shown, "VND", line.status, at)
        values = dict(zip(_COLUMNS, cells, strict=True))
        writer.writerow([values[name] for name in order])
    if day.count is not None:
        writer.writerow(["TRAILER", day.count, day.total])
    return buffer.getvalue().encode("utf-8")


def _suffix(payment: Payment) -> str:
    """An earlier refusal of the same payment is an event of its own."""
    return "" if payment.outcome == "success" else f"-{payment.outcome}"


def _signature(key: str, body: bytes, at: datetime) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    return {"x-sandbox-timestamp": stamp, "x-sandbox-signature": f"sha256={_mac(key, stamp, body)}"}


def _mac(key: str, stamp: str, body: bytes) -> str:
    return hmac.new(key.encode("utf-8"), stamp.encode("ascii") + b"." + body, hashlib.sha256).hexdigest()


PROTOCOL = Sandbox
