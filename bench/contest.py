"""One contest: payclear over HTTP against the same statements in pgbench, on one database, turn by turn.

Called by `python -m bench`. Every request has an order of its own; every acknowledged request is counted in the
database afterwards.
"""

import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

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
WARM_UP_EACH: Final = 30  # requests a client, not counted: each connection prepares its statements


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
class Bout:
    """One contest's figures: ours, the limit's, and what one request of ours touched."""

    discipline: str
    clients: int
    orders: int
    ours: LoadRun
    limit: PgbenchRun
    web_cpu_us: float
    cpu_us: float  # of all processes: clients, web, PostgreSQL
    limit_cpu_us: float  # of pgbench and PostgreSQL
    pages: float
    limit_pages: float
    wal_bytes: float

    @property
    def ratio(self) -> float:
        """Ours to the limit."""
        return self.ours.per_second / self.limit.per_second

    @property
    def cpu_ratio(self) -> float:
        """The same by processor time, which neighbours on the machine disturb less; 0 where it is not known."""
        return self.limit_cpu_us / self.cpu_us


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

    def bout(self, discipline: Discipline, effort: Effort, numbers: Iterable[int]) -> Bout:
        """One turn of the limit and one of ours, on cases nobody used."""
        stretch = list(numbers)
        split = effort.clients * effort.transactions
        touched_before, server_before = self._touched(), self._stage.cpu_seconds()
        limit = pgbench.run(
            self._scripts[discipline.name],
            conninfo=self._stage.server.conninfo(APP_ROLE, self._database),
            options=server_options(self._stage, self._database),
            clients=effort.clients,
            each=effort.transactions,
            first=stretch[0],
        )
        limit_pages = (self._touched()[0] - touched_before[0]) / split
        limit_cpu = (self._stage.cpu_seconds() - server_before) / split * 1e6 + limit.cpu_us
        requests = [discipline.request(self._exemplar, number) for number in stretch[split:]]
        done_before, touched_before = self._count(discipline), self._touched()
        web_before, server_before = self._web.cpu_seconds(), self._stage.cpu_seconds()
        ours = self._load(discipline, effort, requests)
        sent = ours.accepted + ours.warm_up
        web_cpu = (self._web.cpu_seconds() - web_before) / sent * 1e6
        server_cpu = (self._stage.cpu_seconds() - server_before) / sent * 1e6
        pages, wal = (after - before for after, before in zip(self._touched(), touched_before, strict=True))
        if ours.refused or self._count(discipline) - done_before != sent:
            raise ContestFailed(
                f"{discipline.name}: {ours.refused} refused, {sent} acknowledged, "
                f"{self._count(discipline) - done_before} in the database. {ours.first_refusal}\n{self._web.log_end()}"
            )
        return Bout(
            discipline=discipline.name,
            clients=effort.clients,
            orders=self._seeder.orders,
            ours=ours,
            limit=limit,
            web_cpu_us=web_cpu,
            cpu_us=web_cpu + server_cpu + ours.cpu_us,
            limit_cpu_us=limit_cpu,
            pages=pages / sent,
            limit_pages=limit_pages,
            wal_bytes=wal / sent,
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

    def _touched(self) -> tuple[int, int]:
        """Pages that connections have looked at so far, the server's own housekeeping left out; bytes of its log."""
        pages = "SELECT sum(hits + reads) FROM pg_stat_io WHERE backend_type = 'client backend' AND object = 'relation'"
        return int(_one(self._connection, pages)), int(
            _one(self._connection, "SELECT pg_current_wal_insert_lsn() - '0/0'")
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
