"""Signing in and out of the console, and what does not get in."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Blueprint
from flask.testing import FlaskClient

from payclear.app import create_app
from payclear.console.frame import current_staff, require_role
from payclear.console.mounting import mount
from payclear.contract.modules import ConsolePages
from payclear.http.html import install_html
from payclear.identity.domain import StaffRole
from payclear.identity.sessions import disable_staff
from payclear.kernel.clock import FixedClock
from payclear.runtime import Runtime
from tests.console.conftest import PASSWORD, LogIn, token_of

INSIDE = ["/console/", "/console/orders", "/console/orders/PC000000000XX", "/console/doubt"]


@pytest.mark.parametrize("address", INSIDE)
def test_page_without_a_session_leads_to_the_login(client: FlaskClient, staff: None, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/console/login?next={address}"
    assert answer.headers["Cache-Control"] == "no-store"


def test_every_console_route_but_the_login_asks_for_a_session(client: FlaskClient, staff: None) -> None:
    checked = 0
    for rule in client.application.url_map.iter_rules():
        if not rule.rule.startswith("/console") or rule.rule == "/console/login":
            continue
        address = rule.rule
        for name in rule.arguments:
            address = address.replace(f"<{name}>", "x").replace(f"<date:{name}>", "2026-11-20")
        for method in (rule.methods or set()) - {"OPTIONS"}:
            answer = client.open(address, method=method)
            assert answer.status_code in (303, 401, 404), (method, address)
            if answer.status_code == 303:
                assert answer.headers["Location"].startswith("/console/login")
            checked += 1
    assert checked > 6


def test_login_with_a_wrong_password_keeps_the_name_only(
    client: FlaskClient, staff: None, log_in: LogIn
) -> None:
    answer = log_in(client, password="wrong password typed")
    assert answer.status_code == 401
    assert "Tên đăng nhập hoặc mật khẩu không đúng." in answer.text
    assert 'value="an.nguyen"' in answer.text
    assert "wrong password typed" not in answer.text
    assert "payclear_staff" not in str(answer.headers.getlist("Set-Cookie"))


def test_login_answers_the_same_for_unknown_names(client: FlaskClient, staff: None, log_in: LogIn) -> None:
    known = log_in(client, "an.nguyen", "wrong").text.replace("an.nguyen", "NAME")
    unknown = log_in(client, "nobody", "wrong").text.replace("nobody", "NAME")
    assert known.replace(token_of(known), "") == unknown.replace(token_of(unknown), "")


def test_login_tried_too_often_must_wait_and_locks_nobody_else(
    client: FlaskClient, staff: None, log_in: LogIn, clock: FixedClock
) -> None:
    assert [log_in(client, password="wrong").status_code for _ in range(6)] == [401] * 5 + [429]
    answer = log_in(client)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert "Hãy chờ một phút" in answer.text
    other = client.application.test_client()
    page = other.get("/console/login", environ_overrides={"REMOTE_ADDR": "203.0.113.9"})
    form = {"csrf_token": token_of(page.text), "login": "an.nguyen", "password": PASSWORD}
    elsewhere = other.post("/console/login", data=form, environ_overrides={"REMOTE_ADDR": "203.0.113.9"})
    assert elsewhere.status_code == 303
    clock.advance(timedelta(minutes=1))
    assert log_in(client).status_code == 303


@pytest.mark.parametrize(
    ("change", "headers"),
    [
        ({"csrf_token": ""}, {}),
        ({"csrf_token": "made up"}, {}),
        ({}, {"Sec-Fetch-Site": "cross-site"}),
        ({}, {"Origin": "https://evil.example"}),
    ],
)
def test_login_form_that_is_not_ours_is_refused(
    client: FlaskClient, staff: None, change: dict[str, str], headers: dict[str, str]
) -> None:
    form = {
        "csrf_token": token_of(client.get("/console/login").text),
        "login": "an.nguyen",
        "password": PASSWORD,
    }
    assert client.post("/console/login", data=form | change, headers=headers).status_code == 403


def test_login_token_of_another_browser_is_refused(client: FlaskClient, staff: None) -> None:
    form = {
        "csrf_token": token_of(client.application.test_client().get("/console/login").text),
        "login": "an.nguyen",
        "password": PASSWORD,
    }
    client.get("/console/login")
    assert client.post("/console/login", data=form).status_code == 403


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/console/orders", "/console/orders"),
        ("/console/orders/PC000000000XX", "/console/orders/PC000000000XX"),
        ("", "/console/"),
        ("https://evil.example/console/", "/console/"),
        ("//evil.example/console", "/console/"),
        ("/console/../pay", "/console/"),
        ("/console/..", "/console/"),
        ("/console/login", "/console/"),
        ("/console/logout", "/console/"),
        ("/consolex", "/console/"),
        ("/console/orders?x=1", "/console/"),
        ("/console/\r\nSet-Cookie: a=b", "/console/"),
        ("javascript:alert(1)", "/console/"),
    ],
)
def test_login_leads_inside_the_console_only(
    client: FlaskClient, staff: None, log_in: LogIn, asked: str, led: str
) -> None:
    answer = log_in(client, next=asked)
    assert (answer.status_code, answer.headers["Location"]) == (303, led)


def test_session_cookie_is_out_of_reach_of_scripts_and_other_sites(
    client: FlaskClient, staff: None, log_in: LogIn
) -> None:
    cookies = [c for c in log_in(client).headers.getlist("Set-Cookie") if c.startswith("payclear_staff=")]
    assert len(cookies) == 1
    assert "HttpOnly" in cookies[0]
    assert "SameSite=Strict" in cookies[0]
    assert "Path=/" in cookies[0]


def test_session_cookie_is_bound_to_host_and_https_where_there_is_https(
    runtime: Runtime, staff: None, log_in: LogIn
) -> None:
    web = replace(runtime.settings.web, public_url="https://pay.example")
    secured = create_app(replace(runtime, settings=replace(runtime.settings, web=web)))
    client = secured.test_client()
    form = {
        "csrf_token": token_of(client.get("/console/login", base_url="https://pay.example").text),
        "login": "an.nguyen",
        "password": PASSWORD,
    }
    answer = client.post("/console/login", data=form, base_url="https://pay.example")
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if "payclear_staff" in c)
    assert cookie.startswith("__Host-payclear_staff=")
    assert "Secure" in cookie
    assert "Domain" not in cookie
    assert client.get("/console/", base_url="https://pay.example").status_code == 200


def test_logout_ends_the_session_for_a_stolen_cookie_too(desk: FlaskClient) -> None:
    cookie = desk.get_cookie("payclear_staff")
    assert cookie
    token = token_of(desk.get("/console/").text)
    assert desk.post("/console/logout", data={"csrf_token": token}).headers["Location"] == "/console/login"
    desk.set_cookie("payclear_staff", cookie.value)
    assert desk.get("/console/").status_code == 303


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ({}, {}),
        ({"csrf_token": "made up"}, {}),
        (None, {"Sec-Fetch-Site": "cross-site"}),
        (None, {"Origin": "https://evil.example"}),
    ],
)
def test_change_by_a_form_that_is_not_ours_is_refused(
    desk: FlaskClient, form: dict[str, str] | None, headers: dict[str, str]
) -> None:
    sent = form if form is not None else {"csrf_token": token_of(desk.get("/console/").text)}
    assert desk.post("/console/logout", data=sent, headers=headers).status_code == 403
    assert desk.get("/console/").status_code == 200


def test_change_without_a_session_is_a_401(client: FlaskClient, staff: None) -> None:
    answer = client.post("/console/logout")
    assert answer.status_code == 401
    assert "Cần đăng nhập lại" in answer.text


def test_session_of_a_disabled_account_ends_with_its_next_request(
    desk: FlaskClient, runtime: Runtime
) -> None:
    with runtime.database.begin() as uow:
        row = uow.run("SELECT id FROM staff WHERE login = 'an.nguyen'").fetchone()
        assert row
        disable_staff(uow, row[0], actor="binh.tran")
        uow.commit()
    assert desk.get("/console/").status_code == 303


def test_session_idle_too_long_asks_to_sign_in_again(desk: FlaskClient, clock: FixedClock) -> None:
    clock.advance(timedelta(minutes=14))
    assert desk.get("/console/").status_code == 200
    clock.advance(timedelta(minutes=15))
    assert desk.get("/console/").status_code == 303


def test_language_chosen_once_is_kept_inside_the_console(desk: FlaskClient) -> None:
    assert '<html lang="vi">' in desk.get("/console/").text
    assert '<html lang="en">' in desk.get("/console/?lang=en").text
    assert '<html lang="en">' in desk.get("/console/orders").text


def module_blueprint() -> Blueprint:
    brought = Blueprint("brought", __name__)

    @brought.get("/brought")
    def show() -> str:
        return f"hello {current_staff().login}"

    @brought.get("/brought/officers")
    def officers() -> str:
        require_role(StaffRole.OFFICER)
        return "for officers"

    return brought


def test_pages_of_a_module_are_guarded_and_listed(runtime: Runtime, staff: None, log_in: LogIn) -> None:
    app = create_app(runtime)
    fresh = type(app)("payclear")
    install_html(fresh)
    mount(fresh, [ConsolePages(module_blueprint(), "console.nav_orders", "/console/brought")])
    viewer = fresh.test_client()
    assert viewer.get("/console/brought").headers["Location"] == "/console/login?next=/console/brought"
    assert log_in(viewer, "binh.tran").status_code == 303
    assert viewer.get("/console/brought").text == "hello binh.tran"
    assert viewer.get("/console/brought/officers").status_code == 403
    assert 'href="/console/brought"' in viewer.get("/console/").text
    officer = fresh.test_client()
    log_in(officer, "an.nguyen")
    assert officer.get("/console/brought/officers").text == "for officers"


def test_current_staff_outside_the_guard_is_a_mistake(app: object, runtime: Runtime) -> None:
    with create_app(runtime).test_request_context("/"), pytest.raises(RuntimeError):
        current_staff()
