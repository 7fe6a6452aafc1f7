"""Where portals state no fees, stated lines are refused before anything else is looked at."""

import tomllib
from dataclasses import replace

import pytest
from flask import Flask

from payclear.app import create_app
from payclear.kernel.settings import default_config_dir
from payclear.runtime import Runtime
from tests.obligations.fees.conftest import told
from tests.obligations.fees.test_pricing import LINE
from tests.portal_api import PortalApi
from tests.scenes import Scene


@pytest.fixture
def app(runtime: Runtime) -> Flask:
    settings = runtime.settings
    strict = replace(settings, obligations=replace(settings.obligations, portals_state_fees=False))
    return create_app(replace(runtime, settings=strict))


def test_shipped_default_lets_no_portal_state_a_fee() -> None:
    shipped = tomllib.loads((default_config_dir({}) / "default.toml").read_text("utf-8"))
    production = tomllib.loads((default_config_dir({}) / "production.toml").read_text("utf-8"))
    assert shipped["obligations"]["portals_state_fees"] is False
    assert "obligations" not in production


def test_stated_fee_of_an_unknown_procedure_is_refused_where_portals_state_none(
    portal: PortalApi, scene: Scene
) -> None:
    body = told(procedure="1.000001")
    del body["fee"]
    answer = portal.post("/obligations", {**body, "lines": [LINE]})
    assert (answer.status_code, answer.json["code"]) == (422, "stated_fee_refused"), answer.text
