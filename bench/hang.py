"""One provider hangs on every call: how much slower do the others become? Real processes, the same load before and after.

Run by `python -m bench --only hang`; `--places 64` takes the protection away. Citizens go on choosing the provider that hangs, and its attempts in doubt are asked
about; what counts is everybody else's p99, beginning with the first second of the hang.
"""

import http.client
import json
import queue
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import psycopg

from bench.exemplar import Exemplar
from bench.seeding import Seeder
from bench.stage import Stage, Web, free_port
from bench.wire import ACCEPTED, CALLBACK_PATH, ORDERS_PATH
from payclear.assembly import assemble, make_runtime
from payclear.db.embedded import APP_ROLE
from payclear.jobs.queue import defer
from payclear.kernel.launching import launched
from payclear.runtime import Runtime

HANGS: Final = "momo"
HANGS_FOR_S: Final = 30
OTHERS: Final = ("sandbox-demo", "zalopay-demo")  # both are called when a citizen chooses them
FAULTS: Final = [f"{kind}_timeout:{HANGS_FOR_S}" for kind in ("create", "query")]
GOAL: Final = 2.0  # p99 of the others, to that without a hang
KINDS: Final = ("create", "page", "checkout", "callback", "query")

CITIZENS: Final = 4  # at the others, each in turn of one another
CITIZENS_OF_HANGING: Final = (
    16  # as many as the web has threads: without places of its own it would take them all
)
CALLERS: Final = 2
DOUBTS_ASKED: Final = 8
THINK_S: Final = 0.5
THINK_OF_HANGING_S: Final = 2.0
SILENCE_S: Final = 45.0
READY_S: Final = 30.0
_TOKEN: Final = re.compile(rb'name="csrf_token" value="([^"]+)"')
_ATTEMPT: Final = """
SELECT a.id, a.provider_account FROM payment_attempt a JOIN payment_order o ON o.id = a.order_id
WHERE o.order_ref = %s AND a.next_query_at IS NOT NULL
"""
_ASKED: Final = "SELECT asked_at FROM payment_attempt WHERE id = %s AND asked_at >= %s"


class HangFailed(Exception):
    """Somebody was answered wrongly: the figures mean nothing."""


@dataclass(slots=True)
class Latencies:
    """What one kind of request took, in seconds; threads add to it."""

    seconds: list[float] = field(default_factory=list)

    def percentile_ms(self, percent: float) -> float:
        """The time under which so many percent stayed."""
        ordered = sorted(self.seconds) or [0.0]
        return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)] * 1000


@dataclass(slots=True)
class Phase:
    """Everything measured while the provider answered, or while it hung."""

    others: dict[str, Latencies] = field(default_factory=lambda: {kind: Latencies() for kind in KINDS})
    hanging: Latencies = field(default_factory=Latencies)  # checkouts at the provider that hangs
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class KindFigures:
    """One kind of request in both phases."""

    kind: str
    normal: int
    normal_p50_ms: float
    normal_p99_ms: float
    hang: int
    hang_p50_ms: float
    hang_p99_ms: float

    @property
    def ratio(self) -> float:
        """The p99 while one hangs, to the p99 while none does."""
        return self.hang_p99_ms / max(self.normal_p99_ms, 0.001)


@dataclass(frozen=True, slots=True)
class HangResult:
    """What the bench found."""

    machine: dict[str, str]
    seconds: float
    kinds: tuple[KindFigures, ...]
    hanging: KindFigures
    calls: dict[str, dict[str, int]]  # observations of the provider that hung, by operation and result

    @property
    def missed(self) -> list[str]:
        """The kinds whose p99 grew past the goal, in sentences."""
        return [
            f"{each.kind}: p99 {each.hang_p99_ms:.0f} ms, {each.ratio:.2f} of {each.normal_p99_ms:.0f} ms"
            for each in self.kinds
            if each.ratio > GOAL
        ]

    def to_json(self) -> dict[str, Any]:
        """All figures, with the ratios."""
        plain = asdict(self)
        for figures, row in zip(self.kinds, plain["kinds"], strict=True):
            row["ratio"] = figures.ratio
        return plain | {"goal": GOAL, "missed": self.missed}


def measure(
    stage: Stage,
    database: str,
    exemplar: Exemplar,
    seeder: Seeder,
    *,
    seconds: float,
    places: int,
    machine: dict[str, str],
) -> HangResult:
    """Run both phases on a seeded database; `places` other than 0 overrules the setting, to see what it is good for.

    Raises HangFailed.
    """
    obligations = iter(seeder.owed(int(seconds * 200)))
    callbacks = iter(seeder.waiting(int(seconds * 200)))
    seeder.settle_down()
    with ExitStack() as stack:
        town = stack.enter_context(_town(stage, database, places))
        load = _Load(town, exemplar, obligations, callbacks)
        load.run(Phase(), 3.0)  # connections, prepared statements, adapters
        # Half of the quiet time before, half after: neighbours on the machine come and go.
        normal = load.run(Phase(), seconds / 2)
        town.plant(FAULTS)
        hang = load.run(Phase(), seconds)
        calls = town.calls()
        town.plant([])
        load.run(normal, seconds / 2)
    for phase in (normal, hang):
        if phase.wrong:
            raise HangFailed(
                f"{len(phase.wrong)} wrong answers, the first: {phase.wrong[0]}\n{town.log_end()}"
            )
    return HangResult(
        machine,
        seconds,
        tuple(_figures(kind, normal.others[kind], hang.others[kind]) for kind in KINDS),
        _figures("checkout where it hangs", normal.hanging, hang.hanging),
        calls,
    )


def table(result: HangResult) -> str:
    """The figures as Markdown, ready for bench/README.md."""
    head = "| request | normal | p50 ms | p99 ms | one hangs | p50 ms | p99 ms | p99 ratio |"
    rows = [head, "|" + "---|" * 8]
    for each in (*result.kinds, result.hanging):
        ratio = f"**{each.ratio:.2f}**" if each is not result.hanging else "–"
        rows.append(
            f"| {each.kind} | {each.normal} | {each.normal_p50_ms:.1f} | {each.normal_p99_ms:.1f} "
            f"| {each.hang} | {each.hang_p50_ms:.1f} | {each.hang_p99_ms:.1f} | {ratio} |"
        )
    facts = "; ".join(f"{name} {value}" for name, value in result.machine.items())
    calls = "; ".join(
        f"{operation}: " + ", ".join(f"{count} {name}" for name, count in sorted(results.items()))
        for operation, results in sorted(result.calls.items())
    )
    missed = [f"MISSED: {miss}" for miss in result.missed]
    return "\n".join([facts, "", *rows, "", f"Calls of {HANGS} until the end of the hang: {calls}.", *missed])


def _figures(kind: str, normal: Latencies, hang: Latencies) -> KindFigures:
    return KindFigures(
        kind,
        len(normal.seconds),
        normal.percentile_ms(50),
        normal.percentile_ms(99),
        len(hang.seconds),
        hang.percentile_ms(50),
        hang.percentile_ms(99),
    )


class _Town:
    """Web, worker and simulator of one run, and the bench's own hands on queue and database."""

    def __init__(self, web: Web, simulator_port: int, runtime: Runtime, connection: Any) -> None:
        self.web_port = web.port
        self.runtime = runtime
        self._web = web
        self._simulator_port = simulator_port
        self._connection: psycopg.Connection[Any] = connection
        self._lock = threading.Lock()

    def plant(self, faults: list[str]) -> None:
        """Let the provider hang from now on."""
        body = json.dumps({"provider": HANGS, "attempt_ref": "*", "faults": faults})
        connection = http.client.HTTPConnection("127.0.0.1", self._simulator_port, timeout=READY_S)
        connection.request("POST", "/control/faults", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise HangFailed(f"the simulator refuses the faults: {answer.read()[:300]!r}")
        connection.close()

    def attempt_of(self, order_ref: str) -> tuple[UUID, str] | None:
        """The attempt of an order whose outcome is not known, and where it was made."""
        row = self._row(_ATTEMPT, (order_ref,))
        return (row[0], row[1]) if row else None

    def ask(self, attempt_id: UUID) -> datetime:
        """Put a question about an attempt into the queue, as a look at its page does."""
        with self.runtime.database.begin() as uow:
            defer(uow, "orders.query_attempt", attempt_id=str(attempt_id), counts=False)
            asked_from = uow.now
            uow.commit()
        return asked_from

    def asked_at(self, attempt_id: UUID, since: datetime) -> datetime | None:
        """When the provider was asked, once it was."""
        row = self._row(_ASKED, (attempt_id, since))
        return row[0] if row else None

    def calls(self) -> dict[str, dict[str, int]]:
        """What was observed of the provider that hangs."""
        sql = (
            "SELECT operation, result, count(*) FROM provider_call WHERE provider_account = %s GROUP BY 1, 2"
        )
        found: dict[str, dict[str, int]] = {}
        with self._lock:
            for operation, result, count in self._connection.execute(sql, (f"{HANGS}-demo",)):
                found.setdefault(operation, {})[result] = count
        return found

    def log_end(self) -> str:
        """The last lines of the web's log."""
        return self._web.log_end()

    def _row(self, sql: str, parameters: tuple[Any, ...]) -> tuple[Any, ...] | None:
        with self._lock:
            return self._connection.execute(sql, parameters).fetchone()


@contextmanager
def _town(stage: Stage, database: str, places: int) -> Iterator[_Town]:
    port = free_port()
    words = {"PAYCLEAR_SIMULATOR_PORT": str(port)}
    if places:
        words["PAYCLEAR_GATEWAY_CALLS_PER_ACCOUNT"] = str(places)
    with ExitStack() as stack:
        # Citizens come from many addresses, through a proxy of ours.
        web = Web(stage, database, **words, PAYCLEAR_WEB_TRUSTED_PROXIES="1")
        environ = stage.environ(database, PAYCLEAR_SIMULATOR_PORT=str(port), PAYCLEAR_WEB_PORT=str(web.port))
        simulator = [
            *(sys.executable, "-m", "providers.simulator", "--port", str(port)),
            *("--state", str(stage.folder / "hang.sqlite"), "--hang-s", str(HANGS_FOR_S)),
            *("--callback-base", f"http://127.0.0.1:{web.port}/callbacks"),
        ]
        stack.enter_context(_process(stage, "simulator", simulator, environ))
        stack.enter_context(web)
        worker = [sys.executable, "-m", "payclear.cli", "worker"]
        stack.enter_context(_process(stage, "worker", worker, environ))
        runtime = make_runtime(stage.settings(database), url=stage.server.url(APP_ROLE, database))
        stack.callback(runtime.database.engine.dispose)
        assemble(runtime)
        yield _Town(web, port, runtime, stack.enter_context(stage.superuser(database)))


@contextmanager
def _process(stage: Stage, name: str, command: list[str], environ: dict[str, str]) -> Iterator[None]:
    with (stage.folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            launched(command), env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)  # a worker would wait for the calls that hang
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Browser:
    """One client's connection; opened again when the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SILENCE_S)

    def send(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes, float]:
        """Status, headers, body, and the seconds it took."""
        began = time.perf_counter()
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self._connection.close()
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        return answer.status, dict(answer.getheaders()), content, time.perf_counter() - began


class _Load:
    """Portals, citizens, a provider that calls back, and somebody who looks at attempts."""

    def __init__(
        self, town: _Town, exemplar: Exemplar, obligations: Iterator[int], callbacks: Iterator[int]
    ) -> None:
        self._town = town
        self._exemplar = exemplar
        self._obligations = obligations
        self._callbacks = callbacks
        self._lock = threading.Lock()
        self._random = random.Random(7)
        self._in_doubt: list[UUID] = []

    def run(self, phase: Phase, seconds: float) -> Phase:
        """Keep everybody busy for a time; requests under way are waited for and count."""
        until = time.perf_counter() + seconds
        looked_at: queue.Queue[str] = queue.Queue()
        actors: list[Callable[[], None]] = []
        for number in range(CITIZENS):
            actors.append(partial(self._citizen, phase, until, OTHERS[number % len(OTHERS)], looked_at))
        actors += [partial(self._citizen, phase, until, f"{HANGS}-demo", looked_at)] * CITIZENS_OF_HANGING
        actors += [partial(self._caller, phase, until)] * CALLERS
        actors.append(partial(self._looker, phase, until, looked_at))
        threads = [threading.Thread(target=self._safely, args=(phase, actor)) for actor in actors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return phase

    def _safely(self, phase: Phase, actor: Callable[[], None]) -> None:
        try:
            actor()
        except Exception as error:
            phase.wrong.append(f"{type(error).__name__}: {error}")

    def _citizen(self, phase: Phase, until: float, account: str, looked_at: "queue.Queue[str]") -> None:
        """An order is made, its page opened, a provider chosen; somebody looks at the attempt afterwards."""
        browser = _Browser(self._town.web_port)
        is_other = account in OTHERS
        while time.perf_counter() < until:
            order_ref, pay_path = self._order(browser, phase, counts=is_other)
            address = {"X-Forwarded-For": f"203.0.113.{self._chance(255)}", "X-Forwarded-Proto": "http"}
            status, _headers, page, took = browser.send("GET", pay_path, address)
            token = _TOKEN.search(page)
            if status != 200 or token is None:
                phase.wrong.append(f"page {status}: {page[:300]!r}")
                return
            if is_other:
                phase.others["page"].seconds.append(took)
            took = self._choose(browser, phase, pay_path, account, token.group(1).decode(), address)
            (phase.others["checkout"] if is_other else phase.hanging).seconds.append(took)
            if account != "sandbox-demo":  # that one takes the money at once: nothing to ask
                looked_at.put(order_ref)
            time.sleep(THINK_S if is_other else THINK_OF_HANGING_S)

    def _order(self, browser: _Browser, phase: Phase, *, counts: bool) -> tuple[str, str]:
        with self._lock:
            number = next(self._obligations)
        sender, likeness = self._exemplar.sender, self._exemplar.likeness
        body = sender.order(likeness.uuid(self._exemplar.obligation_id, number), f"hang-{number}")
        status, _headers, content, took = browser.send(
            "POST", ORDERS_PATH, sender.headers(f"hang-{number:020d}"), json.dumps(body).encode()
        )
        if status != 201:
            raise HangFailed(f"order {status}: {content[:300]!r}")
        if counts:
            phase.others["create"].seconds.append(took)
        made = json.loads(content)
        return made["order_ref"], urlsplit(made["pay_url"]).path

    def _choose(
        self,
        browser: _Browser,
        phase: Phase,
        pay_path: str,
        account: str,
        token: str,
        address: dict[str, str],
    ) -> float:
        form = urlencode({"csrf_token": token, "provider_account": account, "lang": "vi"}).encode()
        headers = address | {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://127.0.0.1:{self._town.web_port}",
        }
        status, got, content, took = browser.send("POST", f"{pay_path}/attempts", headers, form)
        is_led_away = not got.get("Location", "").startswith("/pay/")
        if status not in (303, 422) or (account in OTHERS and not is_led_away):
            phase.wrong.append(f"{account}: {status} {got.get('Location')} {content[:300]!r}")
        return took

    def _caller(self, phase: Phase, until: float) -> None:
        """Callbacks of a provider that has nothing to do with the one that hangs."""
        browser = _Browser(self._town.web_port)
        likeness, sender = self._exemplar.likeness, self._exemplar.sender
        while time.perf_counter() < until:
            with self._lock:
                number = next(self._callbacks)
            query = sender.callback_query(
                likeness.text(self._exemplar.attempt_ref, number),
                transaction_no=likeness.text(self._exemplar.transaction_no, number),
                paid_at=datetime.now(UTC),
            )
            status, _headers, content, took = browser.send("GET", f"{CALLBACK_PATH}?{query}", {})
            if status != 200 or ACCEPTED not in content:
                phase.wrong.append(f"callback {status}: {content[:300]!r}")
            phase.others["callback"].seconds.append(took)
            time.sleep(THINK_S / 4)

    def _looker(self, phase: Phase, until: float, looked_at: "queue.Queue[str]") -> None:
        """Has providers asked about attempts; how soon an attempt of the others is asked about is what counts."""
        while time.perf_counter() < until:
            try:
                order_ref = looked_at.get(timeout=0.1)
            except queue.Empty:
                continue
            attempt = self._town.attempt_of(order_ref)
            if attempt is None:
                continue
            attempt_id, account = attempt
            if account not in OTHERS:
                self._in_doubt.append(attempt_id)
                continue
            # Doubts of the one that hangs are asked about beside them, old ones too: they want the worker's places.
            for doubt in self._in_doubt[-DOUBTS_ASKED:]:
                self._town.ask(doubt)
            since = self._town.ask(attempt_id)
            waited_until = time.perf_counter() + SILENCE_S
            while (asked_at := self._town.asked_at(attempt_id, since)) is None:
                if time.perf_counter() > waited_until:
                    raise HangFailed("an attempt of another provider was not asked about")
                time.sleep(0.01)
            phase.others["query"].seconds.append((asked_at - since).total_seconds())

    def _chance(self, below: int) -> int:
        with self._lock:
            return self._random.randrange(below)
