"""Create refunds and reversals: money that goes back.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

revision = "0013"
down_revision = "0012"

STATEMENTS = """
ALTER TABLE payment_order DROP CONSTRAINT ck_payment_order_state_known;
ALTER TABLE payment_order ADD CONSTRAINT ck_payment_order_state_known
    CHECK (state IN ('open', 'paid', 'failed', 'expired', 'cancelled', 'reversed'));
ALTER TABLE payment_attempt DROP CONSTRAINT ck_payment_attempt_state_known;
ALTER TABLE payment_attempt ADD CONSTRAINT ck_payment_attempt_state_known
    CHECK (state IN ('created', 'sent', 'in_doubt', 'succeeded', 'failed', 'expired', 'surplus', 'reversed'));
ALTER TABLE payment_attempt ADD COLUMN refund_asked_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE payment_evidence DROP CONSTRAINT ck_payment_evidence_effect_known;
ALTER TABLE payment_evidence ADD CONSTRAINT ck_payment_evidence_effect_known
    CHECK (effect IN ('captured', 'refused', 'doubted', 'lapsed', 'repeated', 'overruled', 'suspended', 'reversed',
                      'unmatched', 'noted'));
ALTER TABLE receipt ADD COLUMN cancelled_at TIMESTAMP WITH TIME ZONE;
CREATE INDEX ix_obligation_document_key ON obligation (document_key);

CREATE TABLE refund (
    id UUID NOT NULL,
    refund_ref TEXT NOT NULL,
    attempt_id UUID NOT NULL,
    order_id UUID NOT NULL,
    provider_account TEXT NOT NULL,
    amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    reason TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    evidence_rank INTEGER NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE,
    provider_ref TEXT,
    queries INTEGER NOT NULL,
    next_query_at TIMESTAMP WITH TIME ZONE,
    requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE,
    detail_code TEXT,
    CONSTRAINT pk_refund PRIMARY KEY (id),
    CONSTRAINT uq_refund_refund_ref UNIQUE (refund_ref),
    CONSTRAINT ck_refund_state_known CHECK (state IN ('requested', 'sent', 'in_doubt', 'done', 'rejected')),
    CONSTRAINT ck_refund_amount_in_range CHECK (amount > 0 AND amount <= 1000000000000000),
    CONSTRAINT ck_refund_refund_ref_plain CHECK (refund_ref ~ '^[A-Za-z0-9]{1,32}$'),
    CONSTRAINT ck_refund_requested_is_due CHECK (state <> 'requested' OR next_query_at IS NOT NULL),
    CONSTRAINT ck_refund_decided_has_time CHECK ((state IN ('done', 'rejected')) = (decided_at IS NOT NULL)),
    CONSTRAINT fk_refund_attempt_id FOREIGN KEY(attempt_id) REFERENCES payment_attempt (id),
    CONSTRAINT fk_refund_order_id FOREIGN KEY(order_id) REFERENCES payment_order (id)
);
CREATE INDEX ix_refund_attempt_id ON refund (attempt_id);
CREATE INDEX ix_refund_due ON refund (next_query_at) WHERE next_query_at IS NOT NULL;
CREATE INDEX ix_refund_provider_account_provider_ref ON refund (provider_account, provider_ref);
GRANT SELECT, INSERT, UPDATE ON refund TO payclear_app;
CREATE TABLE refund_transition (
    refund_id UUID NOT NULL,
    version INTEGER NOT NULL,
    from_state TEXT,
    event TEXT NOT NULL,
    to_state TEXT NOT NULL,
    source TEXT,
    provider_ref TEXT,
    detail_code TEXT,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_refund_transition PRIMARY KEY (refund_id, version),
    CONSTRAINT fk_refund_transition_refund_id FOREIGN KEY(refund_id) REFERENCES refund (id)
);
CREATE TRIGGER refund_transition_append_only BEFORE UPDATE OR DELETE ON refund_transition FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refund_transition_no_truncate BEFORE TRUNCATE ON refund_transition FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON refund_transition TO payclear_app;

-- What the books took for an attempt and still hold: its own money, less what a bank took back.
CREATE FUNCTION captured_of(of_attempt UUID) RETURNS BIGINT LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(CASE p.side WHEN 'D' THEN p.amount ELSE -p.amount END), 0)::bigint
    FROM payment_attempt a
    JOIN journal_entry e ON e.order_id = a.order_id AND e.attempt_id = a.id
    JOIN posting p ON p.entry_id = e.id AND p.account_code = 'provider_receivable'
    WHERE a.id = of_attempt
      AND (e.template = 'payment_reversed'
           OR e.natural_key = 'money-in:' || a.provider_account || ':' || coalesce(a.provider_ref, a.attempt_ref))
$$;

-- The lock on the attempt makes the sum hold also for those who did not lock its order.
CREATE FUNCTION require_refund_within_capture() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    others bigint;
BEGIN
    IF NEW.state = 'rejected' THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.state <> 'rejected'
       AND (NEW.attempt_id, NEW.amount) = (OLD.attempt_id, OLD.amount) THEN
        RETURN NEW;
    END IF;
    PERFORM 1 FROM payment_attempt WHERE id = NEW.attempt_id FOR NO KEY UPDATE;
    SELECT coalesce(sum(amount), 0) INTO others
    FROM refund WHERE attempt_id = NEW.attempt_id AND state <> 'rejected' AND id <> NEW.id;
    IF others + NEW.amount > captured_of(NEW.attempt_id) THEN
        RAISE EXCEPTION 'refunds of attempt % exceed what it captured', NEW.attempt_id
            USING ERRCODE = '23514', CONSTRAINT = 'refund_within_capture';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refund_within_capture BEFORE INSERT OR UPDATE ON refund
    FOR EACH ROW EXECUTE FUNCTION require_refund_within_capture();
"""

UNDO = """
DROP TABLE refund_transition;
DROP TABLE refund;
DROP FUNCTION require_refund_within_capture;
DROP FUNCTION captured_of;
DROP INDEX ix_obligation_document_key;
ALTER TABLE receipt DROP COLUMN cancelled_at;
ALTER TABLE payment_evidence DROP CONSTRAINT ck_payment_evidence_effect_known;
ALTER TABLE payment_evidence ADD CONSTRAINT ck_payment_evidence_effect_known
    CHECK (effect IN ('captured', 'refused', 'doubted', 'lapsed', 'repeated', 'overruled', 'suspended',
                      'unmatched', 'noted'));
ALTER TABLE payment_attempt DROP COLUMN refund_asked_at;
ALTER TABLE payment_attempt DROP CONSTRAINT ck_payment_attempt_state_known;
ALTER TABLE payment_attempt ADD CONSTRAINT ck_payment_attempt_state_known
    CHECK (state IN ('created', 'sent', 'in_doubt', 'succeeded', 'failed', 'expired', 'surplus'));
ALTER TABLE payment_order DROP CONSTRAINT ck_payment_order_state_known;
ALTER TABLE payment_order ADD CONSTRAINT ck_payment_order_state_known
    CHECK (state IN ('open', 'paid', 'failed', 'expired', 'cancelled'));
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute(UNDO)
