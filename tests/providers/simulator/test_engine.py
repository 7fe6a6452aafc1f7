"""What every protocol gets from the engine: pages, faults, retries, order of delivery, credentials."""

import sqlite3
import sys
from datetime import date
from threading import Event

import pytest
from flask import Blueprint

from payclear.kernel.clock import FixedClock
from providers.sandbox.client import SandboxClient
from providers.sandbox.provider import SandboxProvider
from providers.simulator.__main__ import _credentials, _parser, _settings
from providers.simulator.app import create_simulator
from providers.simulator.protocol import OutboundCall, Protocol, RetryRule
from providers.simulator.settings import SimulatorSettings
from providers.simulator.truth import Payment, Truth
from providers.transport import Transport
from tests.providers.factories import NOW, REFERENCE, SANDBOX_SECRET, checkout, sandbox_account


@pytest.fixture
def control(simulator, http):
    def call(path, **body):
        answer = http.post(
            f"{simulator.url}/control/{path}", json={"provider": "sandbox", **body}, timeout=10
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


@pytest.fixture
def create(simulator, provider_clock, receiver):
    transport = Transport(connect_timeout_s=1, read_timeout_s=3, total_deadline_s=6)
    adapter = SandboxProvider(SandboxClient(transport, provider_clock))

    def call(**changes):
        request = checkout(callback_url=receiver.url, return_url=receiver.url, **changes)
        return adapter.start_checkout(sandbox_account(simulator.url), request)

    yield call
    transport.close()


def test_shared_page_shows_the_payment_and_a_button_for_each_outcome(control, create, http, simulator):
    control("faults", faults=["wait_for_payer"])
    page = http.get(create().redirect_url, timeout=10)
    for mark in ("150.000 ₫", REFERENCE, "pay-success", "pay-insufficient", "pay-cancel"):
        assert mark in page.text
    assert f'action="/pay/sandbox/{REFERENCE}"' in page.text
    url = f"{simulator.url}/pay/sandbox/{REFERENCE}"
    assert http.get(url, timeout=10).status_code == 200
    back = http.post(url, data={"outcome": "cancel"}, allow_redirects=False, timeout=10)
    assert (back.status_code, "status=refused" in back.headers["location"]) == (303, True)
    ended = http.get(url, timeout=10)
    assert (ended.status_code, 'data-testid="error-code">ended' in ended.text) == (400, True)


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        (f"sandbox/{REFERENCE}", None, 400),
        (f"nobody/{REFERENCE}", None, 404),
        (f"sandbox/{REFERENCE}", {"outcome": "success"}, 400),
        (f"nobody/{REFERENCE}", {"outcome": "success"}, 404),
    ],
)
def test_page_of_an_unknown_payment_is_an_error_page(simulator, http, path, data, status):
    url = f"{simulator.url}/pay/{path}"
    answer = http.get(url, timeout=10) if data is None else http.post(url, data=data, timeout=10)
    assert answer.status_code == status


def test_reordered_callbacks_are_the_success_and_then_an_older_refusal(control, create, receiver):
    control("faults", faults=["reorder_callback"])
    receiver.body = b"{}"
    create()
    told = [body for _, _, _, body in receiver.wait_for(2)]
    assert [b'"paid"' in body for body in told] == [True, False]
    assert [b'"refused"' in body for body in told] == [False, True]


def test_statement_is_read_without_the_protocols_own_way(control, create, simulator, http):
    control("faults", faults=["lose_callback"])
    create()
    asked = {"provider": "sandbox", "date": "2026-11-21"}
    file = http.get(f"{simulator.url}/control/statement", params=asked, timeout=10)
    assert REFERENCE in file.text
    assert "SANDBOX_DEMO_20261121.csv" in file.headers["content-disposition"]
    asked["date"] = "2026-11-22"
    assert http.get(f"{simulator.url}/control/statement", params=asked, timeout=10).status_code == 404


def test_protocols_are_told_with_their_outcomes(simulator, http):
    told = http.get(f"{simulator.url}/control/protocols", timeout=10).json()
    assert {"sandbox", "vnpay", "momo"} <= set(told)
    assert all(each["outcomes"][0] == "success" for each in told.values())


def payment(**changes) -> Payment:
    fields = {
        "provider": "tiny",
        "attempt_ref": REFERENCE,
        "merchant": "M",
        "amount": 1_000,
        "status": "opened",
        "outcome": "",
        "provider_ref": "",
        "created_raw": "",
        "expires_at": NOW.timestamp() + 900,
        "paid_at": None,
        "return_url": "",
        "callback_url": "",
        "memo": "",
        "locale": "vi",
        "extra": {"token": "T1"},
    }
    return Payment(**fields | changes)


class Tiny(Protocol):
    name = "tiny"
    retry = RetryRule(tries_max=3, gaps_s=(10.0, 60.0))

    def blueprint(self) -> Blueprint:
        return Blueprint(self.name, __name__, url_prefix="/tiny")

    def callback(self, payment: Payment, *, forged: bool) -> OutboundCall | None:
        return OutboundCall(method="POST", url=self.callback_url(), body=payment.attempt_ref.encode())


PROTOCOL = Tiny


def test_protocol_of_another_wheel_is_plugged_in_and_follows_its_own_retry_rule(receiver, tmp_path):
    receiver.status = 500
    clock = FixedClock(NOW)
    settings = SimulatorSettings(
        state_path=str(tmp_path / "state.sqlite"), callback_base=receiver.url, protocols=(__name__,)
    )
    assert __name__ in sys.modules
    simulator = create_simulator(settings, clock=clock)
    engine = simulator.engine
    engine.deliveries.start()
    try:
        known = engine.open(payment())
        assert (engine.open(payment(amount=2)).amount, known.extra) == (1_000, {"token": "T1"})
        engine.pay(known, "success")
        receiver.wait_for(1)
        assert receiver.calls[0][1] == "/callbacks/tiny-demo"
        dues = []
        for count in (2, 3):
            dues.append(wait_due(engine.truth) - clock.now().timestamp())
            engine.truth.release(None, clock.now().timestamp())
            engine.deliveries.wake()
            receiver.wait_for(count)
        assert dues == [10.0, 60.0]
    finally:
        engine.deliveries.stop()
        simulator.server.server_close()
    assert [(each.state, each.tries) for each in engine.truth.callbacks()] == [("given_up", 3)]
    engine.truth.close()


def wait_due(truth: Truth) -> float:
    for _ in range(500):
        due = truth.next_due()
        if due is not None:
            return due
        Event().wait(0.01)
    raise AssertionError("nothing waits")


def test_refund_is_given_once_per_reference_and_never_beyond_the_payment(tmp_path):
    settings = SimulatorSettings(state_path=str(tmp_path / "state.sqlite"), protocols=(__name__,))
    simulator = create_simulator(settings, clock=FixedClock(NOW))
    engine = simulator.engine
    paid = engine.pay(engine.open(payment()), "success")
    first = engine.refund(paid, "R1", 600)
    assert first is not None
    assert engine.refund(paid, "R1", 600) == first
    assert engine.refund(paid, "R1", 500) is None
    assert engine.refund(paid, "R2", 500) is None
    assert engine.refund(paid, "R3", 0) is None
    assert engine.refund(paid, "R4", 400) is not None
    assert len(engine.truth.refunds_on(date(2026, 11, 21), "tiny")) == 2
    simulator.server.server_close()
    engine.truth.close()


def test_state_of_an_earlier_version_is_still_read(tmp_path):
    path = str(tmp_path / "old.sqlite")
    truth = Truth(path)
    truth.open_payment(payment())
    truth.close()
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE payment DROP COLUMN extra")
        connection.execute("ALTER TABLE callback DROP COLUMN headers")
    connection.close()
    again = Truth(path)
    known = again.payment("tiny", REFERENCE)
    assert known is not None
    assert dict(known.extra) == {}
    assert again.callbacks() == []
    again.close()


def test_credentials_and_addresses_come_from_the_command_line_and_the_environment():
    environ = {"SIMULATOR_VNPAY_KEY": "k", "SIMULATOR_SANDBOX_MERCHANT": "m", "SIMULATOR_OTHER": "x"}
    found = _credentials(environ, ())
    assert (found["vnpay"], found["sandbox"]) == ({"key": "k"}, {"merchant": "m"})
    given = _parser().parse_args(
        [
            *("--callback-base", "http://127.0.0.1:9/callbacks/", "--account", "momo=momo-2"),
            *(
                "--vnpay-ipn-url",
                "http://127.0.0.1:9/ipn",
                "--vnpay-terminal",
                "T",
                "--sandbox-merchant",
                "S",
            ),
        ]
    )
    settings = _settings(given)
    assert settings.callback_url("momo") == "http://127.0.0.1:9/callbacks/momo-2"
    assert settings.callback_url("zalopay") == "http://127.0.0.1:9/callbacks/zalopay-demo"
    assert settings.callback_url("vnpay") == "http://127.0.0.1:9/ipn"
    assert settings.credentials["vnpay"]["terminal"] == "T"
    assert settings.credentials["sandbox"]["merchant"] == "S"
    assert settings.retry_interval_s is None
    assert SANDBOX_SECRET not in str(settings)
