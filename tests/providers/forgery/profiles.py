"""Every kind of signed message that somebody sends us, with genuine ones: what forgeries are made of.

An adapter that calls back is found by its entry in `tests/providers/conformance/subjects.py`; a further kind of
message is a line in OTHERS.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from tempfile import TemporaryDirectory
from threading import Thread

from payclear.contract.conformance.bench import Bench, Subject, inbox
from payclear.contract.conformance.forgery import (
    Profile,
    callback_profile,
    collection_profile,
    genuine_callbacks,
    genuine_collection,
)
from payclear.contract.manifest import Capability
from payclear.contract.messages import InboundRequest
from payclear.kernel.clock import FixedClock
from providers.simulator.app import create_simulator
from providers.simulator.settings import SimulatorSettings
from providers.transport import Transport
from tests.providers.conformance.cells import manifest_of
from tests.providers.conformance.subjects import SUBJECTS

MORNING = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)  # 10:30 in Viet Nam

Source = Callable[[Bench, Subject, int], Profile]


def sepay_gateway(bench: Bench, subject: Subject, seed: int) -> Profile:
    """SePay's gateway sends its secret along instead of a signature: whoever knows it may say anything, and proves nothing."""
    order = {"order_invoice_number": "PC0123456789A01", "order_amount": "150000.00", "order_currency": "VND"}
    body = {
        "timestamp": 1795231865,
        "notification_type": "ORDER_PAID",
        "order": order,
        "transaction": {"transaction_id": "68da43da2d9de", "transaction_status": "APPROVED"},
    }
    request = InboundRequest(
        method="POST",
        path=f"/callbacks/{subject.account.code}",
        query_string=b"",
        headers={"x-secret-key": subject.account.secrets["secret_key"].reveal()},
        body=json.dumps(body).encode(),
        received_at=MORNING,
    )
    return callback_profile(subject, [request], name="sepay gateway", bears_secret=True)


# Signed messages besides the callbacks and the messages of banks that collect: profile → adapter, and where it comes from.
OTHERS: Mapping[str, tuple[str, Source]] = {"sepay gateway": ("sepay", sepay_gateway)}


def calling_back() -> list[str]:
    """Every adapter whose provider calls us back."""
    return [name for name in SUBJECTS if Capability.CALLBACK in manifest_of(name).capabilities]


def profile_names() -> list[str]:
    """Every profile; callbacks and collections by their adapter's name."""
    collecting = [name for name in SUBJECTS if Capability.COLLECTION in manifest_of(name).capabilities]
    return sorted([*calling_back(), *collecting, *OTHERS])


def adapter_of(profile: str) -> str:
    """The adapter that reads a profile's messages."""
    return OTHERS[profile][0] if profile in OTHERS else profile


def make_profile(name: str, bench: Bench, subject: Subject, *, seed: int) -> Profile:
    """A profile by its name, on a bench."""
    if name in OTHERS:
        return OTHERS[name][1](bench, subject, seed)
    if Capability.COLLECTION in subject.provider.manifest.capabilities:
        return collection_profile(subject, genuine_collection(bench, subject))
    return callback_profile(subject, genuine_callbacks(bench, subject, seed=seed))


@contextmanager
def stage() -> Iterator[Callable[[str], tuple[Bench, Subject]]]:
    """A simulator and a callback address of the command's own; gives bench and subject of an adapter."""
    clock = FixedClock(MORNING)
    transport = Transport(connect_timeout_s=1, read_timeout_s=5, total_deadline_s=10)
    with TemporaryDirectory() as folder, inbox(clock) as callbacks:
        settings = SimulatorSettings(state_path=f"{folder}/state.sqlite", retry_interval_s=0.0)
        simulator = create_simulator(settings, clock=clock)
        thread = Thread(target=simulator.serve)
        thread.start()
        try:
            yield lambda adapter: (
                Bench(simulator.url, callbacks, clock),
                SUBJECTS[adapter].subject(adapter, simulator.url, transport, clock),
            )
        finally:
            transport.close()
            simulator.stop()
            thread.join(10)
