"""The simulator's strings, pulled over HTTP: time, faults, what payers do, and what is true."""

import http.client
import json
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 120.0


class ControlRefused(RuntimeError):
    """The simulator can not do what was asked; the text is its own."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}")
        self.status = status


class Control:
    """One running simulator; safe for any number of threads."""

    def __init__(self, url: str) -> None:
        self._netloc = urlsplit(url).netloc

    def protocols(self) -> dict[str, dict[str, Any]]:
        """What each protocol's payers can bring about."""
        return dict(self._call("GET", "protocols"))

    def move(self, at: datetime) -> None:
        """Put the simulator's clock to a later instant."""
        self._call("POST", "clock", {"at": at.isoformat()})

    def settle(self) -> datetime | None:
        """Wait until every callback that is due was sent; when the next one is."""
        told = self._call("POST", "settle", {"timeout_s": TIMEOUT_S / 2})
        if not told["settled"]:
            raise ControlRefused(200, "callbacks do not settle")
        return datetime.fromisoformat(told["next_due"]) if told["next_due"] else None

    def plant(self, protocol: str, attempt_ref: str, faults: list[str]) -> None:
        """Plant the faults of one attempt, in place of those it had."""
        self._call("POST", "faults", {"provider": protocol, "attempt_ref": attempt_ref, "faults": faults})

    def plant_everywhere(self, protocol: str, faults: list[str]) -> None:
        """Plant what holds for every attempt that has no faults of its own."""
        self._call("POST", "faults", {"provider": protocol, "faults": faults})

    def plant_in_statement(self, protocol: str, day: date, faults: list[dict[str, Any]]) -> None:
        """Plant the errors of one day's statement, in place of those it had."""
        body = {"provider": protocol, "date": day.isoformat(), "faults": faults}
        self._call("POST", "statement-faults", body)

    def pay(self, protocol: str, where: str, outcome: str) -> dict[str, Any]:
        """Let a payer open an address (or a QR text) and end the payment; raises ControlRefused."""
        return dict(self._call("POST", "pay", {"provider": protocol, "pay_url": where, "outcome": outcome}))

    def open_page(self, protocol: str, where: str) -> dict[str, Any]:
        """Let a payer open the page and do nothing there."""
        return dict(self._call("POST", "open", {"provider": protocol, "pay_url": where}))

    def forge(self, protocol: str, attempt_ref: str) -> None:
        """Send a callback that claims success, signed with another key."""
        self._call("POST", "forge-callback", {"provider": protocol, "attempt_ref": attempt_ref})

    def collect(self, protocol: str, **asked: Any) -> dict[str, Any]:
        """Let a payer come to a bank's counter; what the bank heard, and what it keeps."""
        return dict(self._call("POST", "collect", {"provider": protocol, **asked}))

    def books(self) -> dict[str, Any]:
        """Everything that payers ever did."""
        return dict(self._call("GET", "books"))

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection(self._netloc, timeout=TIMEOUT_S)
        try:
            content = None if body is None else json.dumps(body).encode("utf-8")
            connection.request(method, f"/control/{path}", body=content)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise ControlRefused(answer.status, text.decode("utf-8", "replace")[:300])
        return json.loads(text)
