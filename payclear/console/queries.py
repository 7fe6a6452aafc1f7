"""What the console shows, read across features; it writes nothing. Called by `console.pages`."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import at_vietnam, vietnam_date
from payclear.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What one provider account brought in today."""

    provider_account: str
    count: int
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """The figures of a day in Viet Nam up to now."""

    on: date
    states: dict[str, int]
    received: tuple[Received, ...]
    open_orders: int
    in_doubt: int
    open_cases: int
    suspense: Money
    receipts_waiting: int

    @property
    def received_total(self) -> Money:
        """The sum over all provider accounts."""
        return Money(sum(each.amount.amount for each in self.received))

    @property
    def received_count(self) -> int:
        """The payments over all provider accounts."""
        return sum(each.count for each in self.received)


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order in a list."""

    id: UUID
    order_ref: str
    payment_code: str
    portal_code: str
    state: str
    has_live_attempt: bool
    amount: int
    currency: str
    created_at: datetime
    paid_at: datetime | None

    @property
    def money(self) -> Money:
        """The order's amount."""
        return Money(self.amount, self.currency)


@dataclass(frozen=True, slots=True)
class DoubtRow:
    """An attempt whose outcome is not known."""

    attempt_ref: str
    order_ref: str
    provider_account: str
    state: str
    amount: int
    currency: str
    created_at: datetime
    queries: int
    next_query_at: datetime

    @property
    def money(self) -> Money:
        """What the attempt is to take."""
        return Money(self.amount, self.currency)


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A suspense case that waits for a decision."""

    kind: str
    proposal: str
    provider_account: str
    attempt_ref: str
    order_ref: str | None
    amount: int | None
    currency: str | None
    opened_at: datetime

    @property
    def money(self) -> Money | None:
        """The money in suspense, when the evidence named an amount."""
        return Money(self.amount, self.currency) if self.amount is not None and self.currency else None


@dataclass(frozen=True, slots=True)
class TransitionRow:
    """One step of an order's or attempt's history."""

    object: str
    version: int
    from_state: str | None
    event: str
    to_state: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One piece of evidence and what it did."""

    recorded_at: datetime
    source: str
    outcome: str
    effect: str
    attempt_ref: str
    provider_ref: str | None
    amount: int | None
    currency: str | None
    detail_code: str | None

    @property
    def money(self) -> Money | None:
        """What the source says was paid."""
        return Money(self.amount, self.currency) if self.amount is not None and self.currency else None


@dataclass(frozen=True, slots=True)
class PostingRow:
    """One leg of a journal entry."""

    recorded_at: datetime
    template: str
    account_code: str
    account_name_vi: str
    account_name_en: str
    side: str
    amount: int
    currency: str
    beneficiary_account: str | None

    @property
    def money(self) -> Money:
        """The leg's amount, always positive."""
        return Money(self.amount, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Everything that happened to an order."""

    transitions: tuple[TransitionRow, ...]
    evidence: tuple[EvidenceRow, ...]
    postings: tuple[PostingRow, ...]
    cases: tuple[CaseRow, ...]


_STATES = """
SELECT state, count(*) FROM payment_order
WHERE created_at >= %(begin)s AND created_at < %(end)s GROUP BY state
"""
_RECEIVED = """
SELECT provider_account, count(*), sum(amount)::bigint FROM payment_attempt
WHERE provider_account = ANY(%(accounts)s) AND paid_at >= %(begin)s AND paid_at < %(end)s
  AND state = 'succeeded'
GROUP BY provider_account ORDER BY provider_account
"""
# Each count reads one partial index or a table of open items only, so that it stays small.
_NOW = """
SELECT (SELECT count(*) FROM payment_order WHERE state = 'open'),
       (SELECT count(*) FROM payment_attempt WHERE next_query_at IS NOT NULL AND state = 'in_doubt'),
       (SELECT count(*) FROM suspense_case WHERE state = 'open'),
       (SELECT coalesce(sum(amount), 0)::bigint FROM suspense_case WHERE state = 'open' AND currency = 'VND'),
       (SELECT count(*) FROM receipt WHERE state = 'pending')
"""
_ORDER_COLUMNS = """
SELECT o.id, o.order_ref, o.payment_code, o.portal_code, o.state,
       EXISTS (SELECT 1 FROM payment_attempt a
               WHERE a.order_id = o.id AND a.state IN ('created', 'sent', 'in_doubt')) AS has_live_attempt,
       o.amount, o.currency, o.created_at, o.paid_at
FROM payment_order o
"""
# Ids are ordered by time, so the primary key pages through orders newest first.
_LIST_ORDERS = (
    _ORDER_COLUMNS
    + " WHERE %(below)s::uuid IS NULL OR o.id < %(below)s::uuid ORDER BY o.id DESC LIMIT %(limit)s"
)
_FIND_ORDERS = (
    _ORDER_COLUMNS
    + " WHERE o.order_ref = ANY(%(refs)s) OR o.payment_code = ANY(%(codes)s) ORDER BY o.id DESC LIMIT 50"
)
_ORDER_ID = "SELECT id FROM payment_order WHERE order_ref = %s"
# An attempt that has ended is in doubt only when something spoke of money since: one that its provider denies is no more
# than watched.
ATTEMPT_IN_DOUBT = """
a.next_query_at IS NOT NULL AND (a.state = 'in_doubt' OR a.expires_at < %(now)s)
  AND (a.state IN ('created', 'sent', 'in_doubt')
       OR (SELECT outcome FROM payment_evidence WHERE attempt_id = a.id AND outcome <> 'unknown'
           ORDER BY recorded_at DESC, id DESC LIMIT 1) IS DISTINCT FROM 'not_sent')
"""
_DOUBTS = f"""
SELECT a.attempt_ref, o.order_ref, a.provider_account, a.state, a.amount, a.currency, a.created_at, a.queries,
       a.next_query_at
FROM payment_attempt a JOIN payment_order o ON o.id = a.order_id
WHERE {ATTEMPT_IN_DOUBT}
ORDER BY a.created_at, a.id LIMIT %(limit)s
"""
_CASES = """
SELECT c.kind, c.proposal, c.provider_account, c.attempt_ref, o.order_ref, c.amount, c.currency, c.opened_at
FROM suspense_case c LEFT JOIN payment_order o ON o.id = c.order_id
"""
_CASES_OF = _CASES + " WHERE c.order_id = %s ORDER BY c.opened_at, c.id"
_TRANSITIONS = """
SELECT object, version, from_state, event, to_state, recorded_at FROM order_transition
WHERE order_id = %s ORDER BY recorded_at, object, version
"""
_EVIDENCE = """
SELECT e.recorded_at, e.source, e.outcome, e.effect, e.attempt_ref, e.provider_ref, e.amount, e.currency,
       e.detail_code
FROM payment_evidence e JOIN payment_attempt a ON a.id = e.attempt_id
WHERE a.order_id = %s ORDER BY e.recorded_at, e.id
"""
_POSTINGS = """
SELECT j.recorded_at, j.template, p.account_code, l.name_vi AS account_name_vi, l.name_en AS account_name_en,
       p.side, p.amount, p.currency, p.beneficiary_account
FROM journal_entry j JOIN posting p ON p.entry_id = j.id JOIN ledger_account l ON l.code = p.account_code
WHERE j.order_id = %s ORDER BY j.recorded_at, j.id, p.line_no
"""


def today(uow: UnitOfWork, accounts: list[str]) -> Today:
    """The figures of the Vietnamese day that `uow.now` lies in."""
    on = vietnam_date(uow.now)
    day: dict[str, Any] = {
        "begin": at_vietnam(on, time(0)),
        "end": at_vietnam(on + timedelta(days=1), time(0)),
        "accounts": accounts,
    }
    now = uow.run(_NOW).fetchone() or (0, 0, 0, 0, 0)
    return Today(
        on=on,
        states={state: count for state, count in uow.run(_STATES, day)},
        received=tuple(
            Received(provider_account=account, count=count, amount=Money(amount))
            for account, count, amount in uow.run(_RECEIVED, day)
        ),
        open_orders=now[0],
        in_doubt=now[1],
        open_cases=now[2],
        suspense=Money(now[3]),
        receipts_waiting=now[4],
    )


def list_orders(uow: UnitOfWork, *, below: UUID | None, limit: int) -> list[OrderRow]:
    """Orders with ids below one, newest first."""
    return uow.rows(OrderRow, _LIST_ORDERS, {"below": below, "limit": limit})


def find_orders(uow: UnitOfWork, *, refs: list[str], codes: list[str]) -> list[OrderRow]:
    """Orders of exactly these references or payment codes."""
    return uow.rows(OrderRow, _FIND_ORDERS, {"refs": refs, "codes": codes})


def order_id_of(uow: UnitOfWork, order_ref: str) -> UUID | None:
    """The id of an order, whatever its portal."""
    row = uow.run(_ORDER_ID, (order_ref,)).fetchone()
    return row[0] if row else None


def doubts(uow: UnitOfWork, *, limit: int) -> list[DoubtRow]:
    """Attempts in doubt, and those past their time without an answer, oldest first."""
    return uow.rows(DoubtRow, _DOUBTS, {"now": uow.now, "limit": limit})


def trace(uow: UnitOfWork, order_id: UUID) -> Trace:
    """The history, evidence, postings and cases of one order, in the order they were recorded."""
    return Trace(
        transitions=tuple(uow.rows(TransitionRow, _TRANSITIONS, (order_id,))),
        evidence=tuple(uow.rows(EvidenceRow, _EVIDENCE, (order_id,))),
        postings=tuple(uow.rows(PostingRow, _POSTINGS, (order_id,))),
        cases=tuple(uow.rows(CaseRow, _CASES_OF, (order_id,))),
    )
