"""Create facts, audit trail, chain and checkpoints.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS = """
CREATE TABLE event (
    id UUID NOT NULL,
    type TEXT NOT NULL,
    aggregate_id UUID NOT NULL,
    sequence INTEGER NOT NULL,
    portal_code TEXT NOT NULL,
    body BYTEA NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT pk_event PRIMARY KEY (id),
    CONSTRAINT uq_event_aggregate_id_sequence UNIQUE (aggregate_id, sequence)
);
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON event TO payclear_app;
CREATE TABLE audit_entry (
    id UUID NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor_type TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object_type TEXT NOT NULL,
    object_id TEXT NOT NULL,
    facts JSONB NOT NULL,
    CONSTRAINT pk_audit_entry PRIMARY KEY (id)
);
CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE ON audit_entry FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON audit_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON audit_entry TO payclear_app;
CREATE TABLE audit_seal (
    sequence BIGINT NOT NULL,
    entry_id UUID NOT NULL,
    entry_hash BYTEA NOT NULL,
    chain_hash BYTEA NOT NULL,
    sealed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_audit_seal PRIMARY KEY (sequence),
    CONSTRAINT uq_audit_seal_entry_id UNIQUE (entry_id),
    CONSTRAINT fk_audit_seal_entry_id FOREIGN KEY(entry_id) REFERENCES audit_entry (id)
);
CREATE TRIGGER audit_seal_append_only BEFORE UPDATE OR DELETE ON audit_seal FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_seal_no_truncate BEFORE TRUNCATE ON audit_seal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON audit_seal TO payclear_app;
CREATE TABLE audit_checkpoint (
    sequence BIGINT NOT NULL,
    chain_hash BYTEA NOT NULL,
    key_id TEXT NOT NULL,
    signature BYTEA NOT NULL,
    signed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_audit_checkpoint PRIMARY KEY (sequence)
);
CREATE TRIGGER audit_checkpoint_append_only BEFORE UPDATE OR DELETE ON audit_checkpoint FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_checkpoint_no_truncate BEFORE TRUNCATE ON audit_checkpoint FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON audit_checkpoint TO payclear_app;
"""

TABLES = ("audit_checkpoint", "audit_seal", "audit_entry", "event")


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
