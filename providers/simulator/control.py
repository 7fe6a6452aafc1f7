"""The puppeteer's strings: plant faults, pay without a browser, release callbacks, read the truth.

Loopback only. Every call names its protocol by `provider`.
"""

from base64 import b64encode
from datetime import date
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, request

from providers.simulator.engine import Engine, UnknownProtocol
from providers.simulator.faults import Faults, UnknownFault
from providers.simulator.protocol import PageError
from providers.simulator.statement_lines import check_statement_faults
from providers.simulator.truth import Payment, from_timestamp


def blueprint(engine: Engine) -> Blueprint:
    """Routes under /control."""
    routes = Blueprint("control", __name__, url_prefix="/control")
    _guard(routes)
    _script_routes(routes, engine)
    _payer_routes(routes, engine)
    _reading_routes(routes, engine)
    return routes


def _guard(routes: Blueprint) -> None:
    @routes.before_request
    def only_from_here() -> None:
        if not ip_address(request.remote_addr or "0.0.0.0").is_loopback:  # noqa: S104
            abort(403)

    @routes.errorhandler(UnknownFault)
    def unknown_fault(error: UnknownFault) -> tuple[dict[str, str], int]:
        return {"error": f"unknown fault {error}"}, 400

    @routes.errorhandler(UnknownProtocol)
    def unknown_protocol(error: UnknownProtocol) -> tuple[dict[str, str], int]:
        return {"error": f"no protocol {error}"}, 400

    @routes.errorhandler(PageError)
    def page_error(error: PageError) -> tuple[dict[str, str], int]:
        return {"error": f"{error.provider} {error.code}", "reason": error.reason}, 400


def _script_routes(routes: Blueprint, engine: Engine) -> None:
    truth = engine.truth

    @routes.post("/faults")
    def set_faults() -> dict[str, Any]:
        asked = _body()
        protocol = engine.protocol(str(asked.get("provider")))
        Faults(asked["faults"])
        truth.set_faults(protocol.name, str(asked.get("attempt_ref", "*")), list(asked["faults"]))
        return {"planted": asked["faults"]}

    @routes.post("/statement-faults")
    def set_statement_faults() -> dict[str, Any]:
        asked = _body()
        protocol = engine.protocol(str(asked.get("provider")))
        check_statement_faults(asked["faults"])
        truth.set_statement_faults(protocol.name, date.fromisoformat(asked["date"]), asked["faults"])
        return {"planted": asked["faults"]}

    @routes.post("/callback-url")
    def set_callback_url() -> dict[str, Any]:
        asked = _body()
        protocol = engine.protocol(str(asked.get("provider")))
        engine.callback_urls[protocol.name] = str(asked["url"])
        return {"provider": protocol.name, "url": asked["url"]}

    @routes.post("/send-callbacks")
    def send_callbacks() -> dict[str, int]:
        asked = _body()
        for protocol in engine:
            protocol.release()
        released = truth.release(asked.get("attempt_ref"), engine.now_s(), asked.get("provider"))
        engine.deliveries.wake()
        return {"released": released}


def _payer_routes(routes: Blueprint, engine: Engine) -> None:
    @routes.post("/pay")
    def pay() -> dict[str, Any]:
        asked = _body()
        protocol = engine.protocol(str(asked.get("provider", "vnpay")))
        outcome = str(asked.get("outcome", "success"))
        if outcome not in protocol.outcomes:
            abort(Response(f"outcome is one of {', '.join(protocol.outcomes)}", status=400))
        url = asked.get("pay_url")
        payment = protocol.open(str(url)) if url else _find(engine, asked)
        paid = engine.pay(payment, outcome)
        return {**_told(engine, paid), "return_url": protocol.return_url(paid)}

    @routes.post("/open")
    def open_page() -> dict[str, Any]:
        asked = _body()
        protocol = engine.protocol(str(asked.get("provider", "vnpay")))
        return _told(engine, protocol.open(str(asked.get("pay_url", ""))))

    @routes.post("/forge-callback")
    def forge() -> dict[str, Any]:
        payment = _find(engine, _body())
        engine.forge(payment)
        return {"attempt_ref": payment.attempt_ref}


def _reading_routes(routes: Blueprint, engine: Engine) -> None:
    @routes.get("/protocols")
    def protocols() -> Response:
        return jsonify({protocol.name: {"outcomes": protocol.outcomes} for protocol in engine})

    @routes.get("/truth")
    def read_truth() -> Response:
        day = request.args.get("date")
        payments = engine.truth.settled_on(
            date.fromisoformat(day) if day else None, request.args.get("provider")
        )
        return jsonify([_told(engine, payment) for payment in payments])

    @routes.get("/statement")
    def statement() -> Response:
        provider, day = request.args.get("provider", ""), request.args.get("date", "")
        document = engine.statement(provider, date.fromisoformat(day))
        if document is None:
            abort(404)
        answer = Response(document.content, mimetype=document.media_type)
        answer.headers.set("Content-Disposition", "attachment", filename=document.name)
        return answer

    @routes.get("/callbacks")
    def callbacks() -> Response:
        return jsonify(
            [
                {
                    "provider": each.provider,
                    "attempt_ref": each.attempt_ref,
                    "method": each.method,
                    "query": urlsplit(each.url).query,
                    "body": b64encode(each.body).decode("ascii"),
                    "state": each.state,
                    "tries": each.tries,
                    "answer": each.answer,
                }
                for each in engine.truth.callbacks()
                if request.args.get("provider") in (None, each.provider)
            ]
        )


def _find(engine: Engine, asked: dict[str, Any]) -> Payment:
    protocol = engine.protocol(str(asked.get("provider", "vnpay")))
    payment = engine.find(protocol.name, str(asked.get("attempt_ref", "")))
    if payment is None:
        abort(Response("the provider does not know this attempt: nobody opened its pay URL", status=404))
    return payment


def _told(engine: Engine, payment: Payment) -> dict[str, Any]:
    refunds = engine.truth.refunds_of(payment.provider, payment.attempt_ref)
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
