"""The rows of a day's report, before any form. HTML, CSV and the terminal show these and compute nothing.

The same rows give the same bytes: the report says as of when it speaks and looks at nothing later.
"""

from dataclasses import dataclass
from datetime import date, datetime

from payclear.kernel.money import Money
from reconciliation.runs import Step, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """One version of the day's statement, or its absence (version 0). Control figures may be None."""

    version: int
    name: str
    sha256: str
    size_bytes: int
    fetched_at: datetime | None
    step: Step
    hold: str | None
    absence: str | None
    is_complete: bool
    lines: int
    control_count: int | None
    control_sum: Money | None


@dataclass(frozen=True, slots=True)
class Total:
    """One line of the totals: a key for its text, how many, how much."""

    key: str
    count: int
    amount: Money


@dataclass(frozen=True, slots=True)
class Sum:
    """A whole with its parts, which are counted from their own rows."""

    whole: Total
    parts: tuple[Total, ...]

    @property
    def adds_up(self) -> bool:
        """Whether the parts make the whole."""
        counts = sum(part.count for part in self.parts) == self.whole.count
        return counts and sum(part.amount.amount for part in self.parts) == self.whole.amount.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscrepancyLine:
    """One discrepancy as it stood; amounts are None where a side has nothing."""

    code: str
    state: str
    resolution: str | None
    owner: str
    priority: int
    first_on: date
    age_business_days: int
    age_band: str
    attempt_ref: str
    order_ref: str
    provider_ref: str
    version: int | None
    line_no: int | None
    is_of_day: bool
    ours: Money | None
    theirs: Money | None

    @property
    def difference(self) -> Money:
        """Theirs less ours; a side that has nothing counts as zero."""
        return (self.theirs or Money.zero()) - (self.ours or Money.zero())


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """A row or file that could not be read, or a total that does not add up."""

    version: int
    line_no: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class ExclusionRow:
    """A line left out by a rule."""

    version: int
    line_no: int
    attempt_ref: str
    provider_ref: str
    amount: Money
    rule: str


@dataclass(frozen=True, slots=True)
class SettlementRow:
    """What one pass settled in the ledger."""

    pass_no: int
    entry_id: str
    matches: int
    amount: Money


@dataclass(frozen=True, slots=True)
class MatchRow:
    """A matched line; `is_other_day`: their day and ours differ (B11)."""

    version: int
    line_no: int
    attempt_ref: str
    provider_ref: str
    amount: Money
    stage: str
    is_other_day: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReport:
    """A day of one provider account. `theirs` takes the statement apart, `ours` our books of the day."""

    provider_account: str
    name_vi: str
    name_en: str
    adapter: str
    business_on: date
    cut_off: str
    grace_business_days: int
    rules: str
    as_of: datetime
    verdict: Verdict
    files: tuple[FileRow, ...]
    theirs: Sum
    ours: Sum
    carried: Total
    other_day: Total
    discrepancies: tuple[DiscrepancyLine, ...]
    problems: tuple[ProblemRow, ...]
    exclusions: tuple[ExclusionRow, ...]
    settlements: tuple[SettlementRow, ...]

    @property
    def adds_up(self) -> bool:
        """Whether every total is the sum of its rows."""
        return self.theirs.adds_up and self.ours.adds_up

    @property
    def standing(self) -> tuple[DiscrepancyLine, ...]:
        """Discrepancies that need somebody."""
        return tuple(each for each in self.discrepancies if each.state == "open")

    @property
    def waiting(self) -> tuple[DiscrepancyLine, ...]:
        """Items within grace."""
        return tuple(each for each in self.discrepancies if each.state == "pending")

    @property
    def explained(self) -> tuple[DiscrepancyLine, ...]:
        """What this day's runs explained."""
        return tuple(each for each in self.discrepancies if each.state == "resolved")
