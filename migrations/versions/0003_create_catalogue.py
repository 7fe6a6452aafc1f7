"""Create effective-dated reference data.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = """
CREATE TABLE agency (
    code TEXT NOT NULL,
    name_vi TEXT NOT NULL,
    name_en TEXT NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    legal_basis TEXT NOT NULL,
    CONSTRAINT pk_agency PRIMARY KEY (code)
);
GRANT SELECT, INSERT, UPDATE ON agency TO payclear_app;
CREATE TABLE beneficiary_account (
    code TEXT NOT NULL,
    agency_code TEXT NOT NULL,
    kind TEXT NOT NULL,
    name_vi TEXT NOT NULL,
    account_no TEXT NOT NULL,
    bank_bin TEXT,
    treasury_unit TEXT,
    valid_from DATE NOT NULL,
    valid_to DATE,
    legal_basis TEXT NOT NULL,
    CONSTRAINT pk_beneficiary_account PRIMARY KEY (code),
    CONSTRAINT ck_beneficiary_account_kind_known CHECK (kind IN ('treasury', 'agency', 'insurance', 'non_state'))
);
GRANT SELECT, INSERT, UPDATE ON beneficiary_account TO payclear_app;
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
CREATE TABLE calendar_day (
    institution TEXT NOT NULL,
    on_date DATE NOT NULL,
    kind TEXT NOT NULL,
    name_vi TEXT NOT NULL,
    legal_basis TEXT NOT NULL,
    CONSTRAINT pk_calendar_day PRIMARY KEY (institution, on_date),
    CONSTRAINT ck_calendar_day_kind_known CHECK (kind IN ('holiday', 'working_day'))
);
GRANT SELECT, INSERT, UPDATE ON calendar_day TO payclear_app;
"""

TABLES = ("calendar_day", "rate", "beneficiary_account", "agency")


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
