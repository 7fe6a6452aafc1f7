"""Create routing rules, service fees, stored decisions, and keep the QR text of an attempt.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"

STATEMENTS = """
CREATE TABLE routing_rule (
    code TEXT NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    rank INTEGER NOT NULL,
    effect TEXT NOT NULL,
    provider_account TEXT,
    method TEXT,
    kind TEXT,
    agency_code TEXT,
    amount_from BIGINT,
    amount_to BIGINT,
    payer_fee_above BIGINT,
    health TEXT[],
    cut_off_within_minutes INTEGER,
    day TEXT,
    time_from TIME WITHOUT TIME ZONE,
    time_to TIME WITHOUT TIME ZONE,
    reason_vi TEXT NOT NULL,
    reason_en TEXT NOT NULL,
    legal_basis TEXT NOT NULL,
    CONSTRAINT pk_routing_rule PRIMARY KEY (code, valid_from),
    CONSTRAINT ck_routing_rule_effect_known CHECK (effect IN ('offer', 'withhold', 'prefer')),
    CONSTRAINT ck_routing_rule_method_known CHECK (method IN ('qr', 'bank', 'wallet', 'counter')),
    CONSTRAINT ck_routing_rule_day_known CHECK (day IN ('business_day', 'day_off')),
    CONSTRAINT ck_routing_rule_health_known CHECK (health <@ ARRAY['good', 'slow', 'failing'] AND cardinality(health) > 0),
    CONSTRAINT ck_routing_rule_times_whole CHECK ((time_from IS NULL) = (time_to IS NULL))
);
GRANT SELECT, INSERT, UPDATE ON routing_rule TO payclear_app;
CREATE TABLE service_fee_programme (
    code TEXT NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    provider_account TEXT NOT NULL,
    kind TEXT,
    agency_code TEXT,
    borne_by TEXT NOT NULL,
    fixed BIGINT NOT NULL,
    per_million INTEGER NOT NULL,
    fee_min BIGINT,
    fee_max BIGINT,
    vat_inclusive BOOLEAN NOT NULL,
    vat_per_mille INTEGER NOT NULL,
    legal_basis TEXT NOT NULL,
    CONSTRAINT pk_service_fee_programme PRIMARY KEY (code, valid_from),
    CONSTRAINT ck_service_fee_programme_borne_by_known CHECK (borne_by IN ('PAYER', 'AGENCY', 'WAIVED')),
    CONSTRAINT ck_service_fee_programme_figures CHECK (
        fixed BETWEEN 0 AND 1000000000 AND per_million BETWEEN 0 AND 1000000 AND vat_per_mille BETWEEN 0 AND 1000
        AND fee_min >= 0 AND fee_max BETWEEN coalesce(fee_min, 0) AND 1000000000)
);
-- The figures of a programme never change: a new one follows the old. Only its end may be set.
GRANT SELECT, INSERT, UPDATE (valid_to, legal_basis) ON service_fee_programme TO payclear_app;
CREATE TABLE routing_decision (
    id UUID NOT NULL,
    order_id UUID NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    rules_digest TEXT NOT NULL,
    choices JSONB NOT NULL,
    CONSTRAINT pk_routing_decision PRIMARY KEY (id),
    CONSTRAINT ck_routing_decision_digest_is_hex CHECK (rules_digest ~ '^[0-9a-f]{64}$'),
    CONSTRAINT fk_routing_decision_order_id FOREIGN KEY(order_id) REFERENCES payment_order (id)
);
CREATE INDEX ix_routing_decision_order_id_decided_at ON routing_decision (order_id, decided_at);
CREATE TRIGGER routing_decision_append_only BEFORE UPDATE OR DELETE ON routing_decision FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER routing_decision_no_truncate BEFORE TRUNCATE ON routing_decision FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON routing_decision TO payclear_app;
CREATE TABLE attempt_routing (
    attempt_id UUID NOT NULL,
    decision_id UUID NOT NULL,
    CONSTRAINT pk_attempt_routing PRIMARY KEY (attempt_id),
    CONSTRAINT fk_attempt_routing_attempt_id FOREIGN KEY(attempt_id) REFERENCES payment_attempt (id),
    CONSTRAINT fk_attempt_routing_decision_id FOREIGN KEY(decision_id) REFERENCES routing_decision (id)
);
CREATE TRIGGER attempt_routing_append_only BEFORE UPDATE OR DELETE ON attempt_routing FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER attempt_routing_no_truncate BEFORE TRUNCATE ON attempt_routing FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON attempt_routing TO payclear_app;
CREATE TABLE attempt_service_fee (
    attempt_id UUID NOT NULL,
    programme_code TEXT NOT NULL,
    programme_from DATE NOT NULL,
    borne_by TEXT NOT NULL,
    amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    CONSTRAINT pk_attempt_service_fee PRIMARY KEY (attempt_id),
    CONSTRAINT ck_attempt_service_fee_borne_by_known CHECK (borne_by IN ('PAYER', 'AGENCY', 'WAIVED')),
    CONSTRAINT ck_attempt_service_fee_amount_in_range CHECK (amount >= 0 AND amount <= 1000000000000000),
    CONSTRAINT fk_attempt_service_fee_attempt_id FOREIGN KEY(attempt_id) REFERENCES payment_attempt (id),
    CONSTRAINT fk_attempt_service_fee_programme_code_programme_from
        FOREIGN KEY(programme_code, programme_from) REFERENCES service_fee_programme (code, valid_from)
);
CREATE TRIGGER attempt_service_fee_append_only BEFORE UPDATE OR DELETE ON attempt_service_fee FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER attempt_service_fee_no_truncate BEFORE TRUNCATE ON attempt_service_fee FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON attempt_service_fee TO payclear_app;
ALTER TABLE payment_attempt ADD COLUMN qr_text TEXT;
"""

TABLES = (
    "attempt_service_fee",
    "attempt_routing",
    "routing_decision",
    "service_fee_programme",
    "routing_rule",
)


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute("ALTER TABLE payment_attempt DROP COLUMN qr_text")
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
