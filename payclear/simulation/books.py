"""What our database says, read by SQL of its own: the judge must not trust the services it judges."""

from dataclasses import dataclass
from typing import Any

from payclear.db.uow import Database
from payclear.kernel.ids import public_id


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A payment order as the books have it."""

    order_ref: str
    portal_ref: str
    state: str
    amount: int


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """An attempt as the books have it."""

    attempt_ref: str
    order_ref: str
    account: str
    state: str
    amount: int
    provider_ref: str
    expires_at: Any


@dataclass(frozen=True, slots=True)
class MoneyMoved:
    """Money that came in by the ledger, or was taken back by a bank. `attempt_ref` is empty for money nobody claims."""

    entry_id: str
    template: str
    account: str
    attempt_ref: str
    natural_key: str
    amount: int

    @property
    def number(self) -> str:
        """The provider's number in the natural key, `money-in:<account>:<number>`."""
        return self.natural_key.split(":", 2)[-1]


@dataclass(frozen=True, slots=True)
class RefundLine:
    """A refund as the books have it; `booked` is what the ledger says went back."""

    refund_ref: str
    attempt_ref: str
    account: str
    state: str
    amount: int
    booked: int
    is_numbered: bool  # the provider gave it a number, by which it can be asked about


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A suspense case."""

    account: str
    attempt_ref: str
    provider_ref: str
    kind: str
    state: str
    amount: int | None


@dataclass(frozen=True, slots=True)
class DiscrepancyLine:
    """A discrepancy of the night."""

    account: str
    attempt_ref: str
    provider_ref: str
    code: str
    state: str
    entry_id: str
    has_case: bool
    ours: int | None
    theirs: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Our side, whole."""

    orders: tuple[OrderLine, ...]
    attempts: tuple[AttemptLine, ...]
    money: tuple[MoneyMoved, ...]
    refunds: tuple[RefundLine, ...]
    beneficiaries: dict[str, int]
    cases: tuple[CaseLine, ...]
    discrepancies: tuple[DiscrepancyLine, ...]
    problems: tuple[tuple[str, str, str], ...]  # account, day, code
    receipts: tuple[tuple[str, int | None, str], ...]  # series, number, order
    events: tuple[tuple[str, str, str], ...]  # id, type, order: what the portal subscribed to
    undelivered: int
    forgeries: dict[str, int]
    nights: tuple[tuple[str, str, str, str, int, int], ...]  # account, day, step, verdict, lines, problems


_ORDERS = "SELECT order_ref, portal_ref, state, amount FROM payment_order ORDER BY order_ref"
_ATTEMPTS = """
SELECT a.attempt_ref, o.order_ref, a.provider_account, a.state, a.amount, coalesce(a.provider_ref, ''), a.expires_at
FROM payment_attempt a JOIN payment_order o ON o.id = a.order_id ORDER BY a.attempt_ref
"""
# What was kept as unknown and taken out again when the door booked it does not count.
_MONEY = """
SELECT e.id::text, e.template, e.provider_account, coalesce(a.attempt_ref, ''), e.natural_key,
       sum(CASE p.side WHEN 'D' THEN p.amount ELSE -p.amount END)::bigint
FROM journal_entry e
JOIN posting p ON p.entry_id = e.id AND p.account_code = 'provider_receivable'
LEFT JOIN payment_attempt a ON a.id = e.attempt_id
WHERE e.template IN ('payment_captured', 'payment_suspended', 'unknown_receipt', 'payment_reversed')
  AND NOT EXISTS (SELECT 1 FROM journal_entry c WHERE c.natural_key = 'unknown-cleared:' || e.id)
GROUP BY e.id, e.template, e.provider_account, a.attempt_ref, e.natural_key
"""
_BENEFICIARIES = """
SELECT p.beneficiary_account, sum(CASE p.side WHEN 'C' THEN p.amount ELSE -p.amount END)::bigint
FROM posting p JOIN journal_entry e ON e.id = p.entry_id AND e.template IN ('payment_captured', 'payment_reversed')
WHERE p.beneficiary_account IS NOT NULL GROUP BY p.beneficiary_account
"""
_REFUNDS = """
SELECT r.refund_ref, a.attempt_ref, r.provider_account, r.state, r.amount,
       coalesce((SELECT sum(p.amount)::bigint FROM journal_entry e JOIN posting p ON p.entry_id = e.id
                 WHERE e.natural_key = 'refund:' || r.provider_account || ':' || r.refund_ref
                   AND p.account_code = 'provider_receivable' AND p.side = 'C'), 0),
       r.provider_ref IS NOT NULL
FROM refund r JOIN payment_attempt a ON a.id = r.attempt_id
"""
_CASES = "SELECT provider_account, attempt_ref, provider_ref, kind, state, amount FROM suspense_case"
_DISCREPANCIES = """
SELECT provider_account, attempt_ref, provider_ref, code, state, coalesce(entry_id::text, ''), has_case, ours, theirs
FROM discrepancy
"""
_PROBLEMS = """
SELECT s.provider_account, s.business_on::text, p.code FROM statement_problem p JOIN statement s ON s.id = p.statement_id
"""
_RECEIPTS = """
SELECT coalesce(r.series, ''), r.number, o.order_ref FROM receipt r JOIN payment_order o ON o.id = r.order_id
"""
_EVENTS = """
SELECT e.id, e.type, o.order_ref
FROM event e
JOIN payment_order o ON o.id = e.aggregate_id
JOIN webhook_endpoint w ON w.portal_code = e.portal_code AND e.type = ANY(w.event_types)
"""
_UNDELIVERED = "SELECT count(*) FROM webhook_delivery WHERE state <> 'delivered'"
_NIGHTS = """
SELECT provider_account, business_on::text, step || coalesce(' ' || hold, '') || coalesce(' ' || absence, ''), verdict,
       lines_count, problems_count
FROM reconciliation_run ORDER BY provider_account, business_on, started_at
"""
_FORGERIES = "SELECT provider_account, sum(count)::bigint FROM callback_rejection GROUP BY provider_account"


def read(database: Database) -> Books:
    """Read everything in one snapshot."""
    with database.begin() as uow:
        uow.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        uow.run("SET LOCAL statement_timeout = '10min'")

        def rows(sql: str) -> list[tuple[Any, ...]]:
            return uow.run(sql).fetchall()

        return Books(
            orders=tuple(OrderLine(*row) for row in rows(_ORDERS)),
            attempts=tuple(AttemptLine(*row) for row in rows(_ATTEMPTS)),
            money=tuple(MoneyMoved(*row) for row in rows(_MONEY)),
            refunds=tuple(RefundLine(*row) for row in rows(_REFUNDS)),
            beneficiaries={account: amount for account, amount in rows(_BENEFICIARIES)},
            cases=tuple(CaseLine(*row) for row in rows(_CASES)),
            discrepancies=tuple(DiscrepancyLine(*row) for row in rows(_DISCREPANCIES)),
            problems=tuple((row[0], row[1], row[2]) for row in rows(_PROBLEMS)),
            receipts=tuple((row[0], row[1], row[2]) for row in rows(_RECEIPTS)),
            events=tuple((public_id("evt", row[0]), row[1], row[2]) for row in rows(_EVENTS)),
            undelivered=rows(_UNDELIVERED)[0][0],
            forgeries=dict(rows(_FORGERIES)),
            nights=tuple((row[0], row[1], row[2], row[3], row[4], row[5]) for row in rows(_NIGHTS)),
        )


_STORY = """
SELECT to_char(at AT TIME ZONE 'Asia/Ho_Chi_Minh', 'DD HH24:MI:SS') || ' ' || what FROM (
    SELECT t.recorded_at AS at, t.object || ' ' || coalesce(t.from_state, '') || ' -' || t.event || '-> ' || t.to_state AS what
    FROM order_transition t JOIN payment_order o ON o.id = t.order_id WHERE o.order_ref = %(ref)s
    UNION ALL
    SELECT e.recorded_at, e.source || ' says ' || e.outcome || ' ' || coalesce(e.amount::text, '') || ' of '
           || e.attempt_ref || ' (' || coalesce(e.detail_code, '') || '): ' || e.effect
    FROM payment_evidence e WHERE e.attempt_ref LIKE %(ref)s || '%%'
    UNION ALL
    SELECT c.opened_at, 'case ' || c.kind || ' ' || coalesce(c.amount::text, '') FROM suspense_case c
    WHERE c.attempt_ref LIKE %(ref)s || '%%'
    UNION ALL
    SELECT e.recorded_at, 'entry ' || e.template || ' ' || e.natural_key FROM journal_entry e
    JOIN payment_order o ON o.id = e.order_id WHERE o.order_ref = %(ref)s
    UNION ALL
    SELECT d.opened_at, 'discrepancy ' || d.code || ' ' || d.state || ' ours ' || coalesce(d.ours::text, '-')
           || ' theirs ' || coalesce(d.theirs::text, '-')
    FROM discrepancy d WHERE d.attempt_ref LIKE %(ref)s || '%%'
) AS told ORDER BY at, what
"""


def story(database: Database, order_ref: str) -> list[str]:
    """Everything our database knows about one order, in order of time."""
    with database.begin() as uow:
        return [row[0] for row in uow.run(_STORY, {"ref": order_ref})]
