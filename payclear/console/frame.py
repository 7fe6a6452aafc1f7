"""The console's frame: who is signed in, what may be done, in which language. Used by every console page.

It must never let a page be reached without a live session, nor a change be made by a form that is not ours.
"""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from flask import Response, g, request

from payclear.http.forms import FIELD, require_form_token, require_same_origin
from payclear.http.html import error_page, locale_of, render, see_other
from payclear.i18n.locales import Locale
from payclear.identity.domain import StaffRole, allows
from payclear.identity.sessions import StaffPrincipal, staff_of_session
from payclear.kernel.errors import ErrorCategory, PayclearError
from payclear.runtime import Runtime, current

LANGUAGE_COOKIE: Final = "payclear_console_lang"
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class RoleMissing(PayclearError):
    """The account does not hold the role this needs."""

    code = "role_missing"
    category = ErrorCategory.FORBIDDEN


def require_staff(role: StaffRole) -> Callable[[], Response | None]:
    """A guard for `before_request`: a live session with the role, and for every change our own form."""

    def guard() -> Response | None:
        runtime = current()
        staff = _signed_in(runtime)
        if staff is None:
            return _to_login()
        g.staff = staff
        g.locale = console_locale()
        require_role(role)
        if request.method not in _SAFE_METHODS:
            require_same_origin(request.headers, own=(request.host_url, runtime.settings.web.public_url))
            require_form_token(request.form.get(FIELD), staff.csrf_token)
        return None

    return guard


def require_role(role: StaffRole) -> None:
    """Raises RoleMissing when who is signed in does not hold the role."""
    if not allows(current_staff().roles, role):
        raise RoleMissing("the account lacks a role", role=role.value)


def current_staff() -> StaffPrincipal:
    """Who is signed in; only behind the guard (RuntimeError elsewhere)."""
    staff: StaffPrincipal | None = g.get("staff")
    if staff is None:
        raise RuntimeError("no guard has run: mount the blueprint through console.frame")
    return staff


def console_page(template: str, *, status: int = 200, **context: Any) -> Response:
    """A page of the console in the reader's language; the template extends `console/layout.html`."""
    locale = console_locale()
    response = render(template, locale=locale, status=status, **context)
    if request.args.get("lang"):
        # Which of two languages somebody reads; nothing else is in it.
        response.set_cookie(LANGUAGE_COOKIE, locale, path="/console", samesite="Strict", httponly=True)
    return response


def console_locale() -> Locale:
    """The language of the console: asked for now, else chosen before, else Vietnamese."""
    return locale_of(request.cookies.get(LANGUAGE_COOKIE, "vi"))


def names_of_accounts(runtime: Runtime) -> dict[str, str]:
    """The providers' names by account code, in the reader's language."""
    locale = console_locale()
    return {line.code: line.account.name_in(locale) for line in runtime.providers}


def cookie_name(runtime: Runtime) -> str:
    """The session cookie's name; browsers hold `__Host-` cookies to this host and to https."""
    return "__Host-payclear_staff" if is_https(runtime) else "payclear_staff"


def is_https(runtime: Runtime) -> bool:
    """Whether staff reach the console by https."""
    return runtime.settings.web.public_url.startswith("https://")


def _signed_in(runtime: Runtime) -> StaffPrincipal | None:
    token = request.cookies.get(cookie_name(runtime), "")
    if not token:
        return None
    with runtime.database.begin() as uow:
        staff = staff_of_session(uow, token)
        uow.commit()
    return staff


def _to_login() -> Response:
    if request.method not in _SAFE_METHODS:
        return error_page(401, locale=console_locale())
    return see_other(f"/console/login?next={quote(request.path)}")
