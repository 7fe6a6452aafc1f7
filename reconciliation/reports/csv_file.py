"""A day's report as CSV: one table, every kind of row in it, readable by a spreadsheet and by a program.

A text that a spreadsheet would take for a formula is escaped; amounts are plain whole numbers.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from payclear.i18n.texts import translate
from payclear.kernel.money import Money
from payclear.kernel.spreadsheets import BYTE_ORDER_MARK, escaped
from reconciliation.reports.domain import DayReport, DiscrepancyLine, MatchRow, Sum, Total

COLUMNS = (
    *("record", "code", "state", "count", "amount", "currency", "ours", "theirs", "difference", "first_on"),
    *("age_business_days", "owner", "version", "line_no", "attempt_ref", "order_ref", "provider_ref", "note"),
)
DEFINITIONS = (
    "listed",
    "matched",
    "differing",
    "waiting",
    "excluded",
    "captured",
    "carried",
    "other_day",
    "as_of",
)

Cell = str | int | None


def csv_bytes(report: DayReport, matched: Iterable[MatchRow], *, locale: str) -> Iterator[bytes]:
    """The file in pieces: UTF-8 with a byte-order mark, CRLF, the same bytes for the same rows."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    buffer.write(BYTE_ORDER_MARK)
    writer.writerow(COLUMNS)
    for row in _rows(report, matched, locale):
        writer.writerow([_cell(row.get(column)) for column in COLUMNS])
        if buffer.tell() > 65_536:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    content = buffer.getvalue().encode("utf-8")
    buffer.seek(0)
    buffer.truncate()
    return content


def _cell(value: Cell) -> Cell:
    return escaped(value) if isinstance(value, str) else value


def _rows(report: DayReport, matched: Iterable[MatchRow], locale: str) -> Iterator[dict[str, Cell]]:
    yield from _scope(report)
    for key in DEFINITIONS:
        yield {"record": "definition", "code": key, "note": translate(f"reconciliation.means_{key}", locale)}
    yield from _sum(report.theirs, "statement")
    yield from _sum(report.ours, "books")
    yield _total(report.carried, "carried")
    yield _total(report.other_day, "warning")
    for discrepancy in report.discrepancies:
        yield _discrepancy(discrepancy)
    for problem in report.problems:
        yield {
            "record": "problem",
            "code": problem.code,
            "version": problem.version,
            "line_no": problem.line_no,
            "note": problem.detail,
        }
    for line in report.exclusions:
        yield {
            "record": "excluded",
            "code": line.rule,
            **_money(line.amount),
            "version": line.version,
            "line_no": line.line_no,
            "attempt_ref": line.attempt_ref,
            "provider_ref": line.provider_ref,
        }
    for settlement in report.settlements:
        yield {
            "record": "settlement",
            "count": settlement.matches,
            **_money(settlement.amount),
            "note": settlement.entry_id,
        }
    for match in matched:
        yield {
            "record": "matched",
            "code": match.stage,
            "state": "B11" if match.is_other_day else "",
            **_money(match.amount),
            "version": match.version,
            "line_no": match.line_no,
            "attempt_ref": match.attempt_ref,
            "provider_ref": match.provider_ref,
        }


def _scope(report: DayReport) -> Iterator[dict[str, Cell]]:
    facts = {
        "provider_account": report.provider_account,
        "adapter": report.adapter,
        "business_on": report.business_on.isoformat(),
        "cut_off": report.cut_off,
        "grace_business_days": str(report.grace_business_days),
        "as_of": _instant(report.as_of),
        "verdict": report.verdict,
        "rules": report.rules,
        "totals_add_up": "yes" if report.adds_up else "no",
    }
    for key, value in facts.items():
        yield {"record": "scope", "code": key, "note": value}
    for file in report.files:
        yield {
            "record": "statement_file",
            "code": file.absence or file.hold or file.step,
            "state": "complete" if file.is_complete else "incomplete",
            "count": file.control_count,
            "amount": file.control_sum.amount if file.control_sum else None,
            "version": file.version,
            "note": f"{file.name} sha256:{file.sha256}" if file.sha256 else "",
        }


def _sum(total: Sum, side: str) -> Iterator[dict[str, Cell]]:
    yield _total(total.whole, f"{side}_total")
    for part in total.parts:
        yield _total(part, f"{side}_part")
    yield {"record": f"{side}_check", "code": "adds_up", "state": "yes" if total.adds_up else "no"}


def _total(total: Total, record: str) -> dict[str, Cell]:
    return {"record": record, "code": total.key, "count": total.count, **_money(total.amount)}


def _discrepancy(each: DiscrepancyLine) -> dict[str, Cell]:
    return {
        "record": "discrepancy",
        "code": each.code,
        "state": each.state,
        "currency": (each.theirs or each.ours or Money.zero()).currency,
        "ours": each.ours.amount if each.ours else None,
        "theirs": each.theirs.amount if each.theirs else None,
        "difference": each.difference.amount,
        "first_on": each.first_on.isoformat(),
        "age_business_days": each.age_business_days,
        "owner": each.owner,
        "version": each.version,
        "line_no": each.line_no,
        "attempt_ref": each.attempt_ref,
        "order_ref": each.order_ref,
        "provider_ref": each.provider_ref,
        "note": each.resolution or "",
    }


def _money(money: Money) -> dict[str, Cell]:
    return {"amount": money.amount, "currency": money.currency}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
