"""What one process works with: settings, clock, database, providers and keys. Installed once by `app`, `worker` or a test.

Request handlers and jobs ask `current()`; services get what they need as arguments.
"""

from dataclasses import dataclass

from payclear.contract.registry import ProviderRegistry
from payclear.db.uow import Database
from payclear.kernel.clock import Clock
from payclear.kernel.settings import Settings
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


_installed: list[Runtime] = []


def install(runtime: Runtime) -> None:
    """Make `runtime` the one of this process; a test installs its own in place of the last."""
    _installed[:] = [runtime]


def current() -> Runtime:
    """The runtime of this process; raises RuntimeError before `install`."""
    if not _installed:
        raise RuntimeError("payclear is not assembled: call payclear.app.assemble first")
    return _installed[0]
