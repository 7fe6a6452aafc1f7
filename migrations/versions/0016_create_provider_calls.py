"""Create our observations of providers, and note when an attempt was last asked about.

Revision ID: 0016
Revises: 0015
"""

from alembic import op

revision = "0016"
down_revision = "0015"

STATEMENTS = """
ALTER TABLE payment_attempt ADD COLUMN asked_at TIMESTAMP WITH TIME ZONE;
DROP INDEX ix_payment_attempt_due;
CREATE INDEX ix_payment_attempt_due ON payment_attempt (provider_account, next_query_at)
    WHERE next_query_at IS NOT NULL;
CREATE INDEX ix_callback_processing_unsettled ON callback_processing (callback_id) WHERE status <> 'processed';

CREATE TABLE provider_call (
    id UUID NOT NULL,
    provider_account TEXT NOT NULL,
    operation TEXT NOT NULL,
    result TEXT NOT NULL,
    took_ms INTEGER NOT NULL,
    opened BOOLEAN NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_provider_call PRIMARY KEY (id),
    CONSTRAINT ck_provider_call_operation_known
        CHECK (operation IN ('checkout', 'query', 'refund', 'refund_query', 'statement')),
    CONSTRAINT ck_provider_call_result_known
        CHECK (result IN ('ok', 'refused', 'not_sent', 'unknown', 'busy', 'open')),
    CONSTRAINT ck_provider_call_took_ms_positive CHECK (took_ms >= 0)
);
CREATE INDEX ix_provider_call_at ON provider_call (at);
GRANT SELECT, INSERT, DELETE ON provider_call TO payclear_app;

CREATE TABLE provider_hour (
    provider_account TEXT NOT NULL,
    operation TEXT NOT NULL,
    hour TIMESTAMP WITH TIME ZONE NOT NULL,
    ok BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    not_sent BIGINT NOT NULL,
    unknown BIGINT NOT NULL,
    busy BIGINT NOT NULL,
    open BIGINT NOT NULL,
    openings BIGINT NOT NULL,
    histogram BIGINT[] NOT NULL,
    counted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_provider_hour PRIMARY KEY (provider_account, operation, hour),
    CONSTRAINT ck_provider_hour_operation_known
        CHECK (operation IN ('checkout', 'query', 'refund', 'refund_query', 'statement'))
);
GRANT SELECT, INSERT, UPDATE ON provider_hour TO payclear_app;

CREATE TABLE provider_payment_hour (
    provider_account TEXT NOT NULL,
    hour TIMESTAMP WITH TIME ZONE NOT NULL,
    payments BIGINT NOT NULL,
    before_callback BIGINT NOT NULL,
    without_callback BIGINT NOT NULL,
    counted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_provider_payment_hour PRIMARY KEY (provider_account, hour),
    CONSTRAINT ck_provider_payment_hour_parts
        CHECK (without_callback <= before_callback AND before_callback <= payments)
);
GRANT SELECT, INSERT, UPDATE ON provider_payment_hour TO payclear_app;
"""

UNDO = """
DROP TABLE provider_payment_hour;
DROP TABLE provider_hour;
DROP TABLE provider_call;
DROP INDEX ix_callback_processing_unsettled;
DROP INDEX ix_payment_attempt_due;
CREATE INDEX ix_payment_attempt_due ON payment_attempt (next_query_at) WHERE next_query_at IS NOT NULL;
ALTER TABLE payment_attempt DROP COLUMN asked_at;
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute(UNDO)
