"""What is owed, its document, its lines and the obligor's sealed data. Written only by `obligations`."""

from datetime import date
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, amount, blob, currency, one_of, utc, uuid_pk
from payclear.obligations.domain import LineType, ObligationKind, ObligationState, ServedMethod


class Obligor(Base):
    """The person or organisation that owes; every field is sealed under the subject's own data key, wrapped by `kek_id`."""

    __tablename__ = "obligor"
    __table_args__ = (Index(None, "id_no_index"),)

    id: Mapped[uuid_pk]
    data_key_id: Mapped[UUID]
    kek_id: Mapped[str]
    wrapped_key: Mapped[blob]
    name_sealed: Mapped[blob]
    id_no_sealed: Mapped[bytes | None]
    id_no_index: Mapped[bytes | None]
    created_at: Mapped[utc]


class Obligation(Base):
    """What one document asks of one obligor. `document_key` is the normalised document number."""

    __tablename__ = "obligation"
    __table_args__ = (
        # A decision number is unique at its authority on its day only; every other number is unique at its agency.
        Index(
            "uq_obligation_document",
            "kind",
            "agency_code",
            "document_key",
            unique=True,
            postgresql_where=text("kind <> 'traffic_fine'"),
        ),
        Index(
            "uq_obligation_decision",
            "agency_code",
            "document_key",
            "document_on",
            unique=True,
            postgresql_where=text("kind = 'traffic_fine'"),
        ),
        one_of("kind", ObligationKind),
        one_of("state", ObligationState),
        CheckConstraint("principal >= 0 AND principal <= 1000000000000000", name="principal_in_range"),
        Index(None, "document_key"),
    )

    id: Mapped[uuid_pk]
    kind: Mapped[str]
    portal_code: Mapped[str] = mapped_column(ForeignKey("portal.code"))
    agency_code: Mapped[str] = mapped_column(ForeignKey("agency.code"))
    document_no: Mapped[str]
    document_key: Mapped[str]
    document_on: Mapped[date] = mapped_column(Date)
    principal: Mapped[amount]
    currency: Mapped[currency]
    state: Mapped[str]
    version: Mapped[int]
    obligor_id: Mapped[UUID] = mapped_column(ForeignKey("obligor.id"))
    created_at: Mapped[utc]


class Dossier(Base):
    """The document of a dossier fee."""

    __tablename__ = "dossier"

    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    dossier_code: Mapped[str]
    procedure_code: Mapped[str]
    filed_on: Mapped[date] = mapped_column(Date)


class FineDecision(Base):
    """The document of a traffic fine. The offence is not kept here: it never leaves its agency."""

    __tablename__ = "fine_decision"
    __table_args__ = (
        one_of("served_method", ServedMethod),
        CheckConstraint("due_on >= served_on", name="due_after_served"),
    )

    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    decision_no: Mapped[str]
    decided_on: Mapped[date] = mapped_column(Date)
    served_on: Mapped[date] = mapped_column(Date)
    served_method: Mapped[str]
    due_on: Mapped[date] = mapped_column(Date)
    surcharge_beneficiary_account: Mapped[str] = mapped_column(ForeignKey("beneficiary_account.code"))
    surcharge_chapter: Mapped[str]
    surcharge_sub_item: Mapped[str]


class ObligationLine(Base):
    """One line of an obligation with its beneficiary account and budget codes."""

    __tablename__ = "obligation_line"
    __table_args__ = (
        one_of("type", LineType),
        CheckConstraint("amount >= 0 AND amount <= 1000000000000000", name="amount_in_range"),
    )

    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    line_no: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    name_vi: Mapped[str]
    amount: Mapped[amount]
    currency: Mapped[currency]
    beneficiary_account: Mapped[str] = mapped_column(ForeignKey("beneficiary_account.code"))
    chapter: Mapped[str]
    sub_item: Mapped[str]


class ObligationTransition(Base):
    """History of an obligation's state; append-only."""

    __tablename__ = "obligation_transition"

    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    from_state: Mapped[str | None]
    event: Mapped[str]
    to_state: Mapped[str]
    order_id: Mapped[UUID | None]
    recorded_at: Mapped[utc]
