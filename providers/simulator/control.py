"""The puppeteer's strings: plant faults, pay without a browser, release callbacks, read the truth.

Loopback only. Every call names its protocol by `provider`.
"""

from base64 import b64encode
from datetime import date, datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, request

from payclear.kernel.clock import FixedClock
from providers.simulator.engine import Engine, UnknownProtocol
from providers.simulator.faults import Faults, UnknownFault
from providers.simulator.protocol import PageError
from providers.simulator.statement_lines import check_statement_faults
from providers.simulator.truth import Payment, from_timestamp

SETTLE_S = 30.0


def blueprint(engine: Engine) -> Blueprint:
    """Routes under /control."""
    routes = Blueprint("control", __name__, url_prefix="/control")
    guard(routes)
    _script_routes(routes, engine)
    _clock_routes(routes, engine)
    _payer_routes(routes, engine)
    _reading_routes(routes, engine)
    return routes


def guard(routes: Blueprint) -> None:
    """Let only this machine in, and say in words what can not be done."""

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


def _clock_routes(routes: Blueprint, engine: Engine) -> None:
    @routes.get("/clock")
    def read_clock() -> dict[str, Any]:
        return _present(engine)

    @routes.post("/clock")
    def move_clock() -> dict[str, Any]:
        """Put a driven clock to a later instant; what becomes due is sent from now on."""
        clock = engine.clock
        if not isinstance(clock, FixedClock):
            abort(Response("this simulator lives in real time: start it with --clock", status=409))
        at = datetime.fromisoformat(str(_body().get("at")))
        if at < clock.now():
            abort(Response("time does not run backwards", status=400))
        clock.set(at)
        engine.deliveries.wake()
        return _present(engine)

    @routes.post("/settle")
    def settle() -> dict[str, Any]:
        """Wait until every callback that is due has been sent and answered."""
        is_settled = engine.deliveries.settle(float(_body().get("timeout_s", SETTLE_S)))
        return {**_present(engine), "settled": is_settled}


def _present(engine: Engine) -> dict[str, Any]:
    due = engine.truth.next_due()
    return {
        "at": engine.clock.now().isoformat(),
        "next_due": None if due is None else from_timestamp(due).isoformat(),
    }


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
        return jsonify(
            {
                protocol.name: {
                    "outcomes": protocol.outcomes,
                    "takes_again": protocol.takes_again,
                    "ref_prefix": protocol.ref_prefix,
                    "operations": getattr(protocol, "operations", ()),
                }
                for protocol in engine
            }
        )

    @routes.get("/books")
    def books() -> dict[str, Any]:
        """Everything that citizens ever did here, in one answer."""
        payments, refunds = engine.truth.everything()
        return {
            "payments": [_paid(payment) for payment in payments],
            "refunds": [
                {
                    "provider": refund.provider,
                    "attempt_ref": refund.attempt_ref,
                    "refund_ref": refund.refund_ref,
                    "provider_ref": refund.provider_ref,
                    "amount": refund.amount,
                    "refunded_at": from_timestamp(refund.refunded_at).isoformat(),
                }
                for refund in refunds
            ],
            "callbacks": engine.truth.callback_states(),
        }

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
    return {**_paid(payment), "refunded": sum(refund.amount for refund in refunds)}


def _paid(payment: Payment) -> dict[str, Any]:
    return {
        "provider": payment.provider,
        "attempt_ref": payment.our_ref,
        "provider_ref": payment.provider_ref,
        "status": payment.status,
        "outcome": payment.outcome,
        "amount": payment.amount,
        "paid_at": from_timestamp(payment.paid_at).isoformat() if payment.paid_at else None,
    }


def _body() -> dict[str, Any]:
    data = request.get_json(silent=True, force=True)
    if not isinstance(data, dict):
        abort(Response("a JSON object is expected", status=400))
    return data
