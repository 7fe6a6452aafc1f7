"""The headers of every page and every other answer."""

from dataclasses import replace

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from payclear.app import create_app
from payclear.http.headers import allow_form_targets, install_headers
from payclear.http.html import asset
from payclear.identity.domain import StaffRole
from payclear.identity.sessions import create_staff
from payclear.runtime import Runtime
from tests.console.conftest import LogIn, log_in, staff  # noqa: F401  (fixtures)
from tests.reconciliation.conftest import nights  # noqa: F401  (fixture)
from tests.reconciliation.nights import NightScene
from tests.scenes import VNPAY, Scene

POLICY = {
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "object-src 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
}


def bare(public_url: str = "http://127.0.0.1:8000") -> Flask:
    app = Flask("payclear")
    install_headers(app, public_url=public_url)

    @app.get("/page")
    def page() -> str:
        return "<p>page</p>"

    @app.get("/data")
    def data() -> dict[str, str]:
        return {"a": "b"}

    @app.get("/pay")
    def pay() -> str:
        allow_form_targets(["https://bank.example", "http://127.0.0.1:8100", "https://bank.example"])
        return "<p>pay</p>"

    return app


def require_page_headers(answer: Response) -> None:
    headers = answer.headers
    policy = [part.strip() for part in headers["Content-Security-Policy"].split(";")]
    assert set(policy) >= POLICY
    assert len(policy) == len({part.split()[0] for part in policy})
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"


def test_page_names_its_form_targets_once_and_in_that_answer_only() -> None:
    client = bare().test_client()
    policy = client.get("/pay").headers["Content-Security-Policy"]
    assert policy.endswith("form-action 'self' https://bank.example http://127.0.0.1:8100")
    assert client.get("/page").headers["Content-Security-Policy"].endswith("form-action 'self'")


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "*",
        "https:",
        "https://bank.example/",
        "https://bank.example; script-src *",
        "'unsafe-inline'",
        "data:",
    ],
)
def test_form_target_that_is_no_origin_is_a_mistake(origin: str) -> None:
    with bare().test_request_context("/pay"), pytest.raises(ValueError, match="not an origin"):
        allow_form_targets([origin])


def test_hsts_is_sent_only_where_citizens_come_by_https() -> None:
    name = "Strict-Transport-Security"
    assert name not in bare().test_client().get("/page").headers
    sent = bare("https://pay.example").test_client().get("/page").headers[name]
    assert sent == "max-age=31536000; includeSubDomains"


def test_answer_that_is_no_page_is_not_kept_and_can_not_act() -> None:
    headers = bare().test_client().get("/data").headers
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_static_file_is_kept_for_ever_by_its_digest_only() -> None:
    client = bare().test_client()
    with client.get(asset("payclear.css")) as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    with client.get("/static/payclear.css") as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert client.get("/static/missing.css?v=1").headers["Cache-Control"] == "no-store"


@pytest.fixture
def staff_client(runtime: Runtime) -> FlaskClient:
    return create_app(runtime).test_client()


def test_every_page_of_the_application_carries_the_headers(scene: Scene, staff_client: FlaskClient) -> None:
    order = scene.paid_order()
    addresses = [
        f"/pay/{scene.order().pay_token}",
        f"/pay/{order.pay_token}",
        f"/pay/{order.pay_token}?lang=en",
        "/pay/unknown",
        "/return/nobody",
        "/return/vnpay-demo",
        "/receipts",
        "/receipts/unknown",
        f"/pay/{order.pay_token}/receipt",
        "/console/login",
        "/console/",
        f"/console/orders/{order.order_ref}",
    ]
    for address in addresses:
        answer = staff_client.get(address, follow_redirects=True)
        assert answer.mimetype == "text/html", address
        require_page_headers(answer)


def test_every_get_route_without_parameters_that_answers_html_carries_the_headers(
    scene: Scene, runtime: Runtime, staff_client: FlaskClient
) -> None:
    with runtime.database.begin() as uow:
        create_staff(
            uow, login="an.nguyen", display_name="An", password="mua thu ha noi.", roles=[StaffRole.OFFICER]
        )
        uow.commit()
    seen = 0
    for rule in staff_client.application.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.arguments:
            continue
        answer = staff_client.get(rule.rule, headers={"Accept": "text/html"})
        if answer.mimetype == "text/html":
            require_page_headers(answer)
            seen += 1
    assert seen >= 3


def test_every_page_behind_the_login_carries_the_headers(
    nights: NightScene,  # noqa: F811
    staff: None,  # noqa: F811
    log_in: LogIn,  # noqa: F811
    staff_client: FlaskClient,
) -> None:
    attempt = nights.paid()
    nights.line(attempt, amount=attempt.amount + 1)
    nights.write()
    nights.night()
    order_ref = attempt.attempt_ref[:13]
    assert log_in(staff_client).status_code == 303
    day = f"/console/reconciliation/{VNPAY}/{nights.today}"
    pages = ["/console/", "/console/orders", f"/console/orders/{order_ref}", "/console/doubt"]
    pages += ["/console/reconciliation", day, f"{day}?lang=en"]
    pages += ["/console/health", f"/console/health/{VNPAY}"]
    pages += ["/console/catalogue", "/console/fees", "/console/fines", "/console/banners"]
    refused = [
        "/console/orders/none",
        "/console/reconciliation?account=none",
        f"{day}9",
        "/console/health/none",
    ]
    for address, status in [*((each, 200) for each in pages), *((each, 404) for each in refused)]:
        answer = staff_client.get(address)
        assert (answer.status_code, answer.mimetype) == (status, "text/html"), address
        require_page_headers(answer)
    served = {rule.rule for rule in staff_client.application.url_map.iter_rules() if "GET" in rule.methods}
    console_pages = {rule for rule in served if rule.startswith("/console")}
    assert len(console_pages) == 18, "a new page of the console: look at its headers here"
    month = f"/console/health/{VNPAY}/{nights.today:%Y-%m}.csv"
    for file in (f"{day}.csv", month, "/console/catalogue/export/agency.csv"):
        csv = staff_client.get(file)
        assert (csv.status_code, csv.headers["Cache-Control"]) == (200, "no-store"), file
        assert csv.headers["X-Content-Type-Options"] == "nosniff"
        assert csv.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_https_application_sends_hsts_everywhere(runtime: Runtime) -> None:
    web = replace(runtime.settings.web, public_url="https://pay.example")
    secured = replace(runtime, settings=replace(runtime.settings, web=web))
    answer = create_app(secured).test_client().get("/receipts")
    assert "Strict-Transport-Security" in answer.headers
