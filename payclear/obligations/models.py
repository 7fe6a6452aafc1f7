"""What is owed, its document, its lines and the obligor's sealed data. Written only by `obligations`."""

from datetime import date
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, ForeignKeyConstraint, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, amount, amount_from_zero, currency, one_of, utc, uuid_pk
from payclear.obligations.domain import LineType, ObligationKind, ObligationState, ObligorField, ServedMethod
from payclear.obligations.fees.facts import Channel, ExemptionReason, PricedBy
from payclear.obligations.fines.domain import IssuerRank
from payclear.obligations.rules.instalments import ObligorKind


class Obligor(Base):
    """The person or organisation that owes; every field is sealed under the subject's own data key, wrapped by `kek_id`."""

    __tablename__ = "obligor"
    __table_args__ = (
        Index(None, "id_no_index"),
        one_of("kind", ObligorKind),
        CheckConstraint(
            "(forgotten_at IS NULL AND wrapped_key IS NOT NULL AND name_sealed IS NOT NULL) OR "
            "(forgotten_at IS NOT NULL AND wrapped_key IS NULL AND name_sealed IS NULL AND id_no_sealed IS NULL "
            "AND id_no_index IS NULL)",
            name="forgotten_is_unreadable",
        ),
    )

    id: Mapped[uuid_pk]
    data_key_id: Mapped[UUID]
    kek_id: Mapped[str]
    wrapped_key: Mapped[bytes | None]
    name_sealed: Mapped[bytes | None]
    id_no_sealed: Mapped[bytes | None]
    id_no_index: Mapped[bytes | None]
    created_at: Mapped[utc]
    kind: Mapped[str]
    forgotten_at: Mapped[utc | None]


class ObligorFieldRow(Base):
    """One more thing known of an obligor, sealed under its data key; `factor` rows only let the public look-up compare."""

    __tablename__ = "obligor_field"
    __table_args__ = (
        one_of("field", ObligorField),
        CheckConstraint("sealed IS NOT NULL OR index IS NOT NULL", name="holds_something"),
        Index(None, "field", "index", postgresql_where=text("index IS NOT NULL")),
    )

    obligor_id: Mapped[UUID] = mapped_column(ForeignKey("obligor.id"), primary_key=True)
    field: Mapped[str] = mapped_column(primary_key=True)
    no: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    sealed: Mapped[bytes | None]
    index: Mapped[bytes | None]


class Obligation(Base):
    """What one document asks of one obligor. `document_key` is the normalised document number."""

    __tablename__ = "obligation"
    __table_args__ = (
        # A decision number is unique at its authority on its day only; every other number is unique at its agency, and
        # what was cancelled or given back whole frees it.
        Index(
            "uq_obligation_document",
            "kind",
            "agency_code",
            "document_key",
            unique=True,
            postgresql_where=text("kind <> 'traffic_fine' AND state NOT IN ('cancelled', 'refunded')"),
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
        amount_from_zero("principal"),
        Index(None, "document_key"),
        Index(None, "obligor_id"),
        Index(
            "ix_obligation_fine_registered",
            "agency_code",
            "created_at",
            postgresql_where=text("kind = 'traffic_fine'"),
        ),
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
    """The document of a dossier fee: codes as they are compared and as they were written; why nothing is to be paid, if so.

    `code_on` is the date within the code. `contents_digest` tells the same registration from another.
    """

    __tablename__ = "dossier"
    __table_args__ = (
        one_of("priced_by", PricedBy),
        one_of("channel", Channel),
        one_of("exemption_reason", ExemptionReason),
        CheckConstraint("(priced_by = 'catalogue') = (channel IS NOT NULL)", name="priced_by_facts"),
        CheckConstraint(
            "(exemption_reason IS NULL) = (exemption_basis IS NULL) AND exemption_basis <> ''",
            name="exemption_whole",
        ),
    )

    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    dossier_code: Mapped[str]
    procedure_code: Mapped[str]
    filed_on: Mapped[date] = mapped_column(Date)
    code_raw: Mapped[str]
    code_on: Mapped[date | None] = mapped_column(Date)
    procedure_raw: Mapped[str]
    priced_by: Mapped[str]
    channel: Mapped[str | None]
    unused_claim: Mapped[str | None]
    exemption_reason: Mapped[str | None]
    exemption_basis: Mapped[str | None]
    contents_digest: Mapped[bytes | None]


class FineDecision(Base):
    """The document of a traffic fine as its newest version has it; `versions` and `events` count its history.

    The offence is not kept here: it never leaves its agency.
    """

    __tablename__ = "fine_decision"
    __table_args__ = (
        one_of("served_method", ServedMethod),
        one_of("issuer_rank", IssuerRank),
        CheckConstraint("due_on >= served_on", name="due_after_served"),
    )

    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    decision_no: Mapped[str]
    decided_on: Mapped[date] = mapped_column(Date)
    served_on: Mapped[date | None] = mapped_column(Date)
    served_method: Mapped[str]
    due_on: Mapped[date] = mapped_column(Date)
    surcharge_beneficiary_account: Mapped[str] = mapped_column(ForeignKey("beneficiary_account.code"))
    surcharge_chapter: Mapped[str]
    surcharge_sub_item: Mapped[str]
    written_term_days: Mapped[int | None]
    issuer_rank: Mapped[str | None]
    violation_record_no: Mapped[str | None]
    violation_on: Mapped[date | None] = mapped_column(Date)
    versions: Mapped[int]
    events: Mapped[int]


class ObligationLine(Base):
    """One line of an obligation with its beneficiary account and budget codes."""

    __tablename__ = "obligation_line"
    __table_args__ = (
        one_of("type", LineType),
        amount_from_zero(),
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
    __table_args__ = (
        Index(
            "ix_obligation_transition_reopened",
            "recorded_at",
            postgresql_where=text("event = 'reopened'"),
        ),
    )

    obligation_id: Mapped[UUID] = mapped_column(ForeignKey("obligation.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    from_state: Mapped[str | None]
    event: Mapped[str]
    to_state: Mapped[str]
    order_id: Mapped[UUID | None]
    recorded_at: Mapped[utc]


class PaidElsewhere(Base):
    """The receipt that was shown when something else than a fine was paid without us; append-only.

    `version` is that of the transition. A fine keeps it among its events.
    """

    __tablename__ = "paid_elsewhere"
    __table_args__ = (
        ForeignKeyConstraint(
            ["obligation_id", "version"],
            ["obligation_transition.obligation_id", "obligation_transition.version"],
            name="fk_paid_elsewhere_obligation_id_version",
        ),
    )

    obligation_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    proof_ref: Mapped[str]
    paid_on: Mapped[date] = mapped_column(Date)
    recorded_at: Mapped[utc]
    recorded_by: Mapped[str]


import payclear.obligations.fines.models  # noqa: E402  (its tables are this feature's)
import payclear.obligations.insurance.models  # noqa: E402, F401  (its tables are this feature's)
