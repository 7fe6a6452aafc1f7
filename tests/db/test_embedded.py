"""The private PostgreSQL: safe places, two roles, and nothing lost when it is killed."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from payclear.db import private_place
from payclear.db.embedded import (
    APP_ROLE,
    OWNER_ROLE,
    SUPERUSER,
    EmbeddedServer,
    EmbeddedServerError,
    bin_folder,
    require_supported,
)
from payclear.db.private_place import PlaceRefused, RunAs, make_folder, reachable

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up being root")
not_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and the parent-death signal")
SMALL = {"max_connections": 20, "shared_buffers": "16MB"}


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A short state folder that the unprivileged user can reach, also when we are root."""
    made = Path(f"/tmp/payclear-test-{os.getpid()}-{os.urandom(4).hex()}")
    made.mkdir(mode=0o755)
    yield made
    server = EmbeddedServer(made)
    server.destroy()
    if server.place.parent != made:
        shutil.rmtree(server.place.parent, ignore_errors=True)
    shutil.rmtree(made, ignore_errors=True)


def ask(server: EmbeddedServer, question: str, role: str = APP_ROLE, database: str = "payclear") -> object:
    with psycopg.connect(server.conninfo(role, database)) as connection:
        row = connection.execute(question).fetchone()
    return row[0] if row else None


def run(server: EmbeddedServer, statement: str, role: str = OWNER_ROLE) -> None:
    with psycopg.connect(server.conninfo(role)) as connection:
        connection.execute(statement)


@pytest.mark.parametrize(("number", "shown"), [(140_009, "14.9"), (90_624, "9.624")])
def test_server_version_older_than_15_is_refused_in_a_sentence(number: int, shown: str) -> None:
    with pytest.raises(EmbeddedServerError, match=f"PostgreSQL 15 or newer; this server is {shown}"):
        require_supported(number)


@pytest.mark.parametrize("number", [150_000, 160_004, 180_006])
def test_server_version_from_15_on_is_accepted(number: int) -> None:
    require_supported(number)


def test_server_started_is_private_durable_and_checked(folder: Path) -> None:
    with EmbeddedServer(folder, **SMALL) as server:
        assert server.is_running()
        shown = {
            name: ask(server, f"SHOW {name}", SUPERUSER)
            for name in ("data_checksums", "fsync", "full_page_writes", "listen_addresses", "server_encoding")
        }
        assert shown == {
            "data_checksums": "on",
            "fsync": "on",
            "full_page_writes": "on",
            "listen_addresses": "",
            "server_encoding": "UTF8",
        }
        locale = "SELECT datlocale FROM pg_database WHERE datname = 'payclear'"
        assert ask(server, locale) == "C.UTF-8"
        for part in (server.data_folder, server.socket_folder):
            assert stat.S_IMODE(part.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.log_file.stat().st_mode) == 0o600
    assert not server.is_running()


def test_application_role_may_neither_create_nor_rule(folder: Path) -> None:
    with EmbeddedServer(folder, **SMALL) as server:
        rights = f"SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = '{APP_ROLE}'"
        assert ask(server, rights) is False
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run(server, "CREATE TABLE public.mine (a int)", APP_ROLE)
        run(server, "CREATE TABLE public.entry (a int)", OWNER_ROLE)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run(server, "SELECT a FROM public.entry", APP_ROLE)


def test_second_starter_of_the_same_folder_shares_and_leaves_it_running(folder: Path) -> None:
    with EmbeddedServer(folder, **SMALL) as first:
        second = EmbeddedServer(folder)
        running = second.start()
        assert running.shared
        assert ask(second, "SELECT current_user") == APP_ROLE
        second.stop()
        assert first.is_running()


def test_second_starter_that_will_not_share_is_refused_in_a_sentence(folder: Path) -> None:
    with (
        EmbeddedServer(folder, **SMALL),
        pytest.raises(EmbeddedServerError, match="Another payclear already runs the database"),
    ):
        EmbeddedServer(folder).start(share=False)


def test_running_server_of_another_is_never_destroyed(folder: Path) -> None:
    with EmbeddedServer(folder, **SMALL) as server:
        with pytest.raises(EmbeddedServerError, match="stop it first"):
            EmbeddedServer(folder).destroy()
        assert server.is_running()


@linux
def test_server_killed_outright_recovers_what_was_committed(folder: Path) -> None:
    server = EmbeddedServer(folder, **SMALL)
    running = server.start()
    run(server, "CREATE TABLE entry (amount bigint)")
    run(server, "INSERT INTO entry VALUES (150000)")
    os.kill(running.pid, signal.SIGKILL)
    while is_alive(running.pid):
        os.sched_yield()
    try:
        again = server.start()
        assert again.pid != running.pid
        assert ask(server, "SELECT amount FROM entry", OWNER_ROLE) == 150_000
    finally:
        server.stop()


def is_alive(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


STARTER = textwrap.dedent("""
    import sys
    from payclear.db.embedded import EmbeddedServer
    running = EmbeddedServer(sys.argv[1], shared_buffers="16MB").start()
    print(running.pid, flush=True)
    sys.stdin.read()
""")


@linux
def test_starter_killed_outright_leaves_no_orphan_and_no_stale_lock(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        starter.kill()
        starter.wait()
    with EmbeddedServer(folder, **SMALL) as server:
        assert ask(server, "SELECT current_user") == APP_ROLE
        assert not is_alive(pid)


def test_lock_that_is_a_link_is_refused_and_its_target_left_alone(folder: Path, tmp_path: Path) -> None:
    server = EmbeddedServer(folder, **SMALL)
    server._make_folders()
    target = tmp_path / "target"
    target.write_text("precious")
    (server.place / "lock").symlink_to(target)
    with pytest.raises(PlaceRefused, match="it is a link"):
        server.start()
    assert target.read_text() == "precious"
    (server.place / "lock").unlink()


@linux
def test_stale_pid_that_is_another_process_now_does_not_stop_a_start(folder: Path) -> None:
    with EmbeddedServer(folder, **SMALL) as server:
        left = (server.data_folder / "postmaster.pid").read_text()
    changed = [str(os.getpid()), *left.splitlines()[1:]]
    (server.data_folder / "postmaster.pid").write_text("\n".join(changed) + "\n")
    with server:
        assert ask(server, "SELECT 1") == 1


def test_half_made_cluster_is_made_anew(folder: Path) -> None:
    server = EmbeddedServer(folder, **SMALL)
    with server:
        pass
    shutil.rmtree(server.data_folder)
    (server.place / "data.new").mkdir()
    (server.place / "data.new" / "PG_VERSION").write_text("18")
    with server:
        assert ask(server, "SELECT 1") == 1


def test_data_of_another_major_version_is_refused_in_a_sentence(folder: Path) -> None:
    server = EmbeddedServer(folder, **SMALL)
    with server:
        pass
    (server.data_folder / "PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedServerError, match="made by PostgreSQL 15"):
        server.start()
    (server.data_folder / "PG_VERSION").write_text("18\n")


def test_server_that_refuses_its_options_says_why_in_one_line(folder: Path) -> None:
    server = EmbeddedServer(folder, extra={"max_wal_senders": "many"})
    with pytest.raises(EmbeddedServerError, match=r"did not start: .*max_wal_senders"):
        server.start()


def test_deep_folder_gets_a_short_private_socket_folder(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    server = EmbeddedServer(deep, **SMALL)
    with server:
        assert len(str(server.socket_folder)) < 60
        assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
        assert ask(server, "SELECT 1") == 1
    server.destroy()
    assert not server.socket_folder.exists()


def test_destroyed_server_leaves_nothing_of_its_own(folder: Path) -> None:
    with EmbeddedServer(folder, **SMALL) as server:
        pass
    server.destroy()
    assert list(folder.iterdir()) == []


@not_root
def test_folder_without_write_permission_is_refused_in_a_sentence(folder: Path) -> None:
    folder.chmod(0o500)
    with pytest.raises(PlaceRefused, match="no permission to write"):
        EmbeddedServer(folder).start()
    folder.chmod(0o700)


@as_root
def test_root_with_a_private_home_keeps_data_in_a_place_of_its_own(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    clone = home / "clone"
    clone.mkdir()
    with EmbeddedServer(clone / "var", **SMALL) as server:
        assert not server.place.is_relative_to(home)
        assert ask(server, "SELECT 1") == 1
        assert server.data_folder.stat().st_uid != 0
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
    server.destroy()
    assert not server.place.parent.exists()


@as_root
def test_root_with_a_wheel_out_of_reach_runs_a_copy_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = bin_folder().parents[1]
    hidden = folder / "hidden"
    hidden.mkdir(mode=0o700)
    shutil.copytree(wheel, hidden / wheel.name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    libraries = wheel.with_name(f"{wheel.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, hidden / libraries.name)
    monkeypatch.setattr(sys, "path", [str(hidden), *sys.path])
    assert bin_folder().is_relative_to(hidden)
    with EmbeddedServer(hidden / "var", **SMALL) as server:
        assert ask(server, "SELECT 1") == 1
    assert stat.S_IMODE(hidden.stat().st_mode) == 0o700
    server.destroy()


def test_folder_that_is_a_link_is_never_used(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "place").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PlaceRefused, match="not a folder"):
        make_folder(tmp_path / "place", 0o700)


def test_folder_that_others_may_write_is_never_used(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "place").chmod(0o777)
    with pytest.raises(PlaceRefused, match="Others may write"):
        make_folder(tmp_path / "place", 0o700)


@as_root
def test_folder_of_another_user_is_never_used(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    os.chown(tmp_path / "place", 12_345, 12_345)
    with pytest.raises(PlaceRefused, match="belongs to"):
        make_folder(tmp_path / "place", 0o700)


def test_folder_behind_a_private_one_is_out_of_reach_of_others(tmp_path: Path) -> None:
    stranger = RunAs(54_321, 54_321, dropped=True)
    private = tmp_path / "private"
    (private / "inner").mkdir(parents=True)
    private.chmod(0o700)
    assert not reachable(private / "inner", stranger)
    assert private_place.fingerprint(private) != private_place.fingerprint(private / "inner")
