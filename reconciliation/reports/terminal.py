"""A day's report in a few lines for the terminal."""

from collections.abc import Iterator

from payclear.i18n.amounts import format_amount
from payclear.i18n.dates import format_date, format_datetime
from payclear.i18n.texts import translate
from reconciliation.reports.domain import DayReport, Sum, Total

SHOWN = 20


def summary(report: DayReport) -> Iterator[str]:
    """The verdict, the totals with their proof, and the first discrepancies."""
    on = format_date(report.business_on, "en")
    yield f"{report.provider_account}, {on}: {translate(f'reconciliation.verdict_{report.verdict}', 'en')}"
    yield f"As of {format_datetime(report.as_of, 'en')}. Rules {report.rules}."
    for file in report.files:
        if file.hold:
            yield f"Version {file.version} is held: {translate(f'reconciliation.hold_{file.hold}', 'en')}"
        elif file.absence:
            yield f"There is no statement yet ({file.absence})."
    yield from _sum("On the statement", report.theirs)
    yield from _sum("In our books", report.ours)
    for problem in report.problems[:SHOWN]:
        yield f"  problem in line {problem.line_no}: {problem.code} {problem.detail}".rstrip()
    for each in report.discrepancies[:SHOWN]:
        ours = format_amount(each.ours, "en") if each.ours else "nothing"
        theirs = format_amount(each.theirs, "en") if each.theirs else "nothing"
        title = translate(f"reconciliation.code_{each.code.lower()}", "en")
        state, reference = each.resolution or each.state, each.attempt_ref or each.provider_ref
        yield f"  {each.code} {state}: {title} – {reference}, ours {ours}, theirs {theirs}"
    if len(report.discrepancies) > SHOWN:
        yield f"  and {len(report.discrepancies) - SHOWN} more: see the console"


def _sum(title: str, total: Sum) -> Iterator[str]:
    parts = " + ".join(_part(part) for part in total.parts)
    proof = "adds up" if total.adds_up else "DOES NOT ADD UP"
    yield f"{title}: {_part(total.whole)} = {parts}; {proof}."


def _part(total: Total) -> str:
    return f"{total.key.replace('_', ' ')} {total.count} ({format_amount(total.amount, 'en')})"
