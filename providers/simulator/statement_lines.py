"""The lines of a day's statement and the errors planted in them; written out per format elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from providers.simulator.faults import STATEMENT_FAULTS, UnknownFault
from providers.simulator.truth import LOCAL, Payment, Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line. `shown` is the amount as text where a fault made it one; `at` is seconds since 1970.

    `extra`: what else the protocol remembers of the payment.
    """

    kind: str
    attempt_ref: str
    provider_ref: str
    amount: int
    status: str
    at: float
    memo: str = ""
    shown: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementDay:
    """What goes into a statement file; `count` and `total` are those of its trailer, None for no trailer."""

    lines: list[Line]
    count: int | None
    total: int | None
    file_faults: frozenset[str]


def lines_of_day(truth: Truth, provider: str, on: date) -> list[Line]:
    """Every payment and refund that ended on a Vietnamese date."""
    lines = [
        Line(
            kind="payment",
            attempt_ref=payment.our_ref,
            provider_ref=payment.provider_ref,
            amount=payment.amount,
            status=_line_status(payment),
            at=payment.paid_at or 0.0,
            memo=payment.memo,
            extra=payment.extra,
        )
        for payment in truth.settled_on(on, provider)
        if _is_money(payment)
    ]
    lines += [
        Line(
            kind="refund",
            attempt_ref=refund.attempt_ref,
            provider_ref=refund.provider_ref,
            amount=refund.amount,
            status="refunded",
            at=refund.refunded_at,
        )
        for refund in truth.refunds_on(on, provider)
    ]
    return sorted(lines, key=lambda line: (line.at, line.kind, line.provider_ref))


def statement_of_day(truth: Truth, provider: str, on: date) -> StatementDay:
    """The day's lines with every planted error."""
    lines = lines_of_day(truth, provider, on)
    planted = truth.statement_faults(provider, on)
    check_statement_faults(planted)
    for fault in planted:
        change = _LINE_FAULTS.get(fault["kind"])
        if change is not None:
            lines = _apply(lines, fault, change, on)
    kinds = frozenset(fault["kind"] for fault in planted)
    total = sum(line.amount for line in lines)
    count: int | None = len(lines) + (1 if "wrong_count" in kinds else 0)
    control: int | None = total + (1 if "wrong_sum" in kinds else 0)
    if "no_trailer" in kinds:
        count = control = None
    return StatementDay(lines=lines, count=count, total=control, file_faults=kinds)


def check_statement_faults(planted: list[dict[str, Any]]) -> None:
    """Refuse faults nobody knows; raises UnknownFault."""
    for fault in planted:
        if fault.get("kind") not in STATEMENT_FAULTS:
            raise UnknownFault(str(fault.get("kind")))


def _is_money(payment: Payment) -> bool:
    return payment.status in ("paid", "reversed") or payment.outcome == "suspected"


def _line_status(payment: Payment) -> str:
    if payment.status == "reversed":
        return "reversed"
    return "suspected" if payment.outcome == "suspected" else "paid"


def _apply(
    lines: list[Line], fault: dict[str, Any], change: Callable[[Line], list[Line]], on: date
) -> list[Line]:
    wanted = fault.get("attempt_ref")
    if fault["kind"] == "extra_line":
        return [*lines, _invented(fault, on)]
    changed: list[Line] = []
    hit = False
    for line in lines:
        if not hit and (wanted is None or line.attempt_ref == wanted):
            hit = True
            changed += change(line)
        else:
            changed.append(line)
    return changed


def _invented(fault: dict[str, Any], on: date) -> Line:
    """A line of money nobody here asked for; the same fault gives the same line."""
    noon = datetime(on.year, on.month, on.day, 12, tzinfo=LOCAL)
    return Line(
        kind="payment",
        attempt_ref=str(fault.get("attempt_ref", "PC0000000000X01")),
        provider_ref=str(fault.get("provider_ref", "99000001")),
        amount=int(fault.get("amount", 150_000)),
        status="paid",
        at=noon.timestamp(),
    )


def _plus_one(line: Line) -> list[Line]:
    return [replace(line, amount=line.amount + 1)]


def _as_text(line: Line) -> list[Line]:
    return [replace(line, shown=f"{line.amount:,}".replace(",", "."))]


_LINE_FAULTS: dict[str, Callable[[Line], list[Line]]] = {
    "missing_line": lambda line: [],
    "extra_line": lambda line: [line],
    "duplicate_line": lambda line: [line, line],
    "amount_plus_1": _plus_one,
    "amount_as_text": _as_text,
    "bad_amount_text": lambda line: [replace(line, shown="1.25O.000")],
    "status_failed": lambda line: [replace(line, status="failed")],
    "status_unknown": lambda line: [replace(line, status="odd")],
    "missing_reference": lambda line: [replace(line, attempt_ref="")],
}
