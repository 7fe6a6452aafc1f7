"""A portal's side of the API for tests: an API key, a Flask client, valid bodies."""

import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from payclear.http.api import PREFIX, install_api
from payclear.identity.service import ALL_SCOPES, authenticate_portal, issue_api_key
from payclear.obligations.api import blueprint as obligations
from payclear.orders.api import blueprint as orders
from payclear.runtime import Runtime, install
from tests.factories.base import use
from tests.factories.reference import PortalFactory
from tests.scenes import Scene

RETURN_URL = "https://portal.example/return/0001"


def make_api(runtime: Runtime) -> Flask:
    """The portal API alone, on a runtime."""
    install(runtime)
    app = Flask("payclear", static_folder=None)
    install_api(app, authenticate=authenticate_portal)
    for blueprint in (obligations, orders):
        app.register_blueprint(blueprint, url_prefix=PREFIX)
    return app


@dataclass(slots=True)
class PortalApi:
    """A portal that calls with its own key; every POST has a fresh idempotency key unless told otherwise."""

    app: Flask
    scene: Scene
    key: str
    numbers: count = field(default_factory=lambda: count(1))

    @classmethod
    def of(cls, app: Flask, scene: Scene, *, portal_code: str | None = None, scopes: Any = ALL_SCOPES) -> "PortalApi":
        """A portal with a new key; another `portal_code` than the scene's is registered first."""
        with scene.runtime.database.begin() as uow:
            if portal_code is not None:
                use(uow.session)
                PortalFactory(code=portal_code)
                uow.session.flush()
            key = issue_api_key(uow, portal_code or scene.portal_code, scopes=scopes).full_text
            uow.commit()
        return cls(app, scene, key)

    def post(self, path: str, body: Any = None, *, key: str | None = None, **options: Any) -> TestResponse:
        """POST a JSON value, or raw bytes as they are."""
        headers = {"Idempotency-Key": key or f"key-{next(self.numbers)}", **options.pop("headers", {})}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        options.setdefault("content_type", "application/json" if data is not None else None)
        return self._call("POST", path, headers, data=data, **options)

    def get(self, path: str, *, headers: dict[str, str] | None = None) -> TestResponse:
        return self._call("GET", path, dict(headers or {}))

    def order_body(self, **changes: Any) -> dict[str, Any]:
        """A valid order for a new fee; a change to None takes the field away."""
        from payclear.kernel.ids import public_id

        body = {"portal_ref": f"ref-{next(self.numbers)}", "return_url": RETURN_URL, **changes}
        if "obligations" not in changes:
            body["obligations"] = [public_id("obl", self.scene.fee().id)]
        return {name: value for name, value in body.items() if value is not None}

    def _call(self, method: str, path: str, headers: dict[str, str], **options: Any) -> TestResponse:
        headers.setdefault("Authorization", f"Bearer {self.key}")
        sent = {name: value for name, value in headers.items() if value}
        return self.app.test_client().open(f"/v1{path}", method=method, headers=sent, **options)
