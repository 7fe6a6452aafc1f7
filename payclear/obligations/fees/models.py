"""What explains a fee, other prices set by hand, and dossiers with odd codes. Written only by `obligations.fees`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, amount_from_zero, one_of, utc, uuid_pk
from payclear.obligations.fees.facts import OverrideState, QuarantineState
from payclear.obligations.rules.dossier_codes import QuarantineReason
from payclear.obligations.rules.rounding import RoundingMode


class FeeLine(Base):
    """Why a line that the catalogue priced costs what it costs; append-only. Stated charges have no rounding."""

    __tablename__ = "fee_line"
    __table_args__ = (
        ForeignKeyConstraint(
            ["obligation_id", "line_no"], ["obligation_line.obligation_id", "obligation_line.line_no"]
        ),
        one_of("rounding_mode", RoundingMode),
        amount_from_zero("full_amount"),
        amount_from_zero("priced_amount"),
        CheckConstraint("rule_id <> '' AND legal_basis <> ''", name="explained"),
        CheckConstraint(
            "discount_numerator >= 0 AND discount_numerator <= discount_denominator "
            "AND discount_denominator > 0",
            name="discount",
        ),
        CheckConstraint("quantity > 0 AND years > 0", name="counted"),
        CheckConstraint("(payer_class IS NULL) = (evidence_ref IS NULL)", name="relief_whole"),
    )

    obligation_id: Mapped[uuid_pk]
    line_no: Mapped[int] = mapped_column(primary_key=True)
    item_code: Mapped[str]
    rule_id: Mapped[str]
    legal_basis: Mapped[str]
    quantity: Mapped[int]
    years: Mapped[int]
    declared_value: Mapped[int | None] = mapped_column(BigInteger)
    full_amount: Mapped[int] = mapped_column(BigInteger)
    priced_amount: Mapped[int] = mapped_column(BigInteger)
    discount_numerator: Mapped[int] = mapped_column(BigInteger)
    discount_denominator: Mapped[int] = mapped_column(BigInteger)
    rounding_mode: Mapped[str | None]
    rounding_unit: Mapped[int | None]
    payer_class: Mapped[str | None]
    evidence_ref: Mapped[str | None]
    locality: Mapped[str]
    collecting_agency: Mapped[str]


class FeeOverride(Base):
    """Another price for one line, by one person, with a reason; it holds once a second person approved it."""

    __tablename__ = "fee_override"
    __table_args__ = (
        ForeignKeyConstraint(
            ["obligation_id", "line_no"], ["obligation_line.obligation_id", "obligation_line.line_no"]
        ),
        one_of("state", OverrideState),
        amount_from_zero("from_amount"),
        amount_from_zero("to_amount"),
        CheckConstraint("from_amount <> to_amount", name="changes_something"),
        CheckConstraint("reason <> ''", name="has_reason"),
        CheckConstraint("made_by <> decided_by", name="two_people"),
        CheckConstraint(
            "(state = 'proposed') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL)",
            name="decided_whole",
        ),
        Index(
            "uq_fee_override_proposed",
            "obligation_id",
            "line_no",
            unique=True,
            postgresql_where=text("state = 'proposed'"),
        ),
        Index(None, "obligation_id"),
    )

    id: Mapped[uuid_pk]
    obligation_id: Mapped[UUID]
    line_no: Mapped[int]
    from_amount: Mapped[int] = mapped_column(BigInteger)
    to_amount: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str]
    state: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[utc]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decided_note: Mapped[str | None]


class DossierQuarantine(Base):
    """A registration whose dossier code no rule explains. What the portal sent is sealed, and gone once it is decided."""

    __tablename__ = "dossier_quarantine"
    __table_args__ = (
        one_of("reason", QuarantineReason),
        one_of("state", QuarantineState),
        CheckConstraint(
            "(state = 'waiting') = (command_sealed IS NOT NULL) AND (state = 'waiting') = (decided_at IS NULL) "
            "AND (decided_at IS NULL) = (decided_by IS NULL)",
            name="decided_whole",
        ),
        CheckConstraint("(state = 'accepted') = (obligation_id IS NOT NULL)", name="accepted_has_obligation"),
        Index("uq_dossier_quarantine_code", "portal_code", "agency_code", "code_key", unique=True),
        Index("ix_dossier_quarantine_waiting", "received_at", postgresql_where=text("state = 'waiting'")),
    )

    id: Mapped[uuid_pk]
    portal_code: Mapped[str] = mapped_column(ForeignKey("portal.code"))
    agency_code: Mapped[str] = mapped_column(ForeignKey("agency.code"))
    code_raw: Mapped[str]
    code_key: Mapped[str]
    reason: Mapped[str]
    state: Mapped[str]
    contents_digest: Mapped[bytes]
    data_key_id: Mapped[UUID]
    kek_id: Mapped[str]
    wrapped_key: Mapped[bytes | None]
    command_sealed: Mapped[bytes | None]
    obligation_id: Mapped[UUID | None] = mapped_column(ForeignKey("obligation.id"))
    received_at: Mapped[utc]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decided_note: Mapped[str | None]
