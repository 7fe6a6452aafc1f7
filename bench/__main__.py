"""`python -m bench`: measures callbacks, orders, the night and a hanging provider here, and whether the goals are met.

Exit code 1 when a goal is missed, 2 when a figure can not be trusted. It starts, fills and destroys a server of its own.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from bench import hang, lookup, night, report, upload
from bench.contest import CALLBACK, CREATE, Arena, Bout, ContestFailed, Discipline, Effort
from bench.exemplar import Exemplar, ExemplarFailed, make_exemplar
from bench.hang import HangFailed
from bench.lookup import LookupFailed
from bench.night import NightFailed
from bench.pgbench import PgbenchFailed
from bench.report import Results
from bench.seeding import Seeder
from bench.stage import Stage, StageFailed, Web, sync_us
from bench.upload import UploadFailed
from payclear.assembly import assemble, make_runtime
from payclear.db.embedded import APP_ROLE
from payclear.db.engine import server_version
from payclear.kernel.problems import OperatorProblem
from payclear.operations import demo
from payclear.operations.verify import verify

ROOT: Final = Path(__file__).resolve().parent
FOLDER: Final = ROOT.parent / "var" / "bench"
LATEST: Final = ROOT / "results" / "latest.json"
HANG_RESULT: Final = ROOT / "results" / "hang.json"
UPLOAD_RESULT: Final = ROOT / "results" / "upload.json"
UPLOAD, DECISIONS = "bench_upload", 100_000
LOOKUP_RESULT: Final = ROOT / "results" / "lookup.json"
FIRST, WORK, NIGHT, HANG = "bench_first", "bench_work", "bench_night", "bench_hang"

CONTESTS: Final = (
    Effort(clients=1, requests=1_500, transactions=1_200, seconds=3.0),
    Effort(clients=8, requests=5_000, transactions=500, seconds=3.0),
    Effort(clients=16, requests=5_000, transactions=250, seconds=3.0),
)
SCALE: Final = Effort(clients=8, requests=900, transactions=100, seconds=3.0)
SIZES: Final = (10_000, 100_000)
LARGE: Final = 1_000_000
NIGHT_LINES: Final = 100_000
HANG_SECONDS: Final = 40.0
LOOKUP_OBLIGATIONS: Final = 1_000_000
WARM_UP: Final = 2_000

FAILURES: Final = (
    *(
        ContestFailed,
        ExemplarFailed,
        HangFailed,
        LookupFailed,
        NightFailed,
        OperatorProblem,
        PgbenchFailed,
        StageFailed,
        UploadFailed,
    ),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What this run measures."""

    runs: int
    sizes: tuple[int, ...]
    contests: tuple[Effort, ...]
    night_lines: int
    hang_seconds: float
    decisions: int
    places: int
    checks: bool
    obligations: int


def main() -> int:
    """Measure, print the table, keep the figures."""
    plan = _plan(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # put the servers away, as on Ctrl-C
    try:
        return _run(plan)
    except FAILURES as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 2


def _run(plan: Plan) -> int:
    """Everything of the plan; the hang has figures of its own kind, and a file of its own."""
    with Stage(FOLDER) as stage:
        if plan.obligations:
            return 1 if _lookup(stage, plan) else 0
        exemplar, version = _exemplar(stage)
        machine = report.machine(sync_us(stage.folder), version)
        is_missed = False
        if plan.hang_seconds:
            is_missed = _hang(stage, exemplar, plan, machine)
        if plan.decisions:
            is_missed |= _upload(stage, exemplar, plan, machine)
        if plan.night_lines or plan.sizes:
            results = _measure(stage, exemplar, plan, machine)
            report.write(results.to_json(), LATEST)
            print("\n" + report.table(results))
            is_missed |= bool(report.missed(results)) or "BROKEN" in results.invariants
    return 1 if is_missed else 0


def _lookup(stage: Stage, plan: Plan) -> bool:
    """Look-ups need no payment that was made for real: they have a database of their own."""
    machine = report.machine(sync_us(stage.folder), "18")
    result = lookup.measure(stage, obligations=plan.obligations, machine=machine, say=_say)
    if plan.obligations == LOOKUP_OBLIGATIONS:
        report.write(result.to_json(), LOOKUP_RESULT)
    print("\n" + lookup.table(result))
    return bool(result.missed)


def _hang(stage: Stage, exemplar: Exemplar, plan: Plan, machine: dict[str, str]) -> bool:
    with _seeded(stage, exemplar, HANG) as seeder:
        _say(f"one provider hangs: {plan.hang_seconds:.0f} s without, {plan.hang_seconds:.0f} s with")
        result = hang.measure(
            stage,
            HANG,
            exemplar,
            seeder,
            seconds=plan.hang_seconds,
            places=plan.places,
            machine=machine,
        )
    if not plan.places:
        report.write(result.to_json(), HANG_RESULT)
    print("\n" + hang.table(result))
    return bool(result.missed)


def _upload(stage: Stage, exemplar: Exemplar, plan: Plan, machine: dict[str, str]) -> bool:
    with _seeded(stage, exemplar, UPLOAD) as seeder:
        _say(f"uploading {plan.decisions:,} decisions while payments run")
        result = upload.measure(stage, UPLOAD, exemplar, seeder, decisions=plan.decisions, machine=machine)
    if plan.decisions == DECISIONS:
        report.write(result.to_json(), UPLOAD_RESULT)
    print("\n" + upload.table(result))
    return bool(result.missed)


def _measure(stage: Stage, exemplar: Exemplar, plan: Plan, machine: dict[str, str]) -> Results:
    results = Results(machine, plan.runs)
    if plan.night_lines:
        _night(stage, exemplar, plan, results)
    if plan.sizes:
        _contests(stage, exemplar, plan, results)
    return results


def _plan(arguments: list[str]) -> Plan:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--large", action="store_true", help="measure at 10^6 orders too (minutes of seeding)"
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of each contest; the median counts")
    parser.add_argument(
        "--only",
        choices=("contests", "scale", "night", "hang", "lookup", "upload"),
        help="leave out the rest",
    )
    parser.add_argument(
        "--seconds", type=float, default=HANG_SECONDS, help="seconds of each phase of the hang"
    )
    parser.add_argument(
        "--places",
        type=int,
        default=0,
        help="calls of one account at once, to see the hang without protection",
    )
    parser.add_argument("--no-verify", action="store_true", help="leave out the invariants at the end")
    parser.add_argument(
        "--obligations", type=int, default=LOOKUP_OBLIGATIONS, help="how many there are to look up among"
    )
    parser.add_argument("--decisions", type=int, default=DECISIONS, help="how many are uploaded")
    asked = parser.parse_args(arguments)
    sizes = (*SIZES, LARGE) if asked.large else SIZES
    return Plan(
        runs=asked.runs,
        sizes={"contests": SIZES[1:], "night": (), "hang": (), "upload": ()}.get(asked.only or "", sizes),
        contests=CONTESTS if asked.only in (None, "contests") else (),
        night_lines=NIGHT_LINES if asked.only in (None, "night") else 0,
        hang_seconds=asked.seconds if asked.only in (None, "hang") else 0.0,
        decisions=asked.decisions if asked.only == "upload" else 0,
        places=asked.places,
        checks=not asked.no_verify,
        obligations=asked.obligations if asked.only == "lookup" else 0,
    )


def _exemplar(stage: Stage) -> tuple[Exemplar, str]:
    """A migrated database with demonstration data and one real payment; the others are copies of it."""
    _say("starting PostgreSQL, migrating, paying one order for real")
    stage.new_database(FIRST)
    runtime = make_runtime(stage.settings(FIRST), url=stage.server.url(APP_ROLE, FIRST))
    try:
        demo.load(runtime)
        with stage.superuser(FIRST) as superuser:
            exemplar = make_exemplar(runtime, superuser, portal_code=demo.PORTAL)
        number = server_version(runtime.database.engine)
    finally:
        runtime.database.engine.dispose()
    return exemplar, f"{number // 10_000}.{number % 10_000}"


def _night(stage: Stage, exemplar: Exemplar, plan: Plan, results: Results) -> None:
    with _seeded(stage, exemplar, NIGHT) as seeder:
        _say(f"seeding {plan.night_lines:,} paid orders for the night")
        # The exemplar and the payment before it are lines of the statement, too.
        seeder.paid(plan.night_lines - 2)
        seeder.settle_down()
    results.nights = night.measure(stage, NIGHT)
    for run in results.nights:
        _say(f"  {run.kind}: {run.per_second:,.0f} lines/s, {run.peak_mib:.0f} MiB")


def _contests(stage: Stage, exemplar: Exemplar, plan: Plan, results: Results) -> None:
    with _seeded(stage, exemplar, WORK) as seeder, Web(stage, WORK) as web:
        arena = Arena(stage, WORK, exemplar, seeder, web)
        try:
            for size in plan.sizes:
                results.scale += _rounds(arena, seeder, size, (SCALE,), plan.runs)
                if plan.contests and size == SIZES[-1]:
                    results.contests += _rounds(arena, seeder, size, plan.contests, plan.runs)
        finally:
            arena.close()
    if plan.checks:
        results.invariants = _invariants(stage)


def _rounds(arena: Arena, seeder: Seeder, size: int, efforts: tuple[Effort, ...], runs: int) -> list[Bout]:
    """Bring the database to a size, then hold every contest in turn, `runs` times."""
    disciplines: tuple[tuple[Discipline, Callable[[int], range]], ...] = (
        (CALLBACK, seeder.waiting),
        (CREATE, seeder.owed),
    )
    needed = sum(effort.cases for effort in efforts) * runs + WARM_UP
    _say(f"seeding to {size:,} orders")
    history = size - seeder.orders - needed
    if history > 0:
        seeder.paid(history)
    supplies = {discipline.name: iter(supply(needed)) for discipline, supply in disciplines}
    seeder.settle_down()
    for discipline, _ in disciplines:
        arena.warm_up(discipline, _taken(supplies[discipline.name], WARM_UP))
    bouts = []
    for run in range(1, runs + 1):
        for effort in efforts:
            for discipline, _ in disciplines:
                numbers = _taken(supplies[discipline.name], effort.cases)
                bout = arena.bout(discipline, effort, numbers, we_begin=run % 2 == 0)
                bouts.append(bout)
                _say(
                    f"  run {run}  {discipline.name:<8} {effort.clients:>2} clients  "
                    f"{bout.ours.run.per_second:7.0f}/s  p99 {bout.ours.run.p99_ms:6.1f} ms  "
                    f"pgbench {bout.limit.run.per_second:7.0f}/s  ratio {bout.ratio:.2f}  by CPU {bout.cpu_ratio:.2f}"
                )
    return bouts


def _taken(supply: Iterator[int], count: int) -> list[int]:
    return list(islice(supply, count))


def _invariants(stage: Stage) -> str:
    """The judge: whatever was measured, the books must be in order."""
    _say("checking the invariants")
    runtime = make_runtime(stage.settings(WORK), url=stage.server.url(APP_ROLE, WORK))
    try:
        findings = verify(runtime.database, assemble(runtime).modules.checks)
    finally:
        runtime.database.engine.dispose()
    broken = [finding for finding in findings if not finding.holds]
    for finding in broken:
        _say(f"  {finding.check.id} {finding.check.title}: {len(finding.offenders)}, {finding.offenders[0]}")
    names = ", ".join(finding.check.id for finding in broken)
    return f"BROKEN: {names}" if broken else f"all {len(findings)} hold"


@contextmanager
def _seeded(stage: Stage, exemplar: Exemplar, database: str) -> Iterator[Seeder]:
    stage.new_database(database, like=FIRST)
    with stage.superuser(database) as connection:
        yield Seeder(exemplar, connection)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
