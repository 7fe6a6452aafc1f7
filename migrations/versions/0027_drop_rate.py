"""Drop the rates as fractions: rates are legal parameters since 0018.

Revision ID: 0027
Revises: 0026
"""

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.execute("DROP TABLE rate")


def downgrade() -> None:
    op.execute("""
CREATE TABLE rate (
    code TEXT NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    numerator BIGINT NOT NULL,
    denominator BIGINT NOT NULL,
    legal_basis TEXT NOT NULL,
    CONSTRAINT pk_rate PRIMARY KEY (code, valid_from),
    CONSTRAINT ck_rate_fraction CHECK (numerator >= 0 AND denominator > 0),
    CONSTRAINT ck_rate_period CHECK (valid_to IS NULL OR valid_to >= valid_from)
);
GRANT SELECT, INSERT, UPDATE ON rate TO payclear_app;
""")
