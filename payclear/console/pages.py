"""The console's own pages: sign in and out, today at a glance, orders. Reads only."""

import re
from typing import Final

from flask import Blueprint, Response, current_app, request

from payclear.checkout.queries import decisions_of, fees_of
from payclear.console import queries
from payclear.console.frame import (
    console_locale,
    console_page,
    cookie_name,
    is_https,
    names_of_accounts,
)
from payclear.http.forms import FIELD, form_token, require_form_token, require_same_origin
from payclear.http.html import answer_errors_with_pages, see_other
from payclear.http.rate_limits import Limit, TooManyRequests, require_rate
from payclear.identity.domain import normal_login
from payclear.identity.sessions import LoginFailed, NewSession, log_in, log_out
from payclear.kernel.ids import find_order_refs, is_order_ref, new_token, parse_public_id, public_id
from payclear.kernel.payment_code import find_payment_codes
from payclear.orders.errors import OrderNotFound
from payclear.orders.service import get_by_id
from payclear.runtime import Runtime, current

# Two blueprints: what is open to nobody yet signed in, and what the frame guards.
open_blueprint = Blueprint("console_login", __name__, template_folder="templates")
blueprint = Blueprint("console", __name__, template_folder="templates", url_prefix="/console")
answer_errors_with_pages(open_blueprint, locale=console_locale)

LOGINS: Final = Limit("logins", burst=5, every_s=60)
LOGINS_OF_ADDRESS: Final = Limit("logins_of_address", burst=30, every_s=10)
FORM_COOKIE: Final = "payclear_login_form"
PAGE_ROWS: Final = 50
HOME: Final = "/console/"
_INSIDE = re.compile(r"/console(/[A-Za-z0-9_.-]+)*/?")


@open_blueprint.get("/login")
def login() -> Response:
    """The form to sign in."""
    return _login_page(current())


@open_blueprint.post("/login")
def sign_in() -> Response:
    """Check login and password, open a session, and go where the visitor wanted to go."""
    runtime = current()
    require_same_origin(request.headers, own=(request.host_url, runtime.settings.web.public_url))
    expected = _login_token(runtime, request.cookies.get(FORM_COOKIE, ""))
    require_form_token(request.form.get(FIELD), expected)
    name = normal_login(request.form.get("login", ""))
    try:
        _limit_logins(runtime, name)
        session = log_in(runtime.database, login=name, password=request.form.get("password", "")[:1000])
    except TooManyRequests as error:
        response = _login_page(runtime, problem="console.login_wait", status=429)
        response.headers["Retry-After"] = str(error.facts["retry_after_s"])
        return response
    except LoginFailed:
        return _login_page(runtime, problem="console.login_failed", status=401)
    return _signed_in(runtime, session)


@blueprint.post("/logout")
def sign_out() -> Response:
    """End the session, on the server too."""
    runtime = current()
    with runtime.database.begin() as uow:
        log_out(uow, request.cookies.get(cookie_name(runtime), ""))
        uow.commit()
    response = see_other("/console/login")
    response.delete_cookie(cookie_name(runtime), path="/", secure=is_https(runtime), httponly=True)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@blueprint.get("/")
def home() -> Response:
    """Today at a glance: what came in, what is open, what needs somebody."""
    runtime = current()
    with runtime.database.begin() as uow:
        today = queries.today(uow, [line.code for line in runtime.providers])
        doubts = queries.doubts(uow, limit=5)
        as_of = uow.now
    return console_page(
        "console/home.html", today=today, doubts=doubts, as_of=as_of, names=names_of_accounts(runtime)
    )


@blueprint.get("/orders")
def orders() -> Response:
    """Orders, newest first; one is found by its reference or payment code, however it was typed."""
    runtime = current()
    sought = request.args.get("search", "").strip()[:200]
    before = request.args.get("before", "")
    with runtime.database.begin() as uow:
        if sought:
            rows = queries.find_orders(uow, refs=find_order_refs(sought), codes=find_payment_codes(sought))
        else:
            below = parse_public_id("ord", before) if before else None
            rows = queries.list_orders(uow, below=below, limit=PAGE_ROWS + 1)
    if sought and len(rows) == 1:
        return see_other(f"/console/orders/{rows[0].order_ref}")
    more = public_id("ord", rows[PAGE_ROWS - 1].id) if len(rows) > PAGE_ROWS else ""
    return console_page(
        "console/orders.html", rows=rows[:PAGE_ROWS], sought=sought, more=more, is_first=not before
    )


@blueprint.get("/orders/<order_ref>")
def order(order_ref: str) -> Response:
    """One order with everything that happened to it: attempts, evidence, history and postings."""
    runtime = current()
    with runtime.database.begin() as uow:
        order_id = queries.order_id_of(uow, order_ref) if is_order_ref(order_ref) else None
        if order_id is None:
            raise OrderNotFound("no such payment order")
        trace = queries.trace(uow, order_id)
        view = get_by_id(uow, order_id)
        decisions, fees = decisions_of(uow, order_id), fees_of(uow, order_id)
    return console_page(
        "console/order.html",
        order=view,
        trace=trace,
        decisions=decisions,
        fees=fees,
        names=names_of_accounts(runtime),
    )


def _login_page(runtime: Runtime, *, problem: str = "", status: int = 200) -> Response:
    bound_to = new_token()
    response = console_page(
        "console/login.html",
        status=status,
        problem=problem,
        login_token=_login_token(runtime, bound_to),
        next=_next(request.values.get("next", "")),
        login=normal_login(request.form.get("login", "")),
    )
    response.set_cookie(
        FORM_COOKIE,
        bound_to,
        path="/console/login",
        secure=is_https(runtime),
        httponly=True,
        samesite="Strict",
        max_age=3600,
    )
    return response


def _login_token(runtime: Runtime, bound_to: str) -> str:
    return form_token(runtime.settings.security.session_secret, purpose="login", bound_to=bound_to)


def _limit_logins(runtime: Runtime, login: str) -> None:
    """Per address and login, so that nobody locks another's account; per address, against many logins."""
    address, now_s = request.remote_addr or "", runtime.clock.monotonic()
    require_rate(current_app, LOGINS_OF_ADDRESS, address, now_s=now_s)
    require_rate(current_app, LOGINS, f"{address} {login}", now_s=now_s)


def _signed_in(runtime: Runtime, session: NewSession) -> Response:
    response = see_other(_next(request.form.get("next", "")))
    response.set_cookie(
        cookie_name(runtime),
        session.token,
        path="/",
        secure=is_https(runtime),
        httponly=True,
        samesite="Strict",
    )
    response.delete_cookie(FORM_COOKIE, path="/console/login")
    return response


def _next(asked: str) -> str:
    """Only a plain path inside the console; anything else leads home."""
    is_inside = _INSIDE.fullmatch(asked) is not None and not asked.startswith("/console/log")
    return asked if is_inside and ".." not in asked else HOME
