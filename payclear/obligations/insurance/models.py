"""Contribution notices with the people they insure, what was quoted and what is covered; and notices of the other kinds.

Nothing here names a person: who a member is stands sealed in `obligor`. Written only by `obligations`.
"""

from datetime import date
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, amount, currency, positive_amount, text_list, utc


class ContributionNotice(Base):
    """The document of an insurance contribution; never changes. `income` is the one chosen for voluntary insurance."""

    __tablename__ = "contribution_notice"
    __table_args__ = (
        CheckConstraint("months > 0 AND to_on > from_on", name="period"),
        positive_amount("income"),
    )

    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    from_on: Mapped[date] = mapped_column(Date)
    to_on: Mapped[date] = mapped_column(Date)
    months: Mapped[int]
    income: Mapped[int | None] = mapped_column(BigInteger)


class ContributionMember(Base):
    """One insured person of a notice by the portal's opaque `ref`; the insurance code is a field of `obligor_id`."""

    __tablename__ = "contribution_member"
    __table_args__ = (
        UniqueConstraint("obligation_id", "ref"),
        CheckConstraint("place > 0 AND months_supported >= 0", name="figures"),
        Index(None, "obligor_id"),
    )

    obligation_id: Mapped[UUID] = mapped_column(
        ForeignKey("contribution_notice.obligation_id"), primary_key=True
    )
    place: Mapped[int] = mapped_column(primary_key=True)
    ref: Mapped[str]
    obligor_id: Mapped[UUID] = mapped_column(ForeignKey("obligor.id"))
    categories: Mapped[text_list]
    covered_through: Mapped[date | None] = mapped_column(Date)
    months_supported: Mapped[int]


class ContributionQuote(Base):
    """What an order was made for, member by member; append-only. The state's share is a memo: nobody owes it here."""

    __tablename__ = "contribution_quote"
    __table_args__ = (
        ForeignKeyConstraint(
            ["obligation_id", "place"], ["contribution_member.obligation_id", "contribution_member.place"]
        ),
        CheckConstraint(
            "months >= 0 AND own_amount >= 0 AND state_amount >= 0 AND monthly_amount > 0 "
            "AND own_amount + state_amount = monthly_amount * months",
            name="shares",
        ),
    )

    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    obligation_id: Mapped[UUID] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    quoted_on: Mapped[date] = mapped_column(Date)
    months: Mapped[int]
    from_on: Mapped[date] = mapped_column(Date)
    to_on: Mapped[date] = mapped_column(Date)
    monthly_amount: Mapped[amount]
    own_amount: Mapped[amount]
    state_amount: Mapped[amount]
    currency: Mapped[currency]
    rule_ids: Mapped[text_list]
    legal_basis: Mapped[text_list]


class ContributionCover(Base):
    """Days that a paid order covers; `taken_back_at` when its payment was reversed or wholly refunded."""

    __tablename__ = "contribution_cover"
    __table_args__ = (
        ForeignKeyConstraint(
            ["order_id", "obligation_id", "place"],
            ["contribution_quote.order_id", "contribution_quote.obligation_id", "contribution_quote.place"],
        ),
        CheckConstraint("to_on > from_on", name="period"),
        Index(None, "obligation_id", "place"),
    )

    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    obligation_id: Mapped[UUID] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    from_on: Mapped[date] = mapped_column(Date)
    to_on: Mapped[date] = mapped_column(Date)
    written_at: Mapped[utc]
    taken_back_at: Mapped[utc | None]


class Notice(Base):
    """The document of a tax, a financial obligation on land or a contribution: the agency states the amounts and why."""

    __tablename__ = "notice"

    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    due_on: Mapped[date | None] = mapped_column(Date)
    legal_basis: Mapped[str]
