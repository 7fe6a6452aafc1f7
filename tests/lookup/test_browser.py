"""Look-up in a real Chromium: a keyboard is enough, nothing of ours is blocked, it fits a phone, everything has a name."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from tests.checkout.test_browser import fits, serve
from tests.lookup.conftest import Street

pytestmark = pytest.mark.browser


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    yield from serve(app)


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def phone(chromium: Browser, complaints: list[str]) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 320, "height": 640}, java_script_enabled=False)
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()


def look_up(page: Page, site: str, factor: str = "4321", lang: str = "vi") -> None:
    page.goto(f"{site}/tra-cuu?lang={lang}")
    page.fill("#document_no", "0012345/QĐ-XPHC")
    page.fill("#second_factor", factor)
    page.get_by_test_id("look-up").click()


def test_citizen_looks_up_and_reaches_the_payment_page_with_the_keyboard_alone(
    phone: Page, site: str, street: Street, complaints: list[str]
) -> None:
    street.fine()
    phone.goto(f"{site}/tra-cuu")
    phone.focus("#document_no")
    phone.keyboard.type("0012345/qd-xphc")
    phone.keyboard.press("Tab")
    phone.keyboard.type("4321")
    phone.keyboard.press("Enter")
    assert phone.get_by_test_id("status").get_attribute("data-status") == "payable"
    assert phone.url == f"{site}/tra-cuu"
    phone.focus('[data-testid="pay"]')
    phone.keyboard.press("Enter")
    phone.wait_for_url(f"{site}/pay/*")
    assert phone.get_by_test_id("pay-page").count() == 1
    assert complaints == []


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_every_page_fits_a_small_phone_and_everything_to_press_fits_a_thumb(
    phone: Page, site: str, street: Street, complaints: list[str], lang: str
) -> None:
    street.fine()

    def require_good() -> None:
        assert fits(phone)
        for button in phone.locator("main a, main button, main input:not([type=hidden]), main select").all():
            box = button.bounding_box()
            assert box is None or box["height"] >= 44, button.evaluate("e => e.outerHTML")

    phone.goto(f"{site}/tra-cuu?lang={lang}")
    require_good()
    look_up(phone, site, "0000", lang)
    require_good()
    for way in ("let-pay", "slip"):
        look_up(phone, site, lang=lang)
        require_good()
        phone.get_by_test_id(way).click()
        require_good()
        if way == "let-pay":
            path = phone.get_by_test_id("address").inner_text().partition("/nop-thay/")[2]
            phone.goto(f"{site}/nop-thay/{path}?lang={lang}")
            require_good()
            assert "TRẦN" not in phone.content()
    assert complaints == []


def test_every_field_has_a_label_that_a_screen_reader_finds(phone: Page, site: str) -> None:
    phone.goto(f"{site}/tra-cuu")
    for label in ("Số quyết định, mã hồ sơ", "4 số cuối của số định danh"):
        assert phone.get_by_label(label).count() == 1
    phone.locator("summary").click()
    for label in ("Cơ quan ra quyết định", "Ngày quyết định"):
        assert phone.get_by_label(label).is_visible()
