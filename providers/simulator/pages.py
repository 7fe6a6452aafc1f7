"""The pay page that every protocol with a page of its own shares: what, how much, and a button per outcome.

Protocols show it with `pay_page`; the buttons post to `/pay/<provider>/<attempt_ref>`.
"""

from flask import Blueprint, Response, redirect, render_template, request

from providers.simulator.engine import Engine, UnknownProtocol
from providers.simulator.protocol import PageError
from providers.simulator.truth import Payment


def pay_page(engine: Engine, payment: Payment) -> str:
    """The page of an open payment; raises PageError for one that has ended or expired."""
    protocol = engine.protocol(payment.provider)
    if payment.status != "opened":
        raise protocol.refuse("ended", payment.locale)
    if engine.is_expired(payment) and "pays_late" not in engine.faults(payment.provider, payment.attempt_ref):
        raise protocol.refuse("expired", payment.locale)
    return render_template("pay.html", payment=payment, protocol=protocol, locale=payment.locale)


def take(engine: Engine, provider: str, attempt_ref: str) -> Response | str:
    """End a payment by the button pressed and send the browser back to the merchant."""
    payment = engine.find(provider, attempt_ref)
    protocol = engine.protocol(provider)
    if payment is None:
        raise protocol.refuse("unknown")
    paid = engine.pay(payment, request.form.get("outcome", ""))
    url = protocol.return_url(paid)
    if "lose_return" in engine.faults(provider, attempt_ref) or not url:
        return render_template("lost.html", payment=paid, locale=paid.locale)
    return redirect(url, 303)  # type: ignore[return-value]


def blueprint(engine: Engine) -> Blueprint:
    """Routes under /pay, and the error page of every protocol."""
    routes = Blueprint("pay", __name__, url_prefix="/pay")

    @routes.get("/<provider>/<attempt_ref>")
    def show(provider: str, attempt_ref: str) -> str:
        payment = engine.find(provider, attempt_ref)
        if payment is None:
            raise engine.protocol(provider).refuse("unknown")
        return pay_page(engine, payment)

    @routes.post("/<provider>/<attempt_ref>")
    def press(provider: str, attempt_ref: str) -> Response | str:
        return take(engine, provider, attempt_ref)

    @routes.app_errorhandler(PageError)
    def page_error(error: PageError) -> tuple[str, int]:
        return render_template("error.html", error=error, locale=error.locale), 400

    @routes.app_errorhandler(UnknownProtocol)
    def unknown_protocol(error: UnknownProtocol) -> tuple[str, int]:
        return "no such provider", 404

    return routes
