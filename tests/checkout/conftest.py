"""The payment page with two banks that answer as told."""

import pytest
from flask.testing import FlaskClient

from payclear.app import create_app
from payclear.runtime import Runtime
from tests.checkout.fakes import ToldProvider, with_providers
from tests.scenes import Scene


@pytest.fixture
def told() -> ToldProvider:
    return ToldProvider()


@pytest.fixture
def pay_runtime(runtime: Runtime, told: ToldProvider) -> Runtime:
    return with_providers(runtime, a=told, b=ToldProvider(minimum=500_000))


@pytest.fixture
def pay_scene(pay_runtime: Runtime) -> Scene:
    return Scene(pay_runtime).set_up()


@pytest.fixture
def browser(pay_runtime: Runtime) -> FlaskClient:
    return create_app(pay_runtime).test_client()
