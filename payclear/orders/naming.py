"""Which attempt a message means: banks keep of a memo what they like, so a payment code or an order's reference must do.

Called by the door of evidence, under whose transaction it locks the order. It must never guess between two orders: what
stays ambiguous is no attempt of ours, and a person looks.
"""

from dataclasses import dataclass

from payclear.contract.evidence import Evidence
from payclear.db.uow import UnitOfWork
from payclear.orders import queries
from payclear.orders.records import AttemptView, OrderRow
from payclear.orders.service import attempts_of

REFS_MAX = 8


@dataclass(frozen=True, slots=True)
class Named:
    """The order that a message names, locked, with its attempts and the one that is meant."""

    order: OrderRow
    attempts: list[AttemptView]
    attempt: AttemptView


def lock_named(uow: UnitOfWork, evidence: Evidence) -> Named | None:
    """Lock the order that evidence names and find the attempt it means; None when no order, or more than one, is named.

    `attempt_ref` may hold an attempt's reference, a payment code or an order's reference, or several of them with spaces
    between; only orders that were tried at the evidence's account count. Of several, the one of the paid amount is meant.
    """
    account = evidence.provider_account
    orders = uow.rows(OrderRow, queries.LOCK_BY_ATTEMPT, (evidence.attempt_ref, account))
    if not orders:
        orders = _by_words(uow, evidence)
    if not orders:
        return None
    attempts = attempts_of(uow, orders[0].id)
    own = [attempt for attempt in attempts if attempt.provider_account == account]
    return Named(orders[0], attempts, _meant(own, evidence))


def _by_words(uow: UnitOfWork, evidence: Evidence) -> list[OrderRow]:
    refs = evidence.attempt_ref.split()[:REFS_MAX]
    rows = uow.run(queries.NAMED_ORDERS, {"refs": refs, "account": evidence.provider_account}).fetchall()
    if len(rows) > 1 and evidence.amount is not None:
        paid = (evidence.amount.amount, evidence.amount.currency)
        rows = [row for row in rows if (row[1], row[2]) == paid]
    return uow.rows(OrderRow, queries.LOCK, (rows[0][0],)) if len(rows) == 1 else []


def _meant(own: list[AttemptView], evidence: Evidence) -> AttemptView:
    """The attempt named outright, else the one that has this very transaction, else the newest live one, else the newest."""
    words = evidence.attempt_ref.split()
    for attempt in own:
        if attempt.attempt_ref in words:
            return attempt
    for attempt in own:
        if evidence.provider_ref is not None and attempt.provider_ref == evidence.provider_ref:
            return attempt
    return next((attempt for attempt in reversed(own) if attempt.is_live), own[-1])
