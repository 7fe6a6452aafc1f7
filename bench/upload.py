"""Decisions are uploaded by the hundred thousand while payments run: is a row lost, and how much slower are the payments?

Run by `python -m bench --only upload`. Real processes: `payclear serve`, `payclear worker`. Portals create orders and VNPAY
calls back in the quiet time and during the uploads; only their p99 is compared.
"""

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from bench.exemplar import Exemplar
from bench.seeding import Seeder
from bench.stage import Stage, Web
from bench.wire import ACCEPTED, CALLBACK_PATH, ORDERS_PATH
from payclear.kernel.launching import launched

AGENCY: Final = "A00.01"
BATCH_ROWS: Final = 20_000
BATCHES_PATH: Final = "/v1/decision-batches"
GOAL: Final = 2.0  # p99 of payments while decisions are uploaded, to that without
KINDS: Final = ("create", "callback")
CREATORS, CALLERS = 2, 2
THINK_S: Final = 0.05
WARM_UP_S: Final = 3.0
QUIET_S: Final = 30.0
SILENCE_S: Final = 60.0
DEADLINE_S: Final = 3_600.0
PER_SECOND_MAX: Final = 80
_HEADER: Final = (
    "decision_no,decided_on,served_on,served_method,violator_name,id_no,plate,plate_colour,amount\r\n"
)
_TRUTH: Final = """
SELECT (SELECT count(*) FROM decision_row), (SELECT count(*) FROM decision_row WHERE result = 'registered'),
       (SELECT count(*) FROM obligation WHERE kind = 'traffic_fine'),
       (SELECT count(*) FROM fine_version), (SELECT count(*) FROM decision_batch WHERE state = 'finished')
"""


class UploadFailed(Exception):
    """Somebody was answered wrongly, or a row was lost: the figures mean nothing."""


@dataclass(slots=True)
class Phase:
    """What payments took, in seconds, with or without uploads."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    wrong: list[str] = field(default_factory=list)

    def percentile_ms(self, kind: str, percent: float) -> float:
        """The time under which so many percent stayed."""
        ordered = sorted(self.seconds[kind]) or [0.0]
        return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)] * 1000


@dataclass(frozen=True, slots=True)
class KindFigures:
    """One kind of request in both phases."""

    kind: str
    quiet: int
    quiet_p50_ms: float
    quiet_p99_ms: float
    busy: int
    busy_p50_ms: float
    busy_p99_ms: float

    @property
    def ratio(self) -> float:
        """The p99 while decisions are uploaded, to the p99 without."""
        return self.busy_p99_ms / max(self.quiet_p99_ms, 0.001)


@dataclass(frozen=True, slots=True)
class UploadResult:
    """What the bench found."""

    machine: dict[str, str]
    decisions: int
    batches: int
    seconds: float
    kinds: tuple[KindFigures, ...]

    @property
    def missed(self) -> list[str]:
        """The kinds whose p99 grew past the goal, in sentences."""
        return [
            f"{each.kind}: p99 {each.busy_p99_ms:.0f} ms, {each.ratio:.2f} of {each.quiet_p99_ms:.0f} ms"
            for each in self.kinds
            if each.ratio > GOAL
        ]

    def to_json(self) -> dict[str, Any]:
        """All figures, with the ratios."""
        plain = asdict(self)
        for figures, row in zip(self.kinds, plain["kinds"], strict=True):
            row["ratio"] = figures.ratio
        per_second = self.decisions / self.seconds
        return plain | {"rows_per_second": per_second, "goal": GOAL, "missed": self.missed}


def measure(
    stage: Stage,
    database: str,
    exemplar: Exemplar,
    seeder: Seeder,
    *,
    decisions: int,
    machine: dict[str, str],
) -> UploadResult:
    """Run the quiet time and the uploads on a seeded database; raises UploadFailed."""
    supply = int((DEADLINE_S / 10 + QUIET_S) * PER_SECOND_MAX)
    obligations, callbacks = iter(seeder.owed(supply)), iter(seeder.waiting(supply))
    seeder.settle_down()
    with Web(stage, database) as web, _worker(stage, database), stage.superuser(database) as superuser:
        before = superuser.execute(_TRUTH).fetchone()
        assert before is not None
        load = _Load(web.port, exemplar, obligations, callbacks)
        load.run(Phase(), _for_seconds(WARM_UP_S))
        quiet = load.run(Phase(), _for_seconds(QUIET_S / 2))
        began = time.perf_counter()
        sent = [_send(web.port, exemplar, number, rows) for number, rows in enumerate(_portions(decisions))]
        busy = load.run(Phase(), lambda: all(_is_finished(web.port, exemplar, batch) for batch in sent))
        seconds = time.perf_counter() - began
        load.run(quiet, _for_seconds(QUIET_S / 2))
        after = superuser.execute(_TRUTH).fetchone()
        assert after is not None
        for phase in (quiet, busy):
            if phase.wrong:
                raise UploadFailed(
                    f"{len(phase.wrong)} wrong answers, the first: {phase.wrong[0]}\n{web.log_end()}"
                )
    grown = [now - then for now, then in zip(after, before, strict=True)]
    if grown != [decisions, decisions, decisions, decisions, len(sent)]:
        raise UploadFailed(f"rows are lost: {decisions} decisions in {len(sent)} batches became {grown}")
    kinds = tuple(
        KindFigures(
            kind,
            len(quiet.seconds[kind]),
            quiet.percentile_ms(kind, 50),
            quiet.percentile_ms(kind, 99),
            len(busy.seconds[kind]),
            busy.percentile_ms(kind, 50),
            busy.percentile_ms(kind, 99),
        )
        for kind in KINDS
    )
    return UploadResult(machine, decisions, len(sent), seconds, kinds)


def table(result: UploadResult) -> str:
    """The figures as Markdown, ready for bench/README.md."""
    head = "| request | quiet | p50 ms | p99 ms | while uploading | p50 ms | p99 ms | p99 ratio |"
    rows = [head, "|" + "---|" * 8]
    for each in result.kinds:
        rows.append(
            f"| {each.kind} | {each.quiet} | {each.quiet_p50_ms:.1f} | {each.quiet_p99_ms:.1f} "
            f"| {each.busy} | {each.busy_p50_ms:.1f} | {each.busy_p99_ms:.1f} | **{each.ratio:.2f}** |"
        )
    facts = "; ".join(f"{name} {value}" for name, value in result.machine.items())
    speed = (
        f"{result.decisions:,} decisions in {result.batches} batches took {result.seconds:.1f} s = "
        f"{result.decisions / result.seconds:,.0f} rows/s; none is lost."
    )
    return "\n".join([facts, "", *rows, "", speed, *[f"MISSED: {miss}" for miss in result.missed]])


def _portions(decisions: int) -> Iterator[range]:
    for start in range(0, decisions, BATCH_ROWS):
        yield range(start, min(start + BATCH_ROWS, decisions))


def _file(rows: range) -> bytes:
    lines = [
        f"{number:07d}/QĐ-XPHC,01/10/2026,05/10/2026,handed,NGUYỄN VĂN MẪU,0010{number:07d}7,"
        f"29A-{number // 100:03d}.{number % 100:02d},white,{500_000 + number % 9 * 100_000}\r\n"
        for number in rows
    ]
    return (_HEADER + "".join(lines)).encode()


def _send(port: int, exemplar: Exemplar, number: int, rows: range) -> str:
    headers = exemplar.sender.headers(f"upload-{number:020d}") | {"Content-Type": "text/csv"}
    status, content, _ = _Client(port).send(
        "POST", f"{BATCHES_PATH}?agency_code={AGENCY}", headers, _file(rows)
    )
    if status != 202:
        raise UploadFailed(f"upload {status}: {content[:300]!r}")
    return str(json.loads(content)["id"])


def _is_finished(port: int, exemplar: Exemplar, batch: str) -> bool:
    status, content, _ = _Client(port).send("GET", f"{BATCHES_PATH}/{batch}", exemplar.sender.headers("read"))
    answer = json.loads(content)
    if status != 200 or answer["status"] == "unreadable":
        raise UploadFailed(f"batch {status}: {content[:300]!r}")
    return bool(answer["status"] == "finished")


def _for_seconds(seconds: float) -> Callable[[], bool]:
    until = time.perf_counter() + seconds
    return lambda: time.perf_counter() > until


@contextmanager
def _worker(stage: Stage, database: str) -> Iterator[None]:
    with (stage.folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            launched([sys.executable, "-m", "payclear.cli", "worker"]),
            env=stage.environ(database),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Client:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SILENCE_S)

    def send(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> tuple[int, bytes, float]:
        """Status, body and the seconds it took; a connection that the server closed is opened again."""
        began = time.perf_counter()
        try:
            status, content = self._exchange(method, path, headers, body)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self._connection.close()
            status, content = self._exchange(method, path, headers, body)
        return status, content, time.perf_counter() - began

    def _exchange(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[int, bytes]:
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()


class _Load:
    """Portals that create orders and a provider that calls back, until somebody says that it is over."""

    def __init__(
        self, port: int, exemplar: Exemplar, obligations: Iterator[int], callbacks: Iterator[int]
    ) -> None:
        self._port = port
        self._exemplar = exemplar
        self._supply = {"create": obligations, "callback": callbacks}
        self._lock = threading.Lock()

    def run(self, phase: Phase, is_over: Callable[[], bool]) -> Phase:
        """Keep everybody busy; requests under way are waited for and count."""
        stop = threading.Event()
        actors = [self._create] * CREATORS + [self._call_back] * CALLERS
        threads = [threading.Thread(target=self._repeat, args=(phase, stop, actor)) for actor in actors]
        for thread in threads:
            thread.start()
        deadline = time.perf_counter() + DEADLINE_S
        try:
            while not is_over():
                if time.perf_counter() > deadline or phase.wrong:
                    break
                time.sleep(0.5)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        if time.perf_counter() > deadline:
            raise UploadFailed("the batches do not end")
        return phase

    def _repeat(self, phase: Phase, stop: threading.Event, act: Callable[[Phase, _Client], None]) -> None:
        client = _Client(self._port)
        try:
            while not stop.is_set():
                act(phase, client)
                time.sleep(THINK_S)
        except Exception as error:
            phase.wrong.append(f"{type(error).__name__}: {error}")

    def _next(self, kind: str) -> int:
        with self._lock:
            return next(self._supply[kind])

    def _create(self, phase: Phase, client: _Client) -> None:
        number = self._next("create")
        sender, likeness = self._exemplar.sender, self._exemplar.likeness
        body = sender.order(likeness.uuid(self._exemplar.obligation_id, number), f"upload-{number}")
        status, content, took = client.send(
            "POST", ORDERS_PATH, sender.headers(f"order-{number:020d}"), json.dumps(body).encode()
        )
        if status != 201:
            raise UploadFailed(f"order {status}: {content[:300]!r}")
        phase.seconds["create"].append(took)

    def _call_back(self, phase: Phase, client: _Client) -> None:
        number = self._next("callback")
        likeness, sender = self._exemplar.likeness, self._exemplar.sender
        query = sender.callback_query(
            likeness.text(self._exemplar.attempt_ref, number),
            transaction_no=likeness.text(self._exemplar.transaction_no, number),
            paid_at=datetime.now(UTC),
        )
        status, content, took = client.send("GET", f"{CALLBACK_PATH}?{query}", {})
        if status != 200 or ACCEPTED not in content:
            raise UploadFailed(f"callback {status}: {content[:300]!r}")
        phase.seconds["callback"].append(took)
