"""What uploads speak of: the command, a batch as others see it, the result of a row, and the errors."""

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from payclear.kernel.errors import Conflict, InvalidInput, NotFound
from payclear.obligations.batches.domain import BatchFormat, BatchState, KeyKind, RowResult


class BatchNotFound(NotFound):
    """No batch with this id belongs to this portal."""

    code = "decision_batch_not_found"


class BatchNotFinished(Conflict):
    """The batch has no results yet, or will never have any: its file could not be read."""

    code = "decision_batch_not_finished"


class InvalidCoverage(InvalidInput):
    """A statement that uploads are complete needs an authority, a day that has begun, and a key at least."""

    code = "invalid_coverage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as it came. With `complete_to` the authority says that nothing older is missing, for look-ups by `key_kinds`."""

    portal_code: str
    by: str
    format: BatchFormat
    content: bytes = field(repr=False)
    agency_code: str | None = None
    complete_to: date | None = None
    key_kinds: frozenset[KeyKind] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchView:
    """A batch and how far it was taken; `covered` is None until it is decided what its statement holds for."""

    id: UUID
    portal_code: str
    format: BatchFormat
    sha256: str
    size_bytes: int
    agency_code: str | None
    complete_to: date | None
    key_kinds: tuple[str, ...]
    state: BatchState
    rows: int | None
    problem: str | None
    problem_line: int | None
    problem_column: str | None
    received_at: datetime
    read_at: datetime | None
    finished_at: datetime | None
    counts: dict[RowResult, int]
    covered: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class ResultRow:
    """What became of one row."""

    row_no: int
    decision_no: str
    result: str
    column_name: str | None
    code: str | None
    obligation_id: UUID | None
