"""${message}.

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}

One step only: additive, then switch, then remove over releases. Locks wait two seconds at most (see env.py).
"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    op.execute("""
    """)


def downgrade() -> None:
    op.execute("""
    """)
