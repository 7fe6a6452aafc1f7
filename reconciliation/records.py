"""Rows of runs as frozen values; what `queries` return and services pass on."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as it stands; counts and sums (minor units) are those at `as_of`."""

    id: UUID
    provider_account: str
    business_on: date
    statement_id: UUID | None
    step: str
    verdict: str
    hold: str | None
    absence: str | None
    is_complete: bool
    passes: int
    rules: str
    control_count: int | None
    control_sum: int | None
    lines_count: int
    lines_sum: int
    problems_count: int
    matched_count: int
    matched_sum: int
    differing_count: int
    differing_sum: int
    excluded_count: int
    excluded_sum: int
    ours_count: int
    ours_sum: int
    ours_matched_count: int
    ours_matched_sum: int
    ours_explained_count: int
    ours_explained_sum: int
    started_at: datetime
    as_of: datetime | None
