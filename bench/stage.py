"""The stage of a run: a throw-away PostgreSQL with durable commits, and `payclear serve` in front of it.

Everything lives in a folder of its own and stops with this process.
"""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import psycopg

from bench.wire import CALLBACK_PATH
from payclear.db.address import OWNER_URL_VARIABLE, URL_VARIABLE
from payclear.db.embedded import APP_ROLE, OWNER_ROLE, SUPERUSER, EmbeddedServer, create_database
from payclear.db.migrate import migrate
from payclear.kernel.launching import launched
from payclear.kernel.settings import Settings, load_settings

ENVIRONMENT: Final = "development"
SHARED_BUFFERS: Final = "512MB"
# The checkpoints that fall into a measurement would be chance; durability is not touched.
SERVER_OPTIONS: Final = {"max_wal_size": "4GB", "checkpoint_timeout": "30min"}
READY_DEADLINE_S: Final = 60.0
STOP_DEADLINE_S: Final = 20.0
SYNC_TRIES: Final = 200


class StageFailed(Exception):
    """The server under measurement did not come up or did not stop."""


class Stage:
    """One PostgreSQL cluster for the time of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = EmbeddedServer(folder, shared_buffers=SHARED_BUFFERS, extra=SERVER_OPTIONS)
        self._pid = 0

    def __enter__(self) -> "Stage":
        self._pid = self.server.start(share=False).pid
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.destroy()
        shutil.rmtree(self.folder, ignore_errors=True)

    def cpu_seconds(self) -> float:
        """Processor time that PostgreSQL has used so far (Linux; 0 elsewhere)."""
        return cpu_seconds_of_family(self._pid)

    def new_database(self, name: str, *, like: str | None = None) -> None:
        """Make a migrated database, or a copy of one that nobody is connected to."""
        with psycopg.connect(self.server.conninfo(SUPERUSER, SUPERUSER), autocommit=True) as connection:
            if like is None:
                create_database(connection, name)
            else:
                connection.execute(f"CREATE DATABASE {name} TEMPLATE {like} OWNER {OWNER_ROLE}")
        if like is None:
            migrate(self.server.url(OWNER_ROLE, name))

    def superuser(self, database: str) -> psycopg.Connection[Any]:
        """A connection that may switch triggers off."""
        return psycopg.connect(self.server.conninfo(SUPERUSER, database), autocommit=True)

    def settings(self, database: str) -> Settings:
        """The settings of a process of ours on a database of the stage."""
        return load_settings(environ=self.environ(database))

    def environ(self, database: str, **more: str) -> dict[str, str]:
        """The environment of a process of ours: this machine's, without settings of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PAYCLEAR_")}
        return kept | {
            "PAYCLEAR_ENVIRONMENT": ENVIRONMENT,
            "PAYCLEAR_LOGGING_FORMAT": "json",
            URL_VARIABLE: self.server.url(APP_ROLE, database),
            OWNER_URL_VARIABLE: self.server.url(OWNER_ROLE, database),
            **more,
        }


class Web:
    """`payclear serve` as an installation runs it, on a free port of the loopback."""

    def __init__(self, stage: Stage, database: str, **environ: str) -> None:
        self.port = free_port()
        self._log = stage.folder / "serve.log"
        self._environ = stage.environ(
            database, PAYCLEAR_WEB_PORT=str(self.port), PAYCLEAR_WEB_HOST="127.0.0.1", **environ
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Web":
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                launched([sys.executable, "-m", "payclear.cli", "serve"]),
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_DEADLINE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise StageFailed(f"payclear serve does not answer: {self.log_end()}")
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def cpu_seconds(self) -> float:
        """Processor time that the web processes have used so far (Linux; 0 elsewhere)."""
        assert self._process is not None
        return cpu_seconds_of_family(self._process.pid)

    def log_end(self) -> str:
        """The last lines of the server's log, those of errors when there are any."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        errors = [line for line in lines if '"level":"ERROR"' in line]
        return "\n".join((errors or lines)[-5:])

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", CALLBACK_PATH)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def cpu_seconds_of_family(parent: int) -> float:
    """User and system time of a process and its children, also of those that ended."""
    ticks = 0
    for entry in _process_stats():
        number, _, rest = entry.partition(" ")
        fields = rest.rsplit(") ", 1)[1].split()
        if parent in (int(number), int(fields[1])):
            ticks += int(fields[11]) + int(fields[12])
        if int(number) == parent:
            ticks += int(fields[13]) + int(fields[14])
    return ticks / os.sysconf("SC_CLK_TCK")


def sync_us(folder: Path) -> float:
    """What one fdatasync of a small write costs on the disk under a folder, in microseconds (median)."""
    path = folder / "sync"
    times = []
    with path.open("wb", buffering=0) as file:
        for _ in range(SYNC_TRIES):
            file.write(b"x" * 8192)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    path.unlink()
    return sorted(times)[len(times) // 2] * 1e6


def _process_stats() -> Iterator[str]:
    if sys.platform != "linux":
        return
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                yield Path("/proc", name, "stat").read_text(encoding="utf-8", errors="replace")


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
