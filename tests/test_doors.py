"""No address of the application is open by accident."""

import pytest
from flask import Blueprint, Flask

from payclear import app as house
from payclear.app import FORMS, OPEN, SIGNED, UNGUESSABLE, create_app
from payclear.console.mounting import is_guarded
from payclear.contract.modules import ConsolePages
from payclear.runtime import Runtime

# What anybody may ask without key, session, token or signature. A new name here is a decision.
OPEN_ON_PURPOSE = {
    "static",
    "checkout.come_back",
    "receipts.check",
    "opendata.show",
    "opendata.as_json",
    "opendata.as_csv",
    "privacy.show",
    "lookup.ask",
    "lookup.answer",
    "console_login.login",
    "console_login.sign_in",
    "docs.docs",
    "docs.openapi_json",
    "health.health",
    "health.webhook_keys",
}


def test_open_addresses_are_those_on_the_list(app: Flask) -> None:
    assert OPEN == OPEN_ON_PURPOSE
    open_ = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if not hasattr(app.view_functions[rule.endpoint], "operation")
        and not is_guarded(app.blueprints.get(rule.endpoint.partition(".")[0]))
        and rule.endpoint not in SIGNED | UNGUESSABLE | FORMS
    }
    assert open_ == OPEN_ON_PURPOSE


def test_address_guarded_by_its_secrecy_or_a_signature_names_a_parameter(app: Flask) -> None:
    rules = {rule.endpoint: rule for rule in app.url_map.iter_rules()}
    assert {frozenset(rules[name].arguments) for name in UNGUESSABLE} == {
        frozenset({"token"}),
        frozenset({"code"}),
    }
    assert {frozenset(rules[name].arguments) for name in SIGNED} == {frozenset({"account_code"})}


def test_new_address_that_nothing_guards_stops_the_start(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    stray = Blueprint("stray", __name__)
    stray.add_url_rule("/stray", view_func=lambda: "open", endpoint="door")
    install = house.install_docs

    def install_with_stray(app: Flask, **words: object) -> None:
        install(app, **words)
        app.register_blueprint(stray)

    monkeypatch.setattr(house, "install_docs", install_with_stray)
    with pytest.raises(RuntimeError, match=r"nothing guards /stray \(stray\.door\)"):
        create_app(runtime)


def test_pages_of_a_module_lie_behind_the_staff_session(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought = Blueprint("brought", __name__)
    brought.add_url_rule("/brought", view_func=lambda: "staff only", endpoint="page")
    mount = house.console.mount
    pages = ConsolePages(blueprint=brought, title_key="", path="/console/brought")
    monkeypatch.setattr(house.console, "mount", lambda app, modules: mount(app, [*modules, pages]))
    answer = create_app(runtime).test_client().get("/console/brought")
    assert answer.status_code == 303
    assert "/console/login" in answer.headers["Location"]
