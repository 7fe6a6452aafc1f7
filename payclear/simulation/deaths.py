"""Processes that die between two commits, played as exceptions that nothing in the service catches.

A thread of the web or of a worker dies at every so many passes of a commit; a citizen's request where the plan says.
"""

import threading
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from payclear.db.crash import AFTER, BEFORE

# What keeps the record of a run opens units of work of its own; a death there kills nobody's work.
SPARED = ("payclear.jobs.", "payclear.simulation.")
CHECKOUT_INTENT = ("payclear.checkout.service.start", AFTER)
CHECKOUT_RECORD = ("payclear.checkout.service._record", BEFORE)


class SimulatedDeath(BaseException):
    """The process is gone: no handler of the service may see this."""


class Deaths:
    """Who dies where. `percent` of the passes of each commit end a mortal thread's work."""

    def __init__(self, *, percent: float, seed: int) -> None:
        self._period = round(100 / percent) if percent else 0
        self._seed = seed
        self._lock = threading.Lock()
        self._passes: Counter[tuple[str, str]] = Counter()
        self._thread = threading.local()
        self.counts: Counter[str] = Counter()

    def make_mortal(self) -> None:
        """Let the calling thread die like a process of the service."""
        self._thread.mortal = True

    @contextmanager
    def mortal(self) -> Iterator[None]:
        """The same for the time of a request."""
        self._thread.mortal = True
        try:
            yield
        finally:
            self._thread.mortal = False

    @contextmanager
    def armed(self, at: tuple[str, str] | None) -> Iterator[None]:
        """Let the calling thread die once at a place and moment, as planned for one citizen."""
        self._thread.armed = at
        try:
            yield
        finally:
            self._thread.armed = None

    def passes(self, place: str, moment: str) -> None:
        """Told by every unit of work around its commit."""
        here = (place, moment)
        if getattr(self._thread, "armed", None) == here:
            self._thread.armed = None
            self._die(place, moment)
        if not self._period or not getattr(self._thread, "mortal", False) or place.startswith(SPARED):
            return
        with self._lock:
            self._passes[here] += 1
            passed = self._passes[here]
        offset = zlib.crc32(f"{self._seed} {place} {moment}".encode()) % self._period
        if passed % self._period == offset:
            self._die(place, moment)

    def _die(self, place: str, moment: str) -> None:
        with self._lock:
            self.counts[f"{place}:{moment}"] += 1
        raise SimulatedDeath(f"{place}:{moment}")
