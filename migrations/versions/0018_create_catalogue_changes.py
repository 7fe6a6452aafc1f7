"""Create the catalogue's dated tables and its changes by maker and checker.

Revision ID: 0018
Revises: 0017
"""

from alembic import op

revision = "0018"
down_revision = "0017"

DATED = {
    "agency_place": ("agency_code",),
    "treasury_unit": ("code",),
    "budget_code": ("code", "kind"),
    "procedure": ("code",),
    "tariff": ("procedure_code", "item_code", "payer_class", "channel", "agency_code"),
    "service_account": ("agency_code", "procedure_code", "item_code"),
    "legal_parameter": ("kind", "code"),
}

GUARDS = """
-- Who works says which day it is in Viet Nam by its own clock; without a word it is the server's.
CREATE FUNCTION catalogue_today() RETURNS date LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('payclear.today', true), '')::date, (now() AT TIME ZONE 'Asia/Ho_Chi_Minh')::date)
$$;
CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'valid_to' IS DISTINCT FROM to_jsonb(OLD) - 'valid_to' THEN
        RAISE EXCEPTION 'a row of % never changes: end it and add another', TG_TABLE_NAME
            USING ERRCODE = '23514', CONSTRAINT = 'row_never_rewritten';
    END IF;
    IF NEW.valid_to IS DISTINCT FROM OLD.valid_to AND (NEW.valid_to < catalogue_today() OR OLD.valid_to < catalogue_today())
    THEN
        RAISE EXCEPTION 'a row of % ends today at the earliest, and what has ended stays so', TG_TABLE_NAME
            USING ERRCODE = '23514', CONSTRAINT = 'past_never_rewritten';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION refuse_past_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW IS DISTINCT FROM OLD AND OLD.on_date <= catalogue_today() THEN
        RAISE EXCEPTION 'what % was is not changed', OLD.on_date
            USING ERRCODE = '23514', CONSTRAINT = 'past_never_rewritten';
    END IF;
    RETURN NEW;
END $$;
-- Two periods of one natural key, given as arguments, never share a day. The lock makes writers take turns.
CREATE FUNCTION refuse_overlap() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    same_key text;
    other text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('payclear.catalogue'), TG_RELID::integer);
    SELECT string_agg(format(CASE WHEN to_jsonb(NEW) -> name = 'null' THEN 't.%1$I IS NULL' ELSE 't.%1$I = $1.%1$I' END, name),
                      ' AND ') INTO same_key
    FROM unnest(TG_ARGV) AS name;
    EXECUTE format('SELECT t.id FROM %I t WHERE t.id <> $1.id AND ' || same_key
        || ' AND t.valid_from <= coalesce($1.valid_to, ''infinity'') AND $1.valid_from <= coalesce(t.valid_to, ''infinity'')'
        || ' AND coalesce(t.valid_to, ''infinity'') >= t.valid_from AND coalesce($1.valid_to, ''infinity'') >= $1.valid_from'
        || ' LIMIT 1', TG_TABLE_NAME) INTO other USING NEW;
    IF other IS NOT NULL THEN
        RAISE EXCEPTION 'rows % and % of % are for the same case on the same days', NEW.id, other, TG_TABLE_NAME
            USING ERRCODE = '23P01', CONSTRAINT = 'periods_apart';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION refuse_changed_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'proposed' THEN
        RAISE EXCEPTION 'catalogue change % is decided', OLD.id USING ERRCODE = '23514', CONSTRAINT = 'decided_for_good';
    END IF;
    RETURN NEW;
END $$;
"""

STATEMENTS = """
ALTER TABLE agency ADD COLUMN predecessor TEXT;
ALTER TABLE beneficiary_account ADD COLUMN predecessor TEXT;
CREATE TABLE agency_place (
    agency_code TEXT NOT NULL,
    name_vi TEXT NOT NULL,
    name_en TEXT NOT NULL,
    parent_code TEXT,
    province TEXT,
    issuer_rank TEXT,
    merged_from TEXT[],
    id TEXT NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    predecessor TEXT,
    legal_basis TEXT NOT NULL,
    CONSTRAINT pk_agency_place PRIMARY KEY (id),
    CONSTRAINT ck_agency_place_period CHECK (valid_to IS NULL OR valid_to >= valid_from - 1)
);
CREATE INDEX ix_agency_place_agency_code ON agency_place (agency_code);
GRANT SELECT, INSERT, UPDATE (valid_to) ON agency_place TO payclear_app;
CREATE TABLE treasury_unit (
    code TEXT NOT NULL,
    name_vi TEXT NOT NULL,
    id TEXT NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    predecessor TEXT,
    legal_basis TEXT NOT NULL,
    CONSTRAINT pk_treasury_unit PRIMARY KEY (id),
    CONSTRAINT ck_treasury_unit_period CHECK (valid_to IS NULL OR valid_to >= valid_from - 1),
    CONSTRAINT ck_treasury_unit_four_digits CHECK (code ~ '^[0-9]{4}$')
);
CREATE INDEX ix_treasury_unit_code ON treasury_unit (code);
GRANT SELECT, INSERT, UPDATE (valid_to) ON treasury_unit TO payclear_app;
CREATE TABLE budget_code (
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    name_vi TEXT NOT NULL,
    id TEXT NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    predecessor TEXT,
    legal_basis TEXT NOT NULL,
    CONSTRAINT pk_budget_code PRIMARY KEY (id),
    CONSTRAINT ck_budget_code_period CHECK (valid_to IS NULL OR valid_to >= valid_from - 1),
    CONSTRAINT ck_budget_code_kind_known CHECK (kind IN ('chapter', 'sub_item', 'locality', 'collecting_agency')),
    CONSTRAINT ck_budget_code_digits CHECK (code ~ '^[0-9]{3,7}$')
);
CREATE INDEX ix_budget_code_code_kind ON budget_code (code, kind);
GRANT SELECT, INSERT, UPDATE (valid_to) ON budget_code TO payclear_app;
CREATE TABLE procedure (
    code TEXT NOT NULL,
    national_code TEXT,
    online_service_code TEXT,
    agency_code TEXT,
    name_vi TEXT NOT NULL,
    collection_mode TEXT NOT NULL,
    collection_timing TEXT NOT NULL,
    id TEXT NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    predecessor TEXT,
    legal_basis TEXT NOT NULL,
    CONSTRAINT pk_procedure PRIMARY KEY (id),
    CONSTRAINT ck_procedure_period CHECK (valid_to IS NULL OR valid_to >= valid_from - 1),
    CONSTRAINT ck_procedure_collection_mode_known CHECK (collection_mode IN ('online', 'counter', 'mixed')),
    CONSTRAINT ck_procedure_collection_timing_known CHECK (collection_timing IN ('before', 'after')),
    CONSTRAINT ck_procedure_code_form CHECK (code ~ '^[123][.][0-9]{6}([.][0-9A-Z.]{1,30})?$')
);
CREATE INDEX ix_procedure_code ON procedure (code);
CREATE INDEX ix_procedure_online_service_code ON procedure (online_service_code);
GRANT SELECT, INSERT, UPDATE (valid_to) ON procedure TO payclear_app;
CREATE TABLE tariff (
    procedure_code TEXT NOT NULL,
    item_code TEXT NOT NULL,
    name_vi TEXT NOT NULL,
    type TEXT NOT NULL,
    basis TEXT NOT NULL,
    amount BIGINT,
    rate TEXT,
    least BIGINT,
    most BIGINT,
    discount TEXT NOT NULL,
    payer_class TEXT,
    channel TEXT,
    agency_code TEXT,
    is_optional BOOLEAN NOT NULL,
    rounding_mode TEXT NOT NULL,
    rounding_unit INTEGER NOT NULL,
    id TEXT NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    predecessor TEXT,
    legal_basis TEXT NOT NULL,
    CONSTRAINT pk_tariff PRIMARY KEY (id),
    CONSTRAINT ck_tariff_period CHECK (valid_to IS NULL OR valid_to >= valid_from - 1),
    CONSTRAINT ck_tariff_type_known CHECK (type IN ('fee_phi', 'fee_le_phi')),
    CONSTRAINT ck_tariff_basis_known CHECK (basis IN ('fixed', 'per_unit', 'per_year', 'percent')),
    CONSTRAINT ck_tariff_rounding_mode_known CHECK (rounding_mode IN ('half_up', 'up', 'down')),
    CONSTRAINT ck_tariff_rate_for_percent CHECK ((basis = 'percent') = (rate IS NOT NULL)),
    CONSTRAINT ck_tariff_amount_unless_percent CHECK ((basis = 'percent') = (amount IS NULL)),
    CONSTRAINT ck_tariff_figures CHECK (amount BETWEEN 0 AND 1000000000000000 AND least BETWEEN 0 AND 1000000000000000 AND most BETWEEN coalesce(least, 0) AND 1000000000000000 AND rounding_unit BETWEEN 1 AND 1000000),
    CONSTRAINT ck_tariff_fractions CHECK (rate ~ '^[0-9]{1,12}/[1-9][0-9]{0,11}$' AND discount ~ '^[0-9]{1,12}/[1-9][0-9]{0,11}$')
);
CREATE INDEX ix_tariff_procedure_code_item_code ON tariff (procedure_code, item_code);
GRANT SELECT, INSERT, UPDATE (valid_to) ON tariff TO payclear_app;
CREATE TABLE service_account (
    agency_code TEXT,
    procedure_code TEXT,
    item_code TEXT,
    beneficiary_account TEXT NOT NULL,
    chapter TEXT,
    sub_item TEXT,
    locality TEXT,
    collecting_agency TEXT,
    id TEXT NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    predecessor TEXT,
    legal_basis TEXT NOT NULL,
    CONSTRAINT pk_service_account PRIMARY KEY (id),
    CONSTRAINT ck_service_account_period CHECK (valid_to IS NULL OR valid_to >= valid_from - 1)
);
CREATE INDEX ix_service_account_agency_code ON service_account (agency_code);
CREATE INDEX ix_service_account_procedure_code ON service_account (procedure_code);
GRANT SELECT, INSERT, UPDATE (valid_to) ON service_account TO payclear_app;
CREATE TABLE legal_parameter (
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    value JSONB NOT NULL,
    id TEXT NOT NULL,
    valid_from DATE NOT NULL,
    valid_to DATE,
    predecessor TEXT,
    legal_basis TEXT NOT NULL,
    CONSTRAINT pk_legal_parameter PRIMARY KEY (id),
    CONSTRAINT ck_legal_parameter_period CHECK (valid_to IS NULL OR valid_to >= valid_from - 1),
    CONSTRAINT ck_legal_parameter_names CHECK (kind ~ '^[a-z][a-z0-9_]{1,59}$' AND code ~ '^[a-z0-9][a-z0-9_-]{0,59}$'),
    CONSTRAINT ck_legal_parameter_value_is_object CHECK (jsonb_typeof(value) = 'object')
);
CREATE INDEX ix_legal_parameter_kind ON legal_parameter (kind);
GRANT SELECT, INSERT, UPDATE (valid_to) ON legal_parameter TO payclear_app;
CREATE TABLE catalogue_change (
    id UUID NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    file_name TEXT NOT NULL,
    digest TEXT NOT NULL,
    reason TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    checked_by TEXT,
    checked_at TIMESTAMP WITH TIME ZONE,
    check_reason TEXT,
    CONSTRAINT pk_catalogue_change PRIMARY KEY (id),
    CONSTRAINT ck_catalogue_change_state_known CHECK (state IN ('proposed', 'approved', 'rejected', 'withdrawn')),
    CONSTRAINT ck_catalogue_change_digest_is_hex CHECK (digest ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_catalogue_change_two_people CHECK (checked_by <> made_by),
    CONSTRAINT ck_catalogue_change_checked_whole CHECK ((checked_by IS NULL) = (checked_at IS NULL)),
    CONSTRAINT ck_catalogue_change_decided_by_checker CHECK ((state IN ('approved', 'rejected')) = (checked_by IS NOT NULL))
);
CREATE INDEX ix_catalogue_change_made_at_id ON catalogue_change (made_at, id);
GRANT SELECT, INSERT, UPDATE (state, version, checked_by, checked_at, check_reason) ON catalogue_change TO payclear_app;
CREATE TRIGGER catalogue_change_decided BEFORE UPDATE ON catalogue_change FOR EACH ROW EXECUTE FUNCTION refuse_changed_proposal();
CREATE TABLE catalogue_change_row (
    change_id UUID NOT NULL,
    place INTEGER NOT NULL,
    table_name TEXT NOT NULL,
    row_id TEXT NOT NULL,
    action TEXT NOT NULL,
    file_name TEXT NOT NULL,
    line INTEGER NOT NULL,
    before JSONB,
    after JSONB NOT NULL,
    CONSTRAINT pk_catalogue_change_row PRIMARY KEY (change_id, place),
    CONSTRAINT ck_catalogue_change_row_action_known CHECK (action IN ('add', 'end', 'change')),
    CONSTRAINT fk_catalogue_change_row_change_id FOREIGN KEY(change_id) REFERENCES catalogue_change (id)
);
CREATE INDEX ix_catalogue_change_row_table_name_row_id ON catalogue_change_row (table_name, row_id);
CREATE TRIGGER catalogue_change_row_append_only BEFORE UPDATE OR DELETE ON catalogue_change_row FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER catalogue_change_row_no_truncate BEFORE TRUNCATE ON catalogue_change_row FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON catalogue_change_row TO payclear_app;
CREATE TABLE catalogue_change_transition (
    change_id UUID NOT NULL,
    version INTEGER NOT NULL,
    from_state TEXT,
    event TEXT NOT NULL,
    to_state TEXT NOT NULL,
    actor TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_catalogue_change_transition PRIMARY KEY (change_id, version),
    CONSTRAINT fk_catalogue_change_transition_change_id FOREIGN KEY(change_id) REFERENCES catalogue_change (id)
);
CREATE TRIGGER catalogue_change_transition_append_only BEFORE UPDATE OR DELETE ON catalogue_change_transition FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER catalogue_change_transition_no_truncate BEFORE TRUNCATE ON catalogue_change_transition FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON catalogue_change_transition TO payclear_app;
"""

UNDO = """
DROP TABLE catalogue_change_transition;
DROP TABLE catalogue_change_row;
DROP TABLE catalogue_change;
DROP TRIGGER calendar_day_past ON calendar_day;
DROP TRIGGER agency_rewriting ON agency;
DROP TRIGGER beneficiary_account_rewriting ON beneficiary_account;
ALTER TABLE agency DROP COLUMN predecessor;
ALTER TABLE beneficiary_account DROP COLUMN predecessor;
"""

FUNCTIONS = (
    "refuse_changed_proposal",
    "refuse_overlap",
    "refuse_past_day",
    "refuse_rewriting",
    "catalogue_today",
)


def upgrade() -> None:
    op.execute(GUARDS)
    op.execute(STATEMENTS)
    for table in (*DATED, "agency", "beneficiary_account"):
        op.execute(
            f"CREATE TRIGGER {table}_rewriting BEFORE UPDATE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_rewriting()"
        )
    for table, natural_key in DATED.items():
        key = ", ".join(f"'{column}'" for column in natural_key)
        op.execute(
            f"CREATE TRIGGER {table}_overlap AFTER INSERT OR UPDATE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION refuse_overlap({key})"
        )
    op.execute(
        "CREATE TRIGGER calendar_day_past BEFORE UPDATE ON calendar_day"
        " FOR EACH ROW EXECUTE FUNCTION refuse_past_day()"
    )


def downgrade() -> None:
    op.execute(UNDO)
    for table in reversed(DATED):
        op.execute(f"DROP TABLE {table}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
