"""A portal's side of the API for tests: an API key, a Flask client, valid bodies."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from payclear.identity.service import ALL_SCOPES, issue_api_key
from payclear.kernel.ids import public_id
from tests.factories.base import use
from tests.factories.reference import PortalFactory
from tests.scenes import Scene

RETURN_URL = "https://portal.example/return/0001"


@dataclass(slots=True)
class PortalApi:
    """A portal that calls with its own key; every POST has a fresh idempotency key unless told otherwise."""

    app: Flask
    scene: Scene
    key: str
    numbers: count = field(default_factory=lambda: count(1))

    @classmethod
    def of(
        cls,
        app: Flask,
        scene: Scene,
        *,
        portal_code: str | None = None,
        scopes: Iterable[str] = ALL_SCOPES,
        **portal: Any,
    ) -> "PortalApi":
        """A portal with a new key; another `portal_code` than the scene's is registered first."""
        with scene.runtime.database.begin() as uow:
            if portal_code is not None:
                use(uow.session)
                PortalFactory(code=portal_code, **portal)
                uow.session.flush()
            key = issue_api_key(uow, portal_code or scene.portal_code, scopes=scopes).full_text
            uow.commit()
        return cls(app, scene, key)

    def post(self, path: str, body: Any = None, *, key: str | None = None, **options: Any) -> TestResponse:
        """POST a JSON value, or raw bytes as they are. An empty header value sends no such header."""
        own = {"Idempotency-Key": key if key is not None else f"key-{next(self.numbers)}"}
        headers = {**own, **options.pop("headers", {})}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        options.setdefault("content_type", "application/json" if data is not None else None)
        return self._call("POST", path, headers, data=data, **options)

    def get(self, path: str, *, headers: dict[str, str] | None = None) -> TestResponse:
        """GET an address of the API."""
        return self._call("GET", path, dict(headers or {}))

    def order_body(self, **changes: Any) -> dict[str, Any]:
        """A valid order for a new fee; a change to None takes the field away."""
        body = {"portal_ref": f"portal-ref-{next(self.numbers)}", "return_url": RETURN_URL, **changes}
        if "obligations" not in changes:
            body["obligations"] = [public_id("obl", self.scene.fee().id)]
        return {name: value for name, value in body.items() if value is not None}

    def order(self, **changes: Any) -> dict[str, Any]:
        """A created order as the API answered it."""
        answer = self.post("/payment-orders", self.order_body(**changes))
        assert answer.status_code == 201, answer.text
        return answer.json

    def _call(self, method: str, path: str, headers: dict[str, str], **options: Any) -> TestResponse:
        headers.setdefault("Authorization", f"Bearer {self.key}")
        sent = {name: value for name, value in headers.items() if value}
        with self.app.test_client() as client:
            return client.open(f"/v1{path}", method=method, headers=sent, **options)
