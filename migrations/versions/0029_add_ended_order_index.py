"""Find the ended orders of an obligation: money that came late for one of them must not be asked for again.

Revision ID: 0029
Revises: 0028
"""

from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.execute("""
CREATE INDEX ix_payment_order_obligation_ended ON payment_order_obligation (obligation_id) WHERE NOT is_live;
""")


def downgrade() -> None:
    op.execute("DROP INDEX ix_payment_order_obligation_ended")
