"""Create receipts and their gapless numbers.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS = """
CREATE TABLE receipt (
    id UUID NOT NULL,
    order_id UUID NOT NULL,
    state TEXT NOT NULL,
    series TEXT,
    number BIGINT,
    verification_code TEXT NOT NULL,
    amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    paid_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    issued_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_receipt PRIMARY KEY (id),
    CONSTRAINT uq_receipt_series_number UNIQUE (series, number),
    CONSTRAINT ck_receipt_state_known CHECK (state IN ('pending', 'issued')),
    CONSTRAINT ck_receipt_amount_in_range CHECK (amount > 0 AND amount <= 1000000000000000),
    CONSTRAINT ck_receipt_issued_has_number CHECK ((state = 'issued') = (number IS NOT NULL)),
    CONSTRAINT uq_receipt_order_id UNIQUE (order_id),
    CONSTRAINT fk_receipt_order_id FOREIGN KEY(order_id) REFERENCES payment_order (id),
    CONSTRAINT uq_receipt_verification_code UNIQUE (verification_code)
);
CREATE INDEX ix_receipt_pending ON receipt (created_at) WHERE state = 'pending';
GRANT SELECT, INSERT, UPDATE ON receipt TO payclear_app;
CREATE TABLE receipt_series (
    series TEXT NOT NULL,
    last_number BIGINT NOT NULL,
    CONSTRAINT pk_receipt_series PRIMARY KEY (series)
);
ALTER TABLE receipt_series SET (fillfactor = 80);
GRANT SELECT, INSERT, UPDATE ON receipt_series TO payclear_app;
"""

TABLES = ("receipt_series", "receipt")


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
