"""Add what explains the price of a dossier, prices set by hand, quarantined dossiers, and orders of nothing.

Revision ID: 0020
Revises: 0019
"""

from alembic import op

revision = "0020"
down_revision = "0019"

STATEMENTS = """
ALTER TABLE dossier ADD COLUMN code_raw TEXT, ADD COLUMN code_on DATE, ADD COLUMN procedure_raw TEXT,
    ADD COLUMN priced_by TEXT, ADD COLUMN channel TEXT, ADD COLUMN unused_claim TEXT,
    ADD COLUMN exemption_reason TEXT, ADD COLUMN exemption_basis TEXT, ADD COLUMN contents_digest BYTEA;
UPDATE dossier SET code_raw = dossier_code, procedure_raw = procedure_code, priced_by = 'portal';
ALTER TABLE dossier ALTER COLUMN code_raw SET NOT NULL, ALTER COLUMN procedure_raw SET NOT NULL,
    ALTER COLUMN priced_by SET NOT NULL,
    ADD CONSTRAINT ck_dossier_priced_by_known CHECK (priced_by IN ('catalogue', 'portal')),
    ADD CONSTRAINT ck_dossier_channel_known CHECK (channel IN ('online', 'counter')),
    ADD CONSTRAINT ck_dossier_exemption_reason_known CHECK (exemption_reason IN ('payer_class', 'zero_fee', 'discount', 'override')),
    ADD CONSTRAINT ck_dossier_priced_by_facts CHECK ((priced_by = 'catalogue') = (channel IS NOT NULL)),
    ADD CONSTRAINT ck_dossier_exemption_whole CHECK ((exemption_reason IS NULL) = (exemption_basis IS NULL) AND exemption_basis <> '');
CREATE TABLE fee_line (
    obligation_id UUID NOT NULL,
    line_no INTEGER NOT NULL,
    item_code TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    legal_basis TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    years INTEGER NOT NULL,
    declared_value BIGINT,
    full_amount BIGINT NOT NULL,
    priced_amount BIGINT NOT NULL,
    discount_numerator BIGINT NOT NULL,
    discount_denominator BIGINT NOT NULL,
    rounding_mode TEXT,
    rounding_unit INTEGER,
    payer_class TEXT,
    evidence_ref TEXT,
    locality TEXT NOT NULL,
    collecting_agency TEXT NOT NULL,
    CONSTRAINT pk_fee_line PRIMARY KEY (obligation_id, line_no),
    CONSTRAINT ck_fee_line_rounding_mode_known CHECK (rounding_mode IN ('half_up', 'up', 'down')),
    CONSTRAINT ck_fee_line_full_amount_in_range CHECK (full_amount >= 0 AND full_amount <= 1000000000000000),
    CONSTRAINT ck_fee_line_priced_amount_in_range CHECK (priced_amount >= 0 AND priced_amount <= 1000000000000000),
    CONSTRAINT ck_fee_line_explained CHECK (rule_id <> '' AND legal_basis <> ''),
    CONSTRAINT ck_fee_line_discount CHECK (discount_numerator >= 0 AND discount_numerator <= discount_denominator AND discount_denominator > 0),
    CONSTRAINT ck_fee_line_counted CHECK (quantity > 0 AND years > 0),
    CONSTRAINT ck_fee_line_relief_whole CHECK ((payer_class IS NULL) = (evidence_ref IS NULL)),
    CONSTRAINT fk_fee_line_obligation_id FOREIGN KEY(obligation_id, line_no) REFERENCES obligation_line (obligation_id, line_no)
);
CREATE TRIGGER fee_line_append_only BEFORE UPDATE OR DELETE ON fee_line FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER fee_line_no_truncate BEFORE TRUNCATE ON fee_line FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON fee_line TO payclear_app;
CREATE TABLE fee_override (
    id UUID NOT NULL,
    obligation_id UUID NOT NULL,
    line_no INTEGER NOT NULL,
    from_amount BIGINT NOT NULL,
    to_amount BIGINT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    decided_by TEXT,
    decided_at TIMESTAMP WITH TIME ZONE,
    decided_note TEXT,
    CONSTRAINT pk_fee_override PRIMARY KEY (id),
    CONSTRAINT ck_fee_override_state_known CHECK (state IN ('proposed', 'approved', 'refused')),
    CONSTRAINT ck_fee_override_from_amount_in_range CHECK (from_amount >= 0 AND from_amount <= 1000000000000000),
    CONSTRAINT ck_fee_override_to_amount_in_range CHECK (to_amount >= 0 AND to_amount <= 1000000000000000),
    CONSTRAINT ck_fee_override_changes_something CHECK (from_amount <> to_amount),
    CONSTRAINT ck_fee_override_has_reason CHECK (reason <> ''),
    CONSTRAINT ck_fee_override_two_people CHECK (made_by <> decided_by),
    CONSTRAINT ck_fee_override_decided_whole CHECK ((state = 'proposed') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL)),
    CONSTRAINT fk_fee_override_obligation_id FOREIGN KEY(obligation_id, line_no) REFERENCES obligation_line (obligation_id, line_no)
);
CREATE UNIQUE INDEX uq_fee_override_proposed ON fee_override (obligation_id, line_no) WHERE state = 'proposed';
CREATE INDEX ix_fee_override_obligation_id ON fee_override (obligation_id);
GRANT SELECT, INSERT, UPDATE (state, decided_by, decided_at, decided_note) ON fee_override TO payclear_app;
CREATE TABLE dossier_quarantine (
    id UUID NOT NULL,
    portal_code TEXT NOT NULL,
    agency_code TEXT NOT NULL,
    code_raw TEXT NOT NULL,
    code_key TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    contents_digest BYTEA NOT NULL,
    data_key_id UUID NOT NULL,
    kek_id TEXT NOT NULL,
    wrapped_key BYTEA,
    command_sealed BYTEA,
    obligation_id UUID,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    decided_by TEXT,
    decided_at TIMESTAMP WITH TIME ZONE,
    decided_note TEXT,
    CONSTRAINT pk_dossier_quarantine PRIMARY KEY (id),
    CONSTRAINT ck_dossier_quarantine_reason_known CHECK (reason IN ('empty', 'too_long', 'foreign_letters', 'not_three_parts', 'agency_form', 'date_form', 'impossible_date', 'future_date', 'sequence_form', 'procedure_form', 'agency_or_online')),
    CONSTRAINT ck_dossier_quarantine_state_known CHECK (state IN ('waiting', 'accepted', 'refused')),
    CONSTRAINT ck_dossier_quarantine_decided_whole CHECK ((state = 'waiting') = (command_sealed IS NOT NULL) AND (state = 'waiting') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)),
    CONSTRAINT ck_dossier_quarantine_accepted_has_obligation CHECK ((state = 'accepted') = (obligation_id IS NOT NULL)),
    CONSTRAINT fk_dossier_quarantine_portal_code FOREIGN KEY(portal_code) REFERENCES portal (code),
    CONSTRAINT fk_dossier_quarantine_agency_code FOREIGN KEY(agency_code) REFERENCES agency (code),
    CONSTRAINT fk_dossier_quarantine_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id)
);
CREATE UNIQUE INDEX uq_dossier_quarantine_code ON dossier_quarantine (portal_code, agency_code, code_key);
CREATE INDEX ix_dossier_quarantine_waiting ON dossier_quarantine (received_at) WHERE state = 'waiting';
GRANT SELECT, INSERT, UPDATE ON dossier_quarantine TO payclear_app;
ALTER TABLE payment_order DROP CONSTRAINT ck_payment_order_state_known, DROP CONSTRAINT ck_payment_order_amount_in_range,
    ADD CONSTRAINT ck_payment_order_state_known
        CHECK (state IN ('open', 'paid', 'failed', 'expired', 'cancelled', 'reversed', 'exempted')),
    ADD CONSTRAINT ck_payment_order_amount_in_range CHECK (amount >= 0 AND amount <= 1000000000000000),
    ADD CONSTRAINT ck_payment_order_nothing_is_exempted CHECK ((amount = 0) = (state = 'exempted'));
ALTER TABLE payment_order_obligation DROP CONSTRAINT ck_payment_order_obligation_amount_in_range,
    ADD CONSTRAINT ck_payment_order_obligation_amount_in_range CHECK (amount >= 0 AND amount <= 1000000000000000);
ALTER TABLE payment_order_line DROP CONSTRAINT ck_payment_order_line_amount_in_range,
    ADD CONSTRAINT ck_payment_order_line_amount_in_range CHECK (amount >= 0 AND amount <= 1000000000000000);
"""

BACK = """
ALTER TABLE payment_order_line DROP CONSTRAINT ck_payment_order_line_amount_in_range,
    ADD CONSTRAINT ck_payment_order_line_amount_in_range CHECK (amount > 0 AND amount <= 1000000000000000);
ALTER TABLE payment_order_obligation DROP CONSTRAINT ck_payment_order_obligation_amount_in_range,
    ADD CONSTRAINT ck_payment_order_obligation_amount_in_range CHECK (amount > 0 AND amount <= 1000000000000000);
ALTER TABLE payment_order DROP CONSTRAINT ck_payment_order_nothing_is_exempted,
    DROP CONSTRAINT ck_payment_order_state_known, DROP CONSTRAINT ck_payment_order_amount_in_range,
    ADD CONSTRAINT ck_payment_order_state_known
        CHECK (state IN ('open', 'paid', 'failed', 'expired', 'cancelled', 'reversed')),
    ADD CONSTRAINT ck_payment_order_amount_in_range CHECK (amount > 0 AND amount <= 1000000000000000);
DROP TABLE dossier_quarantine;
DROP TABLE fee_override;
DROP TABLE fee_line;
ALTER TABLE dossier DROP COLUMN code_raw, DROP COLUMN code_on, DROP COLUMN procedure_raw, DROP COLUMN priced_by,
    DROP COLUMN channel, DROP COLUMN unused_claim, DROP COLUMN exemption_reason, DROP COLUMN exemption_basis,
    DROP COLUMN contents_digest;
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute(BACK)
