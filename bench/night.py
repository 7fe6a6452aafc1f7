"""The night in figures: matching alone in memory, and the whole night with COPY, each in a process of its own.

Run as `python -m bench.night`; prints one JSON object. The parent starts it twice so that peak memory is told apart.
"""

import argparse
import contextlib
import io
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
import xlsxwriter

from bench.stage import Stage
from bench.wire import ACCOUNT
from payclear.assembly import assemble, make_runtime
from payclear.contract.messages import StatementFile
from payclear.contract.outcomes import Outcome
from payclear.kernel.clock import VIETNAM, SystemClock, vietnam_date
from payclear.kernel.settings import load_settings
from reconciliation.matching.domain import OurItem, Standing, TheirLine
from reconciliation.matching.match import match
from reconciliation.service import run_night

DEADLINE_S: Final = 900
MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
COLUMNS: Final = ("THOI_GIAN_GD", "MA_GIAO_DICH", "MA_DON_HANG", "TRANG_THAI", "SO_TIEN_TRUOC_KM")
_PAID = """
SELECT attempt_ref, provider_ref, amount, paid_at FROM payment_attempt
WHERE provider_account = %s AND paid_at IS NOT NULL ORDER BY attempt_ref
"""


@dataclass(frozen=True, slots=True)
class NightRun:
    """How many lines went through in how many seconds, and the process's peak memory."""

    kind: str
    lines: int
    seconds: float
    per_second: float
    peak_mib: float
    verdict: str


class NightFailed(Exception):
    """The night did not tie: its speed means nothing."""


def measure(stage: Stage, database: str) -> list[NightRun]:
    """Reconcile every paid attempt of a database against a workbook that lists them all."""
    file = stage.folder / "statement.xlsx"
    with stage.superuser(database) as connection:
        lines, day = write_workbook(connection, file)
    shared = ("--lines", str(lines), "--day", day.isoformat(), "--file", str(file))
    return [
        _child(stage, database, "matching", *shared),
        _child(stage, database, "night", *shared),
    ]


def write_workbook(connection: psycopg.Connection[Any], file: Path) -> tuple[int, date]:
    """Write VNPAY's settlement workbook of all paid attempts; returns its lines and its day."""
    rows = connection.execute(_PAID, (ACCOUNT,)).fetchall()
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    book.add_worksheet("Tổng hợp")
    sheet = book.add_worksheet("Chi tiết")
    sheet.write_row(0, 0, COLUMNS)
    for place, (attempt_ref, provider_ref, amount, paid_at) in enumerate(rows, start=1):
        local: datetime = paid_at.astimezone(VIETNAM)
        values = (local.strftime("%d/%m/%Y %H:%M:%S"), provider_ref, attempt_ref, "Thành công", amount)
        for column, value in enumerate(values):
            sheet.write(place, column, value)
    book.close()
    file.write_bytes(buffer.getvalue())
    return len(rows), max(vietnam_date(row[3]) for row in rows)


def _child(stage: Stage, database: str, kind: str, *arguments: str) -> NightRun:
    done = subprocess.run(
        [sys.executable, "-m", "bench.night", kind, *arguments],
        env=stage.environ(database, PAYCLEAR_LOGGING_LEVEL="WARNING"),
        capture_output=True,
        check=False,
        timeout=DEADLINE_S,
    )
    if done.returncode != 0:
        raise NightFailed(done.stderr.decode("utf-8", "replace")[-1500:])
    return NightRun(**json.loads(done.stdout))


def run_matching(lines: int) -> NightRun:
    """Match as many lines with as many attempts, all equal but one in a thousand, in memory."""
    theirs, ours = list(_their_lines(lines)), list(_our_items(lines))
    began = time.perf_counter()
    result = match(theirs, ours)
    seconds = time.perf_counter() - began
    differing = sum(1 for number in range(lines) if number % 1000 == 0)
    if len(result.pairs) != lines - differing or len(result.differences) != differing:
        raise NightFailed(f"{len(result.pairs)} pairs and {len(result.differences)} differences")
    return _run("matching", lines, seconds, f"{differing} differences found")


def run_whole_night(lines: int, day: date, file: Path) -> NightRun:
    """The night as the job runs it: keep the bytes, parse, COPY, check, match, book, judge."""
    settings = load_settings()
    runtime = make_runtime(settings, url=settings.database.url.reveal(), clock=SystemClock())
    assemble(runtime)
    statement = StatementFile(
        name=file.name, content=file.read_bytes(), media_type=MEDIA_TYPE, business_on=day
    )
    began = time.perf_counter()
    night = run_night(runtime, ACCOUNT, day, file=statement)
    seconds = time.perf_counter() - began
    runtime.database.engine.dispose()
    if night.run.matched_count != lines:
        raise NightFailed(f"{night.run.matched_count} of {lines} lines matched: {night.run}")
    return _run("night", lines, seconds, str(night.run.verdict))


def _run(kind: str, lines: int, seconds: float, verdict: str) -> NightRun:
    return NightRun(kind, lines, seconds, lines / seconds, _peak_mib(), verdict)


def _peak_mib() -> float:
    """The most memory this process held. Linux's own figure: `ru_maxrss` remembers the parent's as well."""
    with contextlib.suppress(OSError):
        status = Path("/proc/self/status").read_text(encoding="ascii")
        (peak,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) / 1024
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _their_lines(count: int) -> Iterator[TheirLine]:
    for number in range(count):
        yield TheirLine(
            statement_no=0,
            line_no=number + 2,
            attempt_ref=f"PC{number:011d}01",
            provider_ref=f"{number + 14_000_000:08d}",
            amount=200_000 + (number % 1000 == 0),
            currency="VND",
            outcome=Outcome.CONFIRMED,
            kind="payment",
            day=date(2026, 11, 20),
        )


def _our_items(count: int) -> Iterator[OurItem]:
    for number in reversed(range(count)):
        yield OurItem(
            attempt_id=UUID(int=number + 1),
            attempt_ref=f"PC{number:011d}01",
            provider_ref=f"{number + 14_000_000:08d}",
            amount=200_000,
            currency="VND",
            standing=Standing.CAPTURED,
            day=date(2026, 11, 20),
        )


def main() -> None:
    """Measure one kind and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("matching", "night"))
    parser.add_argument("--lines", type=int, required=True)
    parser.add_argument("--day", type=date.fromisoformat, required=True)
    parser.add_argument("--file", type=Path, required=True)
    asked = parser.parse_args()
    kinds = {
        "matching": lambda: run_matching(asked.lines),
        "night": lambda: run_whole_night(asked.lines, asked.day, asked.file),
    }
    json.dump(asdict(kinds[asked.kind]()), sys.stdout)


if __name__ == "__main__":
    main()
