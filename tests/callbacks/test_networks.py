"""Providers and banks whose networks are listed: what comes from elsewhere is refused like a forged message, and counted."""

import json
from dataclasses import replace
from types import MappingProxyType

import pytest
from flask import Flask

from payclear.app import create_app
from payclear.assembly import ConfigurationRefused, assemble, load_providers
from payclear.kernel.settings import Settings
from payclear.orders.domain import OrderState
from payclear.runtime import Runtime
from tests.callbacks.vnpay_messages import ACCOUNT, ipn_query
from tests.collection import bank as banks
from tests.scenes import Scene

BANKS_OWN = "203.0.113.0/24, 2001:db8::/48"


def listing(settings: Settings, networks: str) -> Settings:
    """The settings with the networks of two accounts."""
    accounts = dict(settings.provider_accounts)
    for code in (ACCOUNT, banks.ACCOUNT):
        options = MappingProxyType({**accounts[code].options, "allowed_networks": networks})
        accounts[code] = replace(accounts[code], options=options)
    return replace(settings, provider_accounts=MappingProxyType(accounts))


@pytest.fixture
def listed(runtime: Runtime) -> Flask:
    """The application with the networks of two accounts listed."""
    settings = listing(runtime.settings, BANKS_OWN)
    made = replace(runtime, settings=settings, providers=load_providers(settings))
    assemble(made)
    return create_app(made)


def rejected(scene: Scene, table: str) -> list[tuple[str, str, int]]:
    with scene.runtime.database.begin() as uow:
        return uow.run(f"SELECT provider_account, reason, count FROM {table}").fetchall()


def said(app: Flask, query: str, address: str) -> str:
    answer = app.test_client().get(f"/callbacks/{ACCOUNT}?{query}", environ_base={"REMOTE_ADDR": address})
    return answer.get_json()["RspCode"]


def test_genuine_callback_from_another_network_is_refused_and_counted(listed: Flask, scene: Scene) -> None:
    order = scene.order()
    query = ipn_query(scene.runtime, scene.attempt(order))
    assert [said(listed, query, address) for address in ("198.51.100.7", "203.0.114.1")] == ["97", "97"]
    assert scene.reload(order.id).state is OrderState.OPEN
    assert rejected(scene, "callback_rejection") == [(ACCOUNT, "address_refused", 2)]
    assert said(listed, query, "203.0.113.7") == "00"
    assert scene.reload(order.id).state is OrderState.PAID


@pytest.mark.parametrize("address", ["203.0.113.7", "::ffff:203.0.113.7", "2001:db8::9"])
def test_callback_from_a_listed_network_is_taken(listed: Flask, scene: Scene, address: str) -> None:
    order = scene.order()
    assert said(listed, ipn_query(scene.runtime, scene.attempt(order)), address) == "00"
    assert scene.reload(order.id).state is OrderState.PAID


def test_address_that_a_stranger_claims_in_a_header_is_not_believed(listed: Flask, scene: Scene) -> None:
    query = ipn_query(scene.runtime, scene.attempt(scene.order()))
    answer = listed.test_client().get(
        f"/callbacks/{ACCOUNT}?{query}",
        environ_base={"REMOTE_ADDR": "198.51.100.7"},
        headers={"X-Forwarded-For": "203.0.113.7"},
    )
    assert answer.get_json()["RspCode"] == "97"


def test_bank_at_its_counter_is_held_to_its_networks(listed: Flask, scene: Scene) -> None:
    bank = banks.Bank(listed, scene.runtime.clock)
    body = json.dumps({"message_id": "INQ-1", "document_no": scene.fee().document_no}).encode()
    answers = []
    for address in ("198.51.100.7", "203.0.113.7"):
        headers = bank.headers("bills/inquire", body)
        answer = listed.test_client().post(
            bank.path("bills/inquire"), data=body, headers=headers, environ_base={"REMOTE_ADDR": address}
        )
        answers.append(answer.status_code)
    assert answers == [401, 200]
    assert rejected(scene, "collection_rejection") == [(banks.ACCOUNT, "address_refused", 1)]


def test_account_without_a_list_is_called_from_anywhere(app: Flask, scene: Scene) -> None:
    assert said(app, ipn_query(scene.runtime, scene.attempt(scene.order())), "198.51.100.7") == "00"


@pytest.mark.parametrize("networks", ["203.0.113.7/24", "bank.example.vn", "203.0.113.0/24,"])
def test_list_with_what_is_no_network_is_refused_at_start(settings: Settings, networks: str) -> None:
    with pytest.raises(ConfigurationRefused, match="allowed_networks"):
        load_providers(listing(settings, networks))


@pytest.mark.parametrize(
    ("forwarded", "code"),
    [("198.51.100.7, 203.0.113.7", "00"), ("203.0.113.7, 198.51.100.7", "97"), ("", "97"), ("bank", "97")],
)
def test_behind_a_proxy_the_address_that_the_proxy_saw_counts(
    runtime: Runtime, scene: Scene, forwarded: str, code: str
) -> None:
    settings = listing(runtime.settings, BANKS_OWN)
    settings = replace(settings, web=replace(settings.web, trusted_proxies=1))
    made = replace(runtime, settings=settings, providers=load_providers(settings))
    assemble(made)
    answer = (
        create_app(made)
        .test_client()
        .get(
            f"/callbacks/{ACCOUNT}?{ipn_query(made, scene.attempt(scene.order()))}",
            environ_base={"REMOTE_ADDR": "10.0.0.1"},
            headers={"X-Forwarded-For": forwarded} if forwarded else {},
        )
    )
    assert answer.get_json()["RspCode"] == code
