"""Create what banks collect for us: bills handed out, payments taken, messages as they came.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"

STATEMENTS = """
CREATE TABLE collection_bill (
    provider_account TEXT NOT NULL,
    bill_id TEXT NOT NULL,
    obligation_id UUID,
    order_id UUID,
    amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    document_no TEXT NOT NULL,
    quoted_on DATE NOT NULL,
    valid_until TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_collection_bill PRIMARY KEY (provider_account, bill_id),
    CONSTRAINT ck_collection_bill_amount_in_range CHECK (amount > 0 AND amount <= 1000000000000000),
    CONSTRAINT ck_collection_bill_of_something CHECK (obligation_id IS NOT NULL OR order_id IS NOT NULL),
    CONSTRAINT fk_collection_bill_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id),
    CONSTRAINT fk_collection_bill_order_id FOREIGN KEY(order_id) REFERENCES payment_order (id)
);
CREATE UNIQUE INDEX uq_collection_bill_unspent ON collection_bill (provider_account, obligation_id, quoted_on, amount) WHERE order_id IS NULL;
CREATE INDEX ix_collection_bill_order_id ON collection_bill (order_id);
GRANT SELECT, INSERT, UPDATE ON collection_bill TO payclear_app;
CREATE TABLE collection_message (
    id UUID NOT NULL,
    provider_account TEXT NOT NULL,
    digest TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    query_string BYTEA NOT NULL,
    headers JSONB NOT NULL,
    body BYTEA NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_collection_message PRIMARY KEY (id),
    CONSTRAINT uq_collection_message_provider_account_digest UNIQUE (provider_account, digest)
);
CREATE TRIGGER collection_message_append_only BEFORE UPDATE OR DELETE ON collection_message FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER collection_message_no_truncate BEFORE TRUNCATE ON collection_message FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON collection_message TO payclear_app;
CREATE TABLE collection_payment (
    id UUID NOT NULL,
    provider_account TEXT NOT NULL,
    bank_ref TEXT NOT NULL,
    bill_id TEXT NOT NULL,
    order_id UUID,
    attempt_id UUID,
    amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    channel TEXT NOT NULL,
    instrument TEXT NOT NULL,
    state TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    message_id UUID NOT NULL,
    accepted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    reversible_until TIMESTAMP WITH TIME ZONE NOT NULL,
    reversed_at TIMESTAMP WITH TIME ZONE,
    reversal_ref TEXT,
    CONSTRAINT pk_collection_payment PRIMARY KEY (id),
    CONSTRAINT uq_collection_payment_provider_account_bank_ref UNIQUE (provider_account, bank_ref),
    CONSTRAINT uq_collection_payment_provider_account_reversal_ref UNIQUE (provider_account, reversal_ref),
    CONSTRAINT ck_collection_payment_state_known CHECK (state IN ('accepted', 'suspended', 'reversed')),
    CONSTRAINT ck_collection_payment_amount_in_range CHECK (amount > 0 AND amount <= 1000000000000000),
    CONSTRAINT ck_collection_payment_accepted_has_attempt CHECK (state = 'suspended' OR attempt_id IS NOT NULL),
    CONSTRAINT ck_collection_payment_reversed_is_named CHECK ((state = 'reversed') = (reversed_at IS NOT NULL) AND (state = 'reversed') = (reversal_ref IS NOT NULL)),
    CONSTRAINT fk_collection_payment_order_id FOREIGN KEY(order_id) REFERENCES payment_order (id),
    CONSTRAINT fk_collection_payment_attempt_id FOREIGN KEY(attempt_id) REFERENCES payment_attempt (id),
    CONSTRAINT fk_collection_payment_message_id FOREIGN KEY(message_id) REFERENCES collection_message (id)
);
CREATE INDEX ix_collection_payment_attempt_id ON collection_payment (attempt_id);
GRANT SELECT, INSERT, UPDATE ON collection_payment TO payclear_app;
CREATE TABLE collection_early_reversal (
    provider_account TEXT NOT NULL,
    original_ref TEXT NOT NULL,
    bank_ref TEXT NOT NULL,
    money_moved BOOLEAN NOT NULL,
    message_id UUID NOT NULL,
    said_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_collection_early_reversal PRIMARY KEY (provider_account, original_ref),
    CONSTRAINT fk_collection_early_reversal_message_id FOREIGN KEY(message_id) REFERENCES collection_message (id)
);
GRANT SELECT, INSERT, UPDATE ON collection_early_reversal TO payclear_app;
CREATE TABLE collection_rejection (
    provider_account TEXT NOT NULL,
    reason TEXT NOT NULL,
    hour TIMESTAMP WITH TIME ZONE NOT NULL,
    count BIGINT NOT NULL,
    CONSTRAINT pk_collection_rejection PRIMARY KEY (provider_account, reason, hour)
);
GRANT SELECT, INSERT, UPDATE ON collection_rejection TO payclear_app;
"""

TABLES = (
    "collection_rejection",
    "collection_early_reversal",
    "collection_payment",
    "collection_message",
    "collection_bill",
)


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
