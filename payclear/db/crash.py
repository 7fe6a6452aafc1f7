"""Crash points: kills this process at a named commit, so that the crash matrix of the tests is enumerable, not random.

`PAYCLEAR_TEST_CRASH_AT=payclear.callbacks.service._keep_and_apply:after_commit:1` kills before or after the n-th commit of the
unit of work opened by that function. Unset, which is always so outside tests, it costs one comparison.
"""

import os
import signal
import sys
from dataclasses import dataclass
from typing import Protocol

VARIABLE = "PAYCLEAR_TEST_CRASH_AT"
BEFORE = "before_commit"
AFTER = "after_commit"


class Plan(Protocol):
    """Whoever is told of every commit and may end what is going on there."""

    def passes(self, place: str, moment: str) -> None:
        """Called just before and just after a commit of the unit of work that the function `place` opened."""
        ...  # pragma: no cover


@dataclass(slots=True)
class CrashPlan:
    """Where to die, and how many passes are left until then."""

    place: str
    moment: str
    passes_left: int

    def passes(self, place: str, moment: str) -> None:
        """Die here when this is the place, the moment and the pass."""
        if place != self.place or moment != self.moment:
            return
        self.passes_left -= 1
        if self.passes_left <= 0:
            os.write(2, f"crash point {place}:{moment}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)


def plan_from(environ: dict[str, str] | os._Environ[str]) -> CrashPlan | None:
    """The plan that the environment names, or None; a production never has one."""
    text = environ.get(VARIABLE, "")
    if not text or environ.get("PAYCLEAR_ENVIRONMENT") == "production":
        return None
    place, moment, times = text.split(":")
    return CrashPlan(place, moment, int(times))


def caller_place(depth: int) -> str:
    """The function `depth` frames above, as `module.function`."""
    frame = sys._getframe(depth)
    return f"{frame.f_globals['__name__']}.{frame.f_code.co_name}"
