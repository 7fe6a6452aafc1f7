"""Keeps a handful of child processes running on one machine, and leaves none behind.

Used by `payclear run`. It knows nothing of what the children do: it starts them, prefixes
their lines, waits for their health, restarts a crashed one and stops all in order.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final

from payclear.kernel.launching import launched
from payclear.kernel.problems import OperatorProblem

STOP_DEADLINE_S: Final = 10.0
PAUSES_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_S: Final = 60.0
POLL_S: Final = 0.1


class ChildRefused(OperatorProblem):
    """A child process does not come up."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run: its name in the log, its command, and the address that answers when it is healthy."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    health_url: str = ""


class Lines:
    """One output shared by every child: whole lines, each with the name of who said it."""

    def __init__(self, output: IO[str], width: int = 9) -> None:
        self._output = output
        self._width = width
        self._lock = threading.Lock()

    def say(self, name: str, line: str) -> None:
        with self._lock, contextlib.suppress(ValueError, OSError):
            self._output.write(f"{name:<{self._width}} │ {line}\n" if name else f"{line}\n")
            self._output.flush()


class Child:
    """One supervised process, in a process group of its own."""

    def __init__(self, spec: ChildSpec, lines: Lines, monotonic: Callable[[], float]) -> None:
        self.spec = spec
        self.last_line = "it said nothing."
        self._lines = lines
        self._monotonic = monotonic
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._started_at = 0.0
        self._failures = 0
        self._restart_at: float | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; it gets SIGTERM from the kernel if we are killed outright."""
        self._restart_at = None
        self._started_at = self._monotonic()
        self._process = subprocess.Popen(
            launched(self.spec.command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **self.spec.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self.last_line = line.rstrip() or self.last_line
                self._lines.say(self.spec.name, line.rstrip())

    def look_after(self) -> None:
        """Start it again, after a pause that grows, when it has ended by itself."""
        now = self._monotonic()
        if self._restart_at is not None:
            if now >= self._restart_at:
                self.start()
            return
        if self._process is None or self._process.poll() is None:
            return
        self.bury()
        self._failures = 0 if now - self._started_at > STEADY_S else self._failures + 1
        pause = PAUSES_S[min(max(self._failures - 1, 0), len(PAUSES_S) - 1)]
        self._restart_at = now + pause
        self._lines.say(
            "", f"payclear: {self.spec.name} {self.ending()}; starting it again in {pause:.0f} s."
        )

    def ending(self) -> str:
        """How it ended, in words."""
        code = self._process.returncode if self._process is not None else None
        if code is None:
            return "has not ended"
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def ask_to_stop(self) -> None:
        self._restart_at = None
        if self.is_alive():
            self._signal(signal.SIGTERM)

    def wait_stopped(self) -> None:
        """Wait for the end that was asked for, then end what is left of its group."""
        if self._process is None:
            return
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._lines.say("", f"payclear: {self.spec.name} does not stop; ending it.")
        self.bury()
        self._process = None

    def bury(self) -> None:
        """End what is left of its process group and read its last words."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        if self._reader is not None:
            self._reader.join(STOP_DEADLINE_S)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


class Supervisor:
    """The children, in the order they start; they stop in the opposite order."""

    def __init__(
        self, specs: Sequence[ChildSpec], output: IO[str], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.lines = Lines(output, width=max((len(spec.name) for spec in specs), default=0))
        self.children = [Child(spec, self.lines, monotonic) for spec in specs]
        self._monotonic = monotonic

    def start(self) -> None:
        for child in self.children:
            child.start()

    def wait_healthy(self, deadline_s: float, should_stop: threading.Event) -> bool:
        """Wait until every child answers; False when told to stop meanwhile.

        Raises ChildRefused with a sentence and the child's last line when one does not come up.
        """
        deadline = self._monotonic() + deadline_s
        waiting = list(self.children)
        while waiting:
            if should_stop.wait(POLL_S):
                return False
            waiting = [child for child in waiting if not _is_healthy(child)]
            for child in waiting:
                if not child.is_alive():
                    raise ChildRefused(
                        f"{child.spec.name} {child.ending()}: {child.last_line or 'it said nothing.'}"
                    )
            if waiting and self._monotonic() > deadline:
                names = ", ".join(child.spec.name for child in waiting)
                raise ChildRefused(f"No answer from {names} within {deadline_s:.0f} seconds.")
        return True

    def watch(self, should_stop: threading.Event, also: Callable[[], None]) -> None:
        """Look after every child until told to stop; `also` is called on every round."""
        while not should_stop.wait(POLL_S):
            also()
            for child in self.children:
                child.look_after()

    def stop(self) -> None:
        """Stop every child, last started first, and end whatever does not obey."""
        for child in reversed(self.children):
            child.ask_to_stop()
        for child in reversed(self.children):
            child.wait_stopped()


def _is_healthy(child: Child) -> bool:
    if not child.spec.health_url:
        return child.is_alive()
    try:
        with _direct.open(child.spec.health_url, timeout=2) as answer:
            return bool(answer.status < 500)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False


# The health of our own children is never asked through a proxy of the environment.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
