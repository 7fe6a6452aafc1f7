"""Create claims of periods and records of runs.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"

STATEMENTS = """
CREATE TABLE job_period (
    job TEXT NOT NULL,
    period TEXT NOT NULL,
    claimed_by TEXT NOT NULL,
    claimed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_job_period PRIMARY KEY (job, period)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON job_period TO payclear_app;
CREATE TABLE job_run (
    id UUID NOT NULL,
    job TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    CONSTRAINT pk_job_run PRIMARY KEY (id),
    CONSTRAINT ck_job_run_outcome_known CHECK (outcome IN ('running', 'done', 'failed'))
);
CREATE INDEX ix_job_run_job_started_at ON job_run (job, started_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON job_run TO payclear_app;
"""

TABLES = ("job_run", "job_period")


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
