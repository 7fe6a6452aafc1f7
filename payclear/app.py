"""The web application: every blueprint is registered beside the guard that protects it. Nothing is open by accident."""

import os

from flask import Flask

from payclear.assembly import assemble, make_runtime
from payclear.callbacks import api as callbacks
from payclear.checkout import pages as checkout
from payclear.console import mounting as console
from payclear.db.address import URL_VARIABLE
from payclear.events.registry import all_event_types
from payclear.http.api import PREFIX, install_api
from payclear.http.headers import install_headers
from payclear.http.html import STATIC, install_html
from payclear.http.openapi import Webhook
from payclear.http.pages import install_docs
from payclear.identity.service import authenticate_portal
from payclear.kernel.logs import install_logging
from payclear.kernel.settings import load_settings
from payclear.obligations import api as obligations
from payclear.operations import health
from payclear.orders import api as orders
from payclear.receipts import pages as receipts
from payclear.runtime import Runtime

YEAR_S = 31_536_000


def create_app(runtime: Runtime) -> Flask:
    """Make the Flask application on a runtime."""
    assembly = assemble(runtime)
    app = Flask("payclear", static_folder=str(STATIC), static_url_path="/static", template_folder="templates")
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = YEAR_S  # addresses of static files carry a digest
    install_headers(app, public_url=runtime.settings.web.public_url)
    install_html(app)

    # Guarded by an API key: each route is an operation that names its scope.
    install_api(app, authenticate=authenticate_portal)
    app.register_blueprint(obligations.blueprint, url_prefix=PREFIX)
    app.register_blueprint(orders.blueprint, url_prefix=PREFIX)

    # Guarded by each provider's signature.
    app.register_blueprint(callbacks.blueprint)

    # Guarded by an unguessable token or code in the address; forms by a token of their own.
    app.register_blueprint(checkout.blueprint)
    app.register_blueprint(receipts.blueprint)

    # Guarded by the staff session; the login alone is open.
    console.mount(app, assembly.modules.console_blueprints)

    # Open to everybody: documentation, public keys, health.
    install_docs(
        app,
        webhooks=[
            Webhook(name=type_.name, summary=type_.meaning, schema=type_.body_schema())
            for type_ in all_event_types()
        ],
    )
    app.register_blueprint(health.blueprint)
    return app


def wsgi() -> Flask:
    """Make the application of a web server's process; the command that starts the server names the database."""
    settings = load_settings()
    install_logging(level=settings.logging.level, form=settings.logging.format)
    return create_app(make_runtime(settings, url=os.environ[URL_VARIABLE]))
