"""The page about personal data in a real Chromium: it fits a small phone, needs no script, and the keyboard reaches it."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page

from tests.checkout.test_browser import fits, serve
from tests.lookup.test_browser import complaints, phone  # noqa: F401

pytestmark = pytest.mark.browser


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    yield from serve(app)


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_page_fits_a_small_phone_and_is_reached_from_the_foot(
    phone: Page,  # noqa: F811
    site: str,
    complaints: list[str],  # noqa: F811
    lang: str,
) -> None:
    phone.goto(f"{site}/tra-cuu?lang={lang}")
    link = phone.get_by_test_id("privacy-link")
    box = link.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    link.focus()
    phone.keyboard.press("Enter")
    phone.wait_for_url(f"{site}/du-lieu-ca-nhan?lang={lang}")
    assert phone.get_by_test_id("privacy").count() == 1
    assert phone.get_by_role("heading", level=1).count() == 1
    assert phone.get_by_role("region").count() == 5  # each part has a name
    assert fits(phone)
    assert complaints == []
