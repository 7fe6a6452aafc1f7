"""A running simulator and a callback receiver on free loopback ports."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from payclear.kernel.clock import FixedClock
from providers.simulator.app import Simulator, create_simulator
from providers.simulator.settings import SimulatorSettings
from tests.providers.factories import NOW, SANDBOX_SECRET, VNPAY_SECRET
from tests.providers.peers import Receiver
from tests.providers.peers import receiver as run_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with run_receiver() as running:
        yield running


@pytest.fixture
def provider_clock() -> FixedClock:
    return FixedClock(NOW + timedelta(seconds=30))


@pytest.fixture
def simulator(receiver: Receiver, provider_clock: FixedClock, tmp_path: Path) -> Iterator[Simulator]:
    settings = SimulatorSettings(
        state_path=str(tmp_path / "simulator.sqlite"),
        credentials={"vnpay": {"key": VNPAY_SECRET}, "sandbox": {"key": SANDBOX_SECRET}},
        callback_base=receiver.url,
        retry_interval_s=0.0,
        hang_s=20.0,
    )
    running = create_simulator(settings, clock=provider_clock)
    thread = threading.Thread(target=running.serve)
    thread.start()
    try:
        yield running
    finally:
        running.stop()
        thread.join(10)


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session
