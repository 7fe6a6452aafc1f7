"""The limit: the very statements of a real request, run by pgbench with prepared plans on the same server.

The script is written from what the exemplar executed. Only what differs from case to case is an expression over the
case's number; everything else is a constant, which costs pgbench less than our parameters cost us.
"""

import os
import re
import resource
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.exemplar import Statement
from bench.likeness import Likeness
from payclear.db.embedded import bin_folder

_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s|%s|%%")
_TPS: Final = re.compile(rb"tps = ([0-9.]+) \(without initial connection time\)")
_LATENCY: Final = re.compile(rb"latency average = ([0-9.]+) ms")
_FAILED: Final = re.compile(rb"number of failed transactions: ([0-9]+)")
_DEADLINE_S: Final = 300
# Each client takes its own stretch of the numbers; `i` counts its transactions.
_HEAD: Final = """\\set i :i + 1
\\set n :first + :client_id * :each + :i
BEGIN;
"""


class PgbenchFailed(Exception):
    """pgbench ended with an error: the figures of this run mean nothing."""


@dataclass(frozen=True, slots=True)
class PgbenchRun:
    """What pgbench reached."""

    per_second: float
    average_ms: float
    cpu_us: float  # processor time of pgbench itself, a transaction


def script(statements: Sequence[Statement], likeness: Likeness) -> str:
    """One transaction of pgbench from the statements of one request."""
    lines = [_statement(statement, likeness) + ";\n" for statement in statements]
    return _HEAD + "".join(lines) + "COMMIT;\n"


def run(
    path: Path,
    *,
    conninfo: str,
    options: str,
    clients: int,
    each: int,
    first: int,
) -> PgbenchRun:
    """Run a script `each` times on every client; `options` are the server settings of our own connections."""
    command = [
        *(str(bin_folder() / "pgbench"), "--no-vacuum", "--protocol=prepared", f"--file={path}"),
        *(f"--client={clients}", f"--jobs={min(clients, 2)}", f"--transactions={each}"),
        *(f"--define=first={first}", f"--define=each={each}", "--define=i=-1"),
        *("--max-tries=1", conninfo),
    ]
    cpu_before = _cpu_of_children()
    done = subprocess.run(
        command,
        capture_output=True,
        check=False,
        timeout=_DEADLINE_S,
        env={"PATH": os.environ.get("PATH", ""), "PGOPTIONS": options, "LC_ALL": "C"},
    )
    failed = _FAILED.search(done.stdout)
    if done.returncode != 0 or failed is None or int(failed.group(1)):
        raise PgbenchFailed(done.stderr.decode("utf-8", "replace")[-2000:] or "pgbench counted failures")
    return PgbenchRun(
        per_second=float(_found(_TPS, done.stdout)),
        average_ms=float(_found(_LATENCY, done.stdout)),
        cpu_us=(_cpu_of_children() - cpu_before) / (clients * each) * 1e6,
    )


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _found(pattern: re.Pattern[bytes], output: bytes) -> bytes:
    match = pattern.search(output)
    if match is None:
        raise PgbenchFailed("pgbench did not say how fast it was")
    return match.group(1)


def _statement(statement: Statement, likeness: Likeness) -> str:
    values: Any = statement.parameters
    place = iter(values) if isinstance(values, Sequence) else iter(())

    def expression(match: re.Match[str]) -> str:
        if match.group() == "%%":
            return "%"
        value = values[match.group(1)] if match.group(1) else next(place)
        return likeness.sql(value, ":n")

    if not values:
        return statement.sql.strip()
    return _PLACEHOLDER.sub(expression, statement.sql).strip()
