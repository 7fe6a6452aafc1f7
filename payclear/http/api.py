"""Joins the portal API to the application: who authenticates, what surrounds requests, how errors answer.

Called once by `payclear.app`, which also registers the features' blueprints below PREFIX.
"""

from typing import Final

from flask import Flask

from payclear.http.auth import Authenticate
from payclear.http.context import install_context
from payclear.http.errors import install_errors
from payclear.http.operations import AUTHENTICATE

PREFIX: Final = "/v1"


def install_api(app: Flask, *, authenticate: Authenticate) -> None:
    """Prepare `app` for operations guarded by `authenticate`."""
    app.extensions[AUTHENTICATE] = authenticate
    install_context(app)
    install_errors(app)
