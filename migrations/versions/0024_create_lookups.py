"""Create meters, links and orders of the look-up, and find obligations by who owes.

Revision ID: 0024
Revises: 0023
"""

from alembic import op

revision = "0024"
down_revision = "0023"

STATEMENTS = """
CREATE INDEX ix_obligation_obligor_id ON obligation (obligor_id);
CREATE INDEX ix_obligation_transition_reopened ON obligation_transition (recorded_at) WHERE event = 'reopened';
CREATE INDEX ix_obligation_fine_registered ON obligation (agency_code, created_at) WHERE kind = 'traffic_fine';
-- Rows change with every look-up: room on the page and no index on what changes keep them where they are.
CREATE TABLE lookup_meter (
    key BYTEA NOT NULL,
    rests_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_lookup_meter PRIMARY KEY (key)
) WITH (fillfactor = 70);
GRANT SELECT, INSERT, UPDATE, DELETE ON lookup_meter TO payclear_app;
CREATE TABLE lookup_link (
    id UUID NOT NULL,
    token_digest BYTEA NOT NULL,
    obligation_id UUID NOT NULL,
    purpose TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_lookup_link PRIMARY KEY (id),
    CONSTRAINT uq_lookup_link_token_digest UNIQUE (token_digest),
    CONSTRAINT ck_lookup_link_purpose_known CHECK (purpose IN ('result', 'payer')),
    CONSTRAINT ck_lookup_link_expires_after_creation CHECK (expires_at > created_at),
    CONSTRAINT ck_lookup_link_digest_is_sha256 CHECK (octet_length(token_digest) = 32),
    CONSTRAINT fk_lookup_link_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id)
);
CREATE INDEX ix_lookup_link_obligation_id ON lookup_link (obligation_id);
-- A link may end sooner than it was made for, never later.
GRANT SELECT, INSERT, UPDATE (revoked_at) ON lookup_link TO payclear_app;
CREATE TABLE lookup_order (
    order_id UUID NOT NULL,
    link_id UUID NOT NULL,
    CONSTRAINT pk_lookup_order PRIMARY KEY (order_id),
    CONSTRAINT fk_lookup_order_order_id FOREIGN KEY(order_id) REFERENCES payment_order (id),
    CONSTRAINT fk_lookup_order_link_id FOREIGN KEY(link_id) REFERENCES lookup_link (id)
);
CREATE TRIGGER lookup_order_append_only BEFORE UPDATE OR DELETE ON lookup_order FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER lookup_order_no_truncate BEFORE TRUNCATE ON lookup_order FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON lookup_order TO payclear_app;
"""

TABLES = ("lookup_order", "lookup_link", "lookup_meter")


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP INDEX ix_obligation_fine_registered")
    op.execute("DROP INDEX ix_obligation_transition_reopened")
    op.execute("DROP INDEX ix_obligation_obligor_id")
