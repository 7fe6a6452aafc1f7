"""Create accounts, entries, postings and their guards.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = """
CREATE TABLE ledger_account (
    code TEXT NOT NULL,
    kind TEXT NOT NULL,
    normal_side TEXT NOT NULL,
    name_vi TEXT NOT NULL,
    name_en TEXT NOT NULL,
    CONSTRAINT pk_ledger_account PRIMARY KEY (code),
    CONSTRAINT ck_ledger_account_kind_known CHECK (kind IN ('asset', 'liability')),
    CONSTRAINT ck_ledger_account_normal_side_known CHECK (normal_side IN ('D', 'C'))
);
CREATE TRIGGER ledger_account_append_only BEFORE UPDATE OR DELETE ON ledger_account FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_account_no_truncate BEFORE TRUNCATE ON ledger_account FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT ON ledger_account TO payclear_app;
CREATE TABLE journal_entry (
    id UUID NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    template TEXT NOT NULL,
    natural_key TEXT NOT NULL,
    provider_account TEXT NOT NULL,
    order_id UUID,
    attempt_id UUID,
    business_on DATE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_journal_entry PRIMARY KEY (id),
    CONSTRAINT uq_journal_entry_natural_key UNIQUE (natural_key)
);
CREATE INDEX ix_journal_entry_business_on ON journal_entry (business_on);
CREATE INDEX ix_journal_entry_order_id ON journal_entry (order_id);
CREATE TRIGGER journal_entry_append_only BEFORE UPDATE OR DELETE ON journal_entry FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_entry_no_truncate BEFORE TRUNCATE ON journal_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON journal_entry TO payclear_app;
CREATE TABLE posting (
    entry_id UUID NOT NULL,
    line_no INTEGER NOT NULL,
    account_code TEXT NOT NULL,
    side TEXT NOT NULL,
    amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    provider_account TEXT NOT NULL,
    beneficiary_account TEXT,
    CONSTRAINT pk_posting PRIMARY KEY (entry_id, line_no),
    CONSTRAINT ck_posting_side_known CHECK (side IN ('D', 'C')),
    CONSTRAINT ck_posting_amount_in_range CHECK (amount > 0 AND amount <= 1000000000000000),
    CONSTRAINT fk_posting_entry_id FOREIGN KEY(entry_id) REFERENCES journal_entry (id),
    CONSTRAINT fk_posting_account_code FOREIGN KEY(account_code) REFERENCES ledger_account (code)
);
CREATE INDEX ix_posting_account_code_provider_account ON posting (account_code, provider_account);
CREATE TRIGGER posting_append_only BEFORE UPDATE OR DELETE ON posting FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER posting_no_truncate BEFORE TRUNCATE ON posting FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON posting TO payclear_app;
CREATE FUNCTION stamp_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.xid := pg_current_xact_id();
    RETURN NEW;
END $$;
CREATE TRIGGER journal_entry_stamp BEFORE INSERT ON journal_entry FOR EACH ROW EXECUTE FUNCTION stamp_entry();

CREATE FUNCTION refuse_late_posting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT xid FROM journal_entry WHERE id = NEW.entry_id) IS DISTINCT FROM pg_current_xact_id() THEN
        RAISE EXCEPTION 'journal entry % is closed', NEW.entry_id USING ERRCODE = '42501';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER posting_in_open_entry BEFORE INSERT ON posting FOR EACH ROW EXECUTE FUNCTION refuse_late_posting();

CREATE FUNCTION require_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    legs integer;
    uneven boolean;
BEGIN
    SELECT coalesce(sum(legs_in_currency), 0), coalesce(bool_or(difference <> 0), true) INTO legs, uneven
    FROM (
        SELECT count(*) AS legs_in_currency, sum(CASE side WHEN 'D' THEN amount ELSE -amount END) AS difference
        FROM posting WHERE entry_id = NEW.id GROUP BY currency
    ) AS per_currency;
    IF legs < 2 OR uneven THEN
        RAISE EXCEPTION 'journal entry % does not balance', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER journal_entry_balances AFTER INSERT ON journal_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_balance();

INSERT INTO ledger_account (code, kind, normal_side, name_vi, name_en) VALUES
    ('provider_receivable', 'asset', 'D', 'Phải thu đối tác thanh toán', 'Due from provider, not yet on a statement'),
    ('provider_settlement', 'asset', 'D', 'Chờ quyết toán với đối tác', 'On a statement, waiting for the bank credit'),
    ('beneficiary_payable', 'liability', 'C', 'Phải trả đơn vị thụ hưởng', 'Due to beneficiary accounts'),
    ('suspense', 'liability', 'C', 'Tiền chờ xử lý', 'Money in suspense, each with a case'),
    ('refund_payable', 'liability', 'C', 'Phải hoàn trả người nộp', 'Due back to payers');
"""

TABLES = ("posting", "journal_entry", "ledger_account")


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION stamp_entry, refuse_late_posting, require_balance")
