"""Why accounts were offered or not, and what the choice cost. Append-only; written only by `checkout`."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from payclear.catalogue.domain import FeeBearer
from payclear.db.base import AMOUNT_LIMIT, Base, amount, currency, one_of, utc, uuid_pk


class RoutingDecision(Base):
    """What the payment page offered an order and why; a new row whenever that changes."""

    __tablename__ = "routing_decision"
    __table_args__ = (
        CheckConstraint("rules_digest ~ '^[0-9a-f]{64}$'", name="digest_is_hex"),
        Index(None, "order_id", "decided_at"),
    )

    id: Mapped[uuid_pk]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("payment_order.id"))
    decided_at: Mapped[utc]
    rules_digest: Mapped[str]
    choices: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)


class AttemptRouting(Base):
    """The decision from which an attempt was chosen."""

    __tablename__ = "attempt_routing"

    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("payment_attempt.id"), primary_key=True)
    decision_id: Mapped[UUID] = mapped_column(ForeignKey("routing_decision.id"))


class AttemptServiceFee(Base):
    """The provider's fee of an attempt, VAT included, and who bears it. Never a part of the order's amount."""

    __tablename__ = "attempt_service_fee"
    __table_args__ = (
        one_of("borne_by", FeeBearer),
        CheckConstraint(f"amount >= 0 AND amount <= {AMOUNT_LIMIT}", name="amount_in_range"),
        ForeignKeyConstraint(
            ["programme_code", "programme_from"],
            ["service_fee_programme.code", "service_fee_programme.valid_from"],
        ),
    )

    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("payment_attempt.id"), primary_key=True)
    programme_code: Mapped[str]
    programme_from: Mapped[date] = mapped_column(Date)
    borne_by: Mapped[str]
    amount: Mapped[amount]
    currency: Mapped[currency]
