"""Reads Song Hong's statement. Pure; called by provider.py.

A row becomes an entry or a problem, and nothing raises.
"""

import csv
import io

from payclear.contract.messages import ParsedStatement, StatementEntry, StatementProblem
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import InvalidAmount, Money, parse_amount
from providers.songhong.mapping import read_time

COLUMNS = ["ref", "number", "amount", "status", "at"]
OUTCOMES = {"PAID": Outcome.CONFIRMED, "REFUSED": Outcome.REJECTED}


def parse(content: bytes) -> ParsedStatement:
    """Read a statement, whatever the bytes."""
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        return _parsed([], [_problem(0, "not_a_csv", type(error).__name__)], None)
    if not rows or rows[0] != COLUMNS:
        return _parsed([], [_problem(0, "missing_header", "")], None)
    entries: list[StatementEntry] = []
    problems: list[StatementProblem] = []
    trailer: tuple[int, Money] | None = None
    for line_no, row in enumerate(rows[1:], start=2):
        try:
            if len(row) != len(COLUMNS):
                problems.append(_problem(line_no, "wrong_width", str(len(row))))
            elif row[0] == "TOTAL":
                trailer = parse_amount(row[1]), Money(parse_amount(row[2]))
            elif not row[0]:
                problems.append(_problem(line_no, "missing_reference", row[1]))
            elif row[3] not in OUTCOMES:
                problems.append(_problem(line_no, "unknown_status", row[3]))
            else:
                entries.append(_entry(line_no, row))
        except InvalidAmount:
            problems.append(_problem(line_no, "bad_amount", row[2]))
    if trailer is None:
        problems.append(_problem(0, "missing_trailer", ""))
    return _parsed(entries, problems, trailer)


def _entry(line_no: int, row: list[str]) -> StatementEntry:
    return StatementEntry(
        line_no=line_no,
        attempt_ref=row[0],
        provider_ref=row[1],
        amount=Money(parse_amount(row[2])),
        outcome=OUTCOMES[row[3]],
        kind="payment",
        occurred_at=read_time(row[4]),
        occurred_at_raw=row[4][:40],
        raw=dict(zip(COLUMNS, row, strict=True)),
    )


def _problem(line_no: int, code: str, detail: str) -> StatementProblem:
    return StatementProblem(line_no=line_no, code=code, detail=detail[:100])


def _parsed(
    entries: list[StatementEntry], problems: list[StatementProblem], trailer: tuple[int, Money] | None
) -> ParsedStatement:
    return ParsedStatement(
        entries=tuple(entries),
        problems=tuple(problems),
        control_count=trailer[0] if trailer else None,
        control_sum=trailer[1] if trailer else None,
        merchant_account=None,
    )
