"""Create callbacks as they arrived, keyed answers.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = """
CREATE TABLE inbound_callback (
    id UUID NOT NULL,
    provider_account TEXT NOT NULL,
    dedupe_key TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    query_string BYTEA NOT NULL,
    headers JSONB NOT NULL,
    body BYTEA NOT NULL,
    key_id TEXT NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_inbound_callback PRIMARY KEY (id),
    CONSTRAINT uq_inbound_callback_provider_account_dedupe_key UNIQUE (provider_account, dedupe_key)
);
CREATE TRIGGER inbound_callback_append_only BEFORE UPDATE OR DELETE ON inbound_callback FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER inbound_callback_no_truncate BEFORE TRUNCATE ON inbound_callback FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON inbound_callback TO payclear_app;
CREATE TABLE callback_processing (
    callback_id UUID NOT NULL,
    status TEXT NOT NULL,
    verdict TEXT,
    evidence_id UUID,
    tries INTEGER NOT NULL,
    next_try_at TIMESTAMP WITH TIME ZONE,
    error TEXT,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_callback_processing PRIMARY KEY (callback_id),
    CONSTRAINT ck_callback_processing_status_known CHECK (status IN ('processed', 'pending', 'quarantined')),
    CONSTRAINT ck_callback_processing_pending_is_retried CHECK (next_try_at IS NOT NULL OR status <> 'pending'),
    CONSTRAINT fk_callback_processing_callback_id FOREIGN KEY(callback_id) REFERENCES inbound_callback (id)
);
CREATE INDEX ix_callback_processing_due ON callback_processing (next_try_at) WHERE status = 'pending';
CREATE INDEX ix_callback_processing_evidence_id ON callback_processing (evidence_id);
ALTER TABLE callback_processing SET (fillfactor = 80);
GRANT SELECT, INSERT, UPDATE ON callback_processing TO payclear_app;
CREATE TABLE callback_rejection (
    provider_account TEXT NOT NULL,
    reason TEXT NOT NULL,
    hour TIMESTAMP WITH TIME ZONE NOT NULL,
    count BIGINT NOT NULL,
    CONSTRAINT pk_callback_rejection PRIMARY KEY (provider_account, reason, hour)
);
GRANT SELECT, INSERT, UPDATE ON callback_rejection TO payclear_app;
CREATE TABLE idempotency_key (
    portal_code TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    status INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    location TEXT,
    body BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_idempotency_key PRIMARY KEY (portal_code, key)
);
CREATE INDEX ix_idempotency_key_created_at ON idempotency_key (created_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_key TO payclear_app;
"""

TABLES = ("idempotency_key", "callback_rejection", "callback_processing", "inbound_callback")


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
