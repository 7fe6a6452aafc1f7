"""What a collecting bank's other side is: the base that every such protocol of the simulator fills in, and its day file.

Here the provider calls and waits for the answer; `counter` plays the teller. A bank imports no adapter and signs by itself.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar

from flask import Blueprint, Response

from providers.simulator.protocol import Document, OutboundCall, Protocol
from providers.simulator.statement_lines import Line, StatementDay
from providers.simulator.statement_route import statement_answer
from providers.simulator.truth import LOCAL, Payment, from_timestamp

PERSON = "NGUYỄN VĂN MẪU"
DAY_FILE_COLUMNS = (
    "bank_ref",
    "bill_id",
    "document_no",
    "amount",
    "paid_at",
    "status",
    "channel",
    "instrument",
)
_STATUSES = {"paid": "PAID", "reversed": "REVERSED", "failed": "FAILED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A bill as the biller shows it at the counter."""

    bill_id: str
    document_no: str
    amount: int
    payer_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """Money put on the counter, or taken back: `bank_ref` is of this movement, `original_ref` of what it undoes."""

    bank_ref: str
    bill_id: str
    document_no: str
    amount: int
    at: datetime
    channel: str
    instrument: str
    original_ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer of the biller."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a reply says. `says`: taken, refused, or unknown (no readable, soundly signed answer)."""

    says: str
    code: str = ""
    bills: Sequence[Bill] = ()
    signed: bool | None = None
    reply: Mapping[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """For /control."""
        return {"says": self.says, "code": self.code, "signed": self.signed, "reply": dict(self.reply)}


UNKNOWN = Heard(says="unknown")


class Bank(Protocol):
    """One collecting bank's other side. Fill in the calls, `read` and `wrong_key`."""

    outcomes = ("success",)
    operations: ClassVar[tuple[str, ...]] = ("inquire", "pay")
    demo_account: ClassVar[str] = ""
    """The biller's account code in the demonstration, where it is not `<name>-demo`."""
    takes_first = False
    """Whether the bank has the money before it tells us; else it waits for our word."""

    def blueprint(self) -> Blueprint:
        """The day file, under /<name>."""
        routes = Blueprint(self.name, __name__, url_prefix=f"/{self.name}")

        @routes.get("/statements")
        def statements() -> Response:
            return statement_answer(self, self.own("statement_key"), day_form="%Y-%m-%d")

        return routes

    def open(self, text: str) -> Payment:
        """Nobody opens a page here: a citizen comes to the counter."""
        raise self.refuse("unknown")

    def address(self, path: str = "") -> str:
        """Where our calls go."""
        return self.engine.collection_url(self.name, self.demo_account) + path

    def statement(self, day: StatementDay, on: date) -> Document:
        """The agreed day file: UTF-8, commas, one row a payment, a trailer with count and sum."""
        name = f"COLLECTION_{self.own('biller_id')}_{on:%Y%m%d}.csv"
        return Document(name=name, content=_day_file(day), media_type="text/csv")

    # To be filled in.

    def new_bank_ref(self) -> str:
        """A reference that was never given before."""
        return self.engine.truth.next_number()

    def inquire_call(self, document: str, *, key: str = "") -> OutboundCall:
        """Ask for a bill."""
        raise LookupError(self.name)

    def pay_call(self, deposit: Deposit, *, key: str = "") -> OutboundCall:
        """Tell of a payment, or ask to take it."""
        raise LookupError(self.name)

    def reverse_call(self, deposit: Deposit, *, key: str = "") -> OutboundCall:
        """Take a payment back."""
        raise LookupError(self.name)

    def status_call(self, bank_ref: str, *, key: str = "") -> OutboundCall:
        """Ask what became of a payment."""
        raise LookupError(self.name)

    def read(self, operation: str, call: OutboundCall, reply: Reply) -> Heard:
        """Verify and read the answer to a call."""
        raise LookupError(self.name)

    def wrong_key(self) -> str:
        """A sound key that is not the bank's."""
        raise LookupError(self.name)


def _day_file(day: StatementDay) -> bytes:
    columns = list(DAY_FILE_COLUMNS)
    if "moved_columns" in day.file_faults:
        columns.reverse()
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for line in day.lines:
        cells = _cells(line)
        writer.writerow([cells[column] for column in columns])
    if day.count is not None:
        writer.writerow(["TRAILER", day.count, day.total])
    return buffer.getvalue().encode("utf-8")


def _cells(line: Line) -> dict[str, str]:
    return {
        "bank_ref": line.provider_ref,
        "bill_id": line.attempt_ref,
        "document_no": line.extra.get("document_no", ""),
        "amount": line.shown or str(line.amount),
        "paid_at": from_timestamp(line.at).astimezone(LOCAL).replace(microsecond=0).isoformat(),
        "status": _STATUSES.get(line.status, "ODD"),
        "channel": line.extra.get("channel", "COUNTER_BRANCH"),
        "instrument": line.extra.get("instrument", "CASH"),
    }
