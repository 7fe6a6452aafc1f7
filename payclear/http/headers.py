"""Security headers of every answer; installed once by the application, for all blueprints.

A page names further targets of its forms by `allow_form_targets`; nothing else can be loosened by a page.
It must never allow a script or anything from another host: our pages have none.
"""

import re
from collections.abc import Iterable
from typing import Final

from flask import Flask, Response, g, request

_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.\-]+(:[0-9]{1,5})?|http://\[[0-9a-f:]+\](:[0-9]{1,5})?")
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; object-src 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'; form-action 'self'"
)
_NOT_HTML_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
_YEAR_S: Final = 31_536_000


def allow_form_targets(origins: Iterable[str]) -> None:
    """Let the forms of this answer lead to further origins: those of the providers on the payment page.

    Chromium applies `form-action` to the redirect after a form as well. Anything but `scheme://host[:port]`
    is a ValueError: it would end or widen the policy.
    """
    targets = list(dict.fromkeys(origins))
    for origin in targets:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"not an origin: {origin!r}")
    g.form_targets = targets


def allow_public_cache(seconds: int) -> None:
    """Let anybody keep this page for a while: for pages that are the same for everybody and name nobody."""
    g.public_cache_s = seconds


def install_headers(app: Flask, *, public_url: str) -> None:
    """Add the headers to every answer of `app`; HSTS only when citizens reach it by https."""
    is_https = public_url.startswith("https://")

    @app.after_request
    def add_headers(response: Response) -> Response:
        headers = response.headers
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if is_https:
            headers["Strict-Transport-Security"] = f"max-age={_YEAR_S}; includeSubDomains"
        if response.mimetype == "text/html":
            _add_page_headers(response)
        else:
            headers.setdefault("Content-Security-Policy", _NOT_HTML_POLICY)
            _add_cache_header(response)
        return response


def _add_page_headers(response: Response) -> None:
    headers = response.headers
    targets = " ".join(getattr(g, "form_targets", ()))
    headers.setdefault("Content-Security-Policy", f"{_POLICY} {targets}".rstrip())
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["X-Frame-Options"] = "DENY"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=()"
    kept_s = getattr(g, "public_cache_s", 0)
    headers["Cache-Control"] = f"public, max-age={kept_s}" if kept_s else "no-store"


def _add_cache_header(response: Response) -> None:
    """Static files carry a digest in their address, so they may be kept for ever; the rest is never kept."""
    if request.endpoint == "static" and response.status_code == 200 and "v" in request.args:
        response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable"
    elif request.endpoint == "static":
        response.headers["Cache-Control"] = "public, max-age=3600"
    else:
        response.headers.setdefault("Cache-Control", "no-store")
