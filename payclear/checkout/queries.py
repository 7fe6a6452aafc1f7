"""What the payment page keeps of its decisions, and what the return page looks up. Attempts and orders belong to `orders`."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.kernel.money import Money


@dataclass(frozen=True, slots=True)
class ReturnedAttempt:
    """The attempt a browser came back from, with the way to its page."""

    attempt_id: UUID
    state: str
    pay_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One account of a stored decision, to be read."""

    account: str
    method: str
    offered: bool
    refusal: str | None
    limit: Money | None
    rule: str | None
    reason_vi: str | None
    reason_en: str | None
    preferred_by: str | None
    health: str
    refused_before: int
    fee: Money | None
    borne_by: str | None

    def reason_in(self, locale: str) -> str:
        """The words of the rule that decided; empty when none did."""
        return (self.reason_en if locale == "en" else self.reason_vi) or ""


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """What was offered and why. `choices` are the records of `decisions.record_of`, those offered first."""

    id: UUID
    decided_at: datetime
    rules_digest: str
    choices: list[dict[str, Any]]

    @property
    def decided(self) -> tuple[Decided, ...]:
        """Every account, those offered first."""
        return tuple(_decided(choice) for choice in self.choices)


@dataclass(frozen=True, slots=True)
class FeeRow:
    """The service fee of an attempt."""

    attempt_ref: str
    programme_code: str
    programme_from: date
    borne_by: str
    amount: int
    currency: str

    @property
    def money(self) -> Money:
        """The fee, VAT included."""
        return Money(self.amount, self.currency)


_BY_ATTEMPT_REF = """
SELECT a.id AS attempt_id, a.state, o.pay_token
FROM payment_attempt a JOIN payment_order o ON o.id = a.order_id
WHERE a.attempt_ref = %s AND a.provider_account = %s
"""
_DECISION = "SELECT id, decided_at, rules_digest, choices FROM routing_decision"
_LAST_DECISION = _DECISION + " WHERE order_id = %s ORDER BY decided_at DESC, id DESC LIMIT 1"
_DECISIONS = _DECISION + " WHERE order_id = %s ORDER BY decided_at DESC, id DESC LIMIT %s"
_FEES = """
SELECT a.attempt_ref, f.programme_code, f.programme_from, f.borne_by, f.amount, f.currency
FROM attempt_service_fee f JOIN payment_attempt a ON a.id = f.attempt_id
WHERE a.order_id = %s ORDER BY a.number
"""

INSERT_DECISION = """
INSERT INTO routing_decision (id, order_id, decided_at, rules_digest, choices) VALUES (%s, %s, %s, %s, %s)
"""
INSERT_ATTEMPT_ROUTING = "INSERT INTO attempt_routing (attempt_id, decision_id) VALUES (%s, %s)"
INSERT_FEE = """
INSERT INTO attempt_service_fee (attempt_id, programme_code, programme_from, borne_by, amount, currency)
VALUES (%s, %s, %s, %s, %s, %s)
"""


def _decided(choice: dict[str, Any]) -> Decided:
    kept = {name: choice[name] for name in Decided.__slots__ if name not in ("limit", "fee")}
    return Decided(
        **kept,
        limit=Money(choice["limit"]) if choice["limit"] is not None else None,
        fee=Money(choice["fee"]) if choice["fee"] is not None else None,
    )


def find_returned_attempt(
    uow: UnitOfWork, *, attempt_ref: str, provider_account: str
) -> ReturnedAttempt | None:
    """The attempt of this reference at this account, if there is one."""
    rows = uow.rows(ReturnedAttempt, _BY_ATTEMPT_REF, (attempt_ref, provider_account))
    return rows[0] if rows else None


def last_decision(uow: UnitOfWork, order_id: UUID) -> DecisionRow | None:
    """The newest decision for an order."""
    rows = uow.rows(DecisionRow, _LAST_DECISION, (order_id,))
    return rows[0] if rows else None


def decisions_of(uow: UnitOfWork, order_id: UUID, *, limit: int = 20) -> list[DecisionRow]:
    """The decisions for an order, newest first; for the console."""
    return uow.rows(DecisionRow, _DECISIONS, (order_id, limit))


def fees_of(uow: UnitOfWork, order_id: UUID) -> list[FeeRow]:
    """The service fees of an order's attempts."""
    return uow.rows(FeeRow, _FEES, (order_id,))
