"""Create endpoints, outbox and its log.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"

STATEMENTS = """
CREATE TABLE webhook_endpoint (
    id UUID NOT NULL,
    portal_code TEXT NOT NULL,
    url TEXT NOT NULL,
    state TEXT NOT NULL,
    event_types TEXT[] NOT NULL,
    data_key_id UUID NOT NULL,
    kek_id TEXT NOT NULL,
    wrapped_key BYTEA NOT NULL,
    secret_sealed BYTEA NOT NULL,
    previous_secret_sealed BYTEA,
    previous_until TIMESTAMP WITH TIME ZONE,
    private_key_sealed BYTEA NOT NULL,
    public_key TEXT NOT NULL,
    failures INTEGER DEFAULT 0 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_webhook_endpoint PRIMARY KEY (id),
    CONSTRAINT ck_webhook_endpoint_state_known CHECK (state IN ('active', 'disabled')),
    CONSTRAINT fk_webhook_endpoint_portal_code FOREIGN KEY(portal_code) REFERENCES portal (code)
);
CREATE INDEX ix_webhook_endpoint_portal_code ON webhook_endpoint (portal_code);
GRANT SELECT, INSERT, UPDATE ON webhook_endpoint TO payclear_app;
CREATE TABLE webhook_delivery (
    id UUID NOT NULL,
    event_id UUID NOT NULL,
    endpoint_id UUID NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT pk_webhook_delivery PRIMARY KEY (id),
    CONSTRAINT uq_webhook_delivery_event_id_endpoint_id UNIQUE (event_id, endpoint_id),
    CONSTRAINT ck_webhook_delivery_state_known CHECK (state IN ('pending', 'delivered', 'parked')),
    CONSTRAINT ck_webhook_delivery_pending_is_due CHECK (next_attempt_at IS NOT NULL OR state <> 'pending'),
    CONSTRAINT fk_webhook_delivery_event_id FOREIGN KEY(event_id) REFERENCES event (id),
    CONSTRAINT fk_webhook_delivery_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES webhook_endpoint (id)
);
CREATE INDEX ix_webhook_delivery_due ON webhook_delivery (endpoint_id, next_attempt_at) WHERE state = 'pending';
ALTER TABLE webhook_delivery SET (fillfactor = 80);
GRANT SELECT, INSERT, UPDATE ON webhook_delivery TO payclear_app;
CREATE TABLE webhook_attempt (
    delivery_id UUID NOT NULL,
    number INTEGER NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE NOT NULL,
    duration_ms INTEGER NOT NULL,
    status INTEGER,
    error TEXT,
    body_hash BYTEA NOT NULL,
    CONSTRAINT pk_webhook_attempt PRIMARY KEY (delivery_id, number),
    CONSTRAINT fk_webhook_attempt_delivery_id FOREIGN KEY(delivery_id) REFERENCES webhook_delivery (id)
);
CREATE TRIGGER webhook_attempt_append_only BEFORE UPDATE OR DELETE ON webhook_attempt FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER webhook_attempt_no_truncate BEFORE TRUNCATE ON webhook_attempt FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON webhook_attempt TO payclear_app;
"""

TABLES = ("webhook_attempt", "webhook_delivery", "webhook_endpoint")


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
