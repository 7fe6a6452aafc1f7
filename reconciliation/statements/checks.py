"""Completeness of a parsed statement, before any matching. Pure; called by intake.

Silence is not zero: a row that cannot be read or a total that does not add up makes the day incomplete.
"""

from collections.abc import Sequence

from payclear.contract.messages import ParsedStatement, StatementEntry, StatementProblem
from payclear.kernel.money import AMOUNT_MAX


def completeness_problems(parsed: ParsedStatement) -> list[StatementProblem]:
    """What makes the file incomplete besides rows that could not be read (F04).

    Control figures count every data row, read or not, and add every amount, whatever its status.
    """
    problems: list[StatementProblem] = []
    rows = len(parsed.entries) + sum(problem.line_no > 0 for problem in parsed.problems)
    if parsed.control_count is not None and parsed.control_count != rows:
        detail = f"{parsed.control_count} rows announced, {rows} found"
        problems.append(StatementProblem(line_no=0, code="control_count", detail=detail))
    if parsed.control_sum is not None:
        total = sum(entry.amount.amount for entry in parsed.entries)
        if total != parsed.control_sum.amount:
            detail = f"{parsed.control_sum.amount} announced, {total} found"
            problems.append(StatementProblem(line_no=0, code="control_sum", detail=detail))
    return problems


def unusable_entries(entries: Sequence[StatementEntry]) -> dict[int, str]:
    """Entries that cannot be kept as lines, by their position, with the problem's code."""
    seen: set[int] = set()
    unusable: dict[int, str] = {}
    for position, entry in enumerate(entries):
        if entry.line_no in seen or not 0 < entry.line_no < 2**31:
            unusable[position] = "repeated_line_no"
        elif entry.kind not in ("payment", "refund"):
            unusable[position] = "unknown_kind"
        elif not 0 <= entry.amount.amount <= AMOUNT_MAX:
            unusable[position] = "bad_amount"
        else:
            seen.add(entry.line_no)
    return unusable
