"""The sandbox provider over HTTP: an invented wallet that takes the money at once, steered by the amount's
last digits.
"""

import csv
import hashlib
import hmac
import io
import json
import threading
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, redirect, request

from payclear.kernel.clock import Clock
from providers.simulator.deliveries import Deliveries
from providers.simulator.settings import SimulatorSettings
from providers.simulator.statement_lines import StatementDay, statement_of_day
from providers.simulator.truth import Payment, Refunded, Truth, from_timestamp, local_date

PROVIDER = "sandbox"
WRONG_KEY = "NOT-THE-KEY-OF-THIS-MERCHANT"
LATE_BY_S = 1.0
TOLERANCE_S = 300

# The last three digits of the amount → what happens; anything else succeeds.
STEERING: Mapping[int, str] = {
    101: "refused",
    102: "timeout",
    103: "late",
    104: "duplicate",
    105: "wrong_amount",
    106: "broken_answer",
    107: "silent",
    108: "wrong_key",
}
_COLUMNS = ("kind", "attempt_ref", "provider_ref", "amount", "currency", "status", "occurred_at")


class BadRequest(ValueError):
    """A request that is not signed or not complete."""


class SandboxPayments:
    """The sandbox's till."""

    def __init__(
        self, settings: SimulatorSettings, truth: Truth, clock: Clock, deliveries: Deliveries
    ) -> None:
        self.settings = settings
        self.truth = truth
        self.clock = clock
        self._deliveries = deliveries
        deliveries.before_each_look.append(self.settle_late)

    def create(self, asked: dict[str, Any]) -> Payment:
        """Take the money, or not, as the amount says; the same reference again changes nothing."""
        now = self.clock.now()
        payment = self.truth.open_payment(
            Payment(
                provider=PROVIDER,
                attempt_ref=str(asked["attempt_ref"]),
                merchant=str(asked["merchant_id"]),
                amount=int(asked["amount"]),
                status="opened",
                outcome="",
                provider_ref=f"SBX{self.truth.next_number()}",
                created_raw=str(asked["created_at"]),
                expires_at=datetime.fromisoformat(str(asked["expires_at"])).timestamp(),
                paid_at=None,
                return_url=str(asked["return_url"]),
                callback_url=str(asked["callback_url"]),
                memo=str(asked["memo"]),
                locale=str(asked["locale"]),
            )
        )
        steer = steering(payment)
        if payment.status == "opened" and steer != "late":
            status = "failed" if steer == "refused" else "paid"
            self._settle(payment, status, now)
        return self.truth.payment(PROVIDER, payment.attempt_ref) or payment

    def settle_late(self, *, also_early: bool = False) -> None:
        """Let the late payments be paid whose time has come, or all of them."""
        now = self.clock.now()
        for payment in self.truth.opened(PROVIDER):
            due = now.timestamp() >= payment.expires_at + LATE_BY_S
            if steering(payment) == "late" and (due or also_early):
                self._settle(payment, "paid", now)

    def _settle(self, payment: Payment, status: str, at: datetime) -> None:
        settled = self.truth.settle(
            payment, status=status, outcome=status, provider_ref=payment.provider_ref, at=at
        )
        steer = steering(payment)
        if not settled or steer in ("timeout", "silent"):
            return
        known = self.truth.payment(PROVIDER, payment.attempt_ref) or payment
        amount = known.amount - 1 if steer == "wrong_amount" else known.amount
        event = {"event_id": f"evt-{known.provider_ref}", **state_of(known), "amount": amount}
        for _ in range(3 if steer == "duplicate" else 1):
            self.truth.queue(
                PROVIDER,
                known.attempt_ref,
                method="POST",
                url=known.callback_url,
                body=json.dumps(event).encode("utf-8"),
                key=WRONG_KEY if steer == "wrong_key" else self.settings.sandbox_key,
                due_at=at.timestamp(),
            )
        self._deliveries.wake()


def steering(payment: Payment) -> str:
    """What the amount asks for."""
    return STEERING.get(payment.amount % 1000, "success")


def state_of(payment: Payment) -> dict[str, Any]:
    """A payment as the API and the callbacks tell it."""
    status = {"opened": "pending", "paid": "paid", "failed": "refused"}[payment.status]
    return {
        "merchant_id": payment.merchant,
        "attempt_ref": payment.attempt_ref,
        "provider_ref": payment.provider_ref,
        "status": status,
        "code": {"pending": "01", "paid": "00", "refused": "51"}[status],
        "amount": payment.amount,
        "currency": "VND",
        "paid_at": from_timestamp(payment.paid_at).isoformat()
        if payment.paid_at and status == "paid"
        else None,
    }


def blueprint(payments: SandboxPayments, stopping: threading.Event) -> Blueprint:
    """Routes under /sandbox."""
    routes = Blueprint("sandbox", __name__, url_prefix="/sandbox")
    key = payments.settings.sandbox_key

    def signed(fields: dict[str, Any], status: int = 200) -> Response:
        return _signed(json.dumps(fields).encode("utf-8"), "application/json", payments, status)

    @routes.errorhandler(BadRequest)
    def bad_request(error: BadRequest) -> tuple[dict[str, str], int]:
        return {"error": str(error)}, 400

    @routes.post("/payments")
    def create() -> Response:
        asked = _asked(payments, "create")
        if asked["amount"] % 1000 == 106:
            return Response('{"merchant_id": "DEMO", "attempt_ref": "PC', mimetype="application/json")
        payment = payments.create(asked)
        if steering(payment) == "timeout":
            stopping.wait(payments.settings.hang_s)
        url = f"{request.host_url}sandbox/pay/{payment.attempt_ref}"
        state = state_of(payment)
        if state["status"] == "paid":
            state |= {"status": "pending", "code": "01", "paid_at": None}  # the callback tells, as everywhere
        return signed({**state, "redirect_url": url})

    @routes.post("/payments/query")
    def query() -> Response:
        asked = _asked(payments, "query")
        payments.settle_late()
        payment = payments.truth.payment(PROVIDER, str(asked["attempt_ref"]))
        if payment is None:
            names = {"merchant_id": asked["merchant_id"], "attempt_ref": asked["attempt_ref"]}
            return signed({**names, "status": "not_found", "code": "91"})
        state = state_of(payment)
        if steering(payment) == "silent":
            state |= {"status": "pending", "code": "01", "paid_at": None}
        return signed(state)

    @routes.post("/refunds")
    def refund() -> Response:
        asked = _asked(payments, "refund")
        booked = Refunded(
            provider=PROVIDER,
            refund_ref=str(asked["refund_ref"]),
            attempt_ref=str(asked["attempt_ref"]),
            amount=int(asked["amount"]),
            provider_ref=f"SBR{payments.truth.next_number()}",
            refunded_at=payments.clock.now().timestamp(),
        )
        again = [
            known
            for known in payments.truth.refunds_of(PROVIDER, booked.attempt_ref)
            if known.refund_ref == booked.refund_ref
        ]
        done = bool(again) or (booked.amount > 0 and payments.truth.add_refund(booked))
        answer = {name: asked[name] for name in ("merchant_id", "attempt_ref", "refund_ref")}
        reference = (again[0] if again else booked).provider_ref if done else None
        return signed({**answer, "status": "done" if done else "refused", "provider_ref": reference})

    @routes.post("/statements")
    def statements() -> Response:
        asked = _asked(payments, "statement")
        payments.settle_late()
        on = date.fromisoformat(str(asked["on"]))
        day = statement_of_day(payments.truth, PROVIDER, on)
        if "unavailable" in day.file_faults or on > local_date(payments.clock.now()):
            return signed({"error": "no statement yet"}, 404)
        return _signed(statement_csv(day), "text/csv", payments, 200)

    @routes.get("/pay/<attempt_ref>")
    def pay(attempt_ref: str) -> Response:
        payment = payments.truth.payment(PROVIDER, attempt_ref)
        if payment is None:
            return Response("unknown payment", status=404)
        status = state_of(payment)["status"]
        mac = hmac.new(key.encode(), f"{attempt_ref}|{status}".encode(), hashlib.sha256).hexdigest()
        mark = "&" if urlsplit(payment.return_url).query else "?"
        back = urlencode({"attempt_ref": attempt_ref, "status": status, "signature": mac})
        return redirect(payment.return_url + mark + back, 303)  # type: ignore[return-value]

    return routes


def statement_csv(day: StatementDay) -> bytes:
    """The day's statement as CSV with a trailer."""
    if "html" in day.file_faults:
        return b"<html><body>Service Unavailable</body></html>"
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for line in day.lines:
        at = from_timestamp(line.at).isoformat()
        shown = line.shown or line.amount
        writer.writerow([line.kind, line.attempt_ref, line.provider_ref, shown, "VND", line.status, at])
    if day.count is not None:
        writer.writerow(["TRAILER", day.count, day.total])
    content = buffer.getvalue().encode("utf-8")
    return content[: len(content) // 2] if "truncated" in day.file_faults else content


def _signed(body: bytes, media_type: str, payments: SandboxPayments, status: int) -> Response:
    stamp = str(int(payments.clock.now().timestamp()))
    return Response(
        body,
        status=status,
        mimetype=media_type,
        headers={
            "x-sandbox-timestamp": stamp,
            "x-sandbox-signature": f"sha256={_mac(payments.settings.sandbox_key, stamp, body)}",
        },
    )


def _mac(key: str, stamp: str, body: bytes) -> str:
    return hmac.new(key.encode("utf-8"), stamp.encode("ascii") + b"." + body, hashlib.sha256).hexdigest()


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
    "statement": {"on": str},
}


def _asked(payments: SandboxPayments, operation: str) -> dict[str, Any]:
    body = request.get_data()
    stamp = request.headers.get("x-sandbox-timestamp", "")
    given = request.headers.get("x-sandbox-signature", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12):
        raise BadRequest("timestamp")
    if not hmac.compare_digest(f"sha256={_mac(payments.settings.sandbox_key, stamp, body)}", given):
        raise BadRequest("signature")
    if abs(payments.clock.now().timestamp() - int(stamp)) > TOLERANCE_S:
        raise BadRequest("timestamp")
    try:
        asked: Any = json.loads(body)
    except ValueError as error:
        raise BadRequest("json") from error
    if not isinstance(asked, dict) or asked.get("operation") != operation:
        raise BadRequest("operation")
    if asked.get("merchant_id") != payments.settings.sandbox_merchant:
        raise BadRequest("merchant_id")
    for name, kind in _FIELDS[operation].items():
        if not isinstance(asked.get(name), kind) or isinstance(asked.get(name), bool):
            raise BadRequest(name)
    return asked
