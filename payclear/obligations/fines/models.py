"""The history of a fine: versions of its decision, what happened to it, instalments, refunds to propose."""

from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, amount, amount_from_zero, currency, one_of, positive_amount, utc, uuid_pk
from payclear.obligations.domain import ServedMethod
from payclear.obligations.fines.domain import (
    FineEventKind,
    PaperType,
    ProposalCarrier,
    ProposalReason,
    ProposalState,
)
from payclear.obligations.rules.corrections import VersionKind
from payclear.obligations.rules.instalments import ObligorKind, Turn
from payclear.obligations.rules.surcharge import ShelterKind


class FineVersion(Base):
    """One version of a decision, with the number and date of the paper that made it; append-only.

    `served_on` is NULL without proof of service; `due_on` where the version brings no term of its own.
    """

    __tablename__ = "fine_version"
    __table_args__ = (
        one_of("kind", VersionKind),
        one_of("served_method", ServedMethod),
        amount_from_zero(),
        CheckConstraint("(due_on IS NOT NULL) = (kind IN ('issued', 'replaced', 'served'))", name="term"),
        CheckConstraint("(kind = 'issued') = (version_no = 1)", name="issued_first"),
        Index(None, "document_key"),
    )

    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    version_no: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    decision_no: Mapped[str]
    document_key: Mapped[str]
    decided_on: Mapped[date] = mapped_column(Date)
    effective_on: Mapped[date] = mapped_column(Date)
    amount: Mapped[amount]
    served_on: Mapped[date | None] = mapped_column(Date)
    served_method: Mapped[str | None]
    written_term_days: Mapped[int | None]
    due_on: Mapped[date | None] = mapped_column(Date)
    recorded_at: Mapped[utc]
    recorded_by: Mapped[str]


class FineEvent(Base):
    """Something that happened to a fine, with the day it counts from; append-only. `recorded_by` is a key or an account."""

    __tablename__ = "fine_event"
    __table_args__ = (
        one_of("kind", FineEventKind),
        one_of("shelter_kind", ShelterKind),
        CheckConstraint(
            "(kind IN ('paid', 'waived', 'reversed', 'refunded')) = (order_id IS NOT NULL)",
            name="money_has_order",
        ),
        CheckConstraint("principal >= 0 AND surcharge >= 0", name="not_negative"),
        # An order pays an obligation once, and is taken back once.
        Index(
            "uq_fine_event_order",
            "obligation_id",
            "order_id",
            "kind",
            unique=True,
            postgresql_where=text("kind IN ('paid', 'waived', 'reversed')"),
        ),
        Index(None, "order_id"),
    )

    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    event_no: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    on_date: Mapped[date] = mapped_column(Date)
    ref: Mapped[str]
    shelter_kind: Mapped[str | None]
    principal: Mapped[int] = mapped_column(BigInteger)
    surcharge: Mapped[int] = mapped_column(BigInteger)
    order_id: Mapped[UUID | None]
    instalment_no: Mapped[int | None]
    recorded_at: Mapped[utc]
    recorded_by: Mapped[str]


class InstalmentPlan(Base):
    """A plan that an authority granted; append-only. A plan is broken or complete by its dates and the payments."""

    __tablename__ = "instalment_plan"
    __table_args__ = (
        one_of("obligor_kind", ObligorKind),
        one_of("turn", Turn),
        positive_amount("total"),
    )

    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    decision_ref: Mapped[str] = mapped_column(primary_key=True)
    granted_on: Mapped[date] = mapped_column(Date)
    counted_from: Mapped[date] = mapped_column(Date)
    obligor_kind: Mapped[str]
    total: Mapped[int] = mapped_column(BigInteger)
    turn: Mapped[str]
    rule_id: Mapped[str]
    recorded_at: Mapped[utc]
    recorded_by: Mapped[str]


class Instalment(Base):
    """One part of a plan; append-only."""

    __tablename__ = "instalment"
    __table_args__ = (positive_amount(),)

    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    decision_ref: Mapped[str] = mapped_column(primary_key=True)
    instalment_no: Mapped[int] = mapped_column(primary_key=True)
    due_on: Mapped[date] = mapped_column(Date)
    amount: Mapped[amount]


class WithheldPaper(Base):
    """What the authority keeps until the decision is carried out: its type only."""

    __tablename__ = "withheld_paper"
    __table_args__ = (one_of("type", PaperType),)

    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    paper_no: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    returned_on: Mapped[date | None] = mapped_column(Date)


class RefundProposal(Base):
    """More was paid than a decision asks now: how much should go back. One is open per obligation at most."""

    __tablename__ = "refund_proposal"
    __table_args__ = (
        one_of("state", ProposalState),
        one_of("reason", ProposalReason),
        one_of("carrier", ProposalCarrier),
        positive_amount(),
        Index(
            "uq_refund_proposal_open",
            "obligation_id",
            unique=True,
            postgresql_where=text("state IN ('proposed', 'accepted')"),
        ),
    )

    id: Mapped[uuid_pk]
    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"))
    amount: Mapped[amount]
    currency: Mapped[currency]
    reason: Mapped[str]
    state: Mapped[str]
    proposed_at: Mapped[utc]
    ended_at: Mapped[utc | None]
    decided_at: Mapped[utc | None]
    decided_by: Mapped[str | None]
    decided_note: Mapped[str | None]
    carrier: Mapped[str | None]
