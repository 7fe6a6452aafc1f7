"""The web application: every blueprint is registered beside the guard that protects it. Nothing is open by accident."""

import os

from flask import Flask

from payclear.assembly import assemble, make_runtime
from payclear.callbacks import api as callbacks
from payclear.checkout import pages as checkout
from payclear.console.mounting import mount
from payclear.db.address import URL_VARIABLE
from payclear.http.headers import install_headers
from payclear.http.html import install_html
from payclear.kernel.settings import load_settings
from payclear.receipts import pages as receipts
from payclear.runtime import Runtime


def create_app(runtime: Runtime) -> Flask:
    """Make the Flask application on a runtime."""
    assembly = assemble(runtime)
    app = Flask("payclear")
    install_html(app)
    install_headers(app, public_url=runtime.settings.web.public_url)
    app.register_blueprint(callbacks.blueprint)  # guarded by each provider's signature
    app.register_blueprint(checkout.blueprint)  # open to whoever holds an order's token
    app.register_blueprint(receipts.blueprint)  # open to whoever holds a receipt's code
    mount(app, assembly.modules.console_blueprints)  # guarded by the staff session
    return app


def wsgi() -> Flask:
    """Make the application of a web server's process; the command that starts the server names the database."""
    return create_app(make_runtime(load_settings(), url=os.environ[URL_VARIABLE]))
