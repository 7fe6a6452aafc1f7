"""Create portal activations and open data.

Revision ID: 0026
Revises: 0025
"""

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
