"""Puts the whole service on this machine for one simulation: database, simulator, web, portal; nothing is kept.

The simulator is the neighbour's program, started by its name and spoken to by HTTP; payclear imports nothing of it.
"""

import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from payclear.app import create_app
from payclear.assembly import assemble, make_runtime
from payclear.catalogue.files import load_catalogue
from payclear.contract.manifest import Capability
from payclear.contract.modules import Check
from payclear.db.embedded import APP_ROLE, OWNER_ROLE, EmbeddedServer
from payclear.db.migrate import migrate
from payclear.db.uow import install_crash_plan
from payclear.jobs.clock import Tick
from payclear.kernel.clock import FixedClock, drive_machine_clock
from payclear.kernel.launching import launched
from payclear.kernel.problems import OperatorProblem
from payclear.kernel.settings import Settings, load_settings
from payclear.operations import demo
from payclear.runtime import Runtime, restored_afterwards
from payclear.simulation.control import Control
from payclear.simulation.deaths import Deaths, SimulatedDeath
from payclear.simulation.plan import AccountTraits
from payclear.simulation.receiver import Receiver, listening

ENVIRONMENT: Final = "development"
SIMULATOR: Final = "providers.simulator"
STOP_DEADLINE_S: Final = 20.0
SHARED_BUFFERS: Final = "256MB"
# The day is thrown away: what a power cut would do is proved elsewhere (tests/journeys).
SERVER_OPTIONS: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
AGENCIES: Final = Path(__file__).with_name("agencies.toml")


class SimulationImpossible(OperatorProblem):
    """Something is in the way of a simulation; a plain sentence."""


class ErrorCount(logging.Handler):
    """Counts what the service logs as an error: somebody would have to act, and nobody planted that."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.counts: Counter[str] = Counter()
        self.last: dict[str, str] = {}
        self.addFilter(
            lambda record: record.name.split(".")[0] in ("payclear", "providers", "reconciliation")
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Count one record, and keep the last one's words."""
        name = str(record.msg)
        self.counts[name] += 1
        trouble = record.exc_info[1] if record.exc_info else None
        self.last[name] = f"{type(trouble).__name__}: {trouble}" if trouble else record.getMessage()


@dataclass(frozen=True, slots=True)
class Town:
    """What runs."""

    runtime: Runtime
    app: Flask
    clock: FixedClock
    control: Control
    receiver: Receiver
    deaths: Deaths
    errors: ErrorCount
    accounts: tuple[AccountTraits, ...]
    ticks: list[Tick]
    checks: list[Check]
    base_url: str
    api_key: str
    portal_address: str


@contextlib.contextmanager
def town(folder: Path | None, *, at: datetime, seed: int, faults_percent: float) -> Iterator[Town]:
    """Build everything, with time standing at `at`; raises SimulationImpossible."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(restored_afterwards())
        place = folder or Path(stack.enter_context(_own_folder()))
        ports = [_free_port() for _ in range(3)]
        settings = _settings(*ports)
        server = EmbeddedServer(place, shared_buffers=SHARED_BUFFERS, extra=SERVER_OPTIONS)
        server.start(share=False)
        stack.callback(server.destroy)
        migrate(server.url(OWNER_ROLE))
        stack.enter_context(_simulator(place, settings, at))
        control = Control(f"http://{settings.simulator.host}:{settings.simulator.port}")
        clock = FixedClock(at)
        stack.enter_context(drive_machine_clock(clock))
        runtime = make_runtime(settings, url=server.url(APP_ROLE), clock=clock)
        stack.callback(runtime.database.engine.dispose)
        app = create_app(runtime)
        assembly = assemble(runtime)
        demo.load(runtime)
        with runtime.database.begin() as uow:
            load_catalogue(uow, AGENCIES)
            uow.commit()
        deaths = Deaths(percent=faults_percent, seed=seed)
        install_crash_plan(deaths)
        stack.callback(install_crash_plan, None)
        example = settings.portal_example
        receiver = Receiver(example.webhook_secret, clock, deaf_percent=faults_percent)
        stack.enter_context(listening(receiver, example.port))
        stack.enter_context(_web(app, settings.web.port, deaths))
        errors = stack.enter_context(_logs())
        yield Town(
            runtime=runtime,
            app=app,
            clock=clock,
            control=control,
            receiver=receiver,
            deaths=deaths,
            errors=errors,
            accounts=_traits(runtime, control),
            ticks=assembly.ticks,
            checks=list(assembly.modules.checks),
            base_url=settings.web.public_url,
            api_key=example.api_key.reveal(),
            portal_address=f"http://{example.host}:{example.port}",
        )


@contextlib.contextmanager
def _own_folder() -> Iterator[str]:
    made = tempfile.mkdtemp(prefix="payclear-simulation-")
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _settings(web_port: int, simulator_port: int, portal_port: int) -> Settings:
    """The demonstration's settings with ports of our own, whatever this machine is configured for."""
    return load_settings(
        ENVIRONMENT,
        environ={
            "PAYCLEAR_WEB_PORT": str(web_port),
            "PAYCLEAR_SIMULATOR_PORT": str(simulator_port),
            "PAYCLEAR_PORTAL_EXAMPLE_PORT": str(portal_port),
            "PAYCLEAR_DATABASE_SYNCHRONOUS_COMMIT": "off",
            "PAYCLEAR_DATABASE_POOL_SIZE": "40",
            "PAYCLEAR_LOGGING_LEVEL": "ERROR",
            **{name: value for name, value in os.environ.items() if name == "PAYCLEAR_CONFIG_DIR"},
        },
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _simulator(folder: Path, settings: Settings, at: datetime) -> Iterator[None]:
    """The neighbour's program, with time standing still and planted timeouts cut instead of waited for."""
    words = [
        *("-m", SIMULATOR, "--host", settings.simulator.host, "--port", str(settings.simulator.port)),
        *(
            "--state",
            str(folder / "simulator.sqlite"),
            "--callback-base",
            f"{settings.web.public_url}/callbacks",
        ),
        *("--clock", at.isoformat(), "--hang-s", "0", "--cut"),
    ]
    log = folder / "simulator.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            launched([sys.executable, *words]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
        )
    assert process.stdout is not None
    try:
        if not process.stdout.readline():
            raise SimulationImpossible(
                f"The provider simulator does not start: {log.read_text(errors='replace').strip()[-300:]}"
            )
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


class _QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: addresses carry signatures."""


@contextlib.contextmanager
def _web(app: Flask, port: int, deaths: Deaths) -> Iterator[None]:
    """Serve the application to the providers' callbacks; who dies leaves a cut connection behind."""

    def mortal(environ: dict[str, Any], start_response: Any) -> Any:
        with deaths.mortal():
            try:
                return app.wsgi_app(environ, start_response)
            except SimulatedDeath as death:
                environ["werkzeug.socket"].shutdown(
                    socket.SHUT_RDWR
                )  # the kernel would, for a process that is gone
                raise ConnectionAbortedError(str(death)) from death

    server = make_server("127.0.0.1", port, mortal, threaded=True, request_handler=_QuietHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="web")
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def _logs() -> Iterator[ErrorCount]:
    """Count errors; the chatter of libraries about planted trouble goes nowhere."""
    counting = ErrorCount()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = [counting]
    root.setLevel(logging.WARNING)
    try:
        yield counting
    finally:
        root.handlers[:] = before
        root.setLevel(level)


def _traits(runtime: Runtime, control: Control) -> tuple[AccountTraits, ...]:
    """What the plan must know of each account: from its manifest, and from the protocol's other side."""
    protocols = control.protocols()
    found = []
    for line in runtime.providers:
        manifest = line.provider.manifest
        there = protocols.get(line.account.adapter)
        can = manifest.capabilities
        if there is None or not can & {Capability.REDIRECT, Capability.QR, Capability.COLLECTION}:
            continue
        found.append(
            AccountTraits(
                code=line.code,
                protocol=line.account.adapter,
                amount_min=manifest.amount_min,
                amount_max=manifest.amount_max,
                outcomes=tuple(there["outcomes"]),
                calls_at_checkout=manifest.checkout_calls,
                calls_back=Capability.CALLBACK in can,
                answers=Capability.STATUS_QUERY in can,
                lists=Capability.STATEMENT in can,
                proves=not manifest.confirm_by_query,
                takes_again=bool(there["takes_again"]),
                refunds="part"
                if Capability.PARTIAL_REFUND in can
                else "whole"
                if Capability.REFUND in can
                else "",
                refund_answers=Capability.REFUND_QUERY in can or manifest.refund_repeats_safely,
                counter=tuple(there["operations"]),
                ref_prefix=str(there["ref_prefix"]),
            )
        )
    return tuple(found)
