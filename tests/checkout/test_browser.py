"""The payment page in a real Chromium: nothing of ours is blocked, it fits a phone, a keyboard is enough."""

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page
from werkzeug.serving import WSGIRequestHandler, make_server

from payclear.app import create_app
from payclear.contract.channels import Channel
from payclear.contract.manifest import Capability
from payclear.contract.messages import CheckoutResult
from payclear.contract.outcomes import Outcome
from payclear.runtime import Runtime
from tests.checkout.fakes import ToldProvider, qr_text
from tests.scenes import Scene

pytestmark = pytest.mark.browser


class Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing."""


def serve(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def bank() -> Iterator[str]:
    app = Flask("bank")
    app.add_url_rule("/pay", "pay", lambda: "<h1>bank</h1>")
    app.add_url_rule("/favicon.ico", "icon", lambda: "")
    yield from serve(app)


@pytest.fixture
def site(pay_runtime: Runtime, told: ToldProvider, bank: str) -> Iterator[str]:
    told.answer = CheckoutResult(outcome=Outcome.PENDING, redirect_url=f"{bank}/pay")
    told.page_origins = lambda account: (bank,)
    yield from serve(create_app(pay_runtime))


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def phone(chromium: Browser, complaints: list[str]) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 320, "height": 640})
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()


def fits(page: Page) -> bool:
    """Whether nobody has to scroll sideways; waits for the page that a click led to."""
    page.wait_for_load_state()
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_citizen_pays_with_the_keyboard_alone_and_comes_back_to_wait(
    phone: Page, site: str, bank: str, pay_scene: Scene, complaints: list[str]
) -> None:
    order = pay_scene.order(amount=600_000)
    phone.goto(f"{site}/pay/{order.pay_token}")
    assert fits(phone)
    phone.focus("#offer-2")
    phone.keyboard.press("ArrowUp")
    assert phone.is_checked("#offer-1")
    phone.keyboard.press("Tab")
    phone.keyboard.press("Enter")
    phone.wait_for_url(f"{bank}/pay")
    phone.goto(f"{site}/pay/{order.pay_token}")
    assert phone.get_by_test_id("pay-page").get_attribute("data-kind") == "continue"
    assert phone.get_by_test_id("continue").get_attribute("href") == f"{bank}/pay"
    assert fits(phone)
    assert complaints == []


def test_choice_of_nothing_is_stopped_by_the_browser_itself(
    phone: Page, site: str, pay_scene: Scene, told: ToldProvider
) -> None:
    order = pay_scene.order(amount=600_000)
    phone.goto(f"{site}/pay/{order.pay_token}")
    phone.get_by_test_id("pay").click()
    assert phone.url == f"{site}/pay/{order.pay_token}"
    assert told.requests == []


def test_everything_to_press_is_large_enough_for_a_thumb(phone: Page, site: str, pay_scene: Scene) -> None:
    paid = pay_scene.paid_order(provider_account="a")
    for order in (pay_scene.order(amount=600_000), paid):
        phone.goto(f"{site}/pay/{order.pay_token}")
        small = phone.evaluate(
            "[...document.querySelectorAll('a:not(.skip), button, label')]"
            ".filter(e => e.getBoundingClientRect().height < 44).map(e => e.outerHTML)"
        )
        assert small == []


def test_receipt_and_console_login_fit_a_small_phone_without_complaint(
    phone: Page, site: str, pay_scene: Scene, complaints: list[str]
) -> None:
    order = pay_scene.paid_order(provider_account="a")
    for address in (f"/pay/{order.pay_token}/receipt?lang=en", "/receipts", "/console/login"):
        phone.goto(site + address)
        assert fits(phone), address
    assert complaints == []


def test_qr_page_fits_a_small_phone_and_its_picture_can_be_saved(
    phone: Page, site: str, pay_scene: Scene, told: ToldProvider, complaints: list[str]
) -> None:
    told.able(Capability.QR, channel=Channel.QR)
    told.answer = CheckoutResult(outcome=Outcome.PENDING, qr_text=qr_text(600_000))
    order = pay_scene.order(amount=600_000)
    phone.goto(f"{site}/pay/{order.pay_token}")
    phone.check("#offer-1")
    phone.get_by_test_id("pay").click()
    assert phone.get_by_test_id("pay-page").get_attribute("data-kind") == "scan"
    assert fits(phone)
    with phone.expect_download() as download:
        phone.click("a[download]")
    assert download.value.suggested_filename == f"{order.order_ref}.png"
    assert complaints == []


def test_places_that_are_closed_are_read_with_the_keyboard(phone: Page, site: str, pay_scene: Scene) -> None:
    phone.goto(f"{site}/pay/{pay_scene.order(amount=100_000).pay_token}")
    phone.focus("summary")
    phone.keyboard.press("Enter")
    assert phone.get_by_text("Ngân hàng b").is_visible()
