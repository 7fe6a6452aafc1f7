"""Callers of the web application in this process: a portal with its API key, a citizen with a browser.

Each request goes through the whole WSGI application; one that meets a dying process gets no answer.
"""

import html
import re
from binascii import crc_hqx
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.test import Client, TestResponse

from payclear.simulation.deaths import Deaths, SimulatedDeath

_FORM_FIELD = re.compile(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">')
_KIND = re.compile(r'data-kind="([a-z_]+)"')
_OFFER = re.compile(r'<input type="radio" name="provider_account"[^>]*?value="([a-z0-9-]+)"([^>]*)>')
_CONTINUE = re.compile(r'<a class="button" href="([^"]+)"[^>]*data-testid="continue"')
_SCAN_LINK = re.compile(r'<a class="button button-plain" href="(https?://[^"]+)"')
_SCAN = re.compile(r'data-testid="scan-(amount|account|memo)">([^<]+)<')
_BANK = re.compile(r"<dd>[^<]*?\b(97[0-9]{4})\b")
_CLOSED = re.compile(r"\bdisabled\b")


class NoAnswer(Exception):
    """The process died while it worked on the request."""


class Refused(Exception):
    """An answer nobody had reason to expect."""

    def __init__(self, what: str, answer: TestResponse) -> None:
        super().__init__(f"{what}: {answer.status_code} {answer.get_data(as_text=True)[:400]}")
        self.status = answer.status_code


class TurnedAway(Exception):
    """The provider is not asked now (busy, or nobody answers there): the page says to choose another."""

    def __init__(self, page: "Page") -> None:
        super().__init__("choose another")
        self.page = page


class Page:
    """What a citizen sees of an order."""

    def __init__(self, text: str) -> None:
        found = _KIND.search(text)
        self.kind = found.group(1) if found else ""
        self.fields = dict(_FORM_FIELD.findall(text))
        self.offers = [code for code, rest in _OFFER.findall(text) if not _CLOSED.search(rest)]
        leads = (_SCAN_LINK if self.kind == "scan" else _CONTINUE).search(text)
        self.leads_to = html.unescape(leads.group(1)) if leads else ""
        self.qr_text = _transfer(text) if self.kind == "scan" else ""


def _transfer(text: str) -> str:
    """The transfer that a page asks for in words, as the QR a banking app would make of them; empty if it names none."""
    told = {name: html.unescape(value).strip() for name, value in _SCAN.findall(text)}
    bank = _BANK.search(text)
    if bank is None or set(told) != {"amount", "account", "memo"}:
        return ""
    account = _element("00", bank.group(1)) + _element("01", told["account"])
    network = _element("00", "A000000727") + _element("01", account) + _element("02", "QRIBFTTA")
    whole = _element("00", "01") + _element("01", "12") + _element("38", network) + _element("53", "704")
    whole += _element("54", re.sub(r"[^0-9]", "", told["amount"])) + _element("58", "VN")
    whole += _element("62", _element("08", told["memo"])) + "6304"
    return f"{whole}{crc_hqx(whole.encode('ascii'), 0xFFFF):04X}"


def _element(tag: str, value: str) -> str:
    return f"{tag}{len(value):02d}{value}"


class Browser:
    """One citizen's browser, at an address of its own."""

    def __init__(self, app: Flask, base_url: str, number: int, deaths: Deaths) -> None:
        self._client = Client(app, TestResponse, use_cookies=False)
        self._base_url = base_url
        self._deaths = deaths
        self._environ = {"REMOTE_ADDR": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"}

    def look(self, path: str) -> Page:
        """Open the payment page."""
        answer = self._open(path)
        if answer.status_code != 200:
            raise Refused(f"GET {path.partition('?')[0][:9]}…", answer)
        return Page(answer.get_data(as_text=True))

    def choose(self, path: str, page: Page, account: str, *, dies_at: tuple[str, str] | None = None) -> str:
        """Send the page's form for an account; where it leads. Raises NoAnswer, Refused."""
        form = {**page.fields, "provider_account": account}
        action = f"{path.partition('?')[0]}/attempts"
        with self._deaths.armed(dies_at):
            answer = self._open(action, method="POST", data=form)
        if answer.status_code == 422:
            raise TurnedAway(Page(answer.get_data(as_text=True)))
        if answer.status_code != 303:
            raise Refused("choice", answer)
        return str(answer.headers["Location"])

    def come_back(self, url: str) -> None:
        """Follow a provider's way back."""
        parts = urlsplit(url)
        answer = self._open(parts.path + (f"?{parts.query}" if parts.query else ""))
        if answer.status_code not in (303, 404, 429):
            raise Refused("return", answer)

    def _open(self, path: str, **options: Any) -> TestResponse:
        try:
            return self._client.open(
                path, base_url=self._base_url, environ_overrides=self._environ, **options
            )
        except SimulatedDeath as death:
            raise NoAnswer(str(death)) from death


class PortalCaller:
    """A portal's server: calls the API with its key."""

    def __init__(self, app: Flask, base_url: str, api_key: str) -> None:
        self._client = Client(app, TestResponse, use_cookies=False)
        self._base_url = base_url
        self._key = api_key

    def post(self, path: str, body: Mapping[str, Any] | None, *, key: str) -> dict[str, Any]:
        """POST with an idempotency key; the same key may be sent again after no answer."""
        return self._call("POST", path, json=body, headers={"Idempotency-Key": key})

    def get(self, path: str) -> dict[str, Any]:
        """GET a resource."""
        return self._call("GET", path)

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._key}", **options.pop("headers", {})}
        if options.get("json") is None:
            options.pop("json", None)
        answer = self._client.open(
            f"/v1{path}", method=method, base_url=self._base_url, headers=headers, **options
        )
        if answer.status_code >= 300:
            raise Refused(f"{method} {path}", answer)
        return dict(answer.get_json())
