"""The web application: every blueprint is registered beside the guard that protects it. Nothing is open by accident."""

import os
from functools import partial

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from payclear.assembly import assemble, make_runtime
from payclear.banners.service import Board
from payclear.callbacks import api as callbacks
from payclear.checkout import pages as checkout
from payclear.collection import api as collection
from payclear.console import mounting as console
from payclear.db.address import URL_VARIABLE
from payclear.events.registry import all_event_types
from payclear.http.api import PREFIX, install_api
from payclear.http.headers import install_headers
from payclear.http.html import STATIC, install_html
from payclear.http.openapi import Webhook
from payclear.http.operations import BODY_BYTES_MAX
from payclear.http.pages import install_docs
from payclear.identity.service import authenticate_portal
from payclear.kernel.logs import install_logging
from payclear.kernel.settings import load_settings
from payclear.lookup import api as lookup_api
from payclear.lookup import pages as lookup
from payclear.obligations import api as obligations
from payclear.obligations.batches import api as batches
from payclear.obligations.fines import api as fines
from payclear.opendata import pages as opendata
from payclear.operations import health
from payclear.orders import api as orders
from payclear.privacy import pages as privacy
from payclear.receipts import pages as receipts
from payclear.runtime import Runtime

YEAR_S = 31_536_000
# Bodies outside the portal API and the callbacks are forms of ours: a few short fields.
FORM_PARTS_MAX = 20
FORM_FIELD_BYTES_MAX = 65_536

# Every address is an operation of the portal API, behind the staff session, or named here by what guards it.
SIGNED = frozenset({"callbacks.take_callback", "collection.take_message"})
UNGUESSABLE = frozenset(
    {
        "checkout.show",
        "checkout.choose",
        "receipts.show",
        "receipts.of_order",
        "lookup.result",
        "lookup.for_payer",
        "lookup.pay_for",
    }
)
# Forms made for one document, signed and short-lived; the look-up's question itself is open and metered.
FORMS = frozenset({"lookup.pay", "lookup.slip", "lookup.let_pay", "lookup.take_back"})
OPEN = frozenset(
    {
        "static",
        "checkout.come_back",  # proves nothing: it names an attempt and leads to a token only when it is signed
        "receipts.check",
        "opendata.show",
        "opendata.as_json",
        "opendata.as_csv",
        "privacy.show",
        "lookup.ask",
        "lookup.answer",
        "console_login.login",
        "console_login.sign_in",
        "docs.docs",
        "docs.openapi_json",
        "health.health",
        "health.webhook_keys",
    }
)


def create_app(runtime: Runtime) -> Flask:
    """Make the Flask application on a runtime."""
    assembly = assemble(runtime)
    app = Flask("payclear", static_folder=str(STATIC), static_url_path="/static", template_folder="templates")
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = YEAR_S  # addresses of static files carry a digest
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX  # a callback has its own limit
    app.config["MAX_FORM_PARTS"] = FORM_PARTS_MAX
    app.config["MAX_FORM_MEMORY_SIZE"] = FORM_FIELD_BYTES_MAX
    _trust_proxies(app, runtime.settings.web.trusted_proxies)
    install_headers(app, public_url=runtime.settings.web.public_url)
    install_html(app, banners=Board(runtime.database).shown)

    # Guarded by an API key: each route is an operation that names its scope.
    admits_testing = not runtime.settings.is_production
    install_api(app, authenticate=partial(authenticate_portal, admits_testing=admits_testing))
    app.register_blueprint(obligations.blueprint, url_prefix=PREFIX)
    app.register_blueprint(batches.blueprint, url_prefix=PREFIX)
    app.register_blueprint(fines.blueprint, url_prefix=PREFIX)
    app.register_blueprint(orders.blueprint, url_prefix=PREFIX)
    app.register_blueprint(lookup_api.blueprint, url_prefix=PREFIX)

    # Guarded by each provider's signature.
    app.register_blueprint(callbacks.blueprint)
    app.register_blueprint(collection.blueprint)

    # Guarded by an unguessable token or code in the address; forms by a token of their own.
    app.register_blueprint(checkout.blueprint)
    app.register_blueprint(receipts.blueprint)
    app.register_blueprint(lookup.blueprint)

    # Guarded by the staff session; the login alone is open.
    console.mount(app, assembly.modules.console_blueprints)

    # Open to everybody: documentation, public figures and keys, health.
    install_docs(
        app,
        webhooks=[
            Webhook(name=type_.name, summary=type_.meaning, schema=type_.body_schema())
            for type_ in all_event_types()
        ],
    )
    app.register_blueprint(opendata.blueprint)
    app.register_blueprint(privacy.blueprint)
    app.register_blueprint(health.blueprint)
    _require_guards(app)
    return app


def _require_guards(app: Flask) -> None:
    """Refuse to start with an address that nothing guards and that is not named open on purpose."""
    for rule in app.url_map.iter_rules():
        is_operation = hasattr(app.view_functions[rule.endpoint], "operation")
        is_staff_only = console.is_guarded(app.blueprints.get(rule.endpoint.partition(".")[0]))
        if not (is_operation or is_staff_only or rule.endpoint in SIGNED | UNGUESSABLE | FORMS | OPEN):
            raise RuntimeError(f"nothing guards {rule.rule} ({rule.endpoint})")


def _trust_proxies(app: Flask, count: int) -> None:
    """Believe what `count` proxies of ours say of the visitor's address and scheme; of nothing else, and nobody else."""
    if count:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count)  # type: ignore[method-assign]


def wsgi() -> Flask:
    """Make the application of a web server's process; the command that starts the server names the database."""
    settings = load_settings()
    install_logging(level=settings.logging.level, form=settings.logging.format)
    return create_app(make_runtime(settings, url=os.environ[URL_VARIABLE]))
