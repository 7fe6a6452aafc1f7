"""Says what was measured: a table for people, JSON for comparison. Medians over the runs, ratios within each run."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench.contest import Bout
from bench.night import NightRun

GOALS: Final = {"callback": 0.30, "create": 0.20}
# Between 10^4 and the largest size one request may touch this many times the pages: index height, nothing else.
GROWTH_MAX: Final = 1.5
_HEAD = (
    "| request | clients | payclear /s | p50 ms | p99 ms | pgbench /s | ratio | ratio by CPU | CPU µs "
    "| of it web | pgbench CPU µs |"
)
_SCALE_HEAD = "| request | orders | payclear /s | pgbench /s | ratio | ratio by CPU | CPU µs | pages touched | WAL bytes |"


@dataclass(slots=True)
class Results:
    """Everything that one run of the bench measured."""

    machine: dict[str, str]
    runs: int
    contests: list[Bout] = field(default_factory=list)
    scale: list[Bout] = field(default_factory=list)
    nights: list[NightRun] = field(default_factory=list)
    invariants: str = "not checked"

    def to_json(self) -> dict[str, Any]:
        """All figures, each contest with its ratio."""
        plain = asdict(self)
        for name in ("contests", "scale"):
            for bout, row in zip(getattr(self, name), plain[name], strict=True):
                row |= {"ratio": bout.ratio, "cpu_ratio": bout.cpu_ratio}
        return plain | {"goals": GOALS, "missed": missed(self)}


def machine(sync_us: float, server_version: str) -> dict[str, str]:
    """What the figures depend on."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgresql": server_version,
        "disk": f"a write and its sync take {sync_us:.0f} µs",
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def table(results: Results) -> str:
    """The report as Markdown, ready for bench/README.md."""
    facts = "; ".join(f"{name} {value}" for name, value in results.machine.items())
    lines = [f"{facts}; median of {results.runs} runs.", ""]
    if results.contests:
        lines += [_HEAD, _rule(_HEAD), *_contest_rows(results.contests), ""]
    if results.scale:
        lines += [_SCALE_HEAD, _rule(_SCALE_HEAD), *_scale_rows(results.scale), ""]
    for night in results.nights:
        lines.append(
            f"- {night.kind}: {night.lines:,} lines in {night.seconds:.2f} s = {night.per_second:,.0f} lines/s, "
            f"peak memory {night.peak_mib:.0f} MiB ({night.verdict})"
        )
    lines += ["", f"Invariants afterwards: {results.invariants}."]
    lines += [f"MISSED: {miss}" for miss in missed(results)]
    return "\n".join(lines)


def missed(results: Results) -> list[str]:
    """The goals that were not reached, in sentences."""
    misses = []
    for bouts in _grouped(results.contests, lambda bout: (bout.discipline, bout.clients)):
        ratio, goal = _median(bouts, lambda bout: bout.ratio), GOALS[bouts[0].discipline]
        if ratio < goal:
            misses.append(f"{bouts[0].discipline} at {bouts[0].clients} clients: {ratio:.2f} of {goal:.2f}")
    for bouts in _grouped(results.scale, lambda bout: bout.discipline):
        sizes = _grouped(bouts, lambda bout: bout.orders)
        pages = [_median(size, lambda bout: bout.ours.pages) for size in sizes]
        if pages and pages[-1] > pages[0] * GROWTH_MAX:
            misses.append(f"{bouts[0].discipline} touches {pages[0]:.0f} pages, later {pages[-1]:.0f}")
    return misses


def write(figures: dict[str, Any], path: Path) -> None:
    """Keep figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _contest_rows(contests: Sequence[Bout]) -> Iterable[str]:
    for bouts in _grouped(contests, lambda bout: (bout.discipline, bout.clients)):
        yield _row(
            bouts[0].discipline,
            str(bouts[0].clients),
            *_speeds(bouts, latency=True),
            _figure(bouts, lambda bout: bout.ours.cpu_us),
            _figure(bouts, lambda bout: bout.ours.web_cpu_us),
            _figure(bouts, lambda bout: bout.limit.cpu_us),
        )


def _scale_rows(scale: Sequence[Bout]) -> Iterable[str]:
    for bouts in _grouped(scale, lambda bout: (bout.discipline, bout.orders)):
        yield _row(
            bouts[0].discipline,
            f"{bouts[0].orders:,}",
            *_speeds(bouts, latency=False),
            _figure(bouts, lambda bout: bout.ours.cpu_us),
            _figure(bouts, lambda bout: bout.ours.pages),
            _figure(bouts, lambda bout: bout.ours.wal_bytes),
        )


def _speeds(bouts: Sequence[Bout], *, latency: bool) -> Iterable[str]:
    yield _figure(bouts, lambda bout: bout.ours.run.per_second)
    if latency:
        yield _figure(bouts, lambda bout: bout.ours.run.p50_ms, 1)
        yield _figure(bouts, lambda bout: bout.ours.run.p99_ms, 1)
    yield _figure(bouts, lambda bout: bout.limit.run.per_second)
    yield f"**{_figure(bouts, lambda bout: bout.ratio, 2)}**"
    yield _figure(bouts, lambda bout: bout.cpu_ratio, 2)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _figure(bouts: Sequence[Bout], figure: Callable[[Bout], float], digits: int = 0) -> str:
    return f"{_median(bouts, figure):,.{digits}f}"


def _median(bouts: Sequence[Bout], figure: Callable[[Bout], float]) -> float:
    return statistics.median(figure(bout) for bout in bouts)


def _grouped(bouts: Sequence[Bout], key: Callable[[Bout], Any]) -> list[list[Bout]]:
    groups: dict[Any, list[Bout]] = {}
    for bout in bouts:
        groups.setdefault(key(bout), []).append(bout)
    return list(groups.values())


def _rule(head: str) -> str:
    return "|" + "|".join("---" for _ in head.split("|")[1:-1]) + "|"


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()
