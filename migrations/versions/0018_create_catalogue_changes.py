"""Create the catalogue's dated tables and its changes by maker and checker.

Revision ID: 0018
Revises: 0017
"""

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
