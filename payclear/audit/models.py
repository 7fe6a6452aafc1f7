"""The audit trail, its hash chain and signed checkpoints; append-only. Written only by `audit`."""

from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, blob, json_object, utc, uuid_pk


class AuditEntry(Base):
    """Who did what to which object; written in the transaction of the act, chained afterwards."""

    __tablename__ = "audit_entry"

    id: Mapped[uuid_pk]
    recorded_at: Mapped[utc]
    actor_type: Mapped[str]
    actor: Mapped[str]
    action: Mapped[str]
    object_type: Mapped[str]
    object_id: Mapped[str]
    facts: Mapped[json_object]


class AuditSeal(Base):
    """The place of an entry in the chain: `chain_hash = SHA-256(previous chain_hash ‖ entry_hash)`."""

    __tablename__ = "audit_seal"

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    entry_id: Mapped[UUID] = mapped_column(ForeignKey("audit_entry.id"), unique=True)
    entry_hash: Mapped[blob]
    chain_hash: Mapped[blob]
    sealed_at: Mapped[utc]


class AuditCheckpoint(Base):
    """A signed head of the chain; handed to a witness it makes a cut tail visible."""

    __tablename__ = "audit_checkpoint"

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    chain_hash: Mapped[blob]
    key_id: Mapped[str]
    signature: Mapped[blob]
    signed_at: Mapped[utc]
