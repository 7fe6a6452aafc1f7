"""Let statements explain refunds and payments that a bank took back.

Revision ID: 0017
Revises: 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"

STATEMENTS = """
ALTER TABLE reconciliation_match ALTER COLUMN attempt_id DROP NOT NULL;
ALTER TABLE reconciliation_match ADD COLUMN refund_id UUID;
ALTER TABLE reconciliation_match ADD CONSTRAINT uq_reconciliation_match_refund_id UNIQUE (refund_id);
ALTER TABLE reconciliation_match ADD CONSTRAINT fk_reconciliation_match_refund_id
    FOREIGN KEY(refund_id) REFERENCES refund (id);
ALTER TABLE reconciliation_match ADD CONSTRAINT ck_reconciliation_match_one_side
    CHECK (num_nonnulls(attempt_id, refund_id) = 1);
ALTER TABLE reconciliation_match DROP CONSTRAINT ck_reconciliation_match_stage_known;
ALTER TABLE reconciliation_match ADD CONSTRAINT ck_reconciliation_match_stage_known
    CHECK (stage IN ('provider_ref', 'attempt_ref', 'refund_ref'));
ALTER TABLE reconciliation_settlement ADD COLUMN kind TEXT NOT NULL DEFAULT 'payment';
ALTER TABLE reconciliation_settlement ALTER COLUMN kind DROP DEFAULT;
ALTER TABLE reconciliation_settlement ADD CONSTRAINT ck_reconciliation_settlement_kind_known
    CHECK (kind IN ('payment', 'refund'));
ALTER TABLE reconciliation_settlement DROP CONSTRAINT pk_reconciliation_settlement;
ALTER TABLE reconciliation_settlement ADD CONSTRAINT pk_reconciliation_settlement PRIMARY KEY (run_id, pass_no, kind);
ALTER TABLE statement_line_exclusion DROP CONSTRAINT ck_statement_line_exclusion_rule_known;
ALTER TABLE statement_line_exclusion ADD CONSTRAINT ck_statement_line_exclusion_rule_known
    CHECK (rule IN ('repeated_in_version', 'no_money_moved', 'taken_back'));
ALTER TABLE discrepancy DROP CONSTRAINT ck_discrepancy_code_known;
ALTER TABLE discrepancy ADD CONSTRAINT ck_discrepancy_code_known
    CHECK (code IN ('B01', 'B02', 'B03', 'B04', 'B05', 'B06', 'B07', 'B08', 'B09', 'B10', 'B12', 'B13', 'B14'));
"""

# Refuses aloud (a constraint fails) once a refund was matched or a line explained by the new words: that history stays.
UNDO = """
ALTER TABLE discrepancy DROP CONSTRAINT ck_discrepancy_code_known;
ALTER TABLE discrepancy ADD CONSTRAINT ck_discrepancy_code_known
    CHECK (code IN ('B01', 'B02', 'B03', 'B04', 'B05', 'B06', 'B07', 'B08', 'B09', 'B10', 'B12', 'B13'));
ALTER TABLE statement_line_exclusion DROP CONSTRAINT ck_statement_line_exclusion_rule_known;
ALTER TABLE statement_line_exclusion ADD CONSTRAINT ck_statement_line_exclusion_rule_known
    CHECK (rule IN ('repeated_in_version', 'no_money_moved'));
ALTER TABLE reconciliation_settlement DROP CONSTRAINT pk_reconciliation_settlement;
ALTER TABLE reconciliation_settlement ADD CONSTRAINT pk_reconciliation_settlement PRIMARY KEY (run_id, pass_no);
ALTER TABLE reconciliation_settlement DROP COLUMN kind;
ALTER TABLE reconciliation_match DROP CONSTRAINT ck_reconciliation_match_stage_known;
ALTER TABLE reconciliation_match ADD CONSTRAINT ck_reconciliation_match_stage_known
    CHECK (stage IN ('provider_ref', 'attempt_ref'));
ALTER TABLE reconciliation_match ALTER COLUMN attempt_id SET NOT NULL;
ALTER TABLE reconciliation_match DROP COLUMN refund_id;
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute(UNDO)
