"""How long a look-up takes among a million obligations: over HTTP, found and not found, beside the bare SQL of the same run.

Run by `python -m bench --only lookup`. Every obligation has an obligor of its own, sealed and indexed as at registration,
so that each hit opens another name; what fits is spread over all of them.
"""

import json
import pickle
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from bench.load import LoadRun
from bench.stage import Stage, Web
from bench.wire import AGENCY, Sender, post
from payclear.assembly import assemble, make_runtime
from payclear.db.embedded import APP_ROLE
from payclear.kernel.clock import vietnam_date
from payclear.kernel.ids import new_uuid
from payclear.lookup import queries
from payclear.obligations.domain import normalise_document_no
from payclear.obligations.obligors import ObligorFacts, factor_index_of, factors_of, obligor_rows
from payclear.obligations.rules.plates import PlateColour
from payclear.operations import demo
from payclear.runtime import Runtime

DATABASE: Final = "bench_lookup"
GOAL_P99_MS: Final = 30.0
CLIENTS: Final = 2
SECONDS: Final = 15.0
WARM_UP: Final = 200
REQUESTS: Final = 40_000
BARE: Final = 2_000
CHUNK: Final = 20_000
DEADLINE_S: Final = 180
DECIDED_ON: Final = date(2026, 11, 15)
AT: Final = datetime(2026, 11, 16, tzinfo=UTC)

_OBLIGORS: Final = """
COPY obligor (id, kind, data_key_id, kek_id, wrapped_key, name_sealed, id_no_sealed, id_no_index, created_at) FROM STDIN
"""
_FIELDS: Final = "COPY obligor_field (obligor_id, field, no, sealed, index) FROM STDIN"
_KEYS: Final = "CREATE TEMPORARY TABLE seeded (n bigint, id uuid, obligor_id uuid)"
_OBLIGATIONS: Final = """
INSERT INTO obligation (id, kind, portal_code, agency_code, document_no, document_key, document_on, principal, currency,
                        state, version, obligor_id, created_at)
SELECT id, 'traffic_fine', %(portal)s, %(agency)s, lpad(n::text, 7, '0') || '/QĐ-XPHC', lpad(n::text, 7, '0') || '/QĐ-XPHC',
       %(on)s, 500000 + n %% 7 * 100000, 'VND', 'open', 1, obligor_id, %(at)s FROM seeded
"""
_DETAILS: Final = (
    """
    INSERT INTO fine_decision (obligation_id, decision_no, decided_on, served_on, served_method, due_on,
                               surcharge_beneficiary_account, surcharge_chapter, surcharge_sub_item, versions, events)
    SELECT id, lpad(n::text, 7, '0') || '/QĐ-XPHC', %(on)s, %(on)s, 'handed', %(on)s::date + 10, 'TK-H00-PHI', '000',
           '0000', 1, 0
    FROM seeded
    """,
    """
    INSERT INTO obligation_line (obligation_id, line_no, type, name_vi, amount, currency, beneficiary_account, chapter,
                                 sub_item)
    SELECT id, 1, 'fine', 'Tiền phạt vi phạm hành chính', 500000 + n %% 7 * 100000, 'VND', 'TK-H00-PHI', '000', '0000'
    FROM seeded
    """,
    """
    INSERT INTO obligation_transition (obligation_id, version, from_state, event, to_state, order_id, recorded_at)
    SELECT id, 1, NULL, 'registered', 'open', NULL, %(at)s FROM seeded
    """,
)


class LookupFailed(Exception):
    """Somebody was answered wrongly: the figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One kind of look-up: over HTTP, and its bare statement."""

    kind: str
    run: LoadRun
    bare_p50_ms: float
    bare_p99_ms: float

    @property
    def ratio(self) -> float:
        """Our median to that of the bare statement."""
        return self.run.p50_ms / max(self.bare_p50_ms, 0.001)


@dataclass(frozen=True, slots=True)
class LookupResult:
    """What the bench found."""

    machine: dict[str, str]
    obligations: int
    figures: tuple[Figures, ...]

    @property
    def missed(self) -> list[str]:
        """The kinds whose p99 is over the goal, in sentences."""
        return [
            f"{each.kind}: p99 {each.run.p99_ms:.1f} ms, the goal is {GOAL_P99_MS:.0f} ms"
            for each in self.figures
            if each.run.p99_ms >= GOAL_P99_MS
        ]

    def to_json(self) -> dict[str, Any]:
        """All figures, with the ratios."""
        plain = asdict(self)
        for figures, row in zip(self.figures, plain["figures"], strict=True):
            row["ratio"] = figures.ratio
        return plain | {"goal_p99_ms": GOAL_P99_MS, "missed": self.missed}


def measure(
    stage: Stage, *, obligations: int, machine: dict[str, str], say: Callable[[str], None]
) -> LookupResult:
    """Seed, then look up what is there and what is not; raises LookupFailed."""
    stage.new_database(DATABASE)
    runtime = make_runtime(stage.settings(DATABASE), url=stage.server.url(APP_ROLE, DATABASE))
    assemble(runtime)
    demo.load(runtime)
    say(f"seeding {obligations:,} obligations")
    with stage.superuser(DATABASE) as connection:
        _seed(runtime, connection, obligations, say)
    numbers = random.Random(7)
    there = [numbers.randrange(1, obligations + 1) for _ in range(REQUESTS)]
    absent = range(obligations + 1, obligations + 1 + REQUESTS)
    sender = Sender.of(runtime)
    figures = []
    try:
        with Web(stage, DATABASE) as web:
            for kind, chosen, expected in (
                ("found", there, '"status":"payable"'),
                ("not found", absent, '"status":"not_found"'),
            ):
                say(f"looking up: {kind}")
                run = _load(stage, web, [_request(sender, number) for number in chosen], expected)
                bare = _bare(runtime, chosen[:BARE])
                figures.append(Figures(kind, run, _percentile(bare, 50), _percentile(bare, 99)))
    finally:
        runtime.database.engine.dispose()
    return LookupResult(machine, obligations, tuple(figures))


def table(result: LookupResult) -> str:
    """The figures as Markdown, ready for bench/README.md."""
    head = "| look-up | answers | per second | p50 ms | p99 ms | bare SQL p50 ms | p99 ms | p50 ratio |"
    rows = [head, "|" + "---|" * 8]
    for each in result.figures:
        rows.append(
            f"| {each.kind} | {each.run.accepted} | {each.run.per_second:.0f} | {each.run.p50_ms:.1f} "
            f"| **{each.run.p99_ms:.1f}** | {each.bare_p50_ms:.2f} | {each.bare_p99_ms:.2f} | {each.ratio:.1f} |"
        )
    facts = "; ".join(f"{name} {value}" for name, value in result.machine.items())
    missed = [f"MISSED: {miss}" for miss in result.missed]
    return "\n".join(
        [facts, "", f"{result.obligations:,} obligations, {CLIENTS} clients.", "", *rows, *missed]
    )


def _driver(number: int) -> ObligorFacts:
    return ObligorFacts(
        name=f"NGUYỄN VĂN MẪU {number % 997}",
        id_no=f"000{number:09d}",
        plate=f"30A-{number % 100_000:05d}",
        plate_colour=PlateColour.WHITE,
    )


def _document_no(number: int) -> str:
    return f"{number:07d}/QĐ-XPHC"


def _seed(
    runtime: Runtime, connection: psycopg.Connection[Any], count: int, say: Callable[[str], None]
) -> None:
    """Obligors as registration seals them, by COPY; obligations, decisions, lines and histories by SQL."""
    connection.execute(_KEYS)
    for first in range(1, count + 1, CHUNK):
        numbers = range(first, min(first + CHUNK, count + 1))
        people = [(_driver(number), normalise_document_no(_document_no(number))) for number in numbers]
        rows = obligor_rows(people, sealer=runtime.sealer, index=runtime.blind_index)
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute("SET LOCAL synchronous_commit = off")
            _copy(connection, _OBLIGORS, (_obligor(row) for row in rows.obligors))
            _copy(connection, _FIELDS, rows.fields)
            keys = ((number, new_uuid(), owner) for number, owner in zip(numbers, rows.ids, strict=True))
            _copy(connection, "COPY seeded (n, id, obligor_id) FROM STDIN", keys)
            _obligations(connection)
            connection.execute("TRUNCATE seeded")
        if numbers.stop % 200_000 < CHUNK:
            say(f"  {numbers.stop - 1:,}")
    connection.execute("VACUUM (ANALYZE)")
    connection.execute("CHECKPOINT")


def _obligor(row: Sequence[object]) -> tuple[object, ...]:
    obligor_id, kind, key_id, kek_id, wrapped, name, id_no, id_no_index = row
    return (obligor_id, kind, key_id, kek_id, wrapped, name, id_no, id_no_index, AT)


def _copy(connection: psycopg.Connection[Any], statement: str, rows: Iterator[Any] | Sequence[Any]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _obligations(connection: psycopg.Connection[Any]) -> None:
    """One fine of each, to which nothing happened yet."""
    connection.execute(_OBLIGATIONS, {"portal": demo.PORTAL, "agency": AGENCY, "on": DECIDED_ON, "at": AT})
    for statement in _DETAILS:
        connection.execute(statement, {"on": DECIDED_ON, "at": AT})


def _request(sender: Sender, number: int) -> bytes:
    body = {"document_no": _document_no(number), "second_factor": f"{number % 10_000:04d}"}
    return post("/v1/lookups", sender.headers("unused"), body)


def _load(stage: Stage, web: Web, requests: list[bytes], expected: str) -> LoadRun:
    path = stage.folder / "requests"
    path.write_bytes(pickle.dumps(requests))
    command = [
        *(sys.executable, "-m", "bench.load", f"--port={web.port}", f"--clients={CLIENTS}"),
        *(f"--seconds={SECONDS}", f"--warm-up={WARM_UP}", f"--expected={expected}", f"--file={path}"),
    ]
    done = subprocess.run(command, capture_output=True, check=False, timeout=DEADLINE_S)
    if done.returncode != 0:
        raise LookupFailed(done.stderr.decode("utf-8", "replace")[-1500:] + web.log_end())
    run = LoadRun(**json.loads(done.stdout))
    if run.refused:
        raise LookupFailed(f"{run.refused} wrong answers, the first: {run.first_refusal}")
    return run


def _bare(runtime: Runtime, numbers: Sequence[int]) -> list[float]:
    """Milliseconds of the one statement that finds, on one warm connection."""
    took = []
    with runtime.database.begin() as uow:
        for number in numbers:
            key = normalise_document_no(_document_no(number))
            factors = factors_of(f"{number % 10_000:04d}")
            terms = {
                "factors": [factor_index_of(runtime.blind_index, key, factor) for factor in factors],
                "keys": [key],
                "agency_code": None,
                "document_on": None,
                "most": 5,
                "on": vietnam_date(uow.now),
            }
            began = time.perf_counter()
            found: list[tuple[UUID, ...]] = uow.run(queries.FIND, terms).fetchall()
            took.append((time.perf_counter() - began) * 1000)
            assert len(found) <= 1
    return took[len(took) // 10 :]


def _percentile(milliseconds: list[float], percent: float) -> float:
    ordered = sorted(milliseconds) or [0.0]
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]
