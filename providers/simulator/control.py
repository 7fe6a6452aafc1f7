"""The puppeteer's strings: plant faults, pay without a browser, release callbacks, read the truth.

Loopback only.
"""

from datetime import date
from ipaddress import ip_address
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request

from providers.simulator.faults import Faults, UnknownFault
from providers.simulator.sandbox import SandboxPayments
from providers.simulator.statement_lines import check_statement_faults
from providers.simulator.truth import Payment, from_timestamp
from providers.simulator.vnpay_payments import OUTCOMES, PageError, VnpayPayments

PROVIDERS = ("vnpay", "sandbox")


def blueprint(vnpay: VnpayPayments, sandbox: SandboxPayments) -> Blueprint:
    """Routes under /control."""
    routes = Blueprint("control", __name__, url_prefix="/control")
    truth, clock, deliveries = vnpay.truth, vnpay.clock, vnpay.deliveries

    @routes.before_request
    def only_from_here() -> None:
        if not ip_address(request.remote_addr or "0.0.0.0").is_loopback:  # noqa: S104
            abort(403)

    @routes.errorhandler(UnknownFault)
    def unknown_fault(error: UnknownFault) -> tuple[dict[str, str], int]:
        return {"error": f"unknown fault {error}"}, 400

    @routes.errorhandler(PageError)
    def page_error(error: PageError) -> tuple[dict[str, str], int]:
        return {"error": f"vnpay {error.code}"}, 400

    @routes.post("/faults")
    def set_faults() -> dict[str, Any]:
        asked = _body()
        if asked.get("provider") != "vnpay":
            abort(Response("faults are planted at vnpay; the sandbox is steered by the amount", status=400))
        Faults(asked["faults"])
        truth.set_faults("vnpay", str(asked.get("attempt_ref", "*")), list(asked["faults"]))
        return {"planted": asked["faults"]}

    @routes.post("/statement-faults")
    def set_statement_faults() -> dict[str, Any]:
        asked = _body()
        check_statement_faults(asked["faults"])
        truth.set_statement_faults(_provider(asked), date.fromisoformat(asked["date"]), asked["faults"])
        return {"planted": asked["faults"]}

    @routes.get("/truth")
    def read_truth() -> Response:
        day = request.args.get("date")
        payments = truth.settled_on(date.fromisoformat(day) if day else None, request.args.get("provider"))
        return jsonify([_told(vnpay, payment) for payment in payments])

    @routes.post("/pay")
    def pay() -> dict[str, Any]:
        asked = _body()
        outcome = str(asked.get("outcome", "success"))
        if outcome not in OUTCOMES:
            abort(Response(f"outcome is one of {', '.join(OUTCOMES)}", status=400))
        url = asked.get("pay_url")
        payment = vnpay.open_by_url(str(url)) if url else _find(vnpay, asked)
        paid = vnpay.pay(payment, outcome)
        return {**_told(vnpay, paid), "return_url": vnpay.return_url(paid)}

    @routes.post("/forge-callback")
    def forge() -> dict[str, Any]:
        payment = _find(vnpay, _body())
        vnpay.forge(payment)
        return {"attempt_ref": payment.attempt_ref}

    @routes.post("/send-callbacks")
    def send_callbacks() -> dict[str, int]:
        attempt_ref = _body().get("attempt_ref")
        sandbox.settle_late(also_early=True)
        released = truth.release(attempt_ref, clock.now().timestamp())
        deliveries.wake()
        return {"released": released}

    @routes.get("/callbacks")
    def callbacks() -> Response:
        return jsonify(
            [
                {
                    "provider": each.provider,
                    "attempt_ref": each.attempt_ref,
                    "state": each.state,
                    "tries": each.tries,
                    "answer": each.answer,
                }
                for each in truth.callbacks()
            ]
        )

    return routes


def _find(vnpay: VnpayPayments, asked: dict[str, Any]) -> Payment:
    payment = vnpay.truth.payment("vnpay", str(asked.get("attempt_ref", "")))
    if payment is None:
        abort(Response("the provider does not know this attempt: nobody opened its pay URL", status=404))
    return payment


def _provider(asked: dict[str, Any]) -> str:
    if asked.get("provider") not in PROVIDERS:
        abort(Response(f"provider is one of {', '.join(PROVIDERS)}", status=400))
    return str(asked["provider"])


def _told(vnpay: VnpayPayments, payment: Payment) -> dict[str, Any]:
    refunds = vnpay.truth.refunds_of(payment.provider, payment.attempt_ref)
    return {
        "provider": payment.provider,
        "attempt_ref": payment.attempt_ref,
        "provider_ref": payment.provider_ref,
        "status": payment.status,
        "outcome": payment.outcome,
        "amount": payment.amount,
        "refunded": sum(refund.amount for refund in refunds),
        "paid_at": from_timestamp(payment.paid_at).isoformat() if payment.paid_at else None,
    }


def _body() -> dict[str, Any]:
    data = request.get_json(silent=True, force=True)
    if not isinstance(data, dict):
        abort(Response("a JSON object is expected", status=400))
    return data
