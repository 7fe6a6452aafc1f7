"""Words and rules of uploaded batches of decisions: states, results, columns, and what a row says. Pure."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from payclear.kernel.states import StateTable, register
from payclear.obligations.domain import ServedMethod
from payclear.obligations.fines.domain import PaperType
from payclear.obligations.rules.corrections import VersionKind
from payclear.obligations.rules.identity_numbers import IdType
from payclear.obligations.rules.plates import PlateColour

ROWS_MAX: Final = 20_000
FILE_BYTES_MAX: Final = 16 << 20
# The same decision again in one file waits for the chunk before it; more often is a mistake of the file.
TIMES_MAX: Final = 5


class BatchFormat(StrEnum):
    """How the file is written."""

    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


class BatchState(StrEnum):
    """Where a batch stands. `unreadable`: no row of the file was taken."""

    RECEIVED = "received"
    TAKING = "taking"
    FINISHED = "finished"
    UNREADABLE = "unreadable"


_S = BatchState
BATCH_STATES = register(
    StateTable(
        name="decision_batch",
        initial=_S.RECEIVED,
        transitions={
            (_S.RECEIVED, "read"): _S.TAKING,
            (_S.RECEIVED, "refused"): _S.UNREADABLE,
            (_S.TAKING, "finished"): _S.FINISHED,
        },
        terminal=frozenset({_S.FINISHED, _S.UNREADABLE}),
    )
)


class RowResult(StrEnum):
    """What became of one row."""

    REGISTERED = "registered"
    UNCHANGED = "unchanged"
    VERSION = "version"
    REFUSED = "refused"


class KeyKind(StrEnum):
    """By what a person's decisions can be found, for statements that an authority's uploads are complete."""

    ID_NO = "id_no"
    LICENCE_NO = "licence_no"
    PLATE = "plate"


class Column(StrEnum):
    """The columns of the template, in its order."""

    AGENCY_CODE = "agency_code"
    DECISION_NO = "decision_no"
    DECIDED_ON = "decided_on"
    VIOLATION_RECORD_NO = "violation_record_no"
    SERVED_ON = "served_on"
    SERVED_METHOD = "served_method"
    VIOLATOR_NAME = "violator_name"
    ID_TYPE = "id_type"
    ID_NO = "id_no"
    PHONE = "phone"
    PLATE = "plate"
    PLATE_COLOUR = "plate_colour"
    LICENCE_NO = "licence_no"
    AMOUNT = "amount"
    TERM_DAYS = "term_days"
    WITHHELD = "withheld"
    VERSION_KIND = "version_kind"
    VERSION_NO = "version_no"
    VERSION_ON = "version_on"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """A row that is well formed; whether it can be registered is the service's question."""

    row_no: int
    agency_code: str
    decision_no: str
    decided_on: date
    violation_record_no: str | None
    served_on: date | None
    served_method: ServedMethod | None
    violator_name: str = field(repr=False)
    id_type: IdType | None
    id_no: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    plate: str | None = field(repr=False)
    plate_colour: PlateColour | None
    licence_no: str | None = field(repr=False)
    amount: int
    term_days: int | None
    withheld: PaperType | None
    version_kind: VersionKind
    version_no: str | None
    version_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """A row that is not taken: which column, why, and the decision's number where it could be read."""

    row_no: int
    column: str
    code: str
    decision_no: str = ""


Row = DecisionRow | RefusedRow


class FileUnreadable(Exception):
    """The file as a whole can not be read; `line_no` is 0 when no line is to blame."""

    def __init__(self, code: str, *, line_no: int = 0, column: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.line_no = line_no
        self.column = column
