"""Fixtures that every test may use: a real PostgreSQL, a runtime with a fixed clock, a Flask client."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

os.environ["PAYCLEAR_ENVIRONMENT"] = "test"

from payclear.app import create_app
from payclear.assembly import assemble, make_runtime
from payclear.db.uow import Database
from payclear.kernel.clock import FixedClock
from payclear.kernel.settings import Settings, load_settings
from payclear.runtime import Runtime
from tests.browser import chromium  # noqa: F401  (a fixture)
from tests.database import TestServer, start_server
from tests.scenes import Scene

MORNING = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)  # 10:30 in Viet Nam, a Saturday


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load_settings("test")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestServer]:
    server = start_server(tmp_path_factory.mktemp("pg"))
    try:
        yield server
    finally:
        server.server.destroy()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(MORNING)


@pytest.fixture(scope="session")
def session_runtime(postgres: TestServer, settings: Settings) -> Iterator[Runtime]:
    made = make_runtime(settings, url=postgres.app_url, clock=FixedClock(MORNING))
    yield made
    made.database.engine.dispose()


@pytest.fixture
def runtime(
    postgres: TestServer, session_runtime: Runtime, settings: Settings, clock: FixedClock
) -> Iterator[Runtime]:
    """The tools of a process on an empty database; `clock` is the test's own."""
    made = Runtime(
        settings=settings,
        clock=clock,
        database=Database(session_runtime.database.engine, clock),
        providers=session_runtime.providers,
        sealer=session_runtime.sealer,
        blind_index=session_runtime.blind_index,
    )
    assemble(made)
    yield made
    postgres.empty()


@pytest.fixture
def database(runtime: Runtime) -> Database:
    return runtime.database


@pytest.fixture
def app(runtime: Runtime):
    """The whole application on the test's runtime."""
    return create_app(runtime)


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def scene(runtime: Runtime) -> Scene:
    """A portal with its agency, accounts and rates on an empty database."""
    return Scene(runtime).set_up()
