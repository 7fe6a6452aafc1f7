"""Create orders, attempts, evidence and suspense cases.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = """
CREATE TABLE payment_order (
    id UUID NOT NULL,
    order_ref TEXT NOT NULL,
    payment_code TEXT NOT NULL,
    pay_token TEXT NOT NULL,
    portal_code TEXT NOT NULL,
    portal_ref TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    event_sequence INTEGER NOT NULL,
    amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    quoted_on DATE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    return_url TEXT NOT NULL,
    locale TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    paid_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_payment_order PRIMARY KEY (id),
    CONSTRAINT uq_payment_order_portal_code_portal_ref UNIQUE (portal_code, portal_ref),
    CONSTRAINT ck_payment_order_state_known CHECK (state IN ('open', 'paid', 'failed', 'expired', 'cancelled')),
    CONSTRAINT ck_payment_order_amount_in_range CHECK (amount > 0 AND amount <= 1000000000000000),
    CONSTRAINT uq_payment_order_order_ref UNIQUE (order_ref),
    CONSTRAINT uq_payment_order_payment_code UNIQUE (payment_code),
    CONSTRAINT uq_payment_order_pay_token UNIQUE (pay_token),
    CONSTRAINT fk_payment_order_portal_code FOREIGN KEY(portal_code) REFERENCES portal (code)
);
CREATE INDEX ix_payment_order_expiring ON payment_order (expires_at) WHERE state = 'open';
ALTER TABLE payment_order SET (fillfactor = 80);
GRANT SELECT, INSERT, UPDATE ON payment_order TO payclear_app;
CREATE TABLE payment_order_obligation (
    order_id UUID NOT NULL,
    obligation_id UUID NOT NULL,
    amount BIGINT NOT NULL,
    is_live BOOLEAN NOT NULL,
    CONSTRAINT pk_payment_order_obligation PRIMARY KEY (order_id, obligation_id),
    CONSTRAINT ck_payment_order_obligation_amount_in_range CHECK (amount > 0 AND amount <= 1000000000000000),
    CONSTRAINT fk_payment_order_obligation_order_id FOREIGN KEY(order_id) REFERENCES payment_order (id),
    CONSTRAINT fk_payment_order_obligation_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id)
);
CREATE UNIQUE INDEX uq_payment_order_obligation_live ON payment_order_obligation (obligation_id) WHERE is_live;
GRANT SELECT, INSERT, UPDATE ON payment_order_obligation TO payclear_app;
CREATE TABLE payment_order_line (
    order_id UUID NOT NULL,
    line_no INTEGER NOT NULL,
    obligation_id UUID NOT NULL,
    type TEXT NOT NULL,
    name_vi TEXT NOT NULL,
    amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    beneficiary_account TEXT NOT NULL,
    chapter TEXT NOT NULL,
    sub_item TEXT NOT NULL,
    CONSTRAINT pk_payment_order_line PRIMARY KEY (order_id, line_no),
    CONSTRAINT ck_payment_order_line_amount_in_range CHECK (amount > 0 AND amount <= 1000000000000000),
    CONSTRAINT fk_payment_order_line_order_id FOREIGN KEY(order_id) REFERENCES payment_order (id)
);
CREATE TRIGGER payment_order_line_append_only BEFORE UPDATE OR DELETE ON payment_order_line FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payment_order_line_no_truncate BEFORE TRUNCATE ON payment_order_line FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON payment_order_line TO payclear_app;
CREATE TABLE payment_attempt (
    id UUID NOT NULL,
    order_id UUID NOT NULL,
    number INTEGER NOT NULL,
    attempt_ref TEXT NOT NULL,
    provider_account TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    merchant_account TEXT NOT NULL,
    provider_ref TEXT,
    redirect_url TEXT,
    evidence_rank INTEGER NOT NULL,
    queries INTEGER NOT NULL,
    next_query_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE,
    paid_at TIMESTAMP WITH TIME ZONE,
    channel TEXT,
    instrument TEXT,
    CONSTRAINT pk_payment_attempt PRIMARY KEY (id),
    CONSTRAINT uq_payment_attempt_order_id_number UNIQUE (order_id, number),
    CONSTRAINT ck_payment_attempt_state_known CHECK (state IN ('created', 'sent', 'in_doubt', 'succeeded', 'failed', 'expired', 'surplus')),
    CONSTRAINT ck_payment_attempt_amount_in_range CHECK (amount > 0 AND amount <= 1000000000000000),
    CONSTRAINT ck_payment_attempt_live_is_queried CHECK (next_query_at IS NOT NULL OR NOT (state IN ('created', 'sent', 'in_doubt'))),
    CONSTRAINT fk_payment_attempt_order_id FOREIGN KEY(order_id) REFERENCES payment_order (id),
    CONSTRAINT uq_payment_attempt_attempt_ref UNIQUE (attempt_ref)
);
CREATE INDEX ix_payment_attempt_due ON payment_attempt (next_query_at) WHERE next_query_at IS NOT NULL;
CREATE INDEX ix_payment_attempt_paid_at ON payment_attempt (provider_account, paid_at) WHERE paid_at IS NOT NULL;
CREATE UNIQUE INDEX uq_payment_attempt_live_or_paid ON payment_attempt (order_id) WHERE state IN ('created', 'sent', 'in_doubt', 'succeeded');
ALTER TABLE payment_attempt SET (fillfactor = 80);
GRANT SELECT, INSERT, UPDATE ON payment_attempt TO payclear_app;
CREATE TABLE order_transition (
    object_id UUID NOT NULL,
    version INTEGER NOT NULL,
    object TEXT NOT NULL,
    order_id UUID NOT NULL,
    from_state TEXT,
    event TEXT NOT NULL,
    to_state TEXT NOT NULL,
    evidence_id UUID,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_order_transition PRIMARY KEY (object_id, version),
    CONSTRAINT ck_order_transition_object_known CHECK (object IN ('order', 'attempt')),
    CONSTRAINT fk_order_transition_order_id FOREIGN KEY(order_id) REFERENCES payment_order (id)
);
CREATE INDEX ix_order_transition_order_id ON order_transition (order_id);
CREATE TRIGGER order_transition_append_only BEFORE UPDATE OR DELETE ON order_transition FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER order_transition_no_truncate BEFORE TRUNCATE ON order_transition FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON order_transition TO payclear_app;
CREATE TABLE payment_evidence (
    id UUID NOT NULL,
    attempt_id UUID,
    provider_account TEXT NOT NULL,
    attempt_ref TEXT NOT NULL,
    source TEXT NOT NULL,
    outcome TEXT NOT NULL,
    effect TEXT NOT NULL,
    provider_ref TEXT,
    amount BIGINT,
    currency TEXT,
    merchant_account TEXT,
    paid_at TIMESTAMP WITH TIME ZONE,
    paid_at_raw TEXT,
    detail_code TEXT,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_payment_evidence PRIMARY KEY (id),
    CONSTRAINT ck_payment_evidence_source_known CHECK (source IN ('browser_return', 'callback', 'status_query', 'statement', 'operator')),
    CONSTRAINT ck_payment_evidence_outcome_known CHECK (outcome IN ('confirmed', 'rejected', 'not_sent', 'pending', 'unknown')),
    CONSTRAINT ck_payment_evidence_effect_known CHECK (effect IN ('captured', 'refused', 'doubted', 'lapsed', 'repeated', 'overruled', 'suspended', 'unmatched', 'noted')),
    CONSTRAINT fk_payment_evidence_attempt_id FOREIGN KEY(attempt_id) REFERENCES payment_attempt (id)
);
CREATE INDEX ix_payment_evidence_attempt_id ON payment_evidence (attempt_id);
CREATE TRIGGER payment_evidence_append_only BEFORE UPDATE OR DELETE ON payment_evidence FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payment_evidence_no_truncate BEFORE TRUNCATE ON payment_evidence FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON payment_evidence TO payclear_app;
CREATE TABLE suspense_case (
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    provider_account TEXT NOT NULL,
    attempt_ref TEXT NOT NULL,
    provider_ref TEXT NOT NULL,
    order_id UUID,
    attempt_id UUID,
    evidence_id UUID NOT NULL,
    amount BIGINT,
    currency TEXT,
    proposal TEXT NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    resolved_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_suspense_case PRIMARY KEY (id),
    CONSTRAINT uq_suspense_case_provider_account_attempt_ref_kind_provider_ref UNIQUE (provider_account, attempt_ref, kind, provider_ref),
    CONSTRAINT ck_suspense_case_kind_known CHECK (kind IN ('amount_mismatch', 'currency_mismatch', 'merchant_mismatch', 'late_success', 'double_success', 'reversed_after_capture', 'contested', 'reference_reused', 'unknown_attempt')),
    CONSTRAINT ck_suspense_case_state_known CHECK (state IN ('open', 'resolved')),
    CONSTRAINT fk_suspense_case_order_id FOREIGN KEY(order_id) REFERENCES payment_order (id)
);
CREATE INDEX ix_suspense_case_order_id ON suspense_case (order_id);
GRANT SELECT, INSERT, UPDATE ON suspense_case TO payclear_app;
"""

TABLES = (
    "suspense_case",
    "payment_evidence",
    "order_transition",
    "payment_attempt",
    "payment_order_line",
    "payment_order_obligation",
    "payment_order",
)


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
