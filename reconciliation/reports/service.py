"""Builds a day's report from rows alone. Called by the console and the command; it changes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from payclear.contract.registry import ProviderLine
from payclear.db.uow import UnitOfWork
from payclear.kernel.ids import split_attempt_ref
from payclear.kernel.money import Money
from payclear.runtime import Runtime
from reconciliation import queries as run_queries
from reconciliation.discrepancies.domain import CODE_FACTS, Code, age_band
from reconciliation.errors import DayNotReconciled
from reconciliation.records import RunRow
from reconciliation.reports import queries
from reconciliation.reports.domain import (
    DayReport,
    DiscrepancyLine,
    ExclusionRow,
    FileRow,
    MatchRow,
    ProblemRow,
    SettlementRow,
    Sum,
    Total,
)
from reconciliation.runs import Step, Verdict

_GRAVITY = {verdict: place for place, verdict in enumerate(Verdict)}
LAST_DAY = date(9999, 12, 31)


@dataclass(frozen=True, slots=True)
class DayEntry:
    """One day in the list of days; a day with several runs shows the gravest verdict."""

    provider_account: str
    business_on: date
    verdict: Verdict
    step: Step
    as_of: datetime | None
    lines: int
    matched: int
    matched_amount: Money


def day_report(runtime: Runtime, provider_account: str, business_on: date) -> DayReport:
    """The report of one account and day, as of its runs; raises UnknownProviderAccount, DayNotReconciled."""
    line = runtime.providers.get(provider_account)
    with runtime.database.begin() as uow:
        return build(uow, line, business_on)


def build(uow: UnitOfWork, line: ProviderLine, business_on: date) -> DayReport:
    """Put the report together in the caller's transaction."""
    runs = uow.rows(RunRow, run_queries.RUNS_OF_DAY, (line.code, business_on))
    if not runs:
        raise DayNotReconciled(
            "this day has not been reconciled",
            provider_account=line.code,
            business_on=business_on.isoformat(),
        )
    as_of = max(run.as_of or run.started_at for run in runs)
    about = {
        "account": line.code,
        "on": business_on,
        "as_of": as_of,
        "since": min(run.started_at for run in runs),
        "runs": [run.id for run in runs],
    }
    discrepancies, differing, waiting = _discrepancies(uow, business_on, about)
    matched_count, matched_sum, other_count, other_sum = run_queries.one(uow, queries.MATCHED, about)
    exclusions = tuple(
        ExclusionRow(row[0], row[1], row[2], row[3], Money(row[4], row[5]), row[6])
        for row in uow.run(queries.EXCLUSIONS, about)
    )
    excluded = Total("excluded", len(exclusions), Money(sum(each.amount.amount for each in exclusions)))
    done = [run for run in runs if run.step == Step.DONE]
    listed = Total("listed", sum(run.lines_count for run in done), Money(sum(run.lines_sum for run in done)))
    matched = Total("matched", matched_count, Money(matched_sum))
    carried = [each for each in discrepancies if each.state != "resolved" and each.first_on < business_on]
    return DayReport(
        provider_account=line.code,
        name_vi=line.account.name_vi,
        name_en=line.account.name_en,
        adapter=line.provider.name,
        business_on=business_on,
        cut_off=line.cut_off,
        grace_business_days=line.grace_business_days,
        rules=runs[-1].rules,
        as_of=as_of,
        verdict=min((Verdict(run.verdict) for run in runs), key=_GRAVITY.__getitem__),
        files=tuple(_file(row) for row in uow.run(queries.FILES, about)),
        theirs=Sum(listed, (matched, differing, waiting, excluded)),
        ours=_ours(runs),
        carried=Total("carried", len(carried), Money(sum(_size(each) for each in carried))),
        other_day=Total("other_day", other_count, Money(other_sum)),
        discrepancies=discrepancies,
        problems=tuple(ProblemRow(*row) for row in uow.run(queries.PROBLEMS, about)),
        exclusions=exclusions,
        settlements=tuple(
            SettlementRow(row[0], row[1], row[2], Money(row[3], row[4]))
            for row in uow.run(queries.SETTLEMENTS, about)
        ),
    )


def matches(uow: UnitOfWork, report: DayReport) -> Iterator[MatchRow]:
    """The matched lines behind a report, streamed in the order of the statement."""
    about = {"account": report.provider_account, "on": report.business_on, "as_of": report.as_of}
    for row in queries.stream_matches(uow, about):
        yield MatchRow(row[0], row[1], row[2], row[3], Money(row[4], row[5]), row[6], row[7])


def list_days(
    uow: UnitOfWork, *, provider_account: str | None = None, before: date | None = None, limit: int = 60
) -> list[DayEntry]:
    """Days with a run, the newest first, below `before`; at most `limit` runs are looked at."""
    about = {"account": provider_account, "before": before or LAST_DAY, "limit": limit}
    entries: dict[tuple[str, date], DayEntry] = {}
    for account, on, step, verdict, as_of, lines, matched, amount in uow.run(queries.DAYS, about):
        entry = DayEntry(account, on, Verdict(verdict), Step(step), as_of, lines, matched, Money(amount))
        known = entries.get((account, on))
        entries[(account, on)] = entry if known is None else _together(known, entry)
    return list(entries.values())


def _together(one: DayEntry, other: DayEntry) -> DayEntry:
    gravest = min(one, other, key=lambda each: _GRAVITY[each.verdict])
    stamps = [each.as_of for each in (one, other) if each.as_of is not None]
    return DayEntry(
        one.provider_account,
        one.business_on,
        gravest.verdict,
        gravest.step,
        max(stamps, default=None),
        one.lines + other.lines,
        one.matched + other.matched,
        one.matched_amount + other.matched_amount,
    )


def _discrepancies(
    uow: UnitOfWork, business_on: date, about: dict[str, Any]
) -> tuple[tuple[DiscrepancyLine, ...], Total, Total]:
    """The discrepancies, and the totals of this day's lines that the open and the waiting ones hold."""
    found: list[DiscrepancyLine] = []
    held = {"open": [0, 0], "pending": [0, 0]}
    for row in uow.run(queries.DISCREPANCIES, about):
        code, state, line_no, currency, listed = row[0], row[1], row[8], row[12], row[13]
        is_of_day = line_no is not None and row[9] == business_on
        if is_of_day and state in held:
            held[state][0] += 1
            held[state][1] += listed
        named = split_attempt_ref(row[5])
        found.append(
            DiscrepancyLine(
                code=code,
                state=state,
                resolution=row[2],
                owner=CODE_FACTS[Code(code)].owner,
                priority=CODE_FACTS[Code(code)].priority,
                first_on=row[3],
                age_business_days=row[4],
                age_band=age_band(row[4]),
                attempt_ref=row[5],
                order_ref=named[0] if named else "",
                provider_ref=row[6],
                version=row[7],
                line_no=line_no,
                is_of_day=is_of_day,
                ours=None if row[10] is None else Money(row[10], currency),
                theirs=None if row[11] is None else Money(row[11], currency),
            )
        )
    differing = Total("differing", held["open"][0], Money(held["open"][1]))
    waiting = Total("waiting", held["pending"][0], Money(held["pending"][1]))
    return tuple(found), differing, waiting


def _ours(runs: list[RunRow]) -> Sum:
    """Our books of the day, as the latest run counted them."""
    latest = max(runs, key=lambda run: (run.passes > 0, run.as_of or run.started_at))
    whole = Total("captured", latest.ours_count, Money(latest.ours_sum))
    parts = (
        Total("matched", latest.ours_matched_count, Money(latest.ours_matched_sum)),
        Total("listed_as_discrepancy", latest.ours_explained_count, Money(latest.ours_explained_sum)),
    )
    return Sum(whole, parts)


def _size(each: DiscrepancyLine) -> int:
    return (each.theirs or each.ours or Money.zero()).amount


def _file(row: tuple[Any, ...]) -> FileRow:
    return FileRow(
        version=row[1],
        name=row[2],
        sha256=row[3],
        size_bytes=row[4],
        fetched_at=row[5],
        step=Step(row[6]),
        hold=row[7],
        absence=row[8],
        is_complete=row[9],
        lines=row[10],
        control_count=row[11],
        control_sum=None if row[12] is None else Money(row[12]),
    )
