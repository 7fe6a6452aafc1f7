"""Loads both sides of a pass into compact memory, by streaming; called inside a pass's transaction."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from payclear.contract.outcomes import Outcome
from payclear.db.uow import UnitOfWork
from payclear.kernel.calendar import business_day_of
from payclear.orders.domain import LIVE_STATES, AttemptState
from payclear.refunds.domain import RefundState
from reconciliation import queries
from reconciliation.days import end_of, start_of
from reconciliation.matching.domain import OurItem, OurRefund, RefundStanding, Standing, TheirLine
from reconciliation.records import RunRow

# How far before the last finished day we look for money that was booked late; what is older is in a
# discrepancy.
LOOK_BACK = timedelta(days=31)
FETCH_ROWS = 5_000
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

_STANDINGS = {
    AttemptState.SUCCEEDED: Standing.CAPTURED,
    AttemptState.SURPLUS: Standing.CAPTURED,
    AttemptState.FAILED: Standing.ENDED,
    AttemptState.EXPIRED: Standing.ENDED,
    AttemptState.REVERSED: Standing.REVERSED,
} | dict.fromkeys(LIVE_STATES, Standing.LIVE)


_REFUND_STANDINGS = {
    RefundState.REQUESTED: RefundStanding.OPEN,
    RefundState.SENT: RefundStanding.OPEN,
    RefundState.IN_DOUBT: RefundStanding.OPEN,
    RefundState.DONE: RefundStanding.GIVEN,
    RefundState.REJECTED: RefundStanding.REFUSED,
}


@dataclass(frozen=True, slots=True)
class StatementInScope:
    """A statement that lines of the pass come from."""

    id: UUID
    sha256: str
    business_on: date


@dataclass(frozen=True, slots=True)
class Scope:
    """Both sides of a pass. A line's `statement_no` is its place in `statements`."""

    statements: tuple[StatementInScope, ...]
    lines: list[TheirLine]
    items: list[OurItem]
    refunds: list[OurRefund]

    def place(self, line: TheirLine) -> tuple[UUID, int]:
        """The key of a line in the database."""
        return (self.statements[line.statement_no].id, line.line_no)

    def statement_day(self, line: TheirLine) -> date:
        """The business day of the statement that lists a line."""
        return self.statements[line.statement_no].business_on


def load(uow: UnitOfWork, run: RunRow, cut_off: time) -> Scope:
    """Read the undecided lines, and our attempts that may belong to them."""
    days = _Days(cut_off)
    statements: dict[UUID, int] = {}
    found: list[StatementInScope] = []
    lines: list[TheirLine] = []
    parameters: dict[str, Any] = {"statement": run.statement_id, "account": run.provider_account}
    for row in _stream(uow, "reconciliation_lines", queries.LINES, parameters):
        statement_no = statements.get(row[0])
        if statement_no is None:
            statement_no = statements[row[0]] = len(found)
            found.append(StatementInScope(row[0], row[1], row[2]))
        lines.append(
            TheirLine(
                statement_no,
                row[3],
                row[4],
                row[5],
                row[6],
                _CURRENCIES.setdefault(row[7], row[7]),
                _OUTCOMES[row[8]],
                _KINDS.setdefault(row[9], row[9]),
                days.of(row[10]),
            )
        )
    parameters |= {"since": _since(uow, run, cut_off), "until": end_of(run.business_on, cut_off)}
    items = [
        OurItem(
            row[0],
            row[1],
            row[2],
            row[3],
            _CURRENCIES.setdefault(row[4], row[4]),
            _STANDINGS[row[5]],
            days.of(row[6]),
            row[7],
        )
        for row in _stream(uow, "reconciliation_items", queries.ITEMS, parameters)
    ]
    refunds = [
        OurRefund(
            row[0],
            row[1],
            row[2],
            row[3],
            row[4],
            row[5],
            _REFUND_STANDINGS[row[6]],
            days.of(row[7]),
            row[8],
        )
        for row in uow.run(queries.REFUNDS, parameters).fetchall()
    ]
    return Scope(tuple(found), lines, items, refunds)


_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
# Every line says the same few words: each is kept once.
_CURRENCIES: dict[str, str] = {}
_KINDS: dict[str, str] = {}


class _Days:
    """Business days of instants; a day is worked out once a minute of payments and kept once."""

    def __init__(self, cut_off: time) -> None:
        self._cut_off = cut_off
        self._of_minute: dict[int, date] = {}
        self._known: dict[date, date] = {}

    def of(self, at: datetime | None) -> date | None:
        if at is None:
            return None
        # A cut-off lies on a minute: all instants of one minute have one business day.
        minute = int(at.timestamp()) // 60
        day = self._of_minute.get(minute)
        if day is None:
            day = business_day_of(at, self._cut_off)
            day = self._of_minute[minute] = self._known.setdefault(day, day)
        return day


def _since(uow: UnitOfWork, run: RunRow, cut_off: time) -> datetime:
    (last,) = queries.one(uow, queries.LAST_DONE_BEFORE, (run.provider_account, run.business_on))
    return _EARLIEST if last is None else start_of(last - LOOK_BACK, cut_off)


def _stream(uow: UnitOfWork, name: str, sql: str, parameters: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Rows of a large query through a server-side cursor: only a window of them is in memory twice."""
    uow.run("SET LOCAL cursor_tuple_fraction = 1")  # all rows are read: plan for the last, not for the first
    with uow.driver.cursor(name=name) as cursor:
        cursor.itersize = FETCH_ROWS
        cursor.execute(sql, parameters)
        yield from cursor
