"""The supervisor: children come up, come back, and never outlive it."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from payclear.operations.supervisor import ChildRefused, ChildSpec, Supervisor

SLEEPER = "import sys; print('up', flush=True); sys.stdin.read(); import time; time.sleep(600)"
DEADLINE_S = 20.0
Start = Callable[..., Supervisor]


def python(program: str, *words: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(program), *words]


def is_alive(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be buried does not."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        pause.wait(0.02)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def started() -> Iterator[Start]:
    made: list[Supervisor] = []

    def start(*specs: ChildSpec, monotonic: Callable[[], float] = time.monotonic) -> Supervisor:
        supervisor = Supervisor(specs, io.StringIO(), monotonic)
        made.append(supervisor)
        supervisor.start()
        return supervisor

    yield start
    for supervisor in made:
        supervisor.stop()


def said(supervisor: Supervisor) -> str:
    return supervisor.lines._output.getvalue()  # type: ignore[attr-defined]


def test_child_that_ends_at_start_is_refused_with_its_last_line(started: Start) -> None:
    spec = ChildSpec(
        "web", python("raise SystemExit('no such table: orders')"), {}, "http://127.0.0.1:1/health"
    )
    supervisor = started(spec)
    with pytest.raises(ChildRefused, match="web ended with exit code 1: no such table: orders"):
        supervisor.wait_healthy(DEADLINE_S, threading.Event())


def test_child_that_never_answers_is_named(started: Start, free_port: int) -> None:
    spec = ChildSpec("web", python(SLEEPER), {}, f"http://127.0.0.1:{free_port}/health")
    supervisor = started(spec)
    with pytest.raises(ChildRefused, match="No answer from web"):
        supervisor.wait_healthy(0.3, threading.Event())


def test_waiting_for_health_ends_when_told_to_stop(started: Start, free_port: int) -> None:
    supervisor = started(ChildSpec("web", python(SLEEPER), {}, f"http://127.0.0.1:{free_port}/"))
    told = threading.Event()
    told.set()
    assert supervisor.wait_healthy(DEADLINE_S, told) is False


def test_child_that_answers_over_http_is_healthy(started: Start, free_port: int) -> None:
    server = """
        import http.server, sys
        handler = http.server.SimpleHTTPRequestHandler
        http.server.test(handler, port=int(sys.argv[1]), bind="127.0.0.1")
    """
    spec = ChildSpec("web", python(server, str(free_port)), {}, f"http://127.0.0.1:{free_port}/nothing")
    supervisor = started(spec)
    assert supervisor.wait_healthy(DEADLINE_S, threading.Event())


def test_crashed_child_comes_back_after_a_pause_that_grows(started: Start) -> None:
    clock = Clock()
    supervisor = started(ChildSpec("worker", python(SLEEPER)), monotonic=clock)
    child = supervisor.children[0]
    first = child.pid
    for pause in ("1 s", "2 s", "5 s"):
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        wait_until(lambda: not child.is_alive())
        child.look_after()
        assert f"worker was ended by SIGKILL; starting it again in {pause}." in said(supervisor)
        child.look_after()
        assert not child.is_alive()
        clock.at += 10
        child.look_after()
        assert child.is_alive()
    assert child.pid != first


def test_lines_carry_the_name_of_who_said_them(started: Start) -> None:
    supervisor = started(ChildSpec("worker", python("print('xin chào')")), ChildSpec("web", python(SLEEPER)))
    wait_until(lambda: "worker │ xin chào\n" in said(supervisor) and "web    │ up\n" in said(supervisor))


def test_stop_ends_a_child_that_will_not_and_its_own_children(
    started: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payclear.operations.supervisor.STOP_DEADLINE_S", 0.3)
    stubborn = """
        import signal, subprocess, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(inner.pid, flush=True)
        inner.wait()
    """
    supervisor = started(ChildSpec("web", python(stubborn)))
    child = supervisor.children[0]
    wait_until(lambda: child.last_line.isdigit())
    pids = (child.pid, int(child.last_line))
    supervisor.stop()
    for pid in pids:
        assert pid is not None
        wait_until(lambda pid=pid: not is_alive(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="needs the parent-death signal")
def test_supervisor_killed_outright_leaves_no_child() -> None:
    program = """
        import sys, threading
        from payclear.operations.supervisor import ChildSpec, Supervisor
        supervisor = Supervisor([ChildSpec("web", [sys.executable, "-c", sys.argv[1]])], sys.stderr)
        supervisor.start()
        print(supervisor.children[0].pid, flush=True)
        threading.Event().wait()
    """
    with subprocess.Popen(
        python(program, SLEEPER), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    wait_until(lambda: not is_alive(pid))
