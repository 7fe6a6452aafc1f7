"""Guards of HTML forms against other sites: where a form came from, and a token bound to what it acts on.

Called by every page that changes something.
It must never accept a form of another origin, whatever its token.
"""

import base64
from typing import Final, Protocol
from urllib.parse import urlsplit

from payclear.kernel.errors import ErrorCategory, PayclearError
from payclear.kernel.secret import Secret
from payclear.security.hmacs import equal, sign_sha256

FIELD: Final = "csrf_token"


class Headers(Protocol):
    """The headers of a request, found by name in any case."""

    def get(self, name: str, /) -> str | None:
        """The value of a header, None when it was not sent."""
        ...  # pragma: no cover


class FormRefused(PayclearError):
    """A form that was not ours, or that is too old: open the page again and repeat."""

    code = "form_refused"
    category = ErrorCategory.FORBIDDEN


def form_token(secret: Secret, *, purpose: str, bound_to: str) -> str:
    """The token of a form: it holds only for this purpose and this object, and only we can make it."""
    message = f"form\x00{purpose}\x00{bound_to}".encode()
    return base64.urlsafe_b64encode(sign_sha256(secret.reveal().encode(), message)).rstrip(b"=").decode()


def require_form_token(sent: str | None, expected: str) -> None:
    """Compare in constant time; raises FormRefused."""
    if not sent or not equal(sent, expected):
        raise FormRefused("the form's token does not hold")


def require_same_origin(headers: Headers, *, own: tuple[str, ...]) -> None:
    """Refuse a form that the browser says comes from another site; raises FormRefused.

    `own` are addresses of ours. `Sec-Fetch-Site` decides where the browser sends it. Elsewhere `Origin` does;
    it is `null` under our own `Referrer-Policy: no-referrer`, and then the token alone guards.
    """
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise FormRefused("the form comes from another site", site=site[:40])
        return
    origin = headers.get("Origin")
    if origin is not None and origin != "null" and origin not in {_origin(address) for address in own}:
        raise FormRefused("the form comes from another origin")


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
