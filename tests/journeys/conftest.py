"""One town for all journeys of a test process, and a browser."""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.database import TestServer
from tests.journeys.town import Town

CHROMIUM = os.environ.get("PAYCLEAR_TEST_CHROMIUM") or next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def town(postgres: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    built = Town(postgres, tmp_path_factory.mktemp("town"), "town")
    try:
        yield built.build()
    finally:
        built.stop()


@pytest.fixture
def calm(town: Town) -> Town:
    """The town with every process up and no fault planted; it is left so for the next journey."""
    for role in ("simulator", "web", "worker", "scheduler", "portal"):
        process = town.processes.get(role)
        if process is None or process.poll() is not None:
            town.processes.pop(role, None)
            town.start(role)
    town.wait_until_up()
    town.control("faults", provider="vnpay", attempt_ref="*", faults=[])
    return town


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install it, or name it in PAYCLEAR_TEST_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium) -> Iterator[object]:
    """A phone; a page that complains in its console fails the test."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, locale="vi-VN")
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    yield opened
    context.close()
    assert complaints == []
