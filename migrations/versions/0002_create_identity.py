"""Create portals, API keys, staff and sessions.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = """
CREATE TABLE portal (
    code TEXT NOT NULL,
    name_vi TEXT NOT NULL,
    name_en TEXT NOT NULL,
    state TEXT NOT NULL,
    return_url_prefixes TEXT[] NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_portal PRIMARY KEY (code),
    CONSTRAINT ck_portal_state_known CHECK (state IN ('registered', 'testing', 'active', 'suspended', 'retired'))
);
GRANT SELECT, INSERT, UPDATE ON portal TO payclear_app;
CREATE TABLE portal_api_key (
    id TEXT NOT NULL,
    portal_code TEXT NOT NULL,
    secret_hash BYTEA NOT NULL,
    scopes TEXT[] NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_portal_api_key PRIMARY KEY (id),
    CONSTRAINT fk_portal_api_key_portal_code FOREIGN KEY(portal_code) REFERENCES portal (code)
);
CREATE INDEX ix_portal_api_key_portal_code ON portal_api_key (portal_code);
GRANT SELECT, INSERT, UPDATE ON portal_api_key TO payclear_app;
CREATE TABLE staff (
    id UUID NOT NULL,
    login TEXT NOT NULL,
    display_name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    roles TEXT[] NOT NULL,
    state TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_staff PRIMARY KEY (id),
    CONSTRAINT ck_staff_state_known CHECK (state IN ('active', 'disabled')),
    CONSTRAINT uq_staff_login UNIQUE (login)
);
GRANT SELECT, INSERT, UPDATE ON staff TO payclear_app;
CREATE TABLE staff_session (
    token_hash BYTEA NOT NULL,
    staff_id UUID NOT NULL,
    csrf_token TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_staff_session PRIMARY KEY (token_hash),
    CONSTRAINT fk_staff_session_staff_id FOREIGN KEY(staff_id) REFERENCES staff (id)
);
CREATE INDEX ix_staff_session_staff_id ON staff_session (staff_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON staff_session TO payclear_app;
"""

TABLES = ("staff_session", "staff", "portal_api_key", "portal")


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
