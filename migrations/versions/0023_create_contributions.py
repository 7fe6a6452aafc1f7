"""Create contribution notices of insurance.

Revision ID: 0023
Revises: 0022
"""

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
