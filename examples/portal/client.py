"""The calls a portal makes to payclear, over HTTP with its API key."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import requests

TIMEOUT_S = (3, 10)


class PayclearRefused(Exception):
    """payclear said no; `code` is stable, `title` is for people."""

    def __init__(self, status: int, code: str, title: str) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.title = status, code, title


class PayclearUnreachable(Exception):
    """No answer. What was asked may have been done: ask again with the same Idempotency-Key."""


@dataclass(frozen=True, slots=True)
class PayclearClient:
    """One payclear and our key to it."""

    base_url: str
    api_key: str

    def create_obligation(self, what: dict[str, Any], *, key: str) -> dict[str, Any]:
        """Tell payclear what a citizen owes; the same key gives the same answer."""
        return self._call("POST", "/v1/obligations", json=what, key=key)

    def create_order(self, order: dict[str, Any], *, key: str) -> dict[str, Any]:
        """Ask payclear to collect; the answer has `pay_url`, where the citizen goes."""
        return self._call("POST", "/v1/payment-orders", json=order, key=key)

    def order(self, order_ref: str) -> dict[str, Any]:
        """What payclear knows about an order: the truth, whatever the browser says."""
        return self._call("GET", f"/v1/payment-orders/{order_ref}")

    def order_by_portal_ref(self, portal_ref: str) -> dict[str, Any]:
        """The order we made under our own reference, when its answer was lost."""
        return dict(
            self._call("GET", f"/v1/payment-orders?{urlencode({'portal_ref': portal_ref})}")["items"][0]
        )

    def _call(self, method: str, path: str, *, json: Any = None, key: str = "") -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.api_key}", "Accept": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        try:
            answer = requests.request(
                method, self.base_url.rstrip("/") + path, json=json, headers=headers, timeout=TIMEOUT_S
            )
            body = answer.json()
        except (requests.RequestException, ValueError) as failure:
            raise PayclearUnreachable(path) from failure
        if answer.status_code >= 500:
            raise PayclearUnreachable(path)
        if answer.status_code >= 400:
            raise PayclearRefused(answer.status_code, str(body.get("code", "")), str(body.get("title", "")))
        return dict(body)
