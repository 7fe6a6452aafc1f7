"""Books entries and reads balances. Callers hold the transaction; the database checks that every entry balances."""

from dataclasses import dataclass
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.kernel.ids import new_uuid
from payclear.kernel.money import Money
from payclear.ledger import queries
from payclear.ledger.domain import Entry


@dataclass(frozen=True, slots=True)
class Balance:
    """Debits and credits of one account for one provider account, in minor units."""

    account_code: str
    kind: str
    provider_account: str
    currency: str
    debit: int
    credit: int

    @property
    def amount(self) -> int:
        """The balance on the account's normal side."""
        return self.debit - self.credit if self.kind == "asset" else self.credit - self.debit


def book(uow: UnitOfWork, entry: Entry) -> UUID | None:
    """Write one entry with its postings; None when its natural key was booked before (nothing is written then)."""
    entry.require_balance()
    entry_id = new_uuid()
    written = uow.run(
        queries.BOOK,
        {
            "id": entry_id,
            "template": entry.template,
            "natural_key": entry.natural_key,
            "provider_account": entry.provider_account,
            "order_id": entry.order_id,
            "attempt_id": entry.attempt_id,
            "business_on": entry.business_on,
            "recorded_at": uow.now,
            "accounts": [leg.account for leg in entry.legs],
            "sides": [leg.side for leg in entry.legs],
            "amounts": [leg.amount.amount for leg in entry.legs],
            "currencies": [leg.amount.currency for leg in entry.legs],
            "beneficiaries": [leg.beneficiary_account for leg in entry.legs],
        },
    ).rowcount
    return entry_id if written else None


def is_booked(uow: UnitOfWork, natural_key: str) -> bool:
    """Whether a fact is in the books already."""
    return uow.run(queries.IS_BOOKED, (natural_key,)).fetchone() is not None


def attempt_booked_as(uow: UnitOfWork, natural_key: str) -> UUID | None:
    """The attempt that a booked fact is about; None when it is about none or not booked."""
    row = uow.run(queries.BOOKED_FOR, (natural_key,)).fetchone()
    return row[0] if row else None


def given_back(uow: UnitOfWork, order_id: UUID, currency: str) -> Money:
    """What went back to payers of the money that paid an order, so far."""
    (amount,) = uow.one(queries.GIVEN_BACK, {"order_id": order_id})
    return Money(amount, currency)


def trial_balance(uow: UnitOfWork) -> list[Balance]:
    """Every balance; the debits and the credits of each currency are equal."""
    return uow.rows(Balance, queries.TRIAL_BALANCE)
