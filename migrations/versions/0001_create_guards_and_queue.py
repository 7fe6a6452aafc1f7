"""Create the guard of append-only tables and the job queue's own tables.

Revision ID: 0001
Revises:
"""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0001"
down_revision = None

GUARDS = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = '42501';
END $$;
"""

QUEUE_GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON
    procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers, procrastinate_workers TO payclear_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO payclear_app;
"""


def upgrade() -> None:
    op.execute(GUARDS)
    # The queue's schema is the library's own text; colons in it are casts, not parameters.
    op.get_bind().exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
    op.execute(QUEUE_GRANTS)


def downgrade() -> None:
    raise RuntimeError("the first migration is not undone: drop the database instead")
