"""Let routing rules name a portal and a procedure.

Revision ID: 0031
Revises: 0030
"""

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.execute("""
ALTER TABLE routing_rule ADD COLUMN portal_code TEXT;
ALTER TABLE routing_rule ADD COLUMN procedure_code TEXT;
""")


def downgrade() -> None:
    # A rule without its condition would hold for every portal or procedure: it goes with the column.
    op.execute("""
DELETE FROM routing_rule WHERE portal_code IS NOT NULL OR procedure_code IS NOT NULL;
ALTER TABLE routing_rule DROP COLUMN portal_code;
ALTER TABLE routing_rule DROP COLUMN procedure_code;
""")
