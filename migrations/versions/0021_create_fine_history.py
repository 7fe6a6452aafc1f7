"""Create the history of fines: versions, events and instalment plans.

Revision ID: 0021
Revises: 0020
"""

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
