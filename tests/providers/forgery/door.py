"""Brings forgeries to the callback address of the running application, against PostgreSQL, and looks at every table.

Used by the command and by the suite. Nothing may change but the counter of refused callbacks.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256

from payclear.app import create_app
from payclear.assembly import make_runtime
from payclear.contract.conformance.bench import Bench, Subject, need
from payclear.contract.conformance.mutants import CARRIER_HEADERS, Mutant
from payclear.contract.registry import ProviderLine, ProviderRegistry
from payclear.db.uow import Database
from payclear.kernel.settings import load_settings
from payclear.orders.domain import OrderState
from tests.database import TestServer
from tests.providers.conformance.books import Desk, Paid
from tests.scenes import Scene

COUNTER = "callback_rejection"
METHODS = ("GET", "POST")


@dataclass(slots=True)
class Sample:
    """A few mutants of a profile, spread over the whole run, by what the adapter said of them."""

    every: int
    seen: int = 0
    refused: list[Mutant] = field(default_factory=list)
    equal: list[Mutant] = field(default_factory=list)
    hints: list[Mutant] = field(default_factory=list)

    def keep(self, mutant: Mutant, verdict: str) -> None:
        """Take each so-manieth; one that the address does not take as it is (method, path, time) stands aside."""
        self.seen += 1
        if self.seen % self.every == 0 and _can_be_sent(mutant):
            kept = {"refused": self.refused, "equal": self.equal, "hint": self.hints}
            kept[verdict].append(mutant)

    def __len__(self) -> int:
        return len(self.refused) + len(self.equal) + len(self.hints)


@contextmanager
def desk_at(server: TestServer, bench: Bench, subject: Subject) -> Iterator[Desk]:
    """The application with the subject's account alone, on an empty database."""
    line = ProviderLine(
        account=subject.account, provider=subject.provider, cut_off="00:00", grace_business_days=1
    )
    made = make_runtime(load_settings("test"), url=server.app_url, clock=bench.clock)
    runtime = replace(made, providers=ProviderRegistry({line.code: line}))
    try:
        yield Desk(create_app(runtime), Scene(runtime).set_up(), bench, subject)
    finally:
        runtime.database.engine.dispose()
        server.empty()


def bring(desk: Desk, paid: Paid, sample: Sample) -> None:
    """Forgeries before the true callback change nothing; after it, neither they nor its other spellings do.

    `paid` is a payment that the books know nothing of yet, and whose callbacks the sample was made of.
    """
    _leave_everything_alone(desk, sample.refused)
    need(desk.state(paid) is OrderState.OPEN, "a forgery has changed an order that nobody paid")
    desk.learn(paid)
    need(desk.state(paid) is OrderState.PAID, "the true callback was not believed")
    _leave_everything_alone(desk, [*sample.refused, *sample.equal])
    money = desk.money()
    for mutant in sample.hints:
        _call(desk, mutant)
    need(desk.money() == money, "a hint has moved money")
    need(desk.state(paid) is OrderState.PAID, "a hint has changed a paid order")


def hashes(database: Database) -> dict[str, str]:
    """Every table's rows as one digest, but for the counter of refused callbacks."""
    with database.begin() as uow:
        names = [name for (name,) in uow.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        return {
            name: sha256(
                "\n".join(row for (row,) in uow.run(f"SELECT t::text FROM {name} t ORDER BY 1")).encode()
            ).hexdigest()
            for name in names
            if name != COUNTER
        }


def _leave_everything_alone(desk: Desk, mutants: list[Mutant]) -> None:
    database = desk.scene.runtime.database
    before = hashes(database)
    for mutant in mutants:
        kept = desk.count("inbound_callback")
        _call(desk, mutant)
        need(desk.count("inbound_callback") == kept, f"a forgery is kept: {mutant!r} {mutant.request.body!r}")
    after = hashes(database)
    changed = sorted(name for name in before if before[name] != after[name])
    need(not changed, f"forgeries have changed {changed}")


def _call(desk: Desk, mutant: Mutant) -> None:
    status = desk.call(mutant.request).status_code
    need(status < 500, f"HTTP {status} is answered to a forgery: {mutant.deeds}")


def _can_be_sent(mutant: Mutant) -> bool:
    request = mutant.request
    query = request.query_string.decode("latin-1")
    return (
        request.method in METHODS
        and "received at another time" not in mutant.deeds  # the address has a clock of its own
        and all(" " < letter <= "~" and letter != "#" for letter in query)
        and all(text == text.strip() for name, text in request.headers.items() if name not in CARRIER_HEADERS)
    )
