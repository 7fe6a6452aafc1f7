"""One contest: payclear over HTTP against the same statements in pgbench, on one database, turn by turn.

Called by `python -m bench`. Every request has an order of its own; every acknowledged request is counted in the
database afterwards.
"""

import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import psycopg

from bench import pgbench
from bench.exemplar import Exemplar
from bench.likeness import scattered
from bench.load import LoadRun
from bench.pgbench import PgbenchRun
from bench.seeding import Seeder
from bench.stage import Stage, Web
from bench.wire import ACCEPTED, CALLBACK_PATH, CREATED, ORDERS_PATH, get, post
from payclear.db.embedded import APP_ROLE

LOAD_DEADLINE_S: Final = 120
WARM_UP_CLIENTS: Final = 8
WARM_UP_EACH: Final = 30  # requests a client, not counted: each connection prepares its statements

Run = TypeVar("Run")


class ContestFailed(Exception):
    """A request was refused or lost: the figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Discipline:
    """One kind of request: how it is sent, what a good answer holds, what it writes."""

    name: str
    expected: bytes
    request: Callable[[Exemplar, int], bytes]
    count_done: str


@dataclass(frozen=True, slots=True)
class Effort:
    """How long one contest lasts: requests at most, transactions of pgbench, and seconds of load."""

    clients: int
    requests: int
    transactions: int
    seconds: float

    @property
    def warm_up(self) -> int:
        """Requests before anything is counted."""
        return WARM_UP_EACH * self.clients

    @property
    def cases(self) -> int:
        """How many seeded cases one contest may use."""
        return self.warm_up + self.requests + self.clients * self.transactions


@dataclass(frozen=True, slots=True)
class Turn(Generic[Run]):
    """What one side reached, and what one request of it cost in all processes."""

    run: Run
    cpu_us: float
    web_cpu_us: float
    pages: float
    wal_bytes: float


@dataclass(frozen=True, slots=True)
class Bout:
    """One contest: our turn and the limit's, one directly after the other."""

    discipline: str
    clients: int
    orders: int
    ours: Turn[LoadRun]
    limit: Turn[PgbenchRun]

    @property
    def ratio(self) -> float:
        """Ours to the limit, in committed requests a second."""
        return self.ours.run.per_second / self.limit.run.per_second

    @property
    def cpu_ratio(self) -> float:
        """The same by processor time, which neighbours on the machine disturb less."""
        return self.limit.cpu_us / self.ours.cpu_us


@dataclass(frozen=True, slots=True)
class _Touched:
    pages: int
    wal_bytes: int
    server_cpu_s: float

    def __sub__(self, before: "_Touched") -> "_Touched":
        return _Touched(
            self.pages - before.pages,
            self.wal_bytes - before.wal_bytes,
            self.server_cpu_s - before.server_cpu_s,
        )


def _callback_request(exemplar: Exemplar, number: int) -> bytes:
    query = exemplar.sender.callback_query(
        exemplar.likeness.text(exemplar.attempt_ref, number),
        transaction_no=exemplar.likeness.text(exemplar.transaction_no, number),
        paid_at=datetime.now(UTC),
    )
    return get(f"{CALLBACK_PATH}?{query}")


def _create_request(exemplar: Exemplar, number: int) -> bytes:
    obligation = exemplar.likeness.uuid(exemplar.obligation_id, number)
    sender = exemplar.sender
    return post(
        ORDERS_PATH,
        sender.headers(f"key-{scattered(number)}"),
        sender.order(obligation, f"bench-http-{number}"),
    )


CALLBACK: Final = Discipline(
    name="callback",
    expected=ACCEPTED,
    request=_callback_request,
    count_done="SELECT count(*) FROM callback_processing WHERE status = 'processed'",
)
CREATE: Final = Discipline(
    name="create",
    expected=CREATED,
    request=_create_request,
    count_done="SELECT count(*) FROM idempotency_key WHERE status = 201",
)


class Arena:
    """A database with its web server, its seeds, and the scripts of the limit."""

    def __init__(self, stage: Stage, database: str, exemplar: Exemplar, seeder: Seeder, web: Web) -> None:
        self._stage = stage
        self._database = database
        self._exemplar = exemplar
        self._seeder = seeder
        self._web = web
        self._connection = stage.superuser(database)
        self._scripts = {
            CALLBACK.name: _written(stage, CALLBACK, exemplar.callback_statements, exemplar),
            CREATE.name: _written(stage, CREATE, exemplar.create_statements, exemplar),
        }

    def close(self) -> None:
        """Put the connection away."""
        self._connection.close()

    def warm_up(self, discipline: Discipline, numbers: Sequence[int]) -> None:
        """Touch the database as the contests will: the first write to a page after a checkpoint logs it whole."""
        self._run_limit(discipline, WARM_UP_CLIENTS, len(numbers) // WARM_UP_CLIENTS, numbers[0])

    def bout(self, discipline: Discipline, effort: Effort, numbers: Sequence[int], *, we_begin: bool) -> Bout:
        """One turn of the limit and one of ours, on cases nobody used."""
        split = effort.clients * effort.transactions
        if we_begin:
            ours = self._our_turn(discipline, effort, numbers[split:])
            limit = self._limits_turn(discipline, effort, numbers[0])
        else:
            limit = self._limits_turn(discipline, effort, numbers[0])
            ours = self._our_turn(discipline, effort, numbers[split:])
        return Bout(
            discipline=discipline.name,
            clients=effort.clients,
            orders=self._seeder.orders,
            ours=ours,
            limit=limit,
        )

    def _limits_turn(self, discipline: Discipline, effort: Effort, first: int) -> Turn[PgbenchRun]:
        before = self._touched()
        run = self._run_limit(discipline, effort.clients, effort.transactions, first)
        used = self._touched() - before
        count = effort.clients * effort.transactions
        return Turn(
            run=run,
            cpu_us=used.server_cpu_s / count * 1e6 + run.cpu_us,
            web_cpu_us=0.0,
            pages=used.pages / count,
            wal_bytes=used.wal_bytes / count,
        )

    def _our_turn(self, discipline: Discipline, effort: Effort, numbers: Sequence[int]) -> Turn[LoadRun]:
        requests = [discipline.request(self._exemplar, number) for number in numbers]
        done_before, before, web_before = self._count(discipline), self._touched(), self._web.cpu_seconds()
        run = self._load(discipline, effort, requests)
        count = run.accepted + run.warm_up
        used, web_cpu_s = self._touched() - before, self._web.cpu_seconds() - web_before
        done = self._count(discipline) - done_before
        if run.refused or done != count:
            raise ContestFailed(
                f"{discipline.name}: {run.refused} refused, {count} acknowledged, {done} in the database. "
                f"{run.first_refusal}\n{self._web.log_end()}"
            )
        return Turn(
            run=run,
            cpu_us=(used.server_cpu_s + web_cpu_s) / count * 1e6 + run.cpu_us,
            web_cpu_us=web_cpu_s / count * 1e6,
            pages=used.pages / count,
            wal_bytes=used.wal_bytes / count,
        )

    def _run_limit(self, discipline: Discipline, clients: int, each: int, first: int) -> PgbenchRun:
        return pgbench.run(
            self._scripts[discipline.name],
            conninfo=self._stage.server.conninfo(APP_ROLE, self._database),
            options=server_options(self._stage, self._database),
            clients=clients,
            each=each,
            first=first,
        )

    def _load(self, discipline: Discipline, effort: Effort, requests: list[bytes]) -> LoadRun:
        path = self._stage.folder / "requests"
        path.write_bytes(pickle.dumps(requests))
        command = [
            *(sys.executable, "-m", "bench.load", f"--port={self._web.port}", f"--clients={effort.clients}"),
            *(f"--seconds={effort.seconds}", f"--warm-up={effort.warm_up}"),
            *(f"--expected={discipline.expected.decode()}", f"--file={path}"),
        ]
        done = subprocess.run(command, capture_output=True, check=False, timeout=LOAD_DEADLINE_S)
        if done.returncode != 0:
            raise ContestFailed(done.stderr.decode("utf-8", "replace")[-1500:] + self._web.log_end())
        return LoadRun(**json.loads(done.stdout))

    def _count(self, discipline: Discipline) -> int:
        return int(_one(self._connection, discipline.count_done))

    def _touched(self) -> _Touched:
        """What PostgreSQL did so far; of pages only what connections looked at, not its own housekeeping."""
        pages = (
            "SELECT sum(hits + reads) FROM pg_stat_io "
            "WHERE backend_type = 'client backend' AND object = 'relation'"
        )
        return _Touched(
            pages=int(_one(self._connection, pages)),
            wal_bytes=int(_one(self._connection, "SELECT pg_current_wal_insert_lsn() - '0/0'")),
            server_cpu_s=self._stage.cpu_seconds(),
        )


def server_options(stage: Stage, database: str) -> str:
    """The server settings of our own connections, for pgbench's."""
    settings = stage.settings(database).database
    return (
        f"-c application_name=bench -c timezone=UTC -c lock_timeout=5000 "
        f"-c statement_timeout={settings.statement_timeout_ms} -c synchronous_commit={settings.synchronous_commit}"
    )


def _written(stage: Stage, discipline: Discipline, statements: Any, exemplar: Exemplar) -> Path:
    path = stage.folder / f"{discipline.name}.pgbench"
    path.write_text(pgbench.script(statements, exemplar.likeness), encoding="utf-8")
    return path


def _one(connection: psycopg.Connection[Any], sql: str) -> Any:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row[0]
