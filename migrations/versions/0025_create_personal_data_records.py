"""Create the records of personal data: an obligor's further fields, purposes, reads, retention and what was forgotten.

Revision ID: 0025
Revises: 0024
"""

from alembic import op

revision = "0025"
down_revision = "0024"

STATEMENTS = """
ALTER TABLE obligor ADD COLUMN kind TEXT NOT NULL DEFAULT 'person';
ALTER TABLE obligor ALTER COLUMN kind DROP DEFAULT;
ALTER TABLE obligor ADD COLUMN forgotten_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE obligor ALTER COLUMN wrapped_key DROP NOT NULL;
ALTER TABLE obligor ALTER COLUMN name_sealed DROP NOT NULL;
ALTER TABLE obligor ADD CONSTRAINT ck_obligor_kind_known CHECK (kind IN ('person', 'organisation'));
ALTER TABLE obligor ADD CONSTRAINT ck_obligor_forgotten_is_unreadable CHECK (
    (forgotten_at IS NULL AND wrapped_key IS NOT NULL AND name_sealed IS NOT NULL)
    OR (forgotten_at IS NOT NULL AND wrapped_key IS NULL AND name_sealed IS NULL AND id_no_sealed IS NULL
        AND id_no_index IS NULL));
CREATE TABLE obligor_field (
    obligor_id UUID NOT NULL,
    field TEXT NOT NULL,
    no SMALLINT NOT NULL,
    sealed BYTEA,
    index BYTEA,
    CONSTRAINT pk_obligor_field PRIMARY KEY (obligor_id, field, no),
    CONSTRAINT ck_obligor_field_field_known CHECK (field IN ('phone', 'plate', 'plate_colour', 'licence_no', 'insurance_code', 'address', 'factor')),
    CONSTRAINT ck_obligor_field_holds_something CHECK (sealed IS NOT NULL OR index IS NOT NULL),
    CONSTRAINT fk_obligor_field_obligor_id FOREIGN KEY(obligor_id) REFERENCES obligor (id)
);
CREATE INDEX ix_obligor_field_field_index ON obligor_field (field, index) WHERE index IS NOT NULL;
GRANT SELECT, INSERT, DELETE ON obligor_field TO payclear_app;
CREATE TABLE day_key (
    day_on DATE NOT NULL,
    data_key_id UUID NOT NULL,
    kek_id TEXT NOT NULL,
    wrapped_key BYTEA,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    erased_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_day_key PRIMARY KEY (day_on),
    CONSTRAINT ck_day_key_erased_is_unreadable CHECK ((erased_at IS NULL) = (wrapped_key IS NOT NULL))
);
GRANT SELECT, INSERT, UPDATE ON day_key TO payclear_app;
-- What came before is kept as it came; what comes from now on is sealed.
ALTER TABLE inbound_callback ADD COLUMN sealed_on DATE;
ALTER TABLE inbound_callback ADD CONSTRAINT ck_inbound_callback_is_sealed CHECK (sealed_on IS NOT NULL) NOT VALID;
ALTER TABLE collection_message ADD COLUMN sealed_on DATE;
ALTER TABLE collection_message ADD CONSTRAINT ck_collection_message_is_sealed CHECK (sealed_on IS NOT NULL) NOT VALID;
CREATE TABLE personal_data_read (
    id UUID NOT NULL,
    obligor_id UUID NOT NULL,
    purpose TEXT NOT NULL,
    purpose_id TEXT NOT NULL,
    fields TEXT[] NOT NULL,
    reader TEXT NOT NULL,
    read_at TIMESTAMP WITH TIME ZONE NOT NULL,
    audit_entry_id UUID NOT NULL,
    CONSTRAINT pk_personal_data_read PRIMARY KEY (id),
    CONSTRAINT uq_personal_data_read_audit_entry_id UNIQUE (audit_entry_id),
    CONSTRAINT fk_personal_data_read_obligor_id FOREIGN KEY(obligor_id) REFERENCES obligor (id),
    CONSTRAINT fk_personal_data_read_audit_entry_id FOREIGN KEY(audit_entry_id) REFERENCES audit_entry (id)
);
CREATE INDEX ix_personal_data_read_obligor_id ON personal_data_read (obligor_id);
CREATE TABLE forgetting_request (
    id UUID NOT NULL,
    obligor_ids UUID[] NOT NULL,
    ground TEXT NOT NULL,
    ground_id TEXT NOT NULL,
    is_again BOOLEAN NOT NULL,
    maker TEXT NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    checker TEXT,
    checked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_forgetting_request PRIMARY KEY (id),
    CONSTRAINT ck_forgetting_request_checked_by_another CHECK (maker <> checker),
    CONSTRAINT ck_forgetting_request_checked_whole CHECK ((checker IS NULL) = (checked_at IS NULL)),
    CONSTRAINT ck_forgetting_request_names_somebody CHECK (cardinality(obligor_ids) > 0)
);
GRANT SELECT, INSERT, UPDATE (checker, checked_at) ON forgetting_request TO payclear_app;
CREATE TABLE subject_forgetting (
    obligor_id UUID NOT NULL,
    ground TEXT NOT NULL,
    ground_id TEXT NOT NULL,
    forgotten_by TEXT NOT NULL,
    forgotten_at TIMESTAMP WITH TIME ZONE NOT NULL,
    audit_entry_id UUID NOT NULL,
    request_id UUID,
    CONSTRAINT pk_subject_forgetting PRIMARY KEY (obligor_id),
    CONSTRAINT ck_subject_forgetting_requested_or_past_its_time CHECK (
        (request_id IS NULL) = (forgotten_by = 'retention')),
    CONSTRAINT fk_subject_forgetting_request_id FOREIGN KEY(request_id) REFERENCES forgetting_request (id),
    CONSTRAINT fk_subject_forgetting_obligor_id FOREIGN KEY(obligor_id) REFERENCES obligor (id),
    CONSTRAINT fk_subject_forgetting_audit_entry_id FOREIGN KEY(audit_entry_id) REFERENCES audit_entry (id)
);
CREATE TABLE retention_act (
    id UUID NOT NULL,
    rule_id TEXT NOT NULL,
    record TEXT NOT NULL,
    until_at TIMESTAMP WITH TIME ZONE NOT NULL,
    rows_erased BIGINT NOT NULL,
    done_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_retention_act PRIMARY KEY (id),
    CONSTRAINT ck_retention_act_rows_counted CHECK (rows_erased >= 0)
);
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['personal_data_read', 'subject_forgetting', 'retention_act'] LOOP
        EXECUTE format('CREATE TRIGGER %1$s_append_only BEFORE UPDATE OR DELETE ON %1$s '
                       'FOR EACH ROW EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('CREATE TRIGGER %1$s_no_truncate BEFORE TRUNCATE ON %1$s '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('GRANT SELECT, INSERT ON %1$s TO payclear_app', name);
    END LOOP;
END $$;
-- A statement never changes, but the wrap of its key does when the key-encryption key changes.
CREATE FUNCTION refuse_change_but_key() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kept statement%ROWTYPE;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        kept := NEW;
        kept.kek_id := OLD.kek_id;
        kept.wrapped_key := OLD.wrapped_key;
        IF kept IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = '42501';
END $$;
DROP TRIGGER statement_append_only ON statement;
CREATE TRIGGER statement_append_only BEFORE UPDATE OR DELETE ON statement
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_key();
GRANT UPDATE (kek_id, wrapped_key) ON statement TO payclear_app;
"""

BACK = """
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM day_key) THEN
        RAISE EXCEPTION 'messages are sealed: the schema before this one can not read them';
    END IF;
    IF EXISTS (SELECT 1 FROM obligor WHERE forgotten_at IS NOT NULL) THEN
        RAISE EXCEPTION 'people were forgotten: the schema before this one can not say so';
    END IF;
END $$;
REVOKE UPDATE (kek_id, wrapped_key) ON statement FROM payclear_app;
DROP TRIGGER statement_append_only ON statement;
CREATE TRIGGER statement_append_only BEFORE UPDATE OR DELETE ON statement
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
DROP FUNCTION refuse_change_but_key();
DROP TABLE retention_act;
DROP TABLE subject_forgetting;
DROP TABLE forgetting_request;
DROP TABLE personal_data_read;
DROP TABLE obligor_field;
ALTER TABLE collection_message DROP COLUMN sealed_on;
ALTER TABLE inbound_callback DROP COLUMN sealed_on;
DROP TABLE day_key;
ALTER TABLE obligor DROP CONSTRAINT ck_obligor_forgotten_is_unreadable;
ALTER TABLE obligor DROP CONSTRAINT ck_obligor_kind_known;
ALTER TABLE obligor ALTER COLUMN name_sealed SET NOT NULL;
ALTER TABLE obligor ALTER COLUMN wrapped_key SET NOT NULL;
ALTER TABLE obligor DROP COLUMN forgotten_at;
ALTER TABLE obligor DROP COLUMN kind;
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute(BACK)
