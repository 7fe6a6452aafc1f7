"""Create portal activations, the counting of look-ups, and open data.

Revision ID: 0026
Revises: 0025
"""

from alembic import op

revision = "0026"
down_revision = "0025"

# Portals from before this step stand where they stood; their way there is written down as far as it can be known.
STATEMENTS = """
ALTER TABLE portal ADD COLUMN kind TEXT NOT NULL DEFAULT 'other';
ALTER TABLE portal ADD COLUMN agency_code TEXT;
ALTER TABLE portal ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE portal ADD COLUMN allowed_networks TEXT[] NOT NULL DEFAULT '{}';
ALTER TABLE portal ADD COLUMN requests_per_minute INTEGER;
ALTER TABLE portal ALTER COLUMN kind DROP DEFAULT;
ALTER TABLE portal ALTER COLUMN version DROP DEFAULT;
ALTER TABLE portal ALTER COLUMN allowed_networks DROP DEFAULT;
ALTER TABLE portal ADD CONSTRAINT ck_portal_kind_known
    CHECK (kind IN ('national', 'ministry', 'province', 'corporation', 'other'));
ALTER TABLE portal ADD CONSTRAINT ck_portal_rate CHECK (requests_per_minute BETWEEN 1 AND 1000000);
ALTER TABLE portal ADD CONSTRAINT fk_portal_agency_code FOREIGN KEY (agency_code) REFERENCES agency (code);
CREATE TABLE portal_activation (
    portal_code TEXT NOT NULL,
    version INTEGER NOT NULL,
    from_state TEXT,
    event TEXT NOT NULL,
    to_state TEXT NOT NULL,
    reason TEXT NOT NULL,
    maker TEXT NOT NULL,
    checker TEXT,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_portal_activation PRIMARY KEY (portal_code, version),
    CONSTRAINT ck_portal_activation_to_state_known CHECK (to_state IN ('registered', 'testing', 'active', 'suspended', 'retired')),
    CONSTRAINT ck_portal_activation_two_people CHECK (maker = 'system' OR version = 1 OR (checker IS NOT NULL AND checker <> maker)),
    CONSTRAINT ck_portal_activation_has_reason CHECK (reason <> ''),
    CONSTRAINT fk_portal_activation_portal_code FOREIGN KEY(portal_code) REFERENCES portal (code)
);
CREATE TRIGGER portal_activation_append_only BEFORE UPDATE OR DELETE ON portal_activation FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER portal_activation_no_truncate BEFORE TRUNCATE ON portal_activation FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON portal_activation TO payclear_app;
INSERT INTO portal_activation (portal_code, version, from_state, event, to_state, reason, maker, checker, recorded_at)
SELECT p.code, s.version, s.from_state, s.event, s.to_state, 'Trước khi có lịch sử kích hoạt', 'system', NULL, p.created_at
FROM portal p JOIN (VALUES
    ('registered', 1, NULL, 'registered', 'registered'),
    ('testing', 1, NULL, 'registered', 'registered'), ('testing', 2, 'registered', 'testing_began', 'testing'),
    ('active', 1, NULL, 'registered', 'registered'), ('active', 2, 'registered', 'testing_began', 'testing'),
    ('active', 3, 'testing', 'activated', 'active'),
    ('suspended', 1, NULL, 'registered', 'registered'), ('suspended', 2, 'registered', 'testing_began', 'testing'),
    ('suspended', 3, 'testing', 'activated', 'active'), ('suspended', 4, 'active', 'suspended', 'suspended'),
    ('retired', 1, NULL, 'registered', 'registered'), ('retired', 2, 'registered', 'retired', 'retired')
) AS s (state, version, from_state, event, to_state) ON s.state = p.state;
UPDATE portal p SET version = (SELECT max(a.version) FROM portal_activation a WHERE a.portal_code = p.code);
CREATE TABLE portal_proposal (
    id UUID NOT NULL,
    portal_code TEXT NOT NULL,
    event TEXT NOT NULL,
    reason TEXT NOT NULL,
    maker TEXT NOT NULL,
    proposed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    checker TEXT,
    decided_at TIMESTAMP WITH TIME ZONE,
    is_approved BOOLEAN,
    CONSTRAINT pk_portal_proposal PRIMARY KEY (id),
    CONSTRAINT ck_portal_proposal_two_people CHECK (checker <> maker OR NOT is_approved),
    CONSTRAINT ck_portal_proposal_decided_whole CHECK ((decided_at IS NULL) = (checker IS NULL) AND (decided_at IS NULL) = (is_approved IS NULL)),
    CONSTRAINT fk_portal_proposal_portal_code FOREIGN KEY(portal_code) REFERENCES portal (code)
);
CREATE UNIQUE INDEX uq_portal_proposal_open ON portal_proposal (portal_code) WHERE decided_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON portal_proposal TO payclear_app;
CREATE TABLE lookup_count (
    minute TIMESTAMP WITH TIME ZONE NOT NULL,
    channel TEXT NOT NULL,
    answer TEXT NOT NULL,
    kind TEXT NOT NULL,
    agency_code TEXT NOT NULL,
    shard INTEGER NOT NULL,
    lookups BIGINT NOT NULL,
    CONSTRAINT pk_lookup_count PRIMARY KEY (minute, channel, answer, kind, agency_code, shard),
    CONSTRAINT ck_lookup_count_channel_known CHECK (channel IN ('public', 'portal')),
    CONSTRAINT ck_lookup_count_counted CHECK (lookups > 0)
);
ALTER TABLE lookup_count SET (fillfactor = 70);
GRANT SELECT, INSERT, UPDATE ON lookup_count TO payclear_app;
CREATE TABLE obligation_lookup (
    obligation_id UUID NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_obligation_lookup PRIMARY KEY (obligation_id),
    CONSTRAINT fk_obligation_lookup_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id)
);
CREATE TRIGGER obligation_lookup_append_only BEFORE UPDATE OR DELETE ON obligation_lookup FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER obligation_lookup_no_truncate BEFORE TRUNCATE ON obligation_lookup FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON obligation_lookup TO payclear_app;
CREATE TABLE open_data_snapshot (
    day DATE NOT NULL,
    as_of TIMESTAMP WITH TIME ZONE NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    body BYTEA NOT NULL,
    body_hash BYTEA NOT NULL,
    CONSTRAINT pk_open_data_snapshot PRIMARY KEY (day, as_of),
    CONSTRAINT ck_open_data_snapshot_as_of_whole_minute CHECK (as_of = date_trunc('minute', as_of)),
    CONSTRAINT ck_open_data_snapshot_hash CHECK (body_hash = sha256(body))
);
CREATE TRIGGER open_data_snapshot_append_only BEFORE UPDATE OR DELETE ON open_data_snapshot FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER open_data_snapshot_no_truncate BEFORE TRUNCATE ON open_data_snapshot FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON open_data_snapshot TO payclear_app;
"""

BACK = """
DROP TABLE open_data_snapshot;
DROP TABLE obligation_lookup;
DROP TABLE lookup_count;
DROP TABLE portal_proposal;
DROP TABLE portal_activation;
ALTER TABLE portal DROP CONSTRAINT fk_portal_agency_code;
ALTER TABLE portal DROP CONSTRAINT ck_portal_rate;
ALTER TABLE portal DROP CONSTRAINT ck_portal_kind_known;
ALTER TABLE portal DROP COLUMN requests_per_minute;
ALTER TABLE portal DROP COLUMN allowed_networks;
ALTER TABLE portal DROP COLUMN version;
ALTER TABLE portal DROP COLUMN agency_code;
ALTER TABLE portal DROP COLUMN kind;
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute(BACK)
