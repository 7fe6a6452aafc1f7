"""Create contribution notices of insurance with their people, quotes and covers, and notices of the other kinds.

Revision ID: 0023
Revises: 0022
"""

from alembic import op

revision = "0023"
down_revision = "0022"

STATEMENTS = """
CREATE TABLE contribution_notice (
    obligation_id UUID NOT NULL,
    from_on DATE NOT NULL,
    to_on DATE NOT NULL,
    months INTEGER NOT NULL,
    income BIGINT,
    CONSTRAINT pk_contribution_notice PRIMARY KEY (obligation_id),
    CONSTRAINT ck_contribution_notice_period CHECK (months > 0 AND to_on > from_on),
    CONSTRAINT ck_contribution_notice_income_in_range CHECK (income > 0 AND income <= 1000000000000000),
    CONSTRAINT fk_contribution_notice_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id)
);
CREATE TRIGGER contribution_notice_append_only BEFORE UPDATE OR DELETE ON contribution_notice FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER contribution_notice_no_truncate BEFORE TRUNCATE ON contribution_notice FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON contribution_notice TO payclear_app;
CREATE TABLE contribution_member (
    obligation_id UUID NOT NULL,
    place INTEGER NOT NULL,
    ref TEXT NOT NULL,
    obligor_id UUID NOT NULL,
    categories TEXT[] NOT NULL,
    covered_through DATE,
    months_supported INTEGER NOT NULL,
    CONSTRAINT pk_contribution_member PRIMARY KEY (obligation_id, place),
    CONSTRAINT uq_contribution_member_obligation_id_ref UNIQUE (obligation_id, ref),
    CONSTRAINT ck_contribution_member_figures CHECK (place > 0 AND months_supported >= 0),
    CONSTRAINT fk_contribution_member_obligation_id FOREIGN KEY(obligation_id) REFERENCES contribution_notice (obligation_id),
    CONSTRAINT fk_contribution_member_obligor_id FOREIGN KEY(obligor_id) REFERENCES obligor (id)
);
CREATE INDEX ix_contribution_member_obligor_id ON contribution_member (obligor_id);
CREATE TRIGGER contribution_member_append_only BEFORE UPDATE OR DELETE ON contribution_member FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER contribution_member_no_truncate BEFORE TRUNCATE ON contribution_member FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON contribution_member TO payclear_app;
CREATE TABLE contribution_quote (
    order_id UUID NOT NULL,
    obligation_id UUID NOT NULL,
    place INTEGER NOT NULL,
    quoted_on DATE NOT NULL,
    months INTEGER NOT NULL,
    from_on DATE NOT NULL,
    to_on DATE NOT NULL,
    monthly_amount BIGINT NOT NULL,
    own_amount BIGINT NOT NULL,
    state_amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    rule_ids TEXT[] NOT NULL,
    legal_basis TEXT[] NOT NULL,
    CONSTRAINT pk_contribution_quote PRIMARY KEY (order_id, obligation_id, place),
    CONSTRAINT ck_contribution_quote_shares CHECK (months >= 0 AND own_amount >= 0 AND state_amount >= 0 AND monthly_amount > 0 AND own_amount + state_amount = monthly_amount * months),
    CONSTRAINT fk_contribution_quote_obligation_id_place FOREIGN KEY(obligation_id, place) REFERENCES contribution_member (obligation_id, place)
);
CREATE TRIGGER contribution_quote_append_only BEFORE UPDATE OR DELETE ON contribution_quote FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER contribution_quote_no_truncate BEFORE TRUNCATE ON contribution_quote FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON contribution_quote TO payclear_app;
CREATE TABLE contribution_cover (
    order_id UUID NOT NULL,
    obligation_id UUID NOT NULL,
    place INTEGER NOT NULL,
    from_on DATE NOT NULL,
    to_on DATE NOT NULL,
    written_at TIMESTAMP WITH TIME ZONE NOT NULL,
    taken_back_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_contribution_cover PRIMARY KEY (order_id, obligation_id, place),
    CONSTRAINT ck_contribution_cover_period CHECK (to_on > from_on),
    CONSTRAINT fk_contribution_cover_order_id_obligation_id_place FOREIGN KEY(order_id, obligation_id, place) REFERENCES contribution_quote (order_id, obligation_id, place)
);
CREATE INDEX ix_contribution_cover_obligation_id_place ON contribution_cover (obligation_id, place);
GRANT SELECT, INSERT, UPDATE (taken_back_at) ON contribution_cover TO payclear_app;
CREATE TABLE notice (
    obligation_id UUID NOT NULL,
    due_on DATE,
    legal_basis TEXT NOT NULL,
    CONSTRAINT pk_notice PRIMARY KEY (obligation_id),
    CONSTRAINT fk_notice_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id)
);
CREATE TRIGGER notice_append_only BEFORE UPDATE OR DELETE ON notice FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER notice_no_truncate BEFORE TRUNCATE ON notice FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON notice TO payclear_app;
"""

TABLES = (
    "notice",
    "contribution_cover",
    "contribution_quote",
    "contribution_member",
    "contribution_notice",
)


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
