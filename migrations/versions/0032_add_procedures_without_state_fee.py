"""Add procedures that ask for no fee of the state, and prices of services beside the fee.

Revision ID: 0032
Revises: 0031
"""

from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.execute("""
ALTER TABLE procedure ADD COLUMN has_state_fee BOOLEAN NOT NULL DEFAULT true;
ALTER TABLE tariff DROP CONSTRAINT ck_tariff_type_known;
ALTER TABLE tariff ADD CONSTRAINT ck_tariff_type_known
    CHECK (type IN ('fee_phi', 'fee_le_phi', 'courier', 'other_service'));
""")


def downgrade() -> None:
    op.execute("""
ALTER TABLE tariff DROP CONSTRAINT ck_tariff_type_known;
ALTER TABLE tariff ADD CONSTRAINT ck_tariff_type_known CHECK (type IN ('fee_phi', 'fee_le_phi'));
ALTER TABLE procedure DROP COLUMN has_state_fee;
""")
