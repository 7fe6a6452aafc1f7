"""Plays the statement scenarios: a sound file, and the same file with one planted error, fetched and parsed.

Called by `plays`. What a planted error must change is stated against the sound file of the same moment.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from payclear.contract.conformance.bench import Bench, Failed, Payment, Subject, need
from payclear.contract.conformance.counter import BankCounter
from payclear.contract.errors import StatementUnavailable
from payclear.contract.manifest import Capability
from payclear.contract.messages import ParsedStatement, StatementEntry
from payclear.contract.outcomes import Outcome
from payclear.kernel.clock import vietnam_date
from payclear.kernel.ids import attempt_ref, new_order_ref
from payclear.kernel.payment_code import new_payment_code

Row = tuple[str, str, int, Outcome]
EXTRA_AMOUNT = 50_000


@dataclass(frozen=True, slots=True)
class Pair:
    """A sound statement and the same with an error; `row` is the line that the error hits."""

    sound: ParsedStatement
    faulty: ParsedStatement
    row: Row
    extra_ref: str

    def changed_by(self, *, lost: tuple[Row, ...] = (), added: tuple[Row, ...] = ()) -> None:
        """Raise Failed unless the lines differ by exactly these."""
        wanted = Counter(rows(self.sound))
        wanted.subtract(lost)
        wanted.update(added)
        found = Counter(rows(self.faulty))
        need(found == +wanted, f"the lines differ by {(found - wanted) + (wanted - found)}")

    def new_problems(self) -> list[str]:
        """Codes of the problems that the sound statement has not."""
        found = Counter(problem.code for problem in self.faulty.problems)
        found.subtract(problem.code for problem in self.sound.problems)
        return list((+found).elements())


def rows(parsed: ParsedStatement) -> list[Row]:
    """What counts of the lines."""
    return [_row(entry) for entry in parsed.entries]


def _row(entry: StatementEntry) -> Row:
    return entry.kind, entry.attempt_ref, entry.amount.amount, entry.outcome


def sound(bench: Bench, subject: Subject) -> None:
    """A payment and its amount are in the day's statement, with its control figures; the same bytes again."""
    on, row, _ = _paid(bench, subject)
    parsed = _parse(bench, subject, on, [])
    need(row in rows(parsed), f"the payment is not in its statement: {row}")
    need(not parsed.problems, f"a sound statement has problems: {parsed.problems[:3]}")
    entry = next(entry for entry in parsed.entries if _row(entry) == row)
    need(entry.occurred_at is not None, "the line has no time")
    states_totals = parsed.control_count is not None and parsed.control_sum is not None
    claims_totals = "trailer" in subject.provider.manifest.statement_parts
    need(states_totals == claims_totals, "statement_parts of the manifest is wrong about the trailer")
    if states_totals:
        need(parsed.control_count == len(parsed.entries), "the trailer's count is not read as written")
        total = sum(entry.amount.amount for entry in parsed.entries)
        need(
            parsed.control_sum is not None and parsed.control_sum.amount == total, "the sum is not as written"
        )
    file = subject.provider.fetch_statement(subject.account, on)
    need(file == subject.provider.fetch_statement(subject.account, on), "the same day gives other bytes")


def unavailable(bench: Bench, subject: Subject) -> None:
    """No file yet is said as such."""
    on, _, _ = _paid(bench, subject)
    try:
        _parse(bench, subject, on, [{"kind": "unavailable"}])
    except StatementUnavailable:
        return
    raise Failed("a statement that is not there was read")


def _missing_line(pair: Pair) -> None:
    pair.changed_by(lost=(pair.row,))


def _extra_line(pair: Pair) -> None:
    pair.changed_by(added=(("payment", pair.extra_ref, EXTRA_AMOUNT, Outcome.CONFIRMED),))


def _duplicate_line(pair: Pair) -> None:
    pair.changed_by(added=(pair.row,))


def _amount_plus_1(pair: Pair) -> None:
    kind, reference, amount, outcome = pair.row
    pair.changed_by(lost=(pair.row,), added=((kind, reference, amount + 1, outcome),))


def _amount_as_text(pair: Pair) -> None:
    if "bad_amount" in pair.new_problems():
        pair.changed_by(lost=(pair.row,))  # a format that knows no separators says so
    else:
        pair.changed_by()


def _bad_amount_text(pair: Pair) -> None:
    pair.changed_by(lost=(pair.row,))
    need("bad_amount" in pair.new_problems(), f"no problem bad_amount: {pair.new_problems()}")


def _status_failed(pair: Pair) -> None:
    need(pair.row not in rows(pair.faulty), "a failed line is read as money")
    kind, reference, amount, _ = pair.row
    told = [row for row in rows(pair.faulty) if row[:3] == (kind, reference, amount)]
    need(bool(told) or bool(pair.new_problems()), "a failed line vanished")


def _status_unknown(pair: Pair) -> None:
    _status_failed(pair)


def _missing_reference(pair: Pair) -> None:
    need(pair.row not in rows(pair.faulty), "a line without reference kept its reference")
    without = [row for row in rows(pair.faulty) if not row[1]]
    need(bool(without) or bool(pair.new_problems()), "a line without reference vanished")


def _wrong_count(pair: Pair) -> None:
    pair.changed_by()
    need(pair.faulty.control_count == len(pair.faulty.entries) + 1, "the wrong count is not told")


def _wrong_sum(pair: Pair) -> None:
    pair.changed_by()
    total = sum(entry.amount.amount for entry in pair.faulty.entries)
    given = pair.faulty.control_sum
    need(given is not None and given.amount == total + 1, "the wrong sum is not told")


def _no_trailer(pair: Pair) -> None:
    pair.changed_by()
    need(pair.faulty.control_count is None and pair.faulty.control_sum is None, "a trailer was invented")


def _moved_columns(pair: Pair) -> None:
    if pair.faulty.entries:
        pair.changed_by()
    else:
        need(bool(pair.new_problems()), "moved columns gave an empty day without a word")


def _truncated(pair: Pair) -> None:
    need(bool(pair.new_problems()), "a file cut off is read without a problem")
    need(Counter(rows(pair.faulty)) <= Counter(rows(pair.sound)), "a file cut off gave lines of its own")


def _html(pair: Pair) -> None:
    need(not pair.faulty.entries, "a page of HTML gave lines")
    need(bool(pair.new_problems()), "a page of HTML is read without a problem")


_CHECKS: Mapping[str, Callable[[Pair], None]] = MappingProxyType(
    {
        "missing_line": _missing_line,
        "extra_line": _extra_line,
        "duplicate_line": _duplicate_line,
        "amount_plus_1": _amount_plus_1,
        "amount_as_text": _amount_as_text,
        "bad_amount_text": _bad_amount_text,
        "status_failed": _status_failed,
        "status_unknown": _status_unknown,
        "missing_reference": _missing_reference,
        "wrong_count": _wrong_count,
        "wrong_sum": _wrong_sum,
        "no_trailer": _no_trailer,
        "moved_columns": _moved_columns,
        "truncated": _truncated,
        "html": _html,
    }
)


def _planted(kind: str) -> Callable[[Bench, Subject], None]:
    def play(bench: Bench, subject: Subject) -> None:
        on, row, wire_ref = _paid(bench, subject)
        extra_ref = new_payment_code() if _collects(subject) else attempt_ref(new_order_ref(), 1)
        fault: dict[str, Any] = {"kind": kind, "attempt_ref": wire_ref}
        if kind == "extra_line":
            fault |= {"attempt_ref": extra_ref, "amount": EXTRA_AMOUNT}
        before = _parse(bench, subject, on, [])
        after = _parse(bench, subject, on, [fault])
        _CHECKS[kind](Pair(before, after, row, extra_ref))

    return play


def _paid(bench: Bench, subject: Subject) -> tuple[date, Row, str]:
    if _collects(subject):
        return _paid_at_counter(bench, subject)
    with Payment(bench, subject) as payment:
        payment.create()
        payment.pay()
    row: Row = ("payment", payment.reference, subject.amount.amount, Outcome.CONFIRMED)
    return vietnam_date(bench.clock.now()), row, payment.wire_ref


def _paid_at_counter(bench: Bench, subject: Subject) -> tuple[date, Row, str]:
    """A bank that collects lists our bill as the reference."""
    with BankCounter(bench, subject) as counter:
        bill_id = counter.visit("pay")["bill_id"]
    row: Row = ("payment", bill_id, subject.amount.amount, Outcome.CONFIRMED)
    return vietnam_date(bench.clock.now()), row, bill_id


def _collects(subject: Subject) -> bool:
    return Capability.COLLECTION in subject.provider.manifest.capabilities


def _parse(bench: Bench, subject: Subject, on: date, faults: list[dict[str, Any]]) -> ParsedStatement:
    def plant(planted: list[dict[str, Any]]) -> None:
        bench.control("statement-faults", provider=subject.name, date=on.isoformat(), faults=planted)

    plant(faults)
    try:
        file = subject.provider.fetch_statement(subject.account, on)
    finally:
        plant([])
    return subject.provider.parse_statement(subject.account, file)


PLAYS: Mapping[str, Callable[[Bench, Subject], None]] = MappingProxyType(
    {
        "statement_sound": sound,
        "statement_unavailable": unavailable,
        **{f"statement_{kind}": _planted(kind) for kind in _CHECKS},
    }
)
