"""`payclear run`: what is in its way is one plain sentence, and its banner says where to go."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from payclear import runner
from payclear.db.address import DatabaseAddress, configured, with_driver
from payclear.db.private_place import PlaceRefused
from payclear.kernel.settings import load_settings
from payclear.runner import Listener, RunRefused, at, banner, children, require_free

SETTINGS = load_settings("development", environ={})


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def payclear_run(**environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PAYCLEAR_")}
    return subprocess.run(
        [sys.executable, "-m", "payclear.cli", "run"],
        env={**clean, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_taken_port_is_one_plain_sentence_and_exit_code_2(tmp_path: Path, taken_port: int) -> None:
    done = payclear_run(PAYCLEAR_WEB_PORT=str(taken_port), PAYCLEAR_DATABASE_STATE_FOLDER=str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert f"Port {taken_port} for the web server cannot be used" in lines[0]
    assert "PAYCLEAR_WEB_PORT" in lines[0]
    assert not (tmp_path / "postgres").exists()


def test_second_run_in_the_same_folder_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with runner._only_one(tmp_path):
        done = payclear_run(PAYCLEAR_DATABASE_STATE_FOLDER=str(tmp_path))
    assert done.returncode == 2
    assert f"payclear already runs here (process {os.getpid()})" in done.stderr
    assert "Traceback" not in done.stderr


def test_lock_left_by_a_dead_run_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "run.lock").write_text("999999\n")
    with runner._only_one(tmp_path):
        assert (tmp_path / "run.lock").read_text() == f"{os.getpid()}\n"


def strange_locks(folder: Path) -> Iterator[Path]:
    """Files of others in the place of a lock: each must be as it was after a refusal."""
    target = folder / "target"
    target.write_text("12345\n")
    for name, lay in (
        ("link", lambda path: path.symlink_to(target)),
        ("hard-link", lambda path: path.hardlink_to(target)),
        ("notes", lambda path: path.write_text("my notes\n")),
        ("folder", lambda path: path.mkdir()),
        ("pipe", os.mkfifo),
    ):
        place = folder / name
        place.mkdir()
        lay(place / "run.lock")
        yield place
    assert target.read_text() == "12345\n"
    assert (folder / "notes" / "run.lock").read_text() == "my notes\n"


def test_lock_that_is_not_ours_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    for place in strange_locks(tmp_path):
        with pytest.raises(PlaceRefused, match=r"run\.lock"), runner._only_one(place):
            raise AssertionError(f"{place.name} was taken")


def test_lock_is_ours_alone(tmp_path: Path) -> None:
    with runner._only_one(tmp_path):
        assert (tmp_path / "run.lock").stat().st_mode & 0o777 == 0o600


def test_folder_that_cannot_be_made_is_one_plain_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = payclear_run(PAYCLEAR_DATABASE_STATE_FOLDER=str(tmp_path / "file" / "var"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "cannot be made" in done.stderr


def test_wrong_setting_is_said_without_a_traceback() -> None:
    done = payclear_run(PAYCLEAR_WEB_PROT="1")
    assert done.returncode == 2
    assert "PAYCLEAR_WEB_PROT names no setting." in done.stderr
    assert "Traceback" not in done.stderr


def test_free_port_is_accepted() -> None:
    require_free(Listener("the web server", "127.0.0.1", 0, "PAYCLEAR_WEB_PORT"))


def test_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(RunRefused, match="cannot be used"):
        require_free(Listener("the web server", "192.0.2.1", 8000, "PAYCLEAR_WEB_PORT"))


def test_banner_names_the_pages_the_logins_and_the_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runner, "_is_there", lambda module: True)
    text = banner(SETTINGS, ["console: officer / demo"], tmp_path, with_demo=True)
    for part in (
        "payclear đang chạy · payclear is running",
        "http://127.0.0.1:8200/",
        "http://127.0.0.1:8000/console/",
        "http://127.0.0.1:8000/docs",
        "http://127.0.0.1:8100/",
        "sh examples/bank/pay_at_counter.sh MÃ-HỒ-SƠ http://127.0.0.1:8000",
        "PAYCLEAR=http://127.0.0.1:8000 sh examples/bank/vietinbank.sh",
        "console: officer / demo",
        "Ctrl-C",
        str(tmp_path),
    ):
        assert part in text


def test_production_runs_neither_simulator_nor_example(tmp_path: Path) -> None:
    address = DatabaseAddress("postgresql+psycopg://app@/payclear", "postgresql+psycopg://owner@/payclear")
    names = [spec.name for spec in children(SETTINGS, address, tmp_path, with_demo=False)]
    assert names == ["web", "worker", "scheduler"]


def test_listener_on_every_address_is_reached_on_this_machine() -> None:
    assert at("0.0.0.0", 8000) == "http://127.0.0.1:8000"
    assert at("127.0.0.1", 8000) == "http://127.0.0.1:8000"


def test_configured_database_gets_the_driver_and_no_embedded_server() -> None:
    given = load_settings("test", environ={"PAYCLEAR_DATABASE_URL": "postgres://app@db/payclear"})
    assert configured(given) == DatabaseAddress(*["postgresql+psycopg://app@db/payclear"] * 2)
    assert configured(SETTINGS) is None
    assert with_driver("postgresql://a@b/c") == "postgresql+psycopg://a@b/c"
