"""What one process works with: settings, clock, database, providers and keys. Installed once by `app`, `worker` or a test.

Request handlers and jobs ask `current()`; services get what they need as arguments.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from payclear.contract.registry import ProviderRegistry
from payclear.db.uow import Database
from payclear.gateway.gates import Gates
from payclear.kernel.clock import Clock
from payclear.kernel.settings import Settings
from payclear.sealing.service import DayKeys
from payclear.security.blind_index import BlindIndex
from payclear.security.sealed import Sealer


@dataclass(frozen=True, slots=True)
class Runtime:
    """The tools of one process."""

    settings: Settings
    clock: Clock
    database: Database
    providers: ProviderRegistry
    sealer: Sealer
    blind_index: BlindIndex
    day_keys: DayKeys = field(default_factory=DayKeys)  # for raw messages that may name people
    gates: Gates = field(default_factory=Gates)  # places and circuit breakers of this process


_installed: list[Runtime] = []


def install(runtime: Runtime) -> None:
    """Make `runtime` the one of this process; a test installs its own in place of the last."""
    _installed[:] = [runtime]


@contextmanager
def restored_afterwards() -> Iterator[None]:
    """Whatever is installed meanwhile, what was installed before is so again afterwards: for the simulated day."""
    before = _installed[:]
    try:
        yield
    finally:
        _installed[:] = before


def current() -> Runtime:
    """The runtime of this process; raises RuntimeError before `install`."""
    if not _installed:
        raise RuntimeError("payclear is not assembled: call payclear.app.assemble first")
    return _installed[0]
