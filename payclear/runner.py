"""`payclear run`: everything on one machine, with one banner and one Ctrl-C.

Called by the command line only. It starts the database, migrates, loads the demonstration
data and keeps the processes running; it never imports what it runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from payclear.db.address import DatabaseAddress, configured, of_embedded
from payclear.db.embedded import EmbeddedServer
from payclear.db.private_place import make_state_folder, open_lock
from payclear.kernel.problems import OperatorProblem
from payclear.kernel.settings import Settings
from payclear.operations.supervisor import ChildSpec, Lines, Supervisor

HEALTH_DEADLINE_S: Final = 90.0
SIMULATOR: Final = "providers.simulator"
PORTAL_EXAMPLE: Final = "examples.portal"


class RunRefused(OperatorProblem):
    """Something on this machine is in the way of a start."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One address that a process of ours will listen on, and the setting that chooses its port."""

    name: str
    host: str
    port: int
    variable: str


def run(settings: Settings, output: IO[str]) -> int:
    """Run everything until Ctrl-C or SIGTERM; returns the exit code.

    Raises OperatorProblem with a plain sentence when something is in the way.
    """
    should_stop = threading.Event()
    with _signals_set(should_stop):
        try:
            _run(settings, output, should_stop)
        except OperatorProblem:
            if not should_stop.is_set():
                raise
    return 0


def _run(settings: Settings, output: IO[str], should_stop: threading.Event) -> None:
    state_folder = Path(settings.database.state_folder).resolve()
    with_demo = settings.environment != "production"
    with contextlib.ExitStack() as stack:
        make_state_folder(state_folder)
        stack.enter_context(_only_one(state_folder))
        for listener in listeners(settings, with_demo=with_demo):
            require_free(listener)
        server = None
        address = configured(settings)
        if address is None:
            server = EmbeddedServer(state_folder)
            server.start(share=False)
            stack.callback(server.stop)
            address = of_embedded(server)
        address.tell(os.environ)
        command(["migrate"], "The database could not be brought up to date")
        logins = command(["demo"], "The demonstration data could not be loaded") if with_demo else []
        supervisor = Supervisor(children(settings, address, state_folder, with_demo=with_demo), output)
        stack.callback(supervisor.stop)
        stack.callback(supervisor.lines.say, "", "payclear: stopping.")
        supervisor.start()
        if supervisor.wait_healthy(HEALTH_DEADLINE_S, should_stop):
            supervisor.lines.say("", banner(settings, logins, state_folder, with_demo=with_demo))
            supervisor.watch(should_stop, lambda: _keep_database(server, supervisor.lines))


def listeners(settings: Settings, *, with_demo: bool) -> list[Listener]:
    """Every address that `payclear run` will listen on."""
    found = [Listener("the web server", settings.web.host, settings.web.port, "PAYCLEAR_WEB_PORT")]
    if with_demo:
        simulator, portal = settings.simulator, settings.portal_example
        found += [
            Listener("the simulator", simulator.host, simulator.port, "PAYCLEAR_SIMULATOR_PORT"),
            Listener("the example portal", portal.host, portal.port, "PAYCLEAR_PORTAL_EXAMPLE_PORT"),
        ]
    return found


def require_free(listener: Listener) -> None:
    """Refuse with a sentence when another program already listens there."""
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listener.host, listener.port))
        except OSError as error:
            raise RunRefused(
                f"Port {listener.port} for {listener.name} cannot be used ({error.strerror}): "
                f"stop the program that listens there, or choose another port with {listener.variable}."
            ) from error


def command(words: Sequence[str], failed: str) -> list[str]:
    """Run one payclear command to its end and return the lines it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "payclear.cli", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise RunRefused(f"{failed}: {said[-1] if said else 'it said nothing.'}")
    return done.stdout.splitlines()


def children(
    settings: Settings, address: DatabaseAddress, state_folder: Path, *, with_demo: bool
) -> list[ChildSpec]:
    """What runs, in the order it starts."""
    environ: dict[str, str] = {"PAYCLEAR_ENVIRONMENT": settings.environment}
    address.tell(environ)
    web = at(settings.web.host, settings.web.port)
    ours = [
        ChildSpec("web", _payclear("serve"), environ, f"{web}/health"),
        ChildSpec("worker", _payclear("worker"), environ),
        ChildSpec("scheduler", _payclear("scheduler"), environ),
    ]
    if not with_demo:
        return ours
    return [*_simulator(settings, state_folder), *ours, *_portal(settings, state_folder, web)]


def _payclear(name: str) -> list[str]:
    return [sys.executable, "-m", "payclear.cli", name]


def _simulator(settings: Settings, state_folder: Path) -> Iterator[ChildSpec]:
    if not _is_there(SIMULATOR):
        return
    host, port = settings.simulator.host, settings.simulator.port
    callbacks = f"{settings.web.public_url.rstrip('/')}/callbacks"
    words = [
        *("--host", host, "--port", str(port), "--state", str(state_folder / "simulator.sqlite")),
        *("--callback-base", callbacks),
    ]
    yield ChildSpec("simulator", [sys.executable, "-m", SIMULATOR, *words], {}, f"{at(host, port)}/health")


def _portal(settings: Settings, state_folder: Path, web: str) -> Iterator[ChildSpec]:
    if not _is_there(PORTAL_EXAMPLE):
        return
    example = settings.portal_example
    environ = {
        "PAYCLEAR_PORTAL_EXAMPLE_API_KEY": example.api_key.reveal(),
        "PAYCLEAR_PORTAL_EXAMPLE_WEBHOOK_SECRET": example.webhook_secret.reveal(),
    }
    words = [
        *("--host", example.host, "--port", str(example.port), "--payclear", web),
        *("--state", str(state_folder / "portal.sqlite")),
    ]
    place = f"{at(example.host, example.port)}/"
    yield ChildSpec("portal", [sys.executable, "-m", PORTAL_EXAMPLE, *words], environ, place)


def at(host: str, port: int) -> str:
    """How this machine reaches a listener."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://{reached}:{port}"


def banner(settings: Settings, logins: Sequence[str], state_folder: Path, *, with_demo: bool) -> str:
    """What a newcomer needs to know, once everything answers."""
    web = at(settings.web.host, settings.web.port)
    rows: list[tuple[str, str]] = []
    if with_demo and _is_there(PORTAL_EXAMPLE):
        example = settings.portal_example
        rows.append(("Cổng dịch vụ công mẫu · example portal", f"{at(example.host, example.port)}/"))
    known = " (0012301/QĐ-XPHC, 0004)" if with_demo else ""
    rows += [
        ("Tra cứu khoản phải nộp · look up what is owed", f"{web}/tra-cuu{known}"),
        ("Bàn nghiệp vụ · staff console", f"{web}/console/"),
        ("Tài liệu API · API documentation", f"{web}/docs"),
    ]
    if with_demo and _is_there(SIMULATOR):
        simulator = settings.simulator
        rows.append(("Giả lập ngân hàng · provider simulator", at(simulator.host, simulator.port) + "/"))
    if with_demo and _is_there(PORTAL_EXAMPLE):
        counter = f"sh examples/bank/pay_at_counter.sh MÃ-HỒ-SƠ {web}"
        rows.append(("Nộp tiền tại quầy ngân hàng · pay at a counter", counter))
        fine = f"PAYCLEAR={web} sh examples/bank/vietinbank.sh"
        rows.append(("Nộp phạt tại quầy VietinBank · pay a fine there", fine))
    width = max(len(label) for label, _ in rows)
    line = "─" * 78
    body = [f"  {label:<{width}}   {place}" for label, place in rows]
    extra = ["", *(f"  {login}" for login in logins if login.strip())] if logins else []
    return "\n".join(
        [
            line,
            "  payclear đang chạy · payclear is running",
            "",
            *body,
            *extra,
            "",
            f"  Ctrl-C: dừng tất cả · stops everything. Dữ liệu · data: {state_folder}",
            line,
        ]
    )


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(f"{module}.__main__") is not None
    except ModuleNotFoundError:
        return False


def _keep_database(server: EmbeddedServer | None, lines: Lines) -> None:
    """Start the embedded server again when it was killed; what was committed is recovered."""
    if server is not None and not server.is_running():
        lines.say("", "payclear: the database ended; starting it again, nothing committed is lost.")
        server.start(share=False)


@contextlib.contextmanager
def _only_one(state_folder: Path) -> Iterator[None]:
    """Hold the folder for one `payclear run`; the lock goes with the process, however it ends."""
    with open_lock(state_folder / "run.lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            holder = lock.read().strip() or "unknown"
            raise RunRefused(
                f"payclear already runs here (process {holder}); its data is in {state_folder}."
            ) from held
        lock.seek(0)
        lock.truncate()
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@contextlib.contextmanager
def _signals_set(should_stop: threading.Event) -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and a closed terminal into an orderly stop."""
    previous: Mapping[signal.Signals, object] = {
        number: signal.signal(number, lambda *_: should_stop.set())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
