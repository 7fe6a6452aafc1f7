"""Widen what may be owed: more kinds, states and lines, and a decision's own key.

Revision ID: 0019
Revises: 0018
"""

from alembic import op

revision = "0019"
down_revision = "0018"

STATEMENTS = """
ALTER TABLE obligation DROP CONSTRAINT ck_obligation_kind_known;
ALTER TABLE obligation ADD CONSTRAINT ck_obligation_kind_known
    CHECK (kind IN ('dossier_fee', 'traffic_fine', 'household_health_insurance', 'voluntary_social_insurance', 'tax', 'land_obligation', 'contribution'));
ALTER TABLE obligation DROP CONSTRAINT ck_obligation_state_known;
ALTER TABLE obligation ADD CONSTRAINT ck_obligation_state_known
    CHECK (state IN ('open', 'partially_paid', 'paid', 'exempted', 'paid_elsewhere', 'cancelled'));
ALTER TABLE obligation DROP CONSTRAINT ck_obligation_principal_in_range;
ALTER TABLE obligation ADD CONSTRAINT ck_obligation_principal_in_range
    CHECK (principal >= 0 AND principal <= 1000000000000000);
ALTER TABLE obligation DROP CONSTRAINT uq_obligation_kind_agency_code_document_key;
CREATE UNIQUE INDEX uq_obligation_document ON obligation (kind, agency_code, document_key)
    WHERE kind <> 'traffic_fine' AND state <> 'cancelled';
CREATE UNIQUE INDEX uq_obligation_decision ON obligation (agency_code, document_key, document_on)
    WHERE kind = 'traffic_fine';
ALTER TABLE obligation_line DROP CONSTRAINT ck_obligation_line_type_known;
ALTER TABLE obligation_line ADD CONSTRAINT ck_obligation_line_type_known
    CHECK (type IN ('fee_phi', 'fee_le_phi', 'fine', 'late_surcharge', 'courier', 'other_service', 'insurance', 'tax', 'land', 'contribution'));
ALTER TABLE obligation_line DROP CONSTRAINT ck_obligation_line_amount_in_range;
ALTER TABLE obligation_line ADD CONSTRAINT ck_obligation_line_amount_in_range
    CHECK (amount >= 0 AND amount <= 1000000000000000);
"""

BACK = """
ALTER TABLE obligation_line DROP CONSTRAINT ck_obligation_line_amount_in_range;
ALTER TABLE obligation_line ADD CONSTRAINT ck_obligation_line_amount_in_range
    CHECK (amount > 0 AND amount <= 1000000000000000);
ALTER TABLE obligation_line DROP CONSTRAINT ck_obligation_line_type_known;
ALTER TABLE obligation_line ADD CONSTRAINT ck_obligation_line_type_known
    CHECK (type IN ('fee_phi', 'fee_le_phi', 'fine', 'late_surcharge', 'courier'));
DROP INDEX uq_obligation_decision;
DROP INDEX uq_obligation_document;
ALTER TABLE obligation ADD CONSTRAINT uq_obligation_kind_agency_code_document_key
    UNIQUE (kind, agency_code, document_key);
ALTER TABLE obligation DROP CONSTRAINT ck_obligation_principal_in_range;
ALTER TABLE obligation ADD CONSTRAINT ck_obligation_principal_in_range
    CHECK (principal > 0 AND principal <= 1000000000000000);
ALTER TABLE obligation DROP CONSTRAINT ck_obligation_state_known;
ALTER TABLE obligation ADD CONSTRAINT ck_obligation_state_known
    CHECK (state IN ('open', 'paid', 'cancelled'));
ALTER TABLE obligation DROP CONSTRAINT ck_obligation_kind_known;
ALTER TABLE obligation ADD CONSTRAINT ck_obligation_kind_known
    CHECK (kind IN ('dossier_fee', 'traffic_fine'));
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute(BACK)
