"""The portal's pages and its webhook receiver. A browser's return proves nothing: payclear is asked."""

import json
import logging
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, redirect, render_template, request, url_for
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from werkzeug.exceptions import NotFound

from examples.portal.client import PayclearClient, PayclearRefused, PayclearUnreachable
from examples.portal.store import FINAL, UNPAID, Dossier, Store
from examples.portal.texts import LANGUAGES, TEXTS, on_day, vnd

log = logging.getLogger(__name__)
WEBHOOK_BYTES_MAX = 20_000
PROBLEMS = (PayclearRefused, PayclearUnreachable)


def create_app(payclear: PayclearClient, store: Store, webhook_secret: str, public_url: str) -> Flask:
    """Make the portal for one payclear, one store and one secret."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024

    def page(template: str, status: int = 200, **context: Any) -> Response:
        lang = language()
        text = TEXTS[lang]
        tools = {
            "lang": lang,
            "t": text,
            "languages": [(code, name, in_language(code)) for code, name in LANGUAGES],
            "vnd": lambda n: vnd(n, lang),
            "on_day": on_day,
        }
        answer = Response(render_template(template, **tools, **context), status)
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        return answer

    def dossier_or_404(code: str) -> Dossier:
        dossier = store.dossier(code)
        if dossier is None:
            raise NotFound
        return dossier

    @app.get("/")
    def home() -> Response:
        return page("home.html", dossiers=store.dossiers())

    @app.get("/dossiers/<code>")
    def show(code: str) -> Response:
        return page("dossier.html", dossier=dossier_or_404(code))

    @app.post("/dossiers/<code>/pay")
    def pay(code: str) -> Any:
        """Send the citizen to payclear's page; a running order is used again, so that nobody pays twice."""
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return page("problem.html", 403, problem="forbidden")
        dossier = dossier_or_404(code)
        try:
            answer = running_order(dossier) or new_order(dossier)
        except PayclearRefused as refusal:
            log.warning("payclear refused: %s", refusal)
            return page("problem.html", 409, problem="refused", title=refusal.title, dossier=dossier)
        except PayclearUnreachable as failure:
            log.warning("payclear does not answer: %s", failure)
            return page("problem.html", 503, problem="unreachable", dossier=dossier)
        if answer["status"] in FINAL:
            return redirect(url_for("show", code=code, lang=language()), 303)
        return redirect(answer["pay_url"], 303)

    def running_order(dossier: Dossier) -> dict[str, Any] | None:
        if dossier.payment is None or dossier.payment.status in UNPAID:
            return None
        answer = payclear.order(dossier.payment.order_ref)
        store.keep_order(dossier.code, dossier.payment.number, answer)
        return None if answer["status"] in UNPAID else answer

    def new_order(dossier: Dossier) -> dict[str, Any]:
        obligation_id = dossier.obligation_id
        if obligation_id is None:
            made = payclear.create_obligation(dossier.content["obligation"], key=f"obligation-{dossier.code}")
            obligation_id = str(made["id"])
            store.keep_obligation(dossier.code, obligation_id)
        number = dossier.payment.number + 1 if dossier.payment else 1
        portal_ref = f"{dossier.code}-{number}"
        lang = language()
        wanted = {
            "portal_ref": portal_ref,
            "obligations": [obligation_id],
            "return_url": f"{public_url}/return?dossier={dossier.code}&lang={lang}",
            "locale": lang,
        }
        try:
            # Pressing the button again, or a lost answer, gives the same order: the key is the same.
            answer = payclear.create_order(wanted, key=f"order-{portal_ref}-{lang}")
        except PayclearRefused as refusal:
            if refusal.code != "portal_ref_already_used":
                raise
            answer = payclear.order_by_portal_ref(portal_ref)
        store.keep_order(dossier.code, number, answer)
        return answer

    @app.get("/return")
    def come_back() -> Response:
        """Where payclear sends the citizen back: ask payclear, never the address bar."""
        dossier = dossier_or_404(request.args.get("dossier", ""))
        asked = True
        if dossier.payment is not None and dossier.payment.status not in FINAL:
            try:
                answer = payclear.order(dossier.payment.order_ref)
                store.keep_order(dossier.code, dossier.payment.number, answer)
            except PROBLEMS as failure:
                log.warning("payclear was not asked: %s", failure)
                asked = False
            dossier = dossier_or_404(dossier.code)
        return page("return.html", dossier=dossier, asked=asked)

    @app.post("/payclear/webhooks")
    def hear() -> tuple[str, int]:
        """Verify the raw bytes, keep the event, answer. Pages read what was kept; no work comes first."""
        if (request.content_length or 0) > WEBHOOK_BYTES_MAX:
            return "", 413
        raw = request.get_data()
        try:
            Webhook(webhook_secret).verify(raw, dict(request.headers), json_parse=False)
        except (
            WebhookVerificationError,
            ValueError,
        ):  # the package lets ValueError out of a malformed header
            log.warning("a webhook with a wrong signature was refused")
            return "", 401
        event = json.loads(raw)
        if store.keep_event(event, raw):
            log.info("told: %s %s %s", event["type"], event["data"]["order_ref"], event["id"])
        return "", 204

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.errorhandler(404)
    def missing(_: NotFound) -> Response:
        return page("problem.html", 404, problem="missing")

    return app


def in_language(code: str) -> str:
    """This page's address in another language, its other parameters kept; the home page when this is no address."""
    if request.method != "GET" or request.endpoint is None:
        return f"/?{urlencode({'lang': code})}"
    kept = [(name, value) for name, value in request.args.items(multi=True) if name != "lang"]
    return f"?{urlencode([*kept, ('lang', code)])}"


def language() -> str:
    """The language of this page: `?lang=en`, otherwise Vietnamese."""
    return "en" if request.values.get("lang") == "en" else "vi"
