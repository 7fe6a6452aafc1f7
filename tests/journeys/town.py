"""A whole town on this machine: database, provider simulator, web, worker, scheduler and a portal, each its own process.

Journeys drive it over real HTTP, kill whom they like, and ask `payclear verify` what is left.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from payclear.db.crash import VARIABLE as CRASH_VARIABLE
from payclear.db.embedded import APP_ROLE
from payclear.db.migrate import migrate
from payclear.kernel.settings import load_settings
from tests.database import TestServer

DEADLINE_S = 40.0
POLL_S = 0.05
ROLES = ("simulator", "web", "worker", "scheduler", "portal")


def free_port() -> int:
    """A port nobody listens on, below the range that clients' own ports come from."""
    for port in range(20_000 + os.getpid() % 5_000, 32_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            if port not in _taken:
                _taken.add(port)
                return port
    raise RuntimeError("no free port")


_taken: set[int] = set()


def wait_for(what: str, ready: Any, deadline_s: float = DEADLINE_S) -> Any:
    """Poll until `ready()` gives something true; fails with `what` after the deadline."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        try:
            result = ready()
        except requests.RequestException:
            result = None
        if result:
            return result
        time.sleep(POLL_S)
    raise AssertionError(f"waited {deadline_s:.0f} s in vain for {what}")


@dataclass(slots=True)
class Town:
    """The processes and their addresses."""

    postgres: TestServer
    folder: Path
    database: str
    environ: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def build(self) -> "Town":
        """Migrate a database of its own, load the demonstration data and start every process."""
        owner_url = self.postgres.new_database(self.database)
        migrate(owner_url)
        self.ports = {role: free_port() for role in ("simulator", "web", "portal")}
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PAYCLEAR_")},
            "PAYCLEAR_ENVIRONMENT": "test",
            "PAYCLEAR_DATABASE_URL": self.postgres.server.url(APP_ROLE, self.database),
            "PAYCLEAR_DATABASE_OWNER_URL": owner_url,
            "PAYCLEAR_WEB_PORT": str(self.ports["web"]),
            "PAYCLEAR_WEB_PUBLIC_URL": self.web,
            "PAYCLEAR_SIMULATOR_PORT": str(self.ports["simulator"]),
            "PAYCLEAR_PORTAL_EXAMPLE_PORT": str(self.ports["portal"]),
            "PAYCLEAR_SCHEDULER_QUERY_EVERY_S": "1",
            "PAYCLEAR_SCHEDULER_DRAIN_EVERY_S": "1",
            "PAYCLEAR_SCHEDULER_EXPIRE_EVERY_S": "1",
            "PAYCLEAR_SCHEDULER_SEAL_EVERY_S": "2",
            "PAYCLEAR_WORKER_DEAD_AFTER_S": "3",
            "PAYCLEAR_WEBHOOKS_TOTAL_TIMEOUT_S": "1",
            "PAYCLEAR_ORDERS_RESUME_AFTER_S": "1",
        }
        self.command("demo")
        for role in ROLES:
            self.start(role)
        self.wait_until_up()
        return self

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.ports['web']}"

    @property
    def simulator(self) -> str:
        return f"http://127.0.0.1:{self.ports['simulator']}"

    @property
    def portal(self) -> str:
        return f"http://127.0.0.1:{self.ports['portal']}"

    # Processes.

    def start(self, role: str, *, crash_at: str = "") -> None:
        """Start one process; `crash_at` names the commit at which it is to die."""
        settings = load_settings("test")
        words = {
            "simulator": [
                *("-m", "providers.simulator", "--port", str(self.ports["simulator"])),
                *(
                    "--state",
                    str(self.folder / "simulator.sqlite"),
                    "--retry-interval-s",
                    "1",
                    "--hang-s",
                    "20",
                ),
                *("--callback-base", f"{self.web}/callbacks"),
            ],
            "portal": [
                *("-m", "examples.portal", "--port", str(self.ports["portal"]), "--payclear", self.web),
                *("--state", str(self.folder / "portal.sqlite")),
            ],
            "web": ["-m", "payclear.cli", "serve"],
            "worker": ["-m", "payclear.cli", "worker"],
            "scheduler": ["-m", "payclear.cli", "scheduler"],
        }[role]
        environ = self.environ | {
            "PAYCLEAR_PORTAL_EXAMPLE_API_KEY": settings.portal_example.api_key.reveal(),
            "PAYCLEAR_PORTAL_EXAMPLE_WEBHOOK_SECRET": settings.portal_example.webhook_secret.reveal(),
        }
        if crash_at:
            environ[CRASH_VARIABLE] = crash_at
        with (self.folder / f"{role}.log").open("ab") as log:
            self.processes[role] = subprocess.Popen(
                [sys.executable, *words],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, role: str) -> None:
        """Kill a process and all it started, at once."""
        process = self.processes.pop(role)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def restart(self, role: str, *, crash_at: str = "") -> None:
        """Kill a process and start it again."""
        if role in self.processes:
            self.kill(role)
        self.start(role, crash_at=crash_at)

    def wait_until_up(self) -> None:
        """Wait until everything that speaks HTTP answers."""
        for name, url in (
            ("simulator", f"{self.simulator}/health"),
            ("web", f"{self.web}/health"),
            ("portal", self.portal),
        ):
            wait_for(
                f"{name} ({self.log(name)})", lambda url=url: requests.get(url, timeout=2).status_code < 500
            )

    def stop(self) -> None:
        """Kill everything."""
        for role in list(self.processes):
            self.kill(role)

    def log(self, role: str) -> str:
        """The last lines a process wrote."""
        path = self.folder / f"{role}.log"
        return path.read_text(errors="replace")[-2_000:] if path.exists() else ""

    def command(self, *words: str, status: int = 0) -> str:
        """Run one payclear command to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "payclear.cli", *words],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    # What journeys ask.

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Look into the database as a superuser would."""
        import psycopg

        with psycopg.connect(self.postgres.server.conninfo("postgres", self.database)) as connection:
            return connection.execute(sql, parameters or None).fetchall()

    def api(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Call the API as the demo portal."""
        key = load_settings("test").portal_example.api_key.reveal()
        headers = {"Authorization": f"Bearer {key}"} | arguments.pop("headers", {})
        return requests.request(method, f"{self.web}{path}", headers=headers, timeout=20, **arguments)

    def control(self, path: str, **body: Any) -> Any:
        """Tell the simulator what to do."""
        answer = requests.post(f"{self.simulator}/control/{path}", json=body, timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    def status(self, order_ref: str) -> str:
        """What a portal is told about an order."""
        return self.api("GET", f"/v1/payment-orders/{order_ref}").json()["status"]

    def verify(self) -> None:
        """Every invariant holds."""
        self.command("verify")

    def log_of_all(self) -> str:
        """The last lines of every process, for a failing test."""
        return "\n".join(f"--- {role}\n{self.log(role)}" for role in ROLES)
