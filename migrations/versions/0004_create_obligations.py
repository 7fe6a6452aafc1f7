"""Create what is owed and its documents.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = """
CREATE TABLE obligor (
    id UUID NOT NULL,
    data_key_id UUID NOT NULL,
    kek_id TEXT NOT NULL,
    wrapped_key BYTEA NOT NULL,
    name_sealed BYTEA NOT NULL,
    id_no_sealed BYTEA,
    id_no_index BYTEA,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_obligor PRIMARY KEY (id)
);
CREATE INDEX ix_obligor_id_no_index ON obligor (id_no_index);
GRANT SELECT, INSERT, UPDATE ON obligor TO payclear_app;
CREATE TABLE obligation (
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    portal_code TEXT NOT NULL,
    agency_code TEXT NOT NULL,
    document_no TEXT NOT NULL,
    document_key TEXT NOT NULL,
    document_on DATE NOT NULL,
    principal BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    obligor_id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_obligation PRIMARY KEY (id),
    CONSTRAINT uq_obligation_kind_agency_code_document_key UNIQUE (kind, agency_code, document_key),
    CONSTRAINT ck_obligation_kind_known CHECK (kind IN ('dossier_fee', 'traffic_fine')),
    CONSTRAINT ck_obligation_state_known CHECK (state IN ('open', 'paid', 'cancelled')),
    CONSTRAINT ck_obligation_principal_in_range CHECK (principal > 0 AND principal <= 1000000000000000),
    CONSTRAINT fk_obligation_portal_code FOREIGN KEY(portal_code) REFERENCES portal (code),
    CONSTRAINT fk_obligation_agency_code FOREIGN KEY(agency_code) REFERENCES agency (code),
    CONSTRAINT fk_obligation_obligor_id FOREIGN KEY(obligor_id) REFERENCES obligor (id)
);
GRANT SELECT, INSERT, UPDATE ON obligation TO payclear_app;
CREATE TABLE dossier (
    obligation_id UUID NOT NULL,
    dossier_code TEXT NOT NULL,
    procedure_code TEXT NOT NULL,
    filed_on DATE NOT NULL,
    CONSTRAINT pk_dossier PRIMARY KEY (obligation_id),
    CONSTRAINT fk_dossier_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id)
);
GRANT SELECT, INSERT, UPDATE ON dossier TO payclear_app;
CREATE TABLE fine_decision (
    obligation_id UUID NOT NULL,
    decision_no TEXT NOT NULL,
    decided_on DATE NOT NULL,
    served_on DATE NOT NULL,
    served_method TEXT NOT NULL,
    due_on DATE NOT NULL,
    surcharge_beneficiary_account TEXT NOT NULL,
    surcharge_chapter TEXT NOT NULL,
    surcharge_sub_item TEXT NOT NULL,
    CONSTRAINT pk_fine_decision PRIMARY KEY (obligation_id),
    CONSTRAINT ck_fine_decision_served_method_known CHECK (served_method IN ('handed', 'registered_post', 'electronic')),
    CONSTRAINT ck_fine_decision_due_after_served CHECK (due_on >= served_on),
    CONSTRAINT fk_fine_decision_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id),
    CONSTRAINT fk_fine_decision_surcharge_beneficiary_account FOREIGN KEY(surcharge_beneficiary_account) REFERENCES beneficiary_account (code)
);
GRANT SELECT, INSERT, UPDATE ON fine_decision TO payclear_app;
CREATE TABLE obligation_line (
    obligation_id UUID NOT NULL,
    line_no INTEGER NOT NULL,
    type TEXT NOT NULL,
    name_vi TEXT NOT NULL,
    amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    beneficiary_account TEXT NOT NULL,
    chapter TEXT NOT NULL,
    sub_item TEXT NOT NULL,
    CONSTRAINT pk_obligation_line PRIMARY KEY (obligation_id, line_no),
    CONSTRAINT ck_obligation_line_type_known CHECK (type IN ('fee_phi', 'fee_le_phi', 'fine', 'late_surcharge', 'courier')),
    CONSTRAINT ck_obligation_line_amount_in_range CHECK (amount > 0 AND amount <= 1000000000000000),
    CONSTRAINT fk_obligation_line_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id),
    CONSTRAINT fk_obligation_line_beneficiary_account FOREIGN KEY(beneficiary_account) REFERENCES beneficiary_account (code)
);
GRANT SELECT, INSERT, UPDATE ON obligation_line TO payclear_app;
CREATE TABLE obligation_transition (
    obligation_id UUID NOT NULL,
    version INTEGER NOT NULL,
    from_state TEXT,
    event TEXT NOT NULL,
    to_state TEXT NOT NULL,
    order_id UUID,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_obligation_transition PRIMARY KEY (obligation_id, version),
    CONSTRAINT fk_obligation_transition_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id)
);
CREATE TRIGGER obligation_transition_append_only BEFORE UPDATE OR DELETE ON obligation_transition FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER obligation_transition_no_truncate BEFORE TRUNCATE ON obligation_transition FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON obligation_transition TO payclear_app;
"""

TABLES = ("obligation_transition", "obligation_line", "fine_decision", "dossier", "obligation", "obligor")


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
