"""The grammar of bookings: legs, entries and the templates of every event that moves money. Pure; used by `ledger.service`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from payclear.kernel.money import Money

DEBIT = "D"
CREDIT = "C"

PROVIDER_RECEIVABLE = "provider_receivable"
PROVIDER_SETTLEMENT = "provider_settlement"
BENEFICIARY_PAYABLE = "beneficiary_payable"
SUSPENSE = "suspense"


@dataclass(frozen=True, slots=True)
class Leg:
    """One posting to be: an account, a side, a positive amount, and whose money it is."""

    account: str
    side: str
    amount: Money
    beneficiary_account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One booking to be. `natural_key` names the fact it books, so that it can be booked once only."""

    template: str
    natural_key: str
    provider_account: str
    business_on: date
    legs: tuple[Leg, ...]
    order_id: UUID | None = None
    attempt_id: UUID | None = None

    def require_balance(self) -> None:
        """Raise AssertionError unless debits equal credits per currency: a template that does not is a programmer's error."""
        totals: dict[str, int] = {}
        for leg in self.legs:
            assert leg.side in (DEBIT, CREDIT), leg
            assert leg.amount.amount > 0, leg
            signed = leg.amount.amount if leg.side == DEBIT else -leg.amount.amount
            totals[leg.amount.currency] = totals.get(leg.amount.currency, 0) + signed
        assert len(self.legs) >= 2, self
        assert not any(totals.values()), self


def capture_key(provider_account: str, provider_ref: str) -> str:
    """The natural key of money that arrived: one per provider account and provider transaction (INV-04)."""
    return f"money-in:{provider_account}:{provider_ref}"


def reversal_key(provider_account: str, provider_ref: str) -> str:
    """The natural key of a payment that a bank took back, by the bank's reference of the reversal."""
    return f"money-back:{provider_account}:{provider_ref}"


def refund_key(provider_account: str, refund_ref: str) -> str:
    """The natural key of a refund that the provider has paid."""
    return f"refund:{provider_account}:{refund_ref}"


def capture_legs(amount: Money, lines: Iterable[tuple[Money, str]]) -> tuple[Leg, ...]:
    """A payment for an order: the provider owes us, we owe each line's beneficiary account; a line of nothing books nothing."""
    credits = tuple(
        Leg(BENEFICIARY_PAYABLE, CREDIT, line, account) for line, account in lines if line.is_positive
    )
    return (Leg(PROVIDER_RECEIVABLE, DEBIT, amount), *credits)


def reversal_legs(amount: Money, lines: Iterable[tuple[Money, str]]) -> tuple[Leg, ...]:
    """A payment that its bank took back: what `capture_legs` booked, the other way round."""
    debits = tuple(
        Leg(BENEFICIARY_PAYABLE, DEBIT, line, account) for line, account in lines if line.is_positive
    )
    return (*debits, Leg(PROVIDER_RECEIVABLE, CREDIT, amount))


def refund_legs(amount: Money, shares: Iterable[tuple[Money, str]]) -> tuple[Leg, ...]:
    """A refund that the provider paid: each beneficiary account bears its share, the provider owes us less."""
    debits = tuple(Leg(BENEFICIARY_PAYABLE, DEBIT, share, account) for share, account in shares)
    return (*debits, Leg(PROVIDER_RECEIVABLE, CREDIT, amount))


def suspense_refund_legs(amount: Money) -> tuple[Leg, ...]:
    """A refund of money that no order could take: it leaves suspense."""
    return (Leg(SUSPENSE, DEBIT, amount), Leg(PROVIDER_RECEIVABLE, CREDIT, amount))


def suspense_legs(amount: Money) -> tuple[Leg, ...]:
    """Money that no order can take: the provider owes us, and it waits in suspense under a case."""
    return (Leg(PROVIDER_RECEIVABLE, DEBIT, amount), Leg(SUSPENSE, CREDIT, amount))


def settlement_legs(amount: Money) -> tuple[Leg, ...]:
    """The provider's statement lists money that we had booked: it now waits for the bank credit."""
    return (Leg(PROVIDER_SETTLEMENT, DEBIT, amount), Leg(PROVIDER_RECEIVABLE, CREDIT, amount))


def refund_settlement_legs(amount: Money) -> tuple[Leg, ...]:
    """The provider's statement lists refunds that we had booked: they lessen the bank credit we wait for."""
    return (Leg(PROVIDER_RECEIVABLE, DEBIT, amount), Leg(PROVIDER_SETTLEMENT, CREDIT, amount))
