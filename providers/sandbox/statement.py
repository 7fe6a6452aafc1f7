"""Reads the sandbox's CSV statement. Pure; called by provider.py.

A row becomes an entry or a problem, and nothing raises.
"""

import csv
import io

from payclear.contract.messages import ParsedStatement, StatementEntry, StatementProblem
from payclear.kernel.money import InvalidAmount, Money, parse_amount
from providers.sandbox.mapping import LINE_OUTCOMES, read_time

COLUMNS = ("kind", "attempt_ref", "provider_ref", "amount", "currency", "status", "occurred_at")
_SHOWN = 100


def parse(content: bytes) -> ParsedStatement:
    """Read a statement; one without its trailer is cut off and gets the problem `missing_trailer`."""
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        return _only(StatementProblem(line_no=0, code="not_a_csv", detail=type(error).__name__))
    if not rows or tuple(rows[0]) != COLUMNS:
        return _only(StatementProblem(line_no=0, code="missing_header", detail=""))
    entries: list[StatementEntry] = []
    problems: list[StatementProblem] = []
    trailer: tuple[int, Money] | None = None
    for line_no, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        if trailer is not None:
            problems.append(StatementProblem(line_no=line_no, code="row_after_trailer", detail=""))
        elif row[0] == "TRAILER":
            trailer = _trailer(row)
            if trailer is None:
                problems.append(StatementProblem(line_no=line_no, code="bad_trailer", detail=""))
        else:
            line = _line(line_no, row)
            if isinstance(line, StatementEntry):
                entries.append(line)
            else:
                problems.append(line)
    if trailer is None:
        problems.append(StatementProblem(line_no=0, code="missing_trailer", detail=""))
    return ParsedStatement(
        entries=tuple(entries),
        problems=tuple(problems),
        control_count=trailer[0] if trailer else None,
        control_sum=trailer[1] if trailer else None,
        merchant_account=None,
    )


def _only(problem: StatementProblem) -> ParsedStatement:
    return ParsedStatement(
        entries=(), problems=(problem,), control_count=None, control_sum=None, merchant_account=None
    )


def _trailer(row: list[str]) -> tuple[int, Money] | None:
    try:
        _, count, total = row
        return parse_amount(count), Money(parse_amount(total))
    except (ValueError, InvalidAmount):
        return None


def _line(line_no: int, row: list[str]) -> StatementEntry | StatementProblem:
    if len(row) != len(COLUMNS):
        return StatementProblem(line_no=line_no, code="wrong_width", detail=str(len(row)))
    kind, reference, provider_ref, amount, currency, status, occurred_at = (cell.strip() for cell in row)
    if not reference:
        return StatementProblem(line_no=line_no, code="missing_reference", detail=provider_ref[:_SHOWN])
    if not provider_ref:
        return StatementProblem(line_no=line_no, code="missing_transaction", detail=reference[:_SHOWN])
    if currency != "VND":
        return StatementProblem(line_no=line_no, code="bad_currency", detail=currency[:_SHOWN])
    known = LINE_OUTCOMES.get(status)
    if known is None or known[0] != kind:
        return StatementProblem(line_no=line_no, code="unknown_status", detail=f"{kind} {status}"[:_SHOWN])
    try:
        money = Money(parse_amount(amount))
    except InvalidAmount:
        return StatementProblem(line_no=line_no, code="bad_amount", detail=amount[:_SHOWN])
    return StatementEntry(
        line_no=line_no,
        attempt_ref=reference,
        provider_ref=provider_ref,
        amount=money,
        outcome=known[1],
        kind=kind,
        occurred_at=read_time(occurred_at),
        occurred_at_raw=occurred_at[:_SHOWN],
        raw=dict(zip(COLUMNS, row, strict=True)),
    )
