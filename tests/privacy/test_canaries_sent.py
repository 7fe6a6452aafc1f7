"""What really leaves the house, as its receivers got it: webhooks, requests to a provider, its memos; and the upload door."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests
from flask import Flask, request
from flask.testing import FlaskClient

from payclear.app import create_app
from payclear.assembly import assemble
from payclear.contract.registry import ProviderRegistry
from payclear.events.registry import all_event_types
from payclear.kernel.money import Money
from payclear.obligations.batches import jobs
from payclear.orders.inquiry import ask_provider
from payclear.refunds.sending import send_refund
from payclear.refunds.service import request_refund
from payclear.webhooks.outbound import Outbound
from payclear.webhooks.sender import Sender
from payclear.webhooks.service import register_endpoint
from providers.sandbox.client import SandboxClient
from providers.sandbox.provider import SandboxProvider
from providers.simulator.app import Simulator, create_simulator
from providers.simulator.settings import SimulatorSettings
from tests.database import TestServer
from tests.obligations.batches.conftest import ACCOUNTS
from tests.obligations.batches.files import csv_file, json_file, row
from tests.obligations.test_api import FINE
from tests.portal_api import PortalApi
from tests.privacy.test_canaries import (
    ID_NO,
    LICENCE,
    NAME,
    OFFENCE,
    PHONE,
    PLATE,
    careless,
    database_dump,
    every_line,
    leaks,
)
from tests.providers.peers import receiver as callbacks
from tests.scenes import VNPAY, Scene
from tests.webhooks.receivers import receiver as hooks

SANDBOX = "sandbox-demo"


@dataclass
class Bank:
    """The simulator, and every request that it got."""

    simulator: Simulator
    requests: list[bytes] = field(default_factory=list)

    def note(self) -> None:
        said = [request.method.encode(), request.url.encode(), str(request.headers).encode()]
        self.requests.append(b"\n".join([*said, request.get_data()]))

    def books(self, path: Path) -> bytes:
        """Everything the simulator wrote down: payments with their memos, refunds, callbacks."""
        return b"".join(each.read_bytes() for each in sorted(path.parent.glob(f"{path.name}*")))


@dataclass(frozen=True)
class Tried:
    """An attempt."""

    id: UUID
    attempt_ref: str


@pytest.fixture
def bank(people: Scene, tmp_path: Path) -> Iterator[Bank]:
    """A simulator that speaks for the accounts of config/test.toml, and the scene's runtime pointed at it."""
    runtime = people.runtime
    keys = {VNPAY: "hash_secret", SANDBOX: "signing_key"}
    with callbacks() as back:
        settings = SimulatorSettings(
            state_path=str(tmp_path / "simulator.sqlite"),
            credentials={
                account.partition("-")[0]: {
                    "key": runtime.providers.get(account).account.secrets[name].reveal()
                }
                for account, name in keys.items()
            },
            callback_base=back.url,
            retry_interval_s=0.0,
            hang_s=20.0,
        )
        running = create_simulator(settings, clock=runtime.clock)
        made = Bank(running)
        running.app.before_request(made.note)
        thread = threading.Thread(target=running.serve)
        thread.start()
        ours = runtime.settings.simulator
        lines = {}
        for line in runtime.providers:
            options = {
                name: value.replace(f"http://{ours.host}:{ours.port}", running.url)
                if isinstance(value, str)
                else value
                for name, value in line.account.options.items()
            }
            lines[line.code] = replace(line, account=replace(line.account, options=options))
        sandbox = SandboxProvider(SandboxClient(clock=runtime.clock))
        lines[SANDBOX] = replace(lines[SANDBOX], provider=sandbox)
        people.runtime = replace(runtime, providers=ProviderRegistry(lines))
        assemble(people.runtime)
        try:
            yield made
        finally:
            running.stop()
            thread.join(10)


@pytest.fixture
def office(bank: Bank, people: Scene) -> Flask:
    return create_app(people.runtime)


def try_to_pay(client: FlaskClient, people: Scene, order: dict[str, Any], account: str) -> tuple[str, Tried]:
    """The citizen chooses how to pay: where the browser is sent, and the attempt."""
    token = order["pay_url"].rpartition("/")[2]
    page = client.get(f"/pay/{token}").text
    form_token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    asked = client.post(
        f"/pay/{token}/attempts", data={"csrf_token": form_token, "provider_account": account, "lang": "vi"}
    )
    assert asked.status_code == 303, asked.text
    with people.runtime.database.begin() as uow:
        tried = uow.rows(
            Tried, "SELECT id, attempt_ref FROM payment_attempt WHERE provider_account = %s", (account,)
        )
    return asked.headers["Location"], tried[0]


def test_no_receiver_of_ours_is_told_who_owes_or_what_they_did(
    bank: Bank, office: Flask, people: Scene, postgres: TestServer, tmp_path: Path
) -> None:
    runtime, client = people.runtime, office.test_client()
    portal = PortalApi.of(office, people)
    with every_line() as lines, hooks() as endpoint:
        with runtime.database.begin() as uow:
            types = [kind.name for kind in all_event_types()]
            register_endpoint(
                uow,
                runtime.sealer,
                people.portal_code,
                endpoint.url,
                types,
                allow_hosts=runtime.settings.webhooks.allow_hosts,
            )
            uow.commit()
        fines = [
            portal.post("/obligations", careless(FINE, f"{no}/QĐ-XPHC", f"Phạt {NAME}: {OFFENCE}")).json["id"]
            for no in (1, 2)
        ]
        told = {
            "kind": "corrected",
            "decision_no": "3/QĐ-SĐ",
            "decided_on": "2026-11-20",
            "amount": 2_000_000,
        }
        assert portal.post(f"/obligations/{fines[1]}/versions", told).status_code == 200

        order = portal.order(obligations=[fines[0]])
        location, _ = try_to_pay(client, people, order, VNPAY)
        assert requests.get(location, timeout=10).status_code == 200

        order = portal.order(obligations=[fines[1]])
        _, tried = try_to_pay(client, people, order, SANDBOX)
        ask_provider(runtime, tried.id)
        assert portal.get(f"/payment-orders/{order['order_ref']}").json["status"] == "paid"
        with runtime.database.begin() as uow:
            request_refund(
                uow,
                providers=runtime.providers,
                attempt_ref=tried.attempt_ref,
                amount=Money(1_000),
                reason="nộp thừa",
                requested_by="canbo",
            )
            uow.commit()
            (refund_id,) = uow.one("SELECT id FROM refund")
        send_refund(runtime, refund_id)
        Sender(
            database=runtime.database,
            sealer=runtime.sealer,
            clock=runtime.clock,
            outbound=Outbound(
                clock=runtime.clock,
                connect_timeout_s=2,
                total_timeout_s=5,
                allow_hosts=runtime.settings.webhooks.allow_hosts,
            ),
        ).drain()

    delivered = [json.loads(each.body)["type"] for each in endpoint.received]
    assert {"payment_order.created", "payment_order.paid", "obligation.changed"} <= set(delivered)
    assert len(bank.requests) >= 4  # a page, a checkout, a query, a refund
    books = bank.books(tmp_path / "simulator.sqlite")
    assert tried.attempt_ref.encode() in books
    found = [leak for each in bank.requests for leak in leaks("request to the provider", each)]
    found += leaks("the provider's books", books)
    for each in endpoint.received:
        found += leaks("webhook", each.body + each.path.encode() + str(each.headers).encode())
    found += leaks("log", lines.getvalue().encode())
    found += [
        leak
        for place, content in database_dump(postgres).items()
        for leak in leaks(f"table {place}", content)
    ]
    assert found == []


WHO_ROW = {
    "violator_name": NAME,
    "id_no": ID_NO,
    "phone": PHONE,
    "plate": PLATE,
    "licence_no": LICENCE,
}


def test_file_of_decisions_leaves_nothing_of_people_open(
    app: Flask, people: Scene, postgres: TestServer
) -> None:
    with people.runtime.database.begin() as uow:
        uow.run(ACCOUNTS)
        uow.commit()
    shifted = {"decision_no": NAME, "violator_name": ID_NO, "id_no": PHONE, "id_type": "hộ chiếu"}
    rows = [
        row(1, **WHO_ROW),
        row(2, **WHO_ROW, amount="nhiều"),
        row(3, **WHO_ROW) | {"decision_no": ID_NO},
        row(4, **WHO_ROW) | {"decision_no": f"{NAME} 4"},
        row(5, **WHO_ROW) | {"violation_record_no": f"BB {PLATE}"},
        row(6, **WHO_ROW) | shifted,
        row(7, **WHO_ROW) | {"decision_no": ID_NO, "id_no": "x"},
        row(8, **WHO_ROW) | {"agency_code": NAME},
        row(9, **WHO_ROW) | {"withheld": OFFENCE},
    ]
    files = {
        "decisions": ("text/csv", csv_file(rows)),
        "same again": ("application/json", json_file(rows)),
        "offence": ("text/csv", csv_file([row(10, **WHO_ROW)]).replace(b"amount", "hành vi".encode(), 1)),
        "no header": ("text/csv", csv_file(rows).partition(b"\n")[2]),
        "broken": ("application/json", json_file(rows)[:-9]),
        "key": ("application/json", json.dumps([{NAME: OFFENCE, **row(11, **WHO_ROW)}]).encode()),
    }
    sent: dict[str, bytes] = {}
    with every_line() as lines:
        portal = PortalApi.of(app, people)
        for name, (kind, content) in files.items():
            answer = portal.post("/decision-batches", content, content_type=kind)
            assert answer.status_code == 202, answer.text
            sent[name] = answer.data
            with people.runtime.database.begin() as uow:
                waiting = uow.run(
                    "SELECT args FROM procrastinate_jobs WHERE task_name = 'decisions.take_batch'"
                ).fetchall()
            for (arguments,) in waiting:
                jobs.take_batch(**arguments)
            batch = f"/decision-batches/{answer.json['id']}"
            for path in (batch, f"{batch}/results", f"{batch}/results.json"):
                sent[f"{name} {path}"] = portal.get(path).data
    with people.runtime.database.begin() as uow:
        counts = uow.run("SELECT result, count(*) FROM decision_row GROUP BY result ORDER BY 1").fetchall()
    assert counts == [("refused", 16), ("registered", 1), ("unchanged", 1)]
    found = [leak for place, content in sent.items() for leak in leaks(place, content)]
    found += leaks("log", lines.getvalue().encode())
    dump = database_dump(postgres)
    found += [leak for place, content in dump.items() for leak in leaks(f"table {place}", content)]
    assert found == []
    assert len(dump["public.decision_file"]) > 1_000


@pytest.mark.parametrize("number", [ID_NO, f"12/{NAME}", f"{PLATE}/BB"])
def test_decision_whose_number_is_a_persons_is_refused(app: Flask, people: Scene, number: str) -> None:
    portal = PortalApi.of(app, people)
    refused = portal.post("/obligations", careless(FINE, number, "Phạt"))
    assert (refused.status_code, refused.json["code"]) == (422, "personal_data_in_text")
    fine = portal.post("/obligations", careless(FINE, "12/QĐ-XPHC", "Phạt")).json["id"]
    told = {"kind": "corrected", "decision_no": ID_NO, "decided_on": "2026-11-20", "amount": 2_000_000}
    refused = portal.post(f"/obligations/{fine}/versions", told)
    assert (refused.status_code, refused.json["code"]) == (422, "personal_data_in_text")
