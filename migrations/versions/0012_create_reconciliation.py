"""Create statements, runs, matches and discrepancies of reconciliation.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"

STATEMENTS = """
CREATE TABLE statement (
    id UUID NOT NULL,
    provider_account TEXT NOT NULL,
    business_on DATE NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    content_sealed BYTEA NOT NULL,
    data_key_id UUID NOT NULL,
    kek_id TEXT NOT NULL,
    wrapped_key BYTEA NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_statement PRIMARY KEY (id),
    CONSTRAINT uq_statement_provider_account_business_on_sha256 UNIQUE (provider_account, business_on, sha256),
    CONSTRAINT uq_statement_provider_account_business_on_version UNIQUE (provider_account, business_on, version),
    CONSTRAINT ck_statement_sha256_is_hex CHECK (sha256 ~ '^[0-9a-f]{64}$')
);
CREATE INDEX ix_statement_provider_account_sha256 ON statement (provider_account, sha256);
CREATE TRIGGER statement_append_only BEFORE UPDATE OR DELETE ON statement FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_no_truncate BEFORE TRUNCATE ON statement FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON statement TO payclear_app;
CREATE TABLE statement_line (
    statement_id UUID NOT NULL,
    line_no INTEGER NOT NULL,
    provider_account TEXT NOT NULL,
    attempt_ref TEXT NOT NULL,
    provider_ref TEXT NOT NULL,
    amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    outcome TEXT NOT NULL,
    kind TEXT NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE,
    occurred_at_raw TEXT NOT NULL,
    CONSTRAINT pk_statement_line PRIMARY KEY (statement_id, line_no),
    CONSTRAINT ck_statement_line_outcome_known CHECK (outcome IN ('confirmed', 'rejected', 'not_sent', 'pending', 'unknown')),
    CONSTRAINT ck_statement_line_kind_known CHECK (kind IN ('payment', 'refund')),
    CONSTRAINT ck_statement_line_amount_in_range CHECK (amount >= 0 AND amount <= 1000000000000000),
    CONSTRAINT fk_statement_line_statement_id FOREIGN KEY(statement_id) REFERENCES statement (id)
);
CREATE INDEX ix_statement_line_provider_account_provider_ref ON statement_line (provider_account, provider_ref);
CREATE TRIGGER statement_line_append_only BEFORE UPDATE OR DELETE ON statement_line FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_line_no_truncate BEFORE TRUNCATE ON statement_line FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON statement_line TO payclear_app;
CREATE TABLE statement_problem (
    statement_id UUID NOT NULL,
    number INTEGER NOT NULL,
    line_no INTEGER NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    CONSTRAINT pk_statement_problem PRIMARY KEY (statement_id, number),
    CONSTRAINT fk_statement_problem_statement_id FOREIGN KEY(statement_id) REFERENCES statement (id)
);
CREATE TRIGGER statement_problem_append_only BEFORE UPDATE OR DELETE ON statement_problem FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_problem_no_truncate BEFORE TRUNCATE ON statement_problem FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON statement_problem TO payclear_app;
CREATE TABLE reconciliation_run (
    id UUID NOT NULL,
    provider_account TEXT NOT NULL,
    business_on DATE NOT NULL,
    statement_id UUID,
    step TEXT NOT NULL,
    verdict TEXT NOT NULL,
    hold TEXT,
    absence TEXT,
    is_complete BOOLEAN NOT NULL,
    passes INTEGER NOT NULL,
    rules TEXT NOT NULL,
    control_count INTEGER,
    control_sum BIGINT,
    lines_count INTEGER NOT NULL,
    lines_sum BIGINT NOT NULL,
    problems_count INTEGER NOT NULL,
    matched_count INTEGER NOT NULL,
    matched_sum BIGINT NOT NULL,
    differing_count INTEGER NOT NULL,
    differing_sum BIGINT NOT NULL,
    excluded_count INTEGER NOT NULL,
    excluded_sum BIGINT NOT NULL,
    ours_count INTEGER NOT NULL,
    ours_sum BIGINT NOT NULL,
    ours_matched_count INTEGER NOT NULL,
    ours_matched_sum BIGINT NOT NULL,
    ours_explained_count INTEGER NOT NULL,
    ours_explained_sum BIGINT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE,
    as_of TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_reconciliation_run PRIMARY KEY (id),
    CONSTRAINT uq_reconciliation_run_provider_account_business_on_statement_id UNIQUE NULLS NOT DISTINCT (provider_account, business_on, statement_id),
    CONSTRAINT ck_reconciliation_run_step_known CHECK (step IN ('awaiting', 'fetched', 'parsed', 'checked', 'held', 'matched', 'booked', 'done')),
    CONSTRAINT ck_reconciliation_run_verdict_known CHECK (verdict IN ('incomplete', 'discrepancies', 'warnings', 'pending', 'reconciled')),
    CONSTRAINT ck_reconciliation_run_hold_known CHECK (hold IN ('same_as_other_day', 'changed_version', 'wrong_account')),
    CONSTRAINT ck_reconciliation_run_done_has_as_of CHECK (step <> 'done' OR as_of IS NOT NULL),
    CONSTRAINT fk_reconciliation_run_statement_id FOREIGN KEY(statement_id) REFERENCES statement (id)
);
GRANT SELECT, INSERT, UPDATE ON reconciliation_run TO payclear_app;
CREATE TABLE statement_line_exclusion (
    statement_id UUID NOT NULL,
    line_no INTEGER NOT NULL,
    run_id UUID NOT NULL,
    rule TEXT NOT NULL,
    excluded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_statement_line_exclusion PRIMARY KEY (statement_id, line_no),
    CONSTRAINT fk_statement_line_exclusion_statement_id_line_no FOREIGN KEY(statement_id, line_no) REFERENCES statement_line (statement_id, line_no),
    CONSTRAINT ck_statement_line_exclusion_rule_known CHECK (rule IN ('repeated_in_version', 'no_money_moved')),
    CONSTRAINT fk_statement_line_exclusion_run_id FOREIGN KEY(run_id) REFERENCES reconciliation_run (id)
);
CREATE TRIGGER statement_line_exclusion_append_only BEFORE UPDATE OR DELETE ON statement_line_exclusion FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_line_exclusion_no_truncate BEFORE TRUNCATE ON statement_line_exclusion FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON statement_line_exclusion TO payclear_app;
CREATE TABLE reconciliation_match (
    statement_id UUID NOT NULL,
    line_no INTEGER NOT NULL,
    attempt_id UUID NOT NULL,
    run_id UUID NOT NULL,
    pass_no INTEGER NOT NULL,
    amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    stage TEXT NOT NULL,
    is_other_day BOOLEAN NOT NULL,
    matched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_reconciliation_match PRIMARY KEY (statement_id, line_no),
    CONSTRAINT fk_reconciliation_match_statement_id_line_no FOREIGN KEY(statement_id, line_no) REFERENCES statement_line (statement_id, line_no),
    CONSTRAINT uq_reconciliation_match_attempt_id UNIQUE (attempt_id),
    CONSTRAINT ck_reconciliation_match_stage_known CHECK (stage IN ('provider_ref', 'attempt_ref')),
    CONSTRAINT ck_reconciliation_match_amount_in_range CHECK (amount > 0 AND amount <= 1000000000000000),
    CONSTRAINT fk_reconciliation_match_attempt_id FOREIGN KEY(attempt_id) REFERENCES payment_attempt (id),
    CONSTRAINT fk_reconciliation_match_run_id FOREIGN KEY(run_id) REFERENCES reconciliation_run (id)
);
CREATE INDEX ix_reconciliation_match_run_id_pass_no ON reconciliation_match (run_id, pass_no);
CREATE TRIGGER reconciliation_match_append_only BEFORE UPDATE OR DELETE ON reconciliation_match FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reconciliation_match_no_truncate BEFORE TRUNCATE ON reconciliation_match FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON reconciliation_match TO payclear_app;
CREATE TABLE reconciliation_settlement (
    run_id UUID NOT NULL,
    pass_no INTEGER NOT NULL,
    entry_id UUID NOT NULL,
    matches INTEGER NOT NULL,
    amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    booked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_reconciliation_settlement PRIMARY KEY (run_id, pass_no),
    CONSTRAINT ck_reconciliation_settlement_amount_in_range CHECK (amount > 0 AND amount <= 1000000000000000),
    CONSTRAINT fk_reconciliation_settlement_run_id FOREIGN KEY(run_id) REFERENCES reconciliation_run (id),
    CONSTRAINT fk_reconciliation_settlement_entry_id FOREIGN KEY(entry_id) REFERENCES journal_entry (id)
);
CREATE TRIGGER reconciliation_settlement_append_only BEFORE UPDATE OR DELETE ON reconciliation_settlement FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reconciliation_settlement_no_truncate BEFORE TRUNCATE ON reconciliation_settlement FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON reconciliation_settlement TO payclear_app;
CREATE TABLE discrepancy (
    id UUID NOT NULL,
    identity TEXT NOT NULL,
    version INTEGER NOT NULL,
    leg TEXT NOT NULL,
    provider_account TEXT NOT NULL,
    key TEXT NOT NULL,
    code TEXT NOT NULL,
    state TEXT NOT NULL,
    owner TEXT NOT NULL,
    first_on DATE NOT NULL,
    last_on DATE NOT NULL,
    age_business_days INTEGER NOT NULL,
    attempt_id UUID,
    attempt_ref TEXT NOT NULL,
    provider_ref TEXT NOT NULL,
    statement_id UUID,
    line_no INTEGER,
    ours BIGINT,
    theirs BIGINT,
    currency CHAR(3) NOT NULL,
    has_case BOOLEAN NOT NULL,
    entry_id UUID,
    resolution TEXT,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    resolved_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_discrepancy PRIMARY KEY (id),
    CONSTRAINT uq_discrepancy_identity UNIQUE (identity),
    CONSTRAINT uq_discrepancy_statement_id_line_no UNIQUE (statement_id, line_no),
    CONSTRAINT fk_discrepancy_statement_id_line_no FOREIGN KEY(statement_id, line_no) REFERENCES statement_line (statement_id, line_no),
    CONSTRAINT ck_discrepancy_code_known CHECK (code IN ('B01', 'B02', 'B03', 'B04', 'B05', 'B06', 'B07', 'B08', 'B09', 'B10', 'B12', 'B13')),
    CONSTRAINT ck_discrepancy_state_known CHECK (state IN ('pending', 'open', 'resolved')),
    CONSTRAINT ck_discrepancy_owner_known CHECK (owner IN ('operations', 'provider')),
    CONSTRAINT ck_discrepancy_resolution_known CHECK (resolution IN ('matched', 'adopted', 'agreed', 'merged')),
    CONSTRAINT ck_discrepancy_resolved_says_how CHECK ((state = 'resolved') = (resolution IS NOT NULL)),
    CONSTRAINT ck_discrepancy_line_is_whole CHECK ((statement_id IS NULL) = (line_no IS NULL)),
    CONSTRAINT fk_discrepancy_attempt_id FOREIGN KEY(attempt_id) REFERENCES payment_attempt (id),
    CONSTRAINT fk_discrepancy_entry_id FOREIGN KEY(entry_id) REFERENCES journal_entry (id)
);
CREATE INDEX ix_discrepancy_attempt_id ON discrepancy (attempt_id);
CREATE INDEX ix_discrepancy_live ON discrepancy (provider_account) WHERE state IN ('pending', 'open');
GRANT SELECT, INSERT, UPDATE ON discrepancy TO payclear_app;
CREATE TABLE discrepancy_event (
    discrepancy_id UUID NOT NULL,
    number INTEGER NOT NULL,
    run_id UUID NOT NULL,
    event TEXT NOT NULL,
    code TEXT NOT NULL,
    state TEXT NOT NULL,
    resolution TEXT,
    last_on DATE NOT NULL,
    age_business_days INTEGER NOT NULL,
    ours BIGINT,
    theirs BIGINT,
    statement_id UUID,
    line_no INTEGER,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_discrepancy_event PRIMARY KEY (discrepancy_id, number),
    CONSTRAINT ck_discrepancy_event_event_known CHECK (event IN ('found', 'persists', 'changed', 'resolved', 'reopened')),
    CONSTRAINT fk_discrepancy_event_discrepancy_id FOREIGN KEY(discrepancy_id) REFERENCES discrepancy (id),
    CONSTRAINT fk_discrepancy_event_run_id FOREIGN KEY(run_id) REFERENCES reconciliation_run (id)
);
CREATE INDEX ix_discrepancy_event_run_id ON discrepancy_event (run_id);
CREATE TRIGGER discrepancy_event_append_only BEFORE UPDATE OR DELETE ON discrepancy_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER discrepancy_event_no_truncate BEFORE TRUNCATE ON discrepancy_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON discrepancy_event TO payclear_app;
"""

TABLES = (
    "discrepancy_event",
    "discrepancy",
    "reconciliation_settlement",
    "reconciliation_match",
    "statement_line_exclusion",
    "reconciliation_run",
    "statement_problem",
    "statement_line",
    "statement",
)


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
