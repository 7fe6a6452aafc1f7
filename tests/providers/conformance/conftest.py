"""One simulator with every protocol for the whole suite, a callback address, and one clock that all sides share."""

import threading
from collections.abc import Iterator

import pytest

from payclear.assembly import assemble
from payclear.contract.conformance.bench import Bench, Inbox, Subject, inbox
from payclear.contract.manifest import Capability
from payclear.contract.registry import ProviderLine, ProviderRegistry
from payclear.db.uow import Database
from payclear.kernel.clock import FixedClock
from payclear.kernel.settings import Settings
from payclear.runtime import Runtime
from providers.simulator.app import Simulator, create_simulator
from providers.simulator.settings import SimulatorSettings
from providers.transport import Transport
from tests.conftest import MORNING
from tests.database import TestServer
from tests.providers.conformance.subjects import SUBJECTS


@pytest.fixture(scope="session")
def bench_clock() -> FixedClock:
    return FixedClock(MORNING)


@pytest.fixture
def clock(bench_clock: FixedClock) -> FixedClock:
    """The clock of the runtime, the adapters and the simulator; every test starts in the same morning."""
    bench_clock.set(MORNING)
    return bench_clock


@pytest.fixture(scope="module")
def running(bench_clock: FixedClock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    state = tmp_path_factory.mktemp("simulator") / "state.sqlite"
    settings = SimulatorSettings(state_path=str(state), retry_interval_s=0.0, hang_s=5.0)
    simulator = create_simulator(settings, clock=bench_clock)
    thread = threading.Thread(target=simulator.serve)
    thread.start()
    try:
        yield simulator
    finally:
        simulator.stop()
        thread.join(10)


@pytest.fixture(scope="module")
def callback_inbox(bench_clock: FixedClock) -> Iterator[Inbox]:
    with inbox(bench_clock) as made:
        yield made


@pytest.fixture
def bench(running: Simulator, callback_inbox: Inbox, clock: FixedClock) -> Bench:
    return Bench(running.url, callback_inbox, clock)


@pytest.fixture
def subject(adapter: str, running: Simulator, clock: FixedClock) -> Iterator[Subject]:
    """The adapter named by the test's parameter, on its demo account."""
    transport = Transport(connect_timeout_s=1, read_timeout_s=1, total_deadline_s=3)
    yield SUBJECTS[adapter].subject(adapter, running.url, transport, clock)
    transport.close()


@pytest.fixture
def elsewhere(running: Simulator, clock: FixedClock) -> Iterator[Subject]:
    """Another way to pay than the bank's counter."""
    transport = Transport(connect_timeout_s=1, read_timeout_s=1, total_deadline_s=3)
    yield SUBJECTS["sandbox"].subject("sandbox", running.url, transport, clock)
    transport.close()


@pytest.fixture
def runtime(
    postgres: TestServer,
    session_runtime: Runtime,
    settings: Settings,
    clock: FixedClock,
    subject: Subject,
    elsewhere: Subject,
) -> Iterator[Runtime]:
    """The tools of a process with the subject's account and, besides a bank that collects, one to pay elsewhere."""
    collects = Capability.COLLECTION in subject.provider.manifest.capabilities
    lines = [
        ProviderLine(account=each.account, provider=each.provider, cut_off="00:00", grace_business_days=1)
        for each in ([subject, elsewhere] if collects else [subject])
    ]
    made = Runtime(
        settings=settings,
        clock=clock,
        database=Database(session_runtime.database.engine, clock),
        providers=ProviderRegistry({line.code: line for line in lines}),
        sealer=session_runtime.sealer,
        blind_index=session_runtime.blind_index,
    )
    assemble(made)
    yield made
    postgres.empty()
