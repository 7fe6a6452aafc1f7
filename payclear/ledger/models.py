"""Accounts, journal entries and postings; entries and postings never change. Written only by `ledger`."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Date, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, amount, currency, one_of, positive_amount, text_pk, utc, uuid_pk, xid8


class Side(StrEnum):
    """Debit or credit; amounts are positive."""

    DEBIT = "D"
    CREDIT = "C"


class AccountKind(StrEnum):
    """The nature of an account."""

    ASSET = "asset"
    LIABILITY = "liability"


class LedgerAccount(Base):
    """An account of the chart; dimensions (provider account, beneficiary account) are columns of the posting."""

    __tablename__ = "ledger_account"
    __table_args__ = (one_of("kind", AccountKind), one_of("normal_side", Side))

    code: Mapped[text_pk]
    kind: Mapped[str]
    normal_side: Mapped[str]
    name_vi: Mapped[str]
    name_en: Mapped[str]


class JournalEntry(Base):
    """One balanced entry. `natural_key` makes a second booking of the same fact impossible (INV-04)."""

    __tablename__ = "journal_entry"
    __table_args__ = (Index(None, "order_id"), Index(None, "business_on"))

    id: Mapped[uuid_pk]
    xid: Mapped[xid8]  # xid8 of the creating transaction, set by trigger: later postings are refused
    template: Mapped[str]
    natural_key: Mapped[str] = mapped_column(unique=True)
    provider_account: Mapped[str]
    order_id: Mapped[UUID | None]
    attempt_id: Mapped[UUID | None]
    business_on: Mapped[date] = mapped_column(Date)
    recorded_at: Mapped[utc]


class Posting(Base):
    """One leg of an entry."""

    __tablename__ = "posting"
    __table_args__ = (
        one_of("side", Side),
        positive_amount(),
        Index(None, "account_code", "provider_account"),
    )

    entry_id: Mapped[UUID] = mapped_column(ForeignKey("journal_entry.id"), primary_key=True)
    line_no: Mapped[int] = mapped_column(primary_key=True)
    account_code: Mapped[str] = mapped_column(ForeignKey("ledger_account.code"))
    side: Mapped[str]
    amount: Mapped[amount]
    currency: Mapped[currency]
    provider_account: Mapped[str]
    beneficiary_account: Mapped[str | None]
