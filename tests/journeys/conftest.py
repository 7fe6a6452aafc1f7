"""One town for all journeys of a test process, and a browser."""

from collections.abc import Iterator

import pytest

from tests.database import start_server
from tests.journeys.town import Town


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town with a PostgreSQL of its own: journeys kill it too."""
    server = start_server(tmp_path_factory.mktemp("town-pg"))
    built = Town(server, tmp_path_factory.mktemp("town"), "town")
    try:
        yield built.build()
    finally:
        built.stop()
        server.server.destroy()


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
