"""How well providers did in a month: figures by day and by operation, from the counted hours alone.

Called by the console and `payclear health-report`. The same rows give the same report; its as-of time is theirs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from payclear.db.uow import UnitOfWork
from payclear.gateway import queries
from payclear.gateway.domain import BUCKETS, Operation, percentile_ms
from payclear.gateway.errors import NoMonth
from payclear.gateway.observations import SETTLES_IN
from payclear.kernel.clock import at_vietnam, vietnam_date


@dataclass(frozen=True, slots=True)
class Month:
    """A month in Viet Nam."""

    first_on: date

    @classmethod
    def of(cls, on: date) -> "Month":
        """The month a day lies in."""
        return cls(on.replace(day=1))

    @classmethod
    def read(cls, text: str) -> "Month":
        """Read `2026-11`; raises NoMonth."""
        try:
            first_on = date.fromisoformat(f"{text}-01")
        except ValueError:
            raise NoMonth("no such month", month=text[:40]) from None
        if not 2000 <= first_on.year < 3000:
            raise NoMonth("not a month of ours", month=text)
        return cls(first_on)

    def __str__(self) -> str:
        return self.first_on.strftime("%Y-%m")

    @property
    def next(self) -> "Month":
        """The month after."""
        return Month.of(self.first_on + timedelta(days=31))

    @property
    def before(self) -> "Month":
        """The month before."""
        return Month.of(self.first_on - timedelta(days=1))

    @property
    def begins_at(self) -> datetime:
        """The first instant of it."""
        return at_vietnam(self.first_on, time(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What calls and payments came to; figures of parts can be added."""

    ok: int = 0
    refused: int = 0
    not_sent: int = 0
    unknown: int = 0
    busy: int = 0
    open: int = 0
    openings: int = 0
    histogram: tuple[int, ...] = (0,) * BUCKETS
    payments: int = 0
    before_callback: int = 0
    without_callback: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        sums = {name: getattr(self, name) + getattr(other, name) for name in _PLAIN}
        histogram = tuple(map(sum, zip(self.histogram, other.histogram, strict=True)))
        return Figures(histogram=histogram, **sums)

    @property
    def calls(self) -> int:
        """Calls that were made."""
        return self.ok + self.refused + self.not_sent + self.unknown

    @property
    def answered(self) -> int:
        """Calls that brought a usable answer; a refusal is one."""
        return self.ok + self.refused

    @property
    def answered_share(self) -> int | None:
        """Answered calls in hundredths of a percent, rounded down; None without calls."""
        return _share(self.answered, self.calls)

    @property
    def unknown_share(self) -> int | None:
        """Calls whose outcome we did not learn, in hundredths of a percent."""
        return _share(self.unknown, self.calls)

    @property
    def loss_share(self) -> int | None:
        """Payments without any callback, in hundredths of a percent of the payments."""
        return _share(self.without_callback, self.payments)

    def latency_ms(self, percent: int) -> int | None:
        """The bound under which so many percent of the calls stayed."""
        return percentile_ms(self.histogram, percent)


_PLAIN = (
    *("ok", "refused", "not_sent", "unknown", "busy", "open", "openings"),
    *("payments", "before_callback", "without_callback"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthReport:
    """One account's month. The days and the operations each add up to the total."""

    provider_account: str
    month: Month
    as_of: datetime | None  # None: nothing was counted
    days: tuple[tuple[date, Figures], ...]
    operations: tuple[tuple[Operation, Figures], ...]
    statements: Figures  # fetching statements: not part of the total, nobody waits for them
    total: Figures = field(default_factory=Figures)

    @property
    def is_final(self) -> bool:
        """Whether the figures will not change any more."""
        return self.as_of is not None and self.as_of >= self.month.next.begins_at + SETTLES_IN

    @property
    def adds_up(self) -> bool:
        """Whether days and operations come to the total."""
        days = total_of(figures for _, figures in self.days)
        operations = total_of(figures for _, figures in self.operations)
        same_calls = (operations.calls, operations.histogram) == (self.total.calls, self.total.histogram)
        return days == self.total and same_calls and sum(self.total.histogram) == self.total.calls


@dataclass(frozen=True, slots=True)
class _HourRow:
    provider_account: str
    operation: str
    hour: datetime
    ok: int
    refused: int
    not_sent: int
    unknown: int
    busy: int
    open: int
    openings: int
    histogram: list[int]
    counted_at: datetime

    @property
    def figures(self) -> Figures:
        return Figures(
            ok=self.ok,
            refused=self.refused,
            not_sent=self.not_sent,
            unknown=self.unknown,
            busy=self.busy,
            open=self.open,
            openings=self.openings,
            histogram=tuple(self.histogram),
        )


@dataclass(frozen=True, slots=True)
class _PaymentHourRow:
    provider_account: str
    hour: datetime
    payments: int
    before_callback: int
    without_callback: int
    counted_at: datetime

    @property
    def figures(self) -> Figures:
        return Figures(
            payments=self.payments,
            before_callback=self.before_callback,
            without_callback=self.without_callback,
        )


def month_report(uow: UnitOfWork, provider_account: str, month: Month) -> MonthReport:
    """The month of one account."""
    reports = _reports(uow, month, provider_account)
    return reports.get(provider_account) or _report(provider_account, month, [], [])


def month_reports(uow: UnitOfWork, month: Month, *, accounts: Iterable[str] = ()) -> list[MonthReport]:
    """The month of these accounts and of every other that has figures, also when it is configured no more; by code."""
    reports = _reports(uow, month, None)
    for code in accounts:
        reports.setdefault(code, _report(code, month, [], []))
    return [reports[code] for code in sorted(reports)]


def total_of(figures: Iterable[Figures]) -> Figures:
    """The sum of figures."""
    return sum(figures, Figures())


def _reports(uow: UnitOfWork, month: Month, account: str | None) -> dict[str, MonthReport]:
    period = {"begin": month.begins_at, "end": month.next.begins_at, "account": account}
    hours: dict[str, list[_HourRow]] = {}
    for hour in uow.rows(_HourRow, queries.HOURS, period):
        hours.setdefault(hour.provider_account, []).append(hour)
    payments: dict[str, list[_PaymentHourRow]] = {}
    for paid in uow.rows(_PaymentHourRow, queries.PAYMENT_HOURS, period):
        payments.setdefault(paid.provider_account, []).append(paid)
    return {
        code: _report(code, month, hours.get(code, []), payments.get(code, []))
        for code in sorted({*hours, *payments})
    }


def _report(
    account: str, month: Month, hours: Sequence[_HourRow], payments: Sequence[_PaymentHourRow]
) -> MonthReport:
    days: dict[date, Figures] = {}
    operations: dict[Operation, Figures] = {}
    for row in hours:
        operation = Operation(row.operation)
        operations[operation] = operations.get(operation, Figures()) + row.figures
    every: list[_HourRow | _PaymentHourRow] = [*hours, *payments]
    for each in every:
        if isinstance(each, _HourRow) and each.operation == Operation.STATEMENT:
            continue
        on = vietnam_date(each.hour)
        days[on] = days.get(on, Figures()) + each.figures
    statements = operations.pop(Operation.STATEMENT, Figures())
    return MonthReport(
        provider_account=account,
        month=month,
        as_of=max((row.counted_at for row in every), default=None),
        days=tuple(sorted(days.items())),
        operations=tuple((each, operations[each]) for each in Operation if each in operations),
        statements=statements,
        total=total_of(days.values()),
    )


def _share(part: int, whole: int) -> int | None:
    return part * 10_000 // whole if whole else None
