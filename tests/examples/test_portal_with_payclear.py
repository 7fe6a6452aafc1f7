"""The example portal beside the real payclear, each over HTTP: order, payment, webhook, receipt."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from examples.portal.app import create_app as create_portal
from examples.portal.client import PayclearClient
from examples.portal.store import Dossier, Store
from payclear.app import create_app
from payclear.checkout.service import start
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.clock import FixedClock, SystemClock
from payclear.kernel.settings import load_settings
from payclear.operations import demo
from payclear.operations.verify import verify
from payclear.orders.service import get_order
from payclear.receipts.jobs import issue
from payclear.runtime import Runtime
from payclear.webhooks.jobs import drain
from tests.scenes import VNPAY, Scene
from tests.webhooks.receivers import free_port


class Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        pass


@contextmanager
def served(app: Flask, port: int) -> Iterator[None]:
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def world(runtime: Runtime, clock: FixedClock, tmp_path: Path) -> Iterator[tuple[Runtime, Store, str]]:
    """Both programs on free ports with the demonstration data; the clock stands at now."""
    clock.set(SystemClock().now())  # The standardwebhooks package reads the machine's clock.
    web, portal_port = free_port(), free_port()
    settings = load_settings(
        "test",
        environ={
            "PAYCLEAR_WEB_PUBLIC_URL": f"http://127.0.0.1:{web}",
            "PAYCLEAR_PORTAL_EXAMPLE_PORT": str(portal_port),
        },
    )
    both = replace(runtime, settings=settings)
    app = create_app(both)
    demo.load(both)
    store = Store(tmp_path / "portal.sqlite")
    store.prepare()
    here = f"http://127.0.0.1:{portal_port}"
    example = settings.portal_example
    client = PayclearClient(settings.web.public_url, example.api_key.reveal())
    portal = create_portal(client, store, example.webhook_secret.reveal(), here)
    with served(app, web), served(portal, portal_port):
        yield both, store, here


def press_pay(here: str, dossier: Dossier) -> requests.Response:
    return requests.post(f"{here}/dossiers/{dossier.code}/pay", allow_redirects=False, timeout=10)


def pay(runtime: Runtime, order_ref: str) -> None:
    """The citizen chooses VNPAY, which makes its address without a call; then what a status query finds at the bank."""
    scene = Scene(runtime, portal_code=demo.PORTAL)
    with runtime.database.begin() as uow:
        token = get_order(uow, portal_code=demo.PORTAL, order_ref=order_ref).pay_token
    public_url = runtime.settings.web.public_url
    start(runtime, token, VNPAY, payer_ip="127.0.0.1", public_url=public_url, locale="vi")
    with runtime.database.begin() as uow:
        order = get_order(uow, portal_code=demo.PORTAL, order_ref=order_ref)
    scene.apply(scene.evidence(order.attempts[0], Outcome.CONFIRMED, source=EvidenceSource.STATUS_QUERY))


@pytest.mark.parametrize("place", [0, 1, 3], ids=["fee", "two_lines", "overdue_fine"])
def test_portal_pays_a_dossier_and_is_told(world: tuple[Runtime, Store, str], place: int) -> None:
    runtime, store, here = world
    dossier = store.dossiers()[place]
    answer = press_pay(here, dossier)
    assert answer.status_code == 303, answer.text
    pay_url = answer.headers["Location"]
    assert requests.get(pay_url, timeout=10).status_code == 200
    order_ref = store.dossier(dossier.code).payment.order_ref
    assert press_pay(here, dossier).headers["Location"] == pay_url
    pay(runtime, order_ref)
    assert drain() == "1 delivered, 0 failed, 0 parked"
    assert issue() == "1 receipts issued"
    known = store.dossier(dossier.code).payment
    assert known.status == "paid"
    assert [event["type"] for event in known.events] == ["payment_order.paid"]
    back = requests.get(f"{here}/return?dossier={dossier.code}", timeout=10)
    assert 'data-status="paid"' in back.text
    receipt = requests.get(known.receipt_url, timeout=10)
    assert receipt.status_code == 200
    assert "BL-" in receipt.text
    charged = known.answer["amount"]["amount"]
    assert charged > dossier.total if place == 3 else charged == dossier.total
    assert [finding for finding in verify(runtime.database) if not finding.holds] == []


def test_portal_sees_that_a_dossier_without_a_fee_has_nothing_to_pay(
    world: tuple[Runtime, Store, str],
) -> None:
    runtime, store, here = world
    dossier = store.dossiers()[2]
    answer = press_pay(here, dossier)
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (
        303,
        f"/dossiers/{dossier.code}",
    )
    assert drain() == "1 delivered, 0 failed, 0 parked"
    known = store.dossier(dossier.code).payment
    assert known.status == "exempted"
    assert [event["type"] for event in known.events] == ["payment_order.exempted"]
    shown = requests.get(f"{here}/dossiers/{dossier.code}", timeout=10).text
    assert 'data-status="exempted"' in shown
    assert f"pay-{dossier.code}" not in shown
    assert [finding for finding in verify(runtime.database) if not finding.holds] == []
