"""A simulator whose time is driven from outside: for days that pass in minutes."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests

from payclear.contract.errors import OutcomeUnknown
from payclear.kernel.clock import FixedClock
from providers.sandbox.client import SandboxClient
from providers.sandbox.provider import SandboxProvider
from providers.simulator.app import Simulator, create_simulator
from providers.simulator.settings import SimulatorSettings
from providers.vnpay import provider as vnpay
from tests.providers.factories import (
    NOW,
    SANDBOX_SECRET,
    VNPAY_SECRET,
    checkout,
    sandbox_account,
    vnpay_account,
)
from tests.providers.peers import Receiver


class Control:
    """The puppeteer's side."""

    def __init__(self, url: str, http: requests.Session) -> None:
        self.url, self.http = url, http

    def post(self, path: str, **body: object) -> requests.Response:
        return self.http.post(f"{self.url}/control/{path}", json=body, timeout=10)

    def get(self, path: str) -> dict:
        return self.http.get(f"{self.url}/control/{path}", timeout=10).json()


@pytest.fixture
def driven(receiver: Receiver, tmp_path) -> Iterator[Simulator]:
    settings = SimulatorSettings(
        state_path=str(tmp_path / "simulator.sqlite"),
        callback_base=receiver.url,
        credentials={"vnpay": {"key": VNPAY_SECRET}, "sandbox": {"key": SANDBOX_SECRET}},
        hang_s=0.0,
        cuts=True,
    )
    running = create_simulator(settings, clock=FixedClock(NOW))
    thread = threading.Thread(target=running.serve)
    thread.start()
    try:
        yield running
    finally:
        running.stop()
        thread.join(10)


@pytest.fixture
def control(driven: Simulator, http: requests.Session) -> Control:
    return Control(driven.url, http)


@pytest.fixture
def sandbox(driven: Simulator) -> SandboxProvider:
    return SandboxProvider(SandboxClient(clock=FixedClock(NOW)))


def test_clock_on_real_time_can_not_be_moved(simulator: Simulator, http: requests.Session) -> None:
    simulator.engine.clock = type("Real", (), {"now": staticmethod(lambda: NOW)})()
    assert Control(simulator.url, http).post("clock", at=NOW.isoformat()).status_code == 409


def test_clock_never_runs_backwards(control: Control) -> None:
    earlier = NOW - timedelta(seconds=1)
    assert control.post("clock", at=earlier.isoformat()).status_code == 400
    assert control.get("clock")["at"] == NOW.isoformat()


def test_callback_nobody_acknowledged_comes_again_when_the_clock_says_so(
    control: Control, driven: Simulator, receiver: Receiver
) -> None:
    receiver.status = 500
    url = vnpay.start_checkout(vnpay_account(driven.url), checkout()).redirect_url
    control.post("pay", provider="vnpay", pay_url=url)
    told = control.post("settle").json()
    assert (told["settled"], len(receiver.calls)) == (True, 1)
    assert told["next_due"] == (NOW + timedelta(minutes=5)).isoformat()

    assert control.post("clock", at=(NOW + timedelta(minutes=4)).isoformat()).status_code == 200
    assert control.post("settle").json()["settled"]
    assert len(receiver.calls) == 1

    receiver.status = 200
    control.post("clock", at=(NOW + timedelta(minutes=5)).isoformat())
    assert control.post("settle").json()["next_due"] is None
    assert len(receiver.calls) == 2


def test_settle_that_waits_in_vain_says_so(control: Control, driven: Simulator) -> None:
    driven.engine.deliveries.stop()
    url = vnpay.start_checkout(vnpay_account(driven.url), checkout()).redirect_url
    control.post("pay", provider="vnpay", pay_url=url)
    assert control.post("settle", timeout_s=0.05).json()["settled"] is False


@pytest.mark.parametrize(
    ("fault", "is_paid"), [("create_timeout_before_money", None), ("create_timeout_after_money", "paid")]
)
def test_cut_connection_leaves_the_caller_in_doubt(
    control: Control, driven: Simulator, sandbox: SandboxProvider, fault: str, is_paid: str | None
) -> None:
    control.post("faults", provider="sandbox", faults=["wait_for_payer", fault])
    with pytest.raises(OutcomeUnknown):
        sandbox.start_checkout(sandbox_account(driven.url), checkout())
    payments = control.get("books")["payments"]
    assert [each["status"] for each in payments] == ([] if is_paid is None else [is_paid])


def test_money_paid_twice_is_two_payments_two_callbacks_and_two_lines(
    control: Control, driven: Simulator, sandbox: SandboxProvider, receiver: Receiver
) -> None:
    control.post("faults", provider="sandbox", faults=["wait_for_payer", "pays_twice"])
    request = checkout(callback_url=f"{receiver.url}/sandbox")
    url = sandbox.start_checkout(sandbox_account(driven.url), request).redirect_url
    control.post("pay", provider="sandbox", pay_url=url)
    assert control.post("settle").json()["settled"]
    paid = control.get("books")["payments"]
    assert {each["attempt_ref"] for each in paid} == {request.attempt_ref}
    assert [each["amount"] for each in paid] == [150_000, 150_000]
    assert len({each["provider_ref"] for each in paid}) == 2
    assert len(receiver.wait_for(2)) == 2
    day = control.http.get(
        f"{driven.url}/control/statement", params={"provider": "sandbox", "date": "2026-11-21"}, timeout=10
    )
    lines = day.text.splitlines()[1:-1]
    assert [line.split(",")[1] for line in lines] == [request.attempt_ref] * 2
    assert lines[0] != lines[1]


def test_books_tell_of_every_payment_refund_and_callback(
    control: Control, driven: Simulator, sandbox: SandboxProvider
) -> None:
    control.post("faults", provider="sandbox", faults=["wait_for_payer", "lose_callback"])
    sandbox.start_checkout(sandbox_account(driven.url), checkout())
    url = vnpay.start_checkout(vnpay_account(driven.url), checkout()).redirect_url
    paid = control.post("pay", provider="vnpay", pay_url=url).json()
    driven.engine.refund(driven.engine.find("vnpay", paid["attempt_ref"]), "R1", 50_000)
    control.post("settle")
    books = control.get("books")
    assert {each["provider"]: each["status"] for each in books["payments"]} == {
        "sandbox": "opened",
        "vnpay": "paid",
    }
    assert [(each["refund_ref"], each["amount"]) for each in books["refunds"]] == [("R1", 50_000)]
    assert books["callbacks"] == {"done": 1}
