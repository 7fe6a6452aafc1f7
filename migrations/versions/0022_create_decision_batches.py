"""Create batches of uploaded decisions.

Revision ID: 0022
Revises: 0021
"""

from alembic import op

revision = "0022"
down_revision = "0021"

STATEMENTS = """
CREATE TABLE decision_batch (
    id UUID NOT NULL,
    portal_code TEXT NOT NULL,
    format TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    agency_code TEXT,
    complete_to DATE,
    key_kinds TEXT[] NOT NULL,
    state TEXT NOT NULL,
    rows INTEGER,
    problem TEXT,
    problem_line INTEGER,
    problem_column TEXT,
    received_by TEXT NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    read_at TIMESTAMP WITH TIME ZONE,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_decision_batch PRIMARY KEY (id),
    CONSTRAINT ck_decision_batch_format_known CHECK (format IN ('csv', 'xlsx', 'json')),
    CONSTRAINT ck_decision_batch_state_known CHECK (state IN ('received', 'taking', 'finished', 'unreadable')),
    CONSTRAINT ck_decision_batch_complete_for_an_agency CHECK (complete_to IS NULL OR agency_code IS NOT NULL),
    CONSTRAINT ck_decision_batch_key_kinds_known CHECK (key_kinds <@ ARRAY['id_no', 'licence_no', 'plate']),
    CONSTRAINT ck_decision_batch_unreadable_says_why CHECK ((state = 'unreadable') = (problem IS NOT NULL)),
    CONSTRAINT ck_decision_batch_finished_has_time CHECK ((state = 'finished') = (finished_at IS NOT NULL)),
    CONSTRAINT ck_decision_batch_taken_knows_its_rows
        CHECK ((state IN ('taking', 'finished')) = (rows IS NOT NULL)),
    CONSTRAINT fk_decision_batch_portal_code FOREIGN KEY(portal_code) REFERENCES portal (code),
    CONSTRAINT fk_decision_batch_agency_code FOREIGN KEY(agency_code) REFERENCES agency (code)
);
CREATE UNIQUE INDEX uq_decision_batch_bytes
    ON decision_batch (portal_code, sha256, agency_code, complete_to, key_kinds) NULLS NOT DISTINCT;
CREATE INDEX ix_decision_batch_unfinished ON decision_batch (received_at) WHERE state IN ('received', 'taking');
GRANT SELECT, INSERT, UPDATE ON decision_batch TO payclear_app;

CREATE TABLE decision_file (
    batch_id UUID NOT NULL,
    data_key_id UUID NOT NULL,
    kek_id TEXT NOT NULL,
    wrapped_key BYTEA NOT NULL,
    content_sealed BYTEA NOT NULL,
    CONSTRAINT pk_decision_file PRIMARY KEY (batch_id),
    CONSTRAINT fk_decision_file_batch_id FOREIGN KEY(batch_id) REFERENCES decision_batch (id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON decision_file TO payclear_app;

CREATE TABLE decision_chunk (
    batch_id UUID NOT NULL,
    no INTEGER NOT NULL,
    wave INTEGER NOT NULL,
    row_nos INTEGER[] NOT NULL,
    done_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_decision_chunk PRIMARY KEY (batch_id, no),
    CONSTRAINT fk_decision_chunk_batch_id FOREIGN KEY(batch_id) REFERENCES decision_batch (id)
);
CREATE INDEX ix_decision_chunk_waiting ON decision_chunk (batch_id, no) WHERE done_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON decision_chunk TO payclear_app;

CREATE TABLE decision_row (
    batch_id UUID NOT NULL,
    row_no INTEGER NOT NULL,
    chunk_no INTEGER NOT NULL,
    decision_no TEXT NOT NULL,
    result TEXT NOT NULL,
    column_name TEXT,
    code TEXT,
    obligation_id UUID,
    CONSTRAINT pk_decision_row PRIMARY KEY (batch_id, row_no),
    CONSTRAINT ck_decision_row_result_known CHECK (result IN ('registered', 'unchanged', 'version', 'refused')),
    CONSTRAINT ck_decision_row_refused_says_why CHECK ((result = 'refused') = (code IS NOT NULL)),
    CONSTRAINT ck_decision_row_taken_has_obligation CHECK ((result = 'refused') = (obligation_id IS NULL)),
    CONSTRAINT fk_decision_row_batch_id_chunk_no FOREIGN KEY(batch_id, chunk_no)
        REFERENCES decision_chunk (batch_id, no),
    CONSTRAINT fk_decision_row_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id)
);
CREATE UNIQUE INDEX uq_decision_row_registered ON decision_row (obligation_id) WHERE result = 'registered';
CREATE TRIGGER decision_row_append_only BEFORE UPDATE OR DELETE ON decision_row FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER decision_row_no_truncate BEFORE TRUNCATE ON decision_row FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON decision_row TO payclear_app;

CREATE TABLE decision_coverage (
    batch_id UUID NOT NULL,
    agency_code TEXT NOT NULL,
    key_kinds TEXT[] NOT NULL,
    complete_to DATE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_decision_coverage PRIMARY KEY (batch_id),
    CONSTRAINT ck_decision_coverage_key_kinds_known CHECK (key_kinds <@ ARRAY['id_no', 'licence_no', 'plate']),
    CONSTRAINT fk_decision_coverage_batch_id FOREIGN KEY(batch_id) REFERENCES decision_batch (id),
    CONSTRAINT fk_decision_coverage_agency_code FOREIGN KEY(agency_code) REFERENCES agency (code)
);
CREATE INDEX ix_decision_coverage_agency_code_complete_to ON decision_coverage (agency_code, complete_to);
CREATE TRIGGER decision_coverage_append_only BEFORE UPDATE OR DELETE ON decision_coverage FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER decision_coverage_no_truncate BEFORE TRUNCATE ON decision_coverage FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON decision_coverage TO payclear_app;
"""

UNDO = """
DROP TABLE decision_coverage;
DROP TABLE decision_row;
DROP TABLE decision_chunk;
DROP TABLE decision_file;
DROP TABLE decision_batch;
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute(UNDO)
